//! Stops that rest at the venue, for the time when nobody is there: a child with each entry order, and one for the whole
//! position of each leg while the pair is held.
//!
//! The child waits for its parent's end and covers what that filled, until the entry's own expiry. What a hedge adds, and
//! every later day, is covered by the stop for the whole position, whose size the venue takes at the trigger. Both may be
//! there at once: they are reduce-only, so together they close what is held and no more. They stay through hedges; before
//! an exit they are taken away, because a stop that fired and rests is an own order on the book.

use std::time::Duration;

use super::Flow;
use crate::engine::entry::{ExitReason, LegSide, OrderTerms, Purpose, Step};
use crate::engine::state::{Leg, OrderState, OwnOrder};
use crate::engine::work::Work;
use crate::model::{Price, Side, Size, TimeInForce, Timestamp};
use crate::plan::ProtectPlan;
use crate::rt::Mutant;

/// How long a stop for the whole position lives at the venue; a little less than the longest that it takes.
const LIVES: Duration = Duration::from_secs(27 * 24 * 60 * 60);
/// Stops that the venue refused or ended before the next one waits.
const TRIES_AT_ONCE: u32 = 3;
/// How long the next one waits then. It doubles with each, because one that is tried for days must not fill the journal.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest it waits.
const LAST_PAUSE: Duration = Duration::from_secs(30 * 60);

/// Returns the terms of a stop for what `side` bought or sold at `entry`; `None` where the price has no room for one.
pub(crate) fn stop(
    plan: ProtectPlan,
    side: LegSide,
    entry: Price,
    size: Size,
    expiry: Timestamp,
) -> Option<OrderTerms> {
    let closing = side.entry_side().opposite();
    let trigger = entry.worsened(closing, plan.stop_bps);
    let price = trigger.worsened(closing, plan.limit_bps);
    let apart = trigger != entry && Price::MIN <= price && price <= Price::MAX;
    apart.then_some(OrderTerms {
        side: closing,
        price,
        size,
        time_in_force: TimeInForce::GoodTillTime,
        reduce_only: true,
        expiry,
        trigger: Some(trigger),
    })
}

/// Returns whether a stop became an order: it is on the book, or it filled.
fn has_fired(order: &OwnOrder) -> bool {
    order.purpose == Purpose::Protect
        && (order.state == OrderState::Open || !order.traded.is_zero() || !order.reported.is_zero())
}

/// A pair one of whose stops fired leaves: the other leg is what is left of it.
pub(crate) fn leave_when_fired(work: &mut Work<'_>) -> Option<Flow> {
    let fired = |side: &LegSide| work.pair.leg(*side).orders.values().any(has_fired);
    let side = LegSide::BOTH.into_iter().find(fired)?;
    work.alert("hedge", format!("the {} leg's stop at the venue fired; the pair leaves", side.name()));
    Some(work.go(Step::Exit(ExitReason::StopFired(side))))
}

/// Sees to it that each leg that holds something has a stop for all of it; returns whether that is so.
pub(crate) fn keep(work: &mut Work<'_>) -> bool {
    let plan = work.spec.plan.protect.filter(|_| !Mutant::StopForgotten.is_planted());
    let Some(plan) = plan else { return true };
    let mut kept = true;
    for side in LegSide::BOTH {
        let leg = work.pair.leg(side);
        let stop_of = leg.live_orders().find(|(_, order)| covers_all(order));
        if leg.position.is_flat() || stop_of.is_some_and(|(_, order)| order.state == OrderState::Waiting) {
            continue;
        }
        // A venue that refuses stops, time and again, is told of by the refusals; neither it nor a price that has no room
        // for a stop may hold up an operator's stop.
        let Some(terms) = whole_stop(work, plan, side) else { continue };
        if let Some(at) = next_try(leg).filter(|at| work.now() < *at && stop_of.is_none()) {
            work.out.wake_at(at);
            continue;
        }
        kept = false;
        if stop_of.is_none() && work.can_send(side, &Purpose::Protect) {
            work.propose_order(side, Purpose::Protect, terms);
        }
    }
    kept
}

/// Returns whether it is a stop for all that its leg holds.
fn covers_all(order: &OwnOrder) -> bool {
    order.purpose == Purpose::Protect && order.parent.is_none()
}

/// Returns when a leg's next stop for all that it holds may be tried: a price that is too far from the market to be taken
/// may not be for long. `None` while few were refused.
fn next_try(leg: &Leg) -> Option<Timestamp> {
    let in_vain = |order: &&OwnOrder| {
        covers_all(order) && !order.may_be_live() && order.cancel.is_none() && !has_fired(order)
    };
    let (mut count, mut last) = (0_u32, Timestamp::default());
    for order in leg.orders.values().filter(in_vain) {
        (count, last) = (count + 1, last.max(order.changed_at));
    }
    let doubled = 1 << count.checked_sub(TRIES_AT_ONCE)?.min(10);
    Some(last.after((FIRST_PAUSE * doubled).min(LAST_PAUSE)))
}

/// Returns the terms of a stop for all that a leg holds.
fn whole_stop(work: &Work<'_>, plan: ProtectPlan, side: LegSide) -> Option<OrderTerms> {
    let (leg, checked) = (work.pair.leg(side), work.pair.checked.as_ref()?);
    let held = leg.position.size();
    // What the position cost on average is where its loss begins.
    let per_lot = i128::from(held.lots()) * i128::from(checked.market.quote_multiplier);
    let average = i128::from(leg.cash.micros()).abs() / per_lot.max(1);
    let entry = Price::from_ticks(i64::try_from(average).ok()?.max(1));
    stop(plan, side, entry, held, work.now().after(LIVES))
}

/// Takes every stop away; returns whether none is left, with all its fills counted.
pub(crate) fn clear(work: &mut Work<'_>) -> bool {
    for side in LegSide::BOTH {
        let leg = work.pair.leg(side);
        // The end of an unfilled entry takes its stop along.
        let undecided = |order: &OwnOrder| {
            order.parent.and_then(|parent| leg.orders.get(&parent)).is_some_and(OwnOrder::may_be_live)
        };
        let stops =
            leg.live_orders().filter(|(_, order)| order.purpose == Purpose::Protect && !undecided(order));
        let stops: Vec<_> = stops.map(|(index, _)| index).collect();
        for index in stops {
            work.propose_cancel(side, index);
        }
    }
    LegSide::BOTH.iter().all(|side| is_clear(work, *side))
}

/// Returns whether a leg has no stop any more that a taker of the other leg could meet.
pub(crate) fn is_clear(work: &Work<'_>, side: LegSide) -> bool {
    let stops = work.pair.leg(side).orders.values().filter(|order| order.purpose == Purpose::Protect);
    stops.into_iter().all(OwnOrder::is_settled)
}

/// Takes away stops that a taker at `price` could meet: those whose trigger the mark has reached may rest on the book by
/// now, seen or not. Returns whether there are any.
pub(crate) fn may_be_met(work: &mut Work<'_>, taker: Side, price: Price) -> bool {
    let Some(mark) = work.view.mark() else { return false };
    let crosses = |order: &OwnOrder| match taker {
        Side::Buy => price >= order.terms.price && order.terms.trigger.is_some_and(|at| mark <= at),
        Side::Sell => price <= order.terms.price && order.terms.trigger.is_some_and(|at| mark >= at),
    };
    let mut met = false;
    for side in LegSide::BOTH {
        let opposed = |order: &OwnOrder| order.terms.side == taker.opposite() && crosses(order);
        let stops = work.pair.leg(side).live_orders().filter(|(_, order)| opposed(order));
        let stops: Vec<_> = stops.map(|(index, _)| index).collect();
        met |= !stops.is_empty();
        for index in stops {
            work.propose_cancel(side, index);
        }
    }
    met
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OrderStatus;

    const PLAN: ProtectPlan = ProtectPlan { stop_bps: 300, limit_bps: 100 };

    #[test]
    fn a_stop_closes_its_leg_behind_its_entry_and_is_bounded() {
        let at = |side| {
            let entry = Price::from_ticks(100_000);
            stop(PLAN, side, entry, Size::LOT, Timestamp::default()).expect("there is room")
        };
        let (long, short) = (at(LegSide::Long), at(LegSide::Short));
        assert_eq!(
            (long.side, long.trigger, long.price),
            (Side::Sell, Some(Price::from_ticks(97_000)), Price::from_ticks(96_030))
        );
        assert_eq!(
            (short.side, short.trigger, short.price),
            (Side::Buy, Some(Price::from_ticks(103_000)), Price::from_ticks(104_030))
        );
        assert!(long.reduce_only && short.reduce_only);
    }

    #[test]
    fn where_the_grid_has_no_room_there_is_no_stop() {
        let coarse = stop(PLAN, LegSide::Long, Price::from_ticks(20), Size::LOT, Timestamp::default());
        assert_eq!(coarse, None);
    }

    #[test]
    fn only_what_is_on_the_book_or_filled_has_fired() {
        let terms = stop(PLAN, LegSide::Long, Price::from_ticks(100_000), Size::LOT, Timestamp::default());
        let order = |state| OwnOrder {
            purpose: Purpose::Protect,
            terms: terms.expect("there is room"),
            parent: None,
            state,
            reported: Size::ZERO,
            traded: Size::ZERO,
            placed_at: Timestamp::default(),
            changed_at: Timestamp::default(),
            cancel: None,
            cancelled_at: None,
        };
        for state in [OrderState::InDoubt, OrderState::Executed, OrderState::Waiting] {
            assert!(!has_fired(&order(state)) && order(state).waits_as_stop(), "{state:?}");
        }
        assert!(has_fired(&order(OrderState::Open)) && !order(OrderState::Open).waits_as_stop());
        assert!(!has_fired(&order(OrderState::Ended(Some(OrderStatus::Canceled)))));
        let filled = OwnOrder { traded: Size::LOT, ..order(OrderState::Ended(Some(OrderStatus::Filled))) };
        assert!(has_fired(&filled));
    }
}
