//! Watch: follows fills, deadlines, exit rules and liquidation; keeps pegged quotes and the dead man's switch.

use std::time::Duration;

use rust_decimal::Decimal;

use super::{Flow, close, guard, hedge, place, protect};
use crate::engine::entry::{ExitReason, HedgeReason, LegSide, OrderTerms, Purpose, Step};
use crate::engine::state::{OrderState, OwnOrder};
use crate::engine::work::Work;
use crate::model::{Position, Price, Side, Timestamp};
use crate::plan::{OnEntryTimeout, OnLiquidation, PriceSpec, messages_to_close};
use crate::rt::Mutant;

/// How far ahead the dead man's switch is set; the venue's minimum is five minutes.
const DEAD_MAN_AHEAD: Duration = Duration::from_secs(600);
/// When less than this is left, it is set again.
const DEAD_MAN_RENEW: Duration = Duration::from_secs(360);
/// How long a leg's streams may be down before its part of a difference is hedged without it.
const STALE_AFTER: Duration = Duration::from_secs(5);
/// What the state says of a post-only order that would have taken: a pegged quote is then placed anew.
const POST_ONLY_REFUSED: &str = "CanceledPostOnly";
/// How long the margin of an open position may be unseen before the pair leaves.
const BLIND_MAX: Duration = Duration::from_secs(60);
/// After how many routine looks' time without an answer a leg with a position counts as out of sight.
const LOOKS_MISSED: u32 = 4;

pub(crate) fn watch(work: &mut Work<'_>) -> Flow {
    pull(work);
    if let Some(reason) = forced(work) {
        if let ExitReason::LostSight(side) = reason {
            let text = format!("the {} leg is out of sight for too long; the pair leaves", side.name());
            work.alert("stuck", text);
        }
        return work.go(Step::Exit(reason));
    }
    if work.pair.naked.since.is_some()
        && let Some(reason) = hedge_due(work)
    {
        return work.go(Step::Hedge(reason));
    }
    if work.pair.entry_live() || peg_pending(work) {
        return entering(work);
    }
    if work.pair.naked.since.is_some() {
        return Flow::Wait;
    }
    if work.pair.is_flat() {
        return work.go(Step::Exit(hedge::flat_reason(work)));
    }
    if work.pair.held_since.is_none() {
        return work.go(Step::Watch);
    }
    holding(work)
}

/// Takes away quotes that another pair's taker must not meet.
fn pull(work: &mut Work<'_>) {
    for index in std::mem::take(&mut work.pull) {
        for side in LegSide::BOTH {
            work.propose_cancel(side, index);
        }
    }
}

/// What ends the pair whatever its deadlines say.
fn forced(work: &mut Work<'_>) -> Option<ExitReason> {
    for side in LegSide::BOTH {
        let leg = work.pair.leg(side);
        if leg.liquidated && work.spec.plan.hedge.on_liquidation == OnLiquidation::Flatten {
            return Some(ExitReason::Liquidation(side));
        }
        if leg.was_stopped_out() {
            return Some(ExitReason::Protected(side));
        }
        if let Some(why) = &leg.entry_refused
            && work.pair.placed_at.is_some()
            && leg.live_entry().is_none()
            && leg.position.is_flat()
            && !(is_pegged(work, side) && why == POST_ONLY_REFUSED)
        {
            return Some(ExitReason::EntryRefused(format!("{} leg: {why}", side.name())));
        }
        if !leg.position.is_flat()
            && let Some(due) = sight_ends(work, side)
        {
            if work.now() >= due {
                return Some(ExitReason::LostSight(side));
            }
            work.out.wake_at(due);
        }
    }
    None
}

/// Returns when a leg counts as out of sight unless it is seen again before: its streams are down, or they are up and
/// everything that was asked since stays without an answer, so that nobody knows whether they tell all.
fn sight_ends(work: &Work<'_>, side: LegSide) -> Option<Timestamp> {
    let view = work.view.leg(side);
    let blind = view.blind_since.map(|since| since.after(BLIND_MAX));
    let unread = view.synced_at.map(|at| at.after(guard::look_again(work.spec).saturating_mul(LOOKS_MISSED)));
    let due = blind.into_iter().chain(unread).min()?;
    Some(due.after(work.view.lag))
}

/// Returns whether a leg's quote follows the market.
pub(crate) fn is_pegged(work: &Work<'_>, side: LegSide) -> bool {
    let spec = match side {
        LegSide::Long => work.spec.plan.buy,
        LegSide::Short => work.spec.plan.sell,
    };
    matches!(spec, PriceSpec::Peg { .. })
}

/// Returns whether a pegged quote was taken away to be placed anew: the entry goes on without a live order.
fn peg_pending(work: &Work<'_>) -> bool {
    let Some(checked) = &work.pair.checked else { return false };
    let pending = |side: LegSide| {
        let leg = work.pair.leg(side);
        let rest = checked.size.saturating_sub(leg.position.size());
        is_pegged(work, side)
            && place::quote(work, side).is_none_or(|price| rest >= checked.market.min_size_at(price))
    };
    work.pair.held_since.is_none()
        && work.pair.placed_at.is_some()
        && !work.pair.only_reduces()
        && LegSide::BOTH.into_iter().any(pending)
}

fn hedge_due(work: &mut Work<'_>) -> Option<HedgeReason> {
    let since = work.pair.naked.since.filter(|_| !work.view.resuming)?;
    let (leading, lagging) = leading(work);
    if work.pair.leg(leading).liquidated || work.pair.leg(lagging).liquidated {
        return Some(HedgeReason::Liquidation);
    }
    // An order that the venue calls filled, and whose fills are still on their way, has not ended short.
    let counted = work.pair.leg(lagging).is_settled();
    if work.pair.leg(lagging).live_entry().is_none() && counted {
        return Some(HedgeReason::LegEnded);
    }
    let stale = |side: LegSide| {
        work.view
            .leg(side)
            .blind_since
            .is_some_and(|since| work.now() >= since.after(STALE_AFTER + work.view.lag))
    };
    if stale(lagging) || stale(leading) {
        return Some(HedgeReason::LegStale);
    }
    let due = since.after(work.spec.plan.hedge.wait);
    if work.now() >= due {
        return Some(HedgeReason::Wait);
    }
    work.out.wake_at(due);
    let loss = naked_loss(work)?;
    (loss >= work.spec.plan.hedge.max_naked_loss.to_decimal()).then_some(HedgeReason::NakedLoss)
}

/// Returns the leg with the larger position, and the other.
pub(crate) fn leading(work: &Work<'_>) -> (LegSide, LegSide) {
    let long_leads = work.pair.long.position.size() >= work.pair.short.position.size();
    if long_leads { (LegSide::Long, LegSide::Short) } else { (LegSide::Short, LegSide::Long) }
}

/// Returns the marked loss of the part of the leading leg that the other does not cover, in USDC.
fn naked_loss(work: &Work<'_>) -> Option<Decimal> {
    let checked = work.pair.checked.as_ref()?;
    let (side, _) = leading(work);
    let leg = work.pair.leg(side);
    let held = leg.position.size().to_decimal(&checked.market);
    let entry = leg.cash.abs().to_decimal().checked_div(held)?;
    let mark = work.view.mark()?.to_decimal(&checked.market);
    let delta: Position = work.pair.delta();
    Some((entry - mark) * delta.to_decimal(&checked.market))
}

fn entering(work: &mut Work<'_>) -> Flow {
    let Some(placed_at) = work.pair.placed_at else { return Flow::Wait };
    let deadline = placed_at.after(work.spec.plan.watch.entry_deadline);
    if work.now() >= deadline {
        let to = match work.spec.plan.watch.on_entry_timeout {
            OnEntryTimeout::Hedge => Step::Hedge(HedgeReason::EntryDeadline),
            OnEntryTimeout::Flatten => Step::Exit(ExitReason::EntryTimeout),
        };
        return work.go(to);
    }
    work.out.wake_at(deadline);
    for side in LegSide::BOTH {
        keep_dead_man(work, side);
        reprice(work, side);
    }
    protect::keep(work);
    Flow::Wait
}

/// Sets the dead man's switch again while an order rests.
fn keep_dead_man(work: &mut Work<'_>, side: LegSide) {
    let leg = work.pair.leg(side);
    let resting = leg.live_entry().is_some_and(|(_, order)| order.state == OrderState::Open);
    let renew_at = leg.dead_man.map(|until| until.before(DEAD_MAN_RENEW));
    let due = renew_at.is_none_or(|at| work.now() >= at);
    // The switch takes every order of the account, and what is held would lose its stop with the quotes.
    if !resting || leg.refusals >= 3 || work.spec.plan.protect.is_some() {
        return;
    }
    let until = work.now().after(DEAD_MAN_AHEAD);
    let purpose = Purpose::ArmDeadMan(until);
    let arming = leg.has_unsettled(|purpose| matches!(purpose, Purpose::ArmDeadMan(_)));
    if due && !arming && work.can_send(side, &purpose) {
        if let Some(origin) = work.origin(side, &purpose) {
            work.propose(side, purpose, origin.dead_man(Some(until)), None);
        }
    } else if let Some(at) = renew_at.filter(|at| work.now() < *at) {
        work.out.wake_at(at);
    }
}

/// What moving the quotes of both legs takes: a leg that was cancelled must find room for its new quote.
const MOVE: u32 = 4;

/// Moves a pegged quote: cancel, then new; never modify, which can take.
fn reprice(work: &mut Work<'_>, side: LegSide) {
    let spec = match side {
        LegSide::Long => work.spec.plan.buy,
        LegSide::Short => work.spec.plan.sell,
    };
    let PriceSpec::Peg { reprice_bps, .. } = spec else { return };
    let Some(wanted) = place::quote(work, side) else { return };
    let closing = messages_to_close(&work.spec.plan);
    let seen =
        |order: &OwnOrder| order.state != OrderState::InDoubt || !Mutant::DoubtIsNoExposure.is_planted();
    let quote = work.pair.leg(side).live_entry().filter(|(_, order)| seen(order)).map(|(index, order)| {
        let moved = i128::from((wanted.ticks() - order.terms.price.ticks()).abs()) * 10_000;
        let due = moved > i128::from(order.terms.price.ticks()) * i128::from(reprice_bps);
        (index, due && order.state == OrderState::Open)
    });
    match quote {
        Some((index, true)) if work.fits_the_minute(closing + MOVE) => {
            work.propose_cancel(side, index);
        }
        None if work.fits_the_minute(closing + 1) => place_anew(work, side, wanted),
        _ => {}
    }
}

/// Places the rest of a pegged quote that was taken away to be moved. With the sibling gone, nothing is added.
fn place_anew(work: &mut Work<'_>, side: LegSide, price: Price) {
    let leg = work.pair.leg(side);
    let Some(checked) = &work.pair.checked else { return };
    let rest = checked.size.saturating_sub(leg.position.size());
    let settled = leg.is_settled() || Mutant::DoubtIsNoExposure.is_planted();
    let too_small = rest < checked.market.min_size_at(price);
    let kept_clear = work.view.keep_clear_until.is_some_and(|until| work.now() < until);
    if !settled || too_small || kept_clear || work.pair.naked.since.is_some() || work.pair.only_reduces() {
        return;
    }
    let seen = work.view.leg(side).live || Mutant::BlindEntry.is_planted();
    let Some(mark) = work.view.mark().filter(|_| seen) else { return };
    if place::within_collar(work, price, mark).is_err() || place::rest_exceeds(work, side, rest, price) {
        return;
    }
    let other_quote = work.pair.leg(side.other()).live_entry().map(|(_, order)| order.terms.price);
    let apart = other_quote.is_none_or(|other| match side {
        LegSide::Long => price < other,
        LegSide::Short => price > other,
    });
    if apart && work.can_send(side, &Purpose::Entry) {
        let terms = OrderTerms {
            side: side.entry_side(),
            price,
            size: rest,
            time_in_force: work.spec.plan.place.time_in_force,
            reduce_only: false,
            expiry: work.now().after(work.spec.plan.place.expires_in),
            trigger: None,
        };
        work.propose_order(side, Purpose::Entry, terms);
    }
}

/// Both legs hold equal positions and no order rests: the exit rules.
fn holding(work: &mut Work<'_>) -> Flow {
    let Some(held_since) = work.pair.held_since else { return Flow::Wait };
    let plan = work.spec.plan.watch;
    let leave_at = held_since.after(plan.max_hold);
    if work.now() >= leave_at {
        return work.go(Step::Exit(ExitReason::MaxHold));
    }
    work.out.wake_at(leave_at);
    if !close::clear_dead_man(work) {
        return Flow::Wait;
    }
    if let Some(result) = work.marked_result() {
        if plan.take_profit.is_some_and(|target| result >= target.to_decimal()) {
            return work.go(Step::Exit(ExitReason::TakeProfit));
        }
        if plan.stop_loss.is_some_and(|limit| result <= -limit.to_decimal()) {
            return work.go(Step::Exit(ExitReason::StopLoss));
        }
    }
    match LegSide::BOTH.into_iter().find(|side| liquidation_is_near(work, *side)) {
        Some(side) => work.go(Step::Exit(ExitReason::LiquidationNear(side))),
        None => {
            protect::keep(work);
            Flow::Wait
        }
    }
}

/// Returns whether a leg's distance to liquidation is below half of what the plan demands at the start.
///
/// The plan's distance is checked before entry; a pair that would leave at that very distance would leave at once.
fn liquidation_is_near(work: &mut Work<'_>, side: LegSide) -> bool {
    let Some(checked) = &work.pair.checked else { return false };
    let (Some(mark), Some(price)) = (work.view.mark(), work.view.leg(side).liquidation_price) else {
        return false;
    };
    let mark = mark.to_decimal(&checked.market);
    let apart = match work.pair.leg(side).position.side() {
        Some(Side::Buy) => mark - price,
        Some(Side::Sell) => price - mark,
        None => return false,
    };
    let limit = work.spec.plan.risk.min_liquidation_distance_pct / Decimal::TWO;
    let percent = apart * Decimal::ONE_HUNDRED / mark;
    let near = percent < limit;
    if near {
        let text = format!("{} leg is {:.2} % from its liquidation price {price}", side.name(), percent);
        work.alert("liquidation", text);
    }
    near
}
