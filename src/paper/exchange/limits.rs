//! How many orders may live at a time (rules.md §3.8).

use super::api::{ApiError, Tier};
use super::checks::Wanted;
use super::{Account, Exchange};
use crate::model::{MarketId, OrderKind, TimeInForce};

/// Most TWAP orders of all accounts. The venue has such a cap and does not publish it; this one is out of a plan's reach.
const TWAPS_MAX: usize = 10_000;
/// Most orders of all accounts that wait for a trigger; as above.
const CONDITIONALS_MAX: usize = 100_000;

/// Most live orders of an account, in all markets and in one.
struct Caps {
    active: u32,
    active_here: u32,
    pending: u32,
    pending_here: u32,
}

/// Returns the caps of a tier, as of September 2026.
const fn caps(tier: Tier) -> Caps {
    match tier {
        Tier::Standard => Caps { active: 250, active_here: 30, pending: 50, pending_here: 10 },
        Tier::Premium => Caps { active: 1_500, active_here: 1_000, pending: 500, pending_here: 16 },
    }
}

/// What an account's orders leave of its caps while the orders of one transaction are judged one by one.
pub(super) struct Room {
    caps: Caps,
    active: u32,
    pending: u32,
    /// Orders of this transaction that were judged before, which share its market.
    ahead_active: u32,
    ahead_pending: u32,
}

impl Exchange {
    /// Counts what an account has.
    pub(super) fn room(&self, account: &Account) -> Room {
        let (active, pending) = account.order_totals();
        Room { caps: caps(account.tier), active, pending, ahead_active: 0, ahead_pending: 0 }
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
        let here = exchange.order_counts(account, order.market).0;
        if self.active + self.ahead_active >= self.caps.active {
            return Err(ApiError::of(21717));
        }
        if here + self.ahead_active >= self.caps.active_here {
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
        let here = exchange.order_counts(account, market).1;
        if self.pending + self.ahead_pending >= self.caps.pending {
            return Err(ApiError::of(21719));
        }
        if here + self.ahead_pending >= self.caps.pending_here {
            return Err(ApiError::of(21720));
        }
        self.ahead_pending += 1;
        Ok(())
    }
}
