//! `journal replay`: an export read back by somebody who has nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;

use super::stored::{StoredError, fold};
use super::{Exit, Fault, out, reading};
use crate::engine::Pair;
use crate::journal::{EventRow, Replayed, replay};
use crate::model::PairId;
use crate::report::{PairSummary, RunSummary};

/// Prove an export of a run and fold it anew: the same states, the same report, the same head (exit code 27 when not)
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// What `journal export` wrote; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Why an export whose chain holds does not say what it says.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error(transparent)]
    Stored(#[from] StoredError),
    #[error("event {seq}, a report, cannot be read by this program")]
    Report { seq: u64, source: serde_json::Error },
    #[error("event {seq} reports of pair `{pair}` what does not follow from the events before it")]
    Differs { seq: u64, pair: String },
}

impl ReplayArgs {
    pub(super) fn run(self) -> Result<Exit, Fault> {
        let mut input: Box<dyn BufRead> = if self.file.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(&self.file)
                .map_err(|error| Fault::tool(format!("cannot read `{}`: {error}", self.file.display())))?;
            Box::new(BufReader::new(file))
        };
        let mut fold = Fold::default();
        let replayed = replay(&mut input, &mut |_, event| fold.next(&event)).map_err(reading::fault)?;
        if let Some(error) = fold.error {
            return Err(Fault::with(Exit::JOURNAL, error));
        }
        out::text(&fold.text(&replayed))?;
        Ok(Exit::OK)
    }
}

/// The states of the pairs, and the last report.
#[derive(Default)]
struct Fold {
    pairs: BTreeMap<PairId, Pair>,
    report: Option<RunSummary>,
    /// The first event that does not follow; nothing is folded after it.
    error: Option<ReplayError>,
}

impl Fold {
    fn next(&mut self, event: &EventRow) {
        if self.error.is_none() {
            self.error = self.step(event).err();
        }
    }

    fn step(&mut self, event: &EventRow) -> Result<(), ReplayError> {
        fold(&mut self.pairs, event)?;
        let recorded =
            RunSummary::recorded(event).map_err(|source| ReplayError::Report { seq: event.seq, source })?;
        let Some(report) = recorded else { return Ok(()) };
        for told in &report.pairs {
            let state = self.pairs.iter().find(|(id, _)| id.as_str() == told.pair);
            // One of which no state is journaled had none to report, or broke down before it had.
            let differs =
                state.is_some_and(|(id, pair)| PairSummary::replayed(id, pair, Some(told)) != *told);
            if differs {
                return Err(ReplayError::Differs { seq: event.seq, pair: told.pair.clone() });
            }
        }
        self.report = Some(report);
        Ok(())
    }

    /// Returns the report in words, as the run printed it; of a run that has not reported, what its pairs came to so far.
    fn text(self, replayed: &Replayed) -> String {
        let Replayed { row, verified, .. } = replayed;
        let head = verified.head_hash.to_string();
        let told = |id: &PairId| self.report.as_ref()?.pairs.iter().find(|told| told.pair == id.as_str());
        let pairs = self.pairs.iter().map(|(id, pair)| PairSummary::replayed(id, pair, told(id))).collect();
        let so_far = RunSummary::of_pairs(row.id.to_string(), pairs, head.clone());
        let is_last = row.exit_code.is_some();
        let text = match self.report {
            Some(report) if is_last => RunSummary { head, ..report }.to_string(),
            _ if is_last => so_far.to_string(),
            _ => format!("{}run {} is {}, journal head {head}", so_far.pairs_text(), row.id, row.status),
        };
        format!("{}: {} events and {} intents hold\n{text}\n", row.id, verified.events, verified.intents)
    }
}
