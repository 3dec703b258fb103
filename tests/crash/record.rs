//! What the journal of a case says happened.

use std::collections::BTreeMap;
use std::path::Path;

use lighter_plan::engine::{Checked, Entry, Fill, Intent, IntentId, LegSide, Outcome, Pair, fold};
use lighter_plan::journal::{Act, RUN_ACT, RunRow, StateDir, Store, verify};

use crate::stage::Stage;
use crate::{Failure, ensure};

/// The journal of the case's run, verified and folded.
#[derive(Debug)]
pub(crate) struct Journaled {
    pub(crate) run: RunRow,
    /// What operators did to it.
    pub(crate) acts: Vec<Act>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) pair: Pair,
}

impl Journaled {
    /// Reads, verifies and folds.
    pub(crate) fn read(stage: &Stage) -> Result<Self, Failure> {
        Self::read_in(&stage.state())
    }

    /// Does so in another state directory.
    pub(crate) fn read_in(directory: &Path) -> Result<Self, Failure> {
        let failed = |what: &str, error: &dyn std::fmt::Display| format!("journal: {what}: {error}");
        let state = StateDir::open(directory).map_err(|error| failed("open", &error))?;
        let store = state.reader().map_err(|error| failed("read", &error))?;
        let runs = store.runs().map_err(|error| failed("runs", &error))?;
        ensure!(runs.len() == 1, "the journal holds {} runs", runs.len());
        let run = runs.into_iter().next().ok_or("no run")?;
        verify(&store, &run.id).map_err(|error| failed("verify", &error))?;
        let events = store.events(&run.id, 1).map_err(|error| failed("events", &error))?;
        let acts = events.iter().filter(|row| row.kind == RUN_ACT);
        let acts: Result<Vec<Act>, _> = acts.map(|row| serde_json::from_str(&row.body)).collect();
        let acts = acts.map_err(|error| failed("acts", &error))?;
        let mut entries = Vec::new();
        for row in events.iter().filter(|row| row.pair.is_some()) {
            let entry: Entry = serde_json::from_str(&row.body)
                .map_err(|error| failed(&format!("event {}", row.seq), &error))?;
            entries.push(entry);
        }
        let pair = fold(&entries).map_err(|error| failed("fold", &error))?;
        // DESIGN §8.12: folding again gives the same.
        let again = fold(&entries).map_err(|error| failed("fold", &error))?;
        ensure!(format!("{pair:?}") == format!("{again:?}"), "two folds of one journal differ");
        Ok(Self { run, acts, entries, pair })
    }

    /// Returns every intent, by hash.
    pub(crate) fn intents(&self) -> BTreeMap<String, &Intent> {
        let intents = self.entries.iter().filter_map(|entry| match entry {
            Entry::Intent(intent) => Some((intent.hash.to_string(), &**intent)),
            _ => None,
        });
        intents.collect()
    }

    /// Returns what became of every settled intent.
    pub(crate) fn outcomes(&self) -> BTreeMap<IntentId, &Outcome> {
        let outcomes = self.entries.iter().filter_map(|entry| match entry {
            Entry::Settled { intent, outcome, .. } => Some((*intent, outcome)),
            _ => None,
        });
        outcomes.collect()
    }

    /// Returns the fills of a leg.
    pub(crate) fn fills(&self, side: LegSide) -> impl Iterator<Item = &Fill> {
        self.entries.iter().filter_map(move |entry| match entry {
            Entry::Fill(fill) if fill.leg == side => Some(fill),
            _ => None,
        })
    }

    /// Returns what the check found, if it came so far.
    pub(crate) fn checked(&self) -> Option<&Checked> {
        self.pair.checked.as_deref()
    }

    /// Returns whether the journal holds an entry that `pick` accepts.
    pub(crate) fn has(&self, pick: impl FnMut(&Entry) -> bool) -> bool {
        self.entries.iter().any(pick)
    }
}
