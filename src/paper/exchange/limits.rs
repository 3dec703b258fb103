//! How many orders may live at a time (rules.md §3.8).

use super::api::ApiError;
use super::checks::Wanted;
use super::tier::OrderLimits;
use super::{Account, Exchange};
use crate::model::{MarketId, OrderKind, TimeInForce};

/// Most TWAP orders of all accounts. The venue has such a cap and does not publish it; this one is out of a plan's reach.
const TWAPS_MAX: usize = 10_000;
/// Most orders of all accounts that wait for a trigger; as above.
const CONDITIONALS_MAX: usize = 100_000;

/// What an account's orders leave of its caps while the orders of one transaction are judged one by one.
pub(super) struct Room {
    caps: OrderLimits,
    active: usize,
    pending: usize,
    /// Orders of this transaction that were judged before, which share its market.
    ahead_active: usize,
    ahead_pending: usize,
}

impl Exchange {
    /// Counts what an account has.
    pub(super) fn room(&self, account: &Account) -> Room {
        let (active, pending) = account.order_totals();
        Room {
            caps: account.tier.order_limits(),
            active: active as usize,
            pending: pending as usize,
            ahead_active: 0,
            ahead_pending: 0,
        }
    }

    fn check_waiting(&self, kind: OrderKind) -> Result<(), ApiError> {
        match kind {
            OrderKind::Twap if self.waiting.twaps >= TWAPS_MAX => Err(ApiError::of(21721)),
            OrderKind::Twap => Ok(()),
            _ if self.waiting.conditionals >= CONDITIONALS_MAX => Err(ApiError::of(21722)),
            _ => Ok(()),
        }
    }
}

impl Room {
    /// Takes the room of one more order, if there is any.
    pub(super) fn take(
        &mut self,
        exchange: &Exchange,
        account: &Account,
        order: &Wanted,
    ) -> Result<(), ApiError> {
        if order.waits() {
            exchange.check_waiting(order.kind)?;
            return self.take_pending(exchange, account, order.market);
        }
        if order.tif == TimeInForce::ImmediateOrCancel {
            return Ok(());
        }
        let here = exchange.order_counts(account, order.market).0 as usize;
        if self.active + self.ahead_active >= self.caps.active {
            return Err(ApiError::of(21717));
        }
        if here + self.ahead_active >= self.caps.active_here as usize {
            return Err(ApiError::of(21718));
        }
        self.ahead_active += 1;
        Ok(())
    }

    fn take_pending(
        &mut self,
        exchange: &Exchange,
        account: &Account,
        market: MarketId,
    ) -> Result<(), ApiError> {
        let here = exchange.order_counts(account, market).1 as usize;
        if self.pending + self.ahead_pending >= self.caps.pending {
            return Err(ApiError::of(21719));
        }
        if here + self.ahead_pending >= self.caps.pending_here as usize {
            return Err(ApiError::of(21720));
        }
        self.ahead_pending += 1;
        Ok(())
    }
}
