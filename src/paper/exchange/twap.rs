//! TWAP orders: a parent that waits, and a slice of it every 30 seconds (rules.md §3.5).

use std::time::Duration;

use super::Exchange;
use super::errand::Errand;
use super::order::{Basics, LiveOrder};
use crate::model::{OrderIndex, OrderKind, OrderStatus, Size, TimeInForce, Timestamp};

/// Time between two slices.
const SLICE_EVERY: Duration = Duration::from_secs(30);

/// Returns how many slices a schedule has: one now, and one every 30 seconds until its end.
fn slices_until(now: Timestamp, end: Timestamp) -> u32 {
    let whole = end.since(now).as_secs() / SLICE_EVERY.as_secs();
    u32::try_from(whole).unwrap_or(u32::MAX).saturating_add(1)
}

impl Exchange {
    /// Starts a TWAP order: it waits, and its first slice runs at once.
    pub(super) fn start_twap(&mut self, mut order: LiveOrder) {
        order.slices = slices_until(self.now, order.expiry.unwrap_or(self.now));
        let index = order.index;
        self.hold(order);
        self.run_slice(index);
    }

    /// Sends one slice of a TWAP order into the book and plans the next one; the last one ends the order.
    ///
    /// What a slice leaves unfilled is spread over the slices to come: the order's bound is its price, not its pace.
    pub(super) fn run_slice(&mut self, index: OrderIndex) {
        let Some((slice, left)) = self.next_slice(index) else { return };
        // A market that takes no orders takes no slice; what it missed is carried over.
        if !slice.is_zero() && self.is_active(super::market_of(index)) {
            self.send_slice(index, slice);
        }
        let Some(order) = self.live(index) else { return };
        if order.remaining.is_zero() {
            self.cancel_live(index, OrderStatus::Filled);
        } else if left == 0 {
            self.cancel_live(index, OrderStatus::CanceledExpired);
        } else {
            self.plan(self.now.after(SLICE_EVERY), Errand::Slice(index));
        }
    }

    /// Returns the size of the slice that is due, and how many come after it.
    fn next_slice(&mut self, index: OrderIndex) -> Option<(Size, u32)> {
        let order = self.live_mut(index)?;
        let due = order.slices;
        order.slices = due.saturating_sub(1);
        let (left, reduce_only) = (order.slices, order.reduce_only);
        let mut size = Size::from_lots(order.remaining.lots() / i64::from(due.max(1)));
        if left == 0 {
            size = order.remaining;
        }
        let (owner, market, side) = (order.owner, order.market, order.side);
        // A flat position costs a reduce-only order its slice, not its life.
        let most = if reduce_only { self.reducible(owner, market, side) } else { size };
        Some((size.min(most), left))
    }

    fn send_slice(&mut self, parent: OrderIndex, size: Size) {
        let Some(order) = self.live(parent) else { return };
        let basics = Basics {
            owner: order.owner,
            market: order.market,
            side: order.side,
            kind: OrderKind::TwapSub,
            tif: TimeInForce::ImmediateOrCancel,
            price: order.price,
            size,
        };
        let like = (order.reduce_only, order.self_trade, order.self_scope, order.tx_hash);
        let index = self.take_index(basics.market, basics.side);
        let priority = self.state_mut(basics.market).map_or(0, |state| state.take_priority());
        let mut slice = LiveOrder::new(basics, index, priority, self.now);
        (slice.reduce_only, slice.self_trade, slice.self_scope, slice.tx_hash) = like;
        if let Some(fees) = self.integrator_fees.get(&parent).copied() {
            self.integrator_fees.insert(index, fees);
        }
        let (filled, quote) = self.run_taker(slice);
        self.credit_parent(parent, filled, quote);
    }

    fn credit_parent(&mut self, parent: OrderIndex, filled: Size, quote: i128) {
        let now = self.now;
        let Some(order) = self.live_mut(parent).filter(|_| !filled.is_zero()) else { return };
        order.remaining = order.remaining.saturating_sub(filled);
        order.filled = order.filled.plus(filled);
        order.filled_quote += quote;
        order.updated_at = now;
        self.order_event(parent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_has_a_slice_at_both_ends() {
        let start = Timestamp::from_millis(1_000);
        let slices = |seconds: u64| slices_until(start, start.after(Duration::from_secs(seconds)));
        assert_eq!((slices(0), slices(29), slices(30), slices(300)), (1, 1, 2, 11));
    }
}
