//! The record of what operators do to a live run.

use crate::journal::{Act, Journal, Operator, Priority};
use crate::model::RunId;
use crate::rt::Clock;

/// Writes acts into the journal of one run.
#[derive(Clone, Debug)]
pub(super) struct Record {
    journal: Journal,
    run: RunId,
    clock: Clock,
}

impl Record {
    pub(super) const fn new(journal: Journal, run: RunId, clock: Clock) -> Self {
        Self { journal, run, clock }
    }

    /// Records an act before it is carried out. A journal that takes no more must not keep a stop from being carried out;
    /// the pairs notice by themselves that it is gone.
    pub(super) async fn note(&self, by: Operator, command: &str, detail: &str) {
        let event = Act::of(by, command, detail).event(self.clock.now());
        let written = self.journal.append(&self.run, Priority::Reducing, vec![event], Vec::new()).await;
        if let Err(error) = written {
            tracing::warn!(%error, command, "an act could not be recorded");
        }
    }
}
