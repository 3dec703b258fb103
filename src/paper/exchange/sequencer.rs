//! Time: runs what is due, in order.

use serde::Serialize;

use super::Exchange;
use crate::model::{AccountIndex, MarketId, OrderStatus, Timestamp, TxHash};
use crate::tx::Envelope;

/// An accepted transaction that waits for its delay.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PendingTx {
    pub(crate) hash: TxHash,
    pub(crate) account: AccountIndex,
    /// Named by its hash.
    #[serde(skip)]
    pub(crate) envelope: Envelope,
}

impl Exchange {
    /// Moves time to `to` and runs everything that falls due until then, in order of time.
    pub fn advance(&mut self, to: Timestamp) {
        while let Some(at) = self.next_due().filter(|at| *at <= to) {
            self.now = self.now.max(at);
            self.run_due();
        }
        self.now = self.now.max(to);
    }

    /// Returns when something falls due next.
    pub fn next_due(&self) -> Option<Timestamp> {
        let firsts = [
            self.pending.keys().next().map(|key| key.0),
            self.expiries.first().map(|key| sweep_after(key.0)),
            self.switches.first().map(|key| key.0),
            self.liquidations.first().map(|key| key.0),
            self.errands.keys().next().map(|key| key.0),
            self.money.due.first().map(|key| key.0),
            Some(self.sample_due),
            Some(self.funding_due),
        ];
        firsts.into_iter().flatten().min()
    }

    /// Runs what is due now: first what the exchange does by itself, then transactions in order of arrival.
    fn run_due(&mut self) {
        self.sweep_expired();
        self.run_switches();
        self.run_errands();
        self.run_withdrawals();
        if self.sample_due <= self.now {
            self.sample_premiums();
        }
        if self.funding_due <= self.now {
            self.pay_funding();
        }
        while let Some(&(at, account)) = self.liquidations.first().filter(|key| key.0 <= self.now) {
            self.liquidations.remove(&(at, account));
            self.liquidation_step(account);
        }
        while let Some((&key, _)) = self.pending.first_key_value().filter(|(key, _)| key.0 <= self.now) {
            if let Some(tx) = self.pending.remove(&key) {
                self.inflight.leave(&tx.envelope);
                self.execute(tx);
            }
        }
    }

    fn sweep_expired(&mut self) {
        while let Some(&(at, market, order)) = self.expiries.first() {
            if sweep_after(at) > self.now {
                return;
            }
            self.expiries.remove(&(at, market, order));
            self.cancel_live(order, OrderStatus::CanceledExpired);
        }
    }

    fn run_switches(&mut self) {
        while let Some(&(at, account)) = self.switches.first().filter(|key| key.0 <= self.now) {
            self.switches.remove(&(at, account));
            if let Some(row) = self.accounts.get_mut(&account) {
                row.cancel_all_at = None;
            }
            self.cancel_all(account, None);
            self.changed(account);
        }
    }

    /// Cancels the live orders of an account, in one market or in all.
    pub(super) fn cancel_all(&mut self, account: AccountIndex, market: Option<MarketId>) {
        for order in self.orders_where(account, |order| market.is_none_or(|m| m == order.market)) {
            self.cancel_live(order, OrderStatus::Canceled);
        }
    }
}

/// Returns when the sweep (once a full second) meets an order that expires at `at`.
const fn sweep_after(at: Timestamp) -> Timestamp {
    let ms = at.as_millis();
    Timestamp::from_millis(ms.saturating_add(999).div_euclid(1_000).saturating_mul(1_000))
}
