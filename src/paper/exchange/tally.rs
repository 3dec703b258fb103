//! Running sums over an account's live orders: what would otherwise be counted anew for every order it sends.

use serde::{Deserialize, Serialize};

use super::order::LiveOrder;
use super::{Account, Exchange};
use crate::model::{AccountIndex, MarketId, OrderKind, Side};

/// An account's live orders in one market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// On the book.
    pub(crate) open: u32,
    /// Waiting for a trigger, a parent or a slice.
    pub(crate) pending: u32,
    /// Notional of bids and asks that count for margin (rules.md §6.3), in millionths of a USDC.
    pub(crate) quotes: [i128; 2],
}

/// Waiting orders of the whole exchange.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    /// TWAP orders.
    pub(crate) twaps: usize,
    /// Orders with a trigger price, waiting children included.
    pub(crate) conditionals: usize,
}

impl Tally {
    fn count(&mut self, order: &LiveOrder, quote: i128, on: Step) {
        let slot = if order.waits() { &mut self.pending } else { &mut self.open };
        match on {
            Step::Enter => *slot += 1,
            Step::Leave => *slot = slot.saturating_sub(1),
        }
        if order.locks_margin() {
            self.quotes[usize::from(order.side.is_ask())] += match on {
                Step::Enter => quote,
                Step::Leave => -quote,
            };
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether an order comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is entered into its market.
    Enter,
    /// It is taken out.
    Leave,
}

impl Account {
    /// Returns what it has in a market.
    pub(crate) fn tally(&self, market: MarketId) -> Tally {
        self.tallies.get(&market).copied().unwrap_or_default()
    }

    /// Returns its open and its pending orders in all markets.
    pub(crate) fn order_totals(&self) -> (u32, u32) {
        self.tallies.values().fold((0, 0), |sum, tally| (sum.0 + tally.open, sum.1 + tally.pending))
    }
}

impl Exchange {
    /// Counts an order that enters or leaves its market.
    pub(super) fn tally(&mut self, order: &LiveOrder, step: Step) {
        if order.waits() {
            let total = match order.kind {
                OrderKind::Twap => &mut self.waiting.twaps,
                _ => &mut self.waiting.conditionals,
            };
            match step {
                Step::Enter => *total += 1,
                Step::Leave => *total = total.saturating_sub(1),
            }
        }
        let quote = self.quote(order.market, order.remaining, order.price);
        let Some(owner) = self.accounts.get_mut(&order.owner) else { return };
        let tally = owner.tallies.entry(order.market).or_default();
        tally.count(order, quote, step);
        if step == Step::Leave && tally.is_empty() {
            owner.tallies.remove(&order.market);
        }
    }

    /// Counts a part of a resting order out that lives on.
    pub(super) fn tally_less(&mut self, owner: AccountIndex, market: MarketId, side: Side, quote: i128) {
        if let Some(tally) = self.accounts.get_mut(&owner).and_then(|owner| owner.tallies.get_mut(&market)) {
            tally.quotes[usize::from(side.is_ask())] -= quote;
        }
    }

    /// Returns the open and the pending orders of an account in a market.
    pub(super) fn order_counts(&self, account: &Account, market: MarketId) -> (u32, u32) {
        let tally = account.tally(market);
        (tally.open, tally.pending)
    }

    /// Counts an account's orders from scratch, to judge the running sums by.
    #[cfg(test)]
    pub(super) fn recount(&self, account: AccountIndex) -> std::collections::BTreeMap<MarketId, Tally> {
        let mut tallies: std::collections::BTreeMap<MarketId, Tally> = std::collections::BTreeMap::new();
        for order in self.orders_where(account, |_| true) {
            let Some(order) = self.live(order) else { continue };
            let quote = self.quote(order.market, order.remaining, order.price);
            tallies.entry(order.market).or_default().count(order, quote, Step::Enter);
        }
        tallies
    }
}
