//! What hedge, exit and stop share: clearing orders, counting, pricing immediate orders.

use std::time::Duration;

use super::protect;
use crate::engine::entry::{LegSide, OrderTerms, Purpose};
use crate::engine::event::Effect;
use crate::engine::work::Work;
use crate::model::{Price, Side, Size};
use crate::rt::Mutant;

/// How long fills and the position feed may disagree before a hedge is held up for a reconciliation.
const COUNT_GRACE: Duration = Duration::from_millis(1_500);

/// Cancels every own order that may be live; returns whether all have ended with their fills counted.
///
/// A cancel is a request: fills may come in between, and count.
pub(crate) fn clear(work: &mut Work<'_>) -> bool {
    if Mutant::OrdersLeft.is_planted() {
        return true;
    }
    for side in LegSide::BOTH {
        let resting: Vec<_> = work
            .pair
            .leg(side)
            .live_orders()
            .filter(|(_, order)| order.purpose == Purpose::Entry || order.woke)
            .map(|(index, _)| index)
            .collect();
        for index in resting {
            work.propose_cancel(side, index);
        }
    }
    work.pair.orders_settled()
}

/// Clears the dead man's switch of both legs; returns whether it is clear.
pub(crate) fn clear_dead_man(work: &mut Work<'_>) -> bool {
    let mut clear = true;
    for side in LegSide::BOTH {
        let leg = work.pair.leg(side);
        let armed = leg.dead_man.is_some_and(|until| until > work.now());
        let arming = leg.has_unsettled(|purpose| matches!(purpose, Purpose::ArmDeadMan(_)));
        if !armed && !arming {
            continue;
        }
        clear = false;
        let clearing = leg.has_unsettled(|purpose| matches!(purpose, Purpose::ClearDeadMan));
        if armed && !arming && !clearing && work.can_send(side, &Purpose::ClearDeadMan) && leg.refusals < 3 {
            if let Some(origin) = work.origin(side, &Purpose::ClearDeadMan) {
                work.propose(side, Purpose::ClearDeadMan, origin.dead_man(None), None);
            }
        } else if leg.refusals >= 3 {
            // It only cancels orders, and there are none; it must not hold up the end.
            clear = true;
        }
    }
    clear
}

/// Returns whether fills and the venue's positions agree; asks when they do not.
///
/// A leg whose streams are down is taken by its fills: the survivor must not wait for it.
pub(crate) fn counted(work: &mut Work<'_>) -> bool {
    let mut agreed = true;
    for side in LegSide::BOTH {
        let view = work.view.leg(side);
        let Some((position, since)) = view.position.filter(|_| view.live) else { continue };
        if position == work.pair.leg(side).position {
            continue;
        }
        agreed = false;
        let grace = COUNT_GRACE + work.view.lag;
        let due = since.after(grace);
        if work.now() >= due {
            work.out.effect(Effect::Reconcile(side));
            work.out.wake_at(work.now().after(grace));
        } else {
            work.out.wake_at(due);
        }
    }
    agreed
}

/// Returns whether the pause after fruitless orders is over.
pub(crate) fn rested(work: &mut Work<'_>) -> bool {
    let fruitless = work.pair.effort.fruitless;
    if fruitless == 0 {
        return true;
    }
    let pause = Duration::from_millis(u64::from(250 * fruitless.min(8)));
    let due = work.pair.effort.last_at.after(pause);
    let over = work.now() >= due;
    if !over {
        work.out.wake_at(due);
    }
    over
}

/// Returns the bound of the next immediate order of a taker on `side`, and how much the book holds within it.
///
/// From the best price that faces it, in steps that widen with every fruitless order, never beyond the plan's bound
/// against mark. `None`: no fresh prices, or nothing within the bound.
pub(crate) fn bound(work: &Work<'_>, side: Side) -> Option<(Price, Size)> {
    let (mark, book) = (work.view.mark()?, work.view.book.as_ref()?);
    let plan = &work.spec.plan.hedge;
    let emergency = work.pair.effort.emergency;
    let limit_bps = if emergency { plan.emergency_slippage_bps } else { plan.max_slippage_bps };
    let tries = plan.attempts.max(1);
    let step_bps = limit_bps.saturating_mul((work.pair.effort.fruitless + 1).min(tries)) / tries;
    let best = book.facing(side).first()?.price;
    let (wanted, limit) = (best.worsened(side, step_bps), mark.worsened(side, limit_bps));
    let price = match side {
        _ if Mutant::SlippageUnbounded.is_planted() => best.worsened(side, limit_bps),
        Side::Buy => wanted.min(limit),
        Side::Sell => wanted.max(limit),
    };
    let depth = book.depth_within(side, price);
    (!depth.is_zero()).then_some((price, depth))
}

/// Returns the largest size that `max_order_usdc` allows at mark, at least one lot.
pub(crate) fn order_cap(work: &Work<'_>) -> Size {
    let lot = work.notional_at_mark(Size::LOT).map_or(1, crate::model::Usdc::micros).max(1);
    Size::from_lots((work.spec.plan.risk.max_order.micros() / lot).max(1))
}

/// Pulls other pairs' quotes that a taker at `price` would meet; returns whether the way is free.
///
/// It does not wait for an answer but for the fact: the quote disappears from the view.
pub(crate) fn way_is_free(work: &mut Work<'_>, side: Side, price: Price) -> bool {
    let in_the_way = |quote: &&crate::engine::event::ForeignQuote| {
        quote.side == side.opposite()
            && match side {
                Side::Buy => quote.price <= price,
                Side::Sell => quote.price >= price,
            }
    };
    let quotes: Vec<_> = work.view.foreign.iter().filter(in_the_way).cloned().collect();
    let free = quotes.is_empty();
    for quote in quotes {
        work.out.effect(Effect::Pull(quote));
        let again = work.now().after(Duration::from_millis(200));
        work.out.wake_at(again);
    }
    free
}

/// Proposes one immediate order of at most `want`, if prices, way and nonce allow; returns whether it did.
pub(crate) fn take(
    work: &mut Work<'_>,
    leg: LegSide,
    side: Side,
    want: Size,
    purpose: Purpose,
    reduce_only: bool,
) -> bool {
    let again = work.now().after(Duration::from_millis(500));
    work.out.wake_at(again);
    let Some((price, depth)) = bound(work, side) else { return false };
    let mut size = want.min(depth).min(order_cap(work));
    if purpose == Purpose::Exit && Mutant::ExitTooLarge.is_planted() {
        size = size.plus(Size::LOT);
    }
    if size.is_zero() || !work.can_send(leg, &purpose) || !way_is_free(work, side, price) {
        return false;
    }
    if !protect::is_far(work, leg.other(), side) {
        return false;
    }
    let opens = purpose == Purpose::Exit && Mutant::ExitMayOpen.is_planted();
    let terms: OrderTerms = Work::immediate(side, price, size, reduce_only && !opens);
    work.propose_order(leg, purpose, terms);
    true
}
