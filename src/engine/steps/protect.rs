//! Protect: what a leg holds stands under one stop at the venue, which acts when no process does.
//!
//! An entry goes out with its stop, which wakes when the entry has ended, with what that filled. As long as a quote that
//! filled in part still rests, and after a hedge, another stop is placed: one over whatever is held, so that no later fill
//! makes its size wrong. A stop only ever closes; once the mark price woke it, it is an order like any other, and the pair
//! leaves.

use std::time::Duration;

use crate::engine::entry::{LegSide, OrderTerms, Purpose};
use crate::engine::event::Effect;
use crate::engine::state::{Leg, OrderState, OwnOrder};
use crate::engine::work::{ALERT_AGAIN, Work};
use crate::model::{ClientOrderIndex, Side, Timestamp};
use crate::rt::Mutant;

/// How much longer than the position is held at most a stop lives: an operator who was called may come late.
const OUTLIVES: Duration = Duration::from_secs(24 * 3_600);
/// How long a stop lives that is placed alone; the venue takes up to 30 days.
const LIVES: Duration = Duration::from_secs(28 * 24 * 3_600);
/// What is left of that when it is placed anew, where the position is held for longer.
const RENEWED: Duration = Duration::from_secs(14 * 24 * 3_600);
/// How long the venue has to take away by itself what is tied to a position that is closed, and to tell.
const BY_ITSELF: Duration = Duration::from_secs(2);
/// How long after a stop that the venue did not take the next one is tried, times their number.
const PAUSE: Duration = Duration::from_secs(5);
/// How often that is tried before somebody is told, and before a stop of the run no longer waits for it.
const TRIES: u32 = 3;

/// How near the mark price may come to a stop before that counts as about to wake: more than a market moves within the age
/// of what is known of it and the way of an order.
const NEAR_BPS: u32 = 100;

/// Returns the leg on whose stop the venue acted: the pair leaves then.
pub(crate) fn acted(work: &Work<'_>) -> Option<LegSide> {
    LegSide::BOTH.into_iter().find(|side| work.pair.leg(*side).was_stopped_out())
}

/// Sees to it that each leg stands under one stop; returns whether it does, as far as can be known.
pub(crate) fn keep(work: &mut Work<'_>) -> bool {
    if work.spec.plan.protect.is_none() {
        return true;
    }
    let mut kept = true;
    for side in LegSide::BOTH {
        kept &= keep_leg(work, side);
    }
    kept
}

fn keep_leg(work: &mut Work<'_>, side: LegSide) -> bool {
    if work.pair.leg(side).position.is_flat() {
        return take_away(work, side);
    }
    let Some(wanted) = wanted(work, side) else { return true };
    let (mut enough, mut others) = (Vec::new(), Vec::new());
    let leg = work.pair.leg(side);
    for (index, stop) in leg.stops().filter(|(_, stop)| leg.is_awake(stop)) {
        let list = if suffices(work, leg, stop, &wanted) { &mut enough } else { &mut others };
        list.push((index, stop.state == OrderState::Open));
    }
    let Some((chosen, _)) = enough.iter().find(|(_, open)| *open).copied() else {
        // One that is on its way is waited for.
        return if enough.is_empty() { place(work, side, wanted) } else { false };
    };
    let surplus: Vec<_> = enough.into_iter().chain(others).filter(|(index, _)| *index != chosen).collect();
    for (index, _) in &surplus {
        work.propose_cancel(side, *index);
    }
    surplus.is_empty()
}

/// Returns the stop that a leg should stand under; `None` when it cannot have one: what it holds was not bought here.
fn wanted(work: &Work<'_>, side: LegSide) -> Option<OrderTerms> {
    let entry = work.pair.leg(side).entry_price(side)?;
    let protect = work.spec.plan.protect?;
    Some(Work::stop(&protect, side, entry, work.now().after(LIVES)))
}

/// Returns whether a stop covers all that is held, at the wanted price, and for as long as it is held. While the entry goes
/// on, prices and times need not fit: both are put right at its end.
fn suffices(work: &Work<'_>, leg: &Leg, stop: &OwnOrder, wanted: &OrderTerms) -> bool {
    if Mutant::StopNotRenewed.is_planted() {
        return true;
    }
    let parent = stop.parent.and_then(|parent| leg.orders.get(&parent));
    let covers = parent.is_none_or(|parent| parent.traded.max(parent.reported) == leg.position.size());
    let entering = work.pair.entry_live();
    covers
        && (entering || stop.terms.trigger == wanted.trigger)
        && (entering || stop.terms.expiry >= needed_until(work))
}

fn needed_until(work: &Work<'_>) -> Timestamp {
    let from = work.pair.held_since.unwrap_or(work.now());
    let over = from.after(work.spec.plan.watch.max_hold + OUTLIVES);
    over.min(work.now().after(RENEWED))
}

/// Places a stop over whatever a leg holds; returns whether there is nothing to wait for.
fn place(work: &mut Work<'_>, side: LegSide, wanted: OrderTerms) -> bool {
    let leg = work.pair.leg(side);
    let refused = |order: &&OwnOrder| {
        let ended = matches!(order.state, OrderState::Ended(_)) && order.cancel.is_none();
        order.purpose == Purpose::Protect && order.parent.is_none() && ended && !order.woke
    };
    let tries = u32::try_from(leg.orders.values().filter(refused).count()).unwrap_or(u32::MAX);
    let last = leg.orders.values().filter(refused).map(|order| order.changed_at).max();
    // A quote that fills bit by bit may be through in a moment, and its own stop wakes then.
    let filled = leg.orders.values().filter(|order| !order.traded.is_zero()).map(|order| order.changed_at);
    let quiet = filled.max().filter(|_| work.pair.entry_live()).map(|at| at.after(work.view.lag * 2));
    let due = last.map(|at| at.after(PAUSE * tries.min(12))).max(quiet);
    if tries >= TRIES {
        tell(work, side);
        if work.pair.stop.is_some() {
            return true;
        }
    }
    if let Some(due) = due.filter(|due| work.now() < *due) {
        work.out.wake_at(due);
    } else if work.can_send(side, &Purpose::Protect) {
        work.propose_order(side, Purpose::Protect, wanted);
    }
    false
}

fn tell(work: &mut Work<'_>, side: LegSide) {
    if work.pair.last_alert.is_none_or(|last| work.now() >= last.after(ALERT_AGAIN)) {
        let text =
            format!("the venue takes no stop for the {} leg: what it holds is not protected", side.name());
        work.alert("stuck", text);
    }
}

/// Returns whether no stop of `leg` could be met by a taker of the other leg on `side`; takes it away else.
///
/// One that waits for its price is on no book. One that may wake at any moment would rest there at its limit.
pub(crate) fn is_far(work: &mut Work<'_>, leg: LegSide, side: Side) -> bool {
    let Some(mark) = work.view.mark() else { return true };
    let near = |stop: &OwnOrder| {
        stop.terms.trigger.is_none_or(|trigger| match stop.terms.side {
            Side::Sell => mark <= trigger.beyond(Side::Buy, NEAR_BPS),
            Side::Buy => mark >= trigger.beyond(Side::Sell, NEAR_BPS),
        })
    };
    let state = work.pair.leg(leg);
    let met = state.stops().filter(|(_, stop)| state.is_awake(stop) && stop.terms.side == side.opposite());
    let near: Vec<ClientOrderIndex> = met.filter(|(_, stop)| near(stop)).map(|(index, _)| index).collect();
    for index in &near {
        work.propose_cancel(leg, *index);
    }
    near.is_empty()
}

/// Takes the stops of both legs away; returns whether none is left.
pub(crate) fn taken_away(work: &mut Work<'_>) -> bool {
    let mut gone = true;
    for side in LegSide::BOTH {
        gone &= take_away(work, side);
    }
    gone
}

/// Takes away the stops of a leg that no entry holds any more; returns whether none is left.
///
/// When a position is closed, or an entry ends unfilled, the venue does that by itself.
fn take_away(work: &mut Work<'_>, side: LegSide) -> bool {
    let leg = work.pair.leg(side);
    let stops: Vec<ClientOrderIndex> =
        leg.stops().filter(|(_, stop)| leg.is_awake(stop)).map(|(index, _)| index).collect();
    if stops.is_empty() {
        return true;
    }
    let changed = leg.orders.values().map(|order| order.changed_at).max().unwrap_or_default();
    let due = changed.after(BY_ITSELF + work.view.lag);
    if leg.position.is_flat() && work.now() < due {
        work.out.wake_at(due);
        return false;
    }
    work.out.effect(Effect::Reconcile(side));
    work.out.wake_at(work.now().after(BY_ITSELF));
    for index in stops {
        work.propose_cancel(side, index);
    }
    false
}
