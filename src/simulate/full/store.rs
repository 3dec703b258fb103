//! The journal of a machine that may lose power: one store in memory, which every process opens anew.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::life::Life;
use super::stage::Stage;
use crate::journal::{Append, EventRow, IntentRow, JournalError, MemoryStore, NewRun, RunRow, Store};
use crate::model::RunId;
use crate::simulate::disk::DiskFault;

/// The machine's disk; clones share it.
#[derive(Clone)]
pub(super) struct Machine {
    held: Arc<Mutex<Held>>,
    stage: Stage,
}

struct Held {
    store: MemoryStore,
    commits: u32,
    faults: Vec<(u32, DiskFault, Duration)>,
}

impl Machine {
    pub(super) fn new(stage: &Stage, faults: &[(u32, DiskFault, Duration)]) -> Self {
        let held = Held { store: MemoryStore::new(), commits: 0, faults: faults.to_vec() };
        Self { held: Arc::new(Mutex::new(held)), stage: stage.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the journal as one process has it.
    pub(super) fn open(&self, life: &Arc<Life>) -> LifeStore {
        LifeStore { machine: self.clone(), life: Arc::clone(life) }
    }

    /// Reads what is durable.
    pub(super) fn read<T>(&self, read: impl FnOnce(&MemoryStore) -> T) -> T {
        read(&self.lock().store)
    }
}

/// The journal in the hands of one process: nothing is kept of what it writes after its death.
pub(super) struct LifeStore {
    machine: Machine,
    life: Arc<Life>,
}

/// What is left of a commit.
struct Kept {
    durable: bool,
    answered: bool,
}

impl LifeStore {
    fn fate(&self, fault: Option<(DiskFault, Duration)>) -> Kept {
        let Some((fault, down)) = fault else { return Kept { durable: true, answered: true } };
        match fault {
            // The power goes: the last commit is not whole, and SQLite's log drops it when it is opened again.
            DiskFault::TornWrite | DiskFault::LostTail => {
                self.life.end(down);
                Kept { durable: false, answered: false }
            }
            DiskFault::FailedWrite | DiskFault::FailedSyncLost => Kept { durable: false, answered: false },
            DiskFault::FailedSyncKept => Kept { durable: true, answered: false },
        }
    }
}

fn failed() -> JournalError {
    JournalError::Io {
        action: "write",
        path: "the journal".into(),
        source: Arc::new(io::Error::other("the simulated disk does not take it")),
    }
}

impl Store for LifeStore {
    fn create_run(&mut self, run: &NewRun) -> Result<(), JournalError> {
        if !self.life.passes() {
            return Err(JournalError::Closed);
        }
        self.machine.lock().store.create_run(run)
    }

    fn append_group(
        &mut self,
        group: &[Append],
    ) -> Result<Vec<Result<Vec<u64>, JournalError>>, JournalError> {
        if !self.life.passes() {
            return Err(JournalError::Closed);
        }
        let mut held = self.machine.lock();
        held.commits += 1;
        let commit = held.commits;
        let fault = held.faults.iter().find(|(at, ..)| *at == commit).map(|(_, fault, down)| (*fault, *down));
        let kept = self.fate(fault);
        let answers = if kept.durable { held.store.append_group(group)? } else { Vec::new() };
        drop(held);
        for (append, _) in group.iter().zip(&answers).filter(|(_, answer)| answer.is_ok()) {
            self.machine.stage.committed(append);
        }
        // The moment after it is durable, before anybody hears of it: what a dead process does next reaches nobody.
        self.life.passes();
        if kept.answered { Ok(answers) } else { Err(failed()) }
    }

    fn runs(&self) -> Result<Vec<RunRow>, JournalError> {
        self.machine.lock().store.runs()
    }

    fn run(&self, run: &RunId) -> Result<RunRow, JournalError> {
        self.machine.lock().store.run(run)
    }

    fn definition(&self, run: &RunId) -> Result<NewRun, JournalError> {
        self.machine.lock().store.definition(run)
    }

    fn page(&self, run: &RunId, from_seq: u64, limit: usize) -> Result<Vec<EventRow>, JournalError> {
        self.machine.lock().store.page(run, from_seq, limit)
    }

    fn intents(&self, run: &RunId) -> Result<Vec<IntentRow>, JournalError> {
        self.machine.lock().store.intents(run)
    }
}
