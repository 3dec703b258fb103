//! A store that forgets with the process: for dry runs, simulations and tests.

use std::collections::BTreeMap;

use super::chain::{self, EventHash};
use super::error::JournalError;
use super::store::{Append, EventRow, IntentRow, NewRun, RunRow, STATUS_CREATED, Store};
use crate::model::RunId;

#[derive(Debug)]
struct MemoryRun {
    definition: NewRun,
    status: String,
    exit_code: Option<u8>,
    events: Vec<EventRow>,
    intents: BTreeMap<String, IntentRow>,
}

impl MemoryRun {
    fn head(&self) -> (u64, EventHash) {
        match self.events.last() {
            Some(event) => (event.seq, event.hash),
            None => (0, chain::genesis(&self.definition)),
        }
    }

    fn row(&self) -> RunRow {
        let (head_seq, head_hash) = self.head();
        RunRow {
            id: self.definition.id.clone(),
            name: self.definition.name.clone(),
            network: self.definition.network.clone(),
            created_at: self.definition.created_at,
            format: self.definition.format,
            status: self.status.clone(),
            exit_code: self.exit_code,
            head_seq,
            head_hash,
        }
    }
}

/// Keeps everything in memory, with the same answers as [`SqliteStore`](super::SqliteStore).
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// In order of creation.
    runs: Vec<MemoryRun>,
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn position(&self, run: &RunId) -> Result<usize, JournalError> {
        self.runs.iter().position(|held| held.definition.id == *run).ok_or_else(|| JournalError::UnknownRun {
            run: run.clone(),
            known: self.runs.iter().map(|held| held.definition.id.clone()).collect(),
        })
    }

    fn find(&self, run: &RunId) -> Result<&MemoryRun, JournalError> {
        Ok(&self.runs[self.position(run)?])
    }

    fn apply(&mut self, append: &Append) -> Result<Vec<u64>, JournalError> {
        append.check()?;
        let at = self.position(&append.run)?;
        let run = &mut self.runs[at];
        let rows = chain::extend(run.head(), &append.events, &append.intents);
        let seqs = rows.iter().map(|row| row.seq).collect();
        run.events.extend(rows);
        run.intents.extend(append.intents.iter().map(|row| (row.intent_id.clone(), row.clone())));
        if let Some(status) = append.status() {
            (run.status, run.exit_code) = (status.status, status.exit_code);
        }
        Ok(seqs)
    }
}

impl Store for MemoryStore {
    fn create_run(&mut self, run: &NewRun) -> Result<(), JournalError> {
        if self.position(&run.id).is_ok() {
            return Err(JournalError::RunExists { run: run.id.clone() });
        }
        self.runs.push(MemoryRun {
            definition: run.clone(),
            status: STATUS_CREATED.to_owned(),
            exit_code: None,
            events: Vec::new(),
            intents: BTreeMap::new(),
        });
        Ok(())
    }

    fn append_group(
        &mut self,
        group: &[Append],
    ) -> Result<Vec<Result<Vec<u64>, JournalError>>, JournalError> {
        Ok(group.iter().map(|append| self.apply(append)).collect())
    }

    fn runs(&self) -> Result<Vec<RunRow>, JournalError> {
        Ok(self.runs.iter().map(MemoryRun::row).collect())
    }

    fn run(&self, run: &RunId) -> Result<RunRow, JournalError> {
        self.find(run).map(MemoryRun::row)
    }

    fn definition(&self, run: &RunId) -> Result<NewRun, JournalError> {
        Ok(self.find(run)?.definition.clone())
    }

    fn page(&self, run: &RunId, from_seq: u64, limit: usize) -> Result<Vec<EventRow>, JournalError> {
        let events = &self.find(run)?.events;
        let skip = usize::try_from(from_seq.saturating_sub(1)).unwrap_or(usize::MAX);
        Ok(events.iter().skip(skip).take(limit).cloned().collect())
    }

    fn intents(&self, run: &RunId) -> Result<Vec<IntentRow>, JournalError> {
        Ok(self.find(run)?.intents.values().cloned().collect())
    }
}
