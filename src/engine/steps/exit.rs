//! Exit: both legs to flat, in equal reduce-only clips sent together.

use super::{Flow, close, guard, hedge, protect};
use crate::engine::codes;
use crate::engine::entry::{ExitReason, LegSide, PairEnd, Purpose, Step};
use crate::engine::state::Leg;
use crate::engine::work::Work;
use crate::model::{Side, Size};
use crate::plan::{OnLiquidation, WithdrawWhen};
use crate::rt::Mutant;

pub(crate) fn exit(work: &mut Work<'_>, reason: &ExitReason) -> Flow {
    // A pair that was matched after a liquidation goes on as a pair; only if its account refuses orders now is it hit again.
    let matched = work.spec.plan.hedge.on_liquidation == OnLiquidation::Match;
    let is_hit = |leg: &Leg| leg.liquidated && (!matched || leg.refusals > 0);
    let hit = LegSide::BOTH.into_iter().find(|side| is_hit(work.pair.leg(*side)));
    if let Some(side) = hit.filter(|_| gives_way_to_liquidation(reason)) {
        return work.go(Step::Exit(ExitReason::Liquidation(side)));
    }
    if work.pair.effort.emergency || hit.is_some() || matches!(reason, ExitReason::Liquidation(_)) {
        return apart(work, reason);
    }
    if !close::clear(work) || !close::counted(work) {
        return Flow::Wait;
    }
    if work.pair.is_flat() || is_dust(work) || Mutant::WithdrawsExposed.is_planted() {
        return if protect::taken_away(work) { leave(work, reason) } else { Flow::Wait };
    }
    let tries = work.spec.plan.hedge.attempts;
    if work.pair.effort.fruitless >= tries && !work.pair.effort.emergency {
        guard::emergency(work, format!("{tries} exit orders brought nothing"));
    }
    if !close::rested(work) {
        return Flow::Wait;
    }
    clips(work);
    Flow::Wait
}

/// Returns whether a liquidation in the middle of the exit becomes its reason: what was planned, or only feared, does.
fn gives_way_to_liquidation(reason: &ExitReason) -> bool {
    matches!(
        reason,
        ExitReason::MaxHold
            | ExitReason::TakeProfit
            | ExitReason::StopLoss
            | ExitReason::Protected(_)
            | ExitReason::LiquidationNear(_)
    )
}

/// A rest that the venue refuses to take, time and again, and that is worth less than `dust_usdc` counts as flat.
/// One refusal says nothing of the rest: bytes that came late are refused as well.
fn is_dust(work: &Work<'_>) -> bool {
    let refused = LegSide::BOTH.iter().any(|side| work.pair.leg(*side).last_refusal.is_some());
    let tried = work.pair.effort.fruitless >= work.spec.plan.hedge.attempts.max(1);
    let worth = |side: LegSide| work.notional_at_mark(work.pair.leg(side).position.size());
    let small = |side: LegSide| worth(side).is_some_and(|worth| worth <= work.spec.plan.hedge.dust);
    refused && tried && LegSide::BOTH.into_iter().all(small)
}

/// Each leg for itself: one account may be unable to act, and the other must not wait for it.
fn apart(work: &mut Work<'_>, reason: &ExitReason) -> Flow {
    let cleared = close::clear(work);
    if cleared && (work.pair.is_flat() || is_dust(work)) {
        let over = close::counted(work) && protect::taken_away(work);
        return if over { leave(work, reason) } else { Flow::Wait };
    }
    let rested = close::rested(work);
    for leg in LegSide::BOTH {
        let state = work.pair.leg(leg);
        let settled = state.is_settled();
        let (side, want) = (hedge::closing_side(state), state.position.size());
        if settled && rested && !want.is_zero() && !refused_lately(work, leg) {
            close::take(work, leg, side, want, Purpose::Exit, true);
        }
    }
    Flow::Wait
}

/// An account in liquidation refuses orders; it is asked again every second.
fn refused_lately(work: &mut Work<'_>, leg: LegSide) -> bool {
    let state = work.pair.leg(leg);
    let last = state
        .orders
        .values()
        .filter(|order| order.purpose == Purpose::Exit)
        .map(|order| order.changed_at)
        .max();
    let due = last.map(|at| at.after(std::time::Duration::from_secs(1)));
    let waiting = state.refusals > 0 && due.is_some_and(|due| work.now() < due);
    if let Some(due) = due.filter(|_| waiting) {
        work.out.wake_at(due);
    }
    waiting
}

/// Proposes the next clips: the larger leg's surplus alone, else equal clips on both.
fn clips(work: &mut Work<'_>) {
    let (long, short) = (work.pair.long.position.size(), work.pair.short.position.size());
    let surplus = Size::from_lots((long.lots() - short.lots()).abs());
    let opposed = work.pair.long.position.side() != work.pair.short.position.side();
    if work.pair.is_naked() || long.is_zero() || short.is_zero() || !opposed {
        let leg = if long >= short { LegSide::Long } else { LegSide::Short };
        let want = if opposed || long.is_zero() || short.is_zero() { surplus } else { long.max(short) };
        let side = hedge::closing_side(work.pair.leg(leg));
        close::take(work, leg, side, want.max(Size::LOT), Purpose::Exit, true);
        return;
    }
    let depth = |side: Side| close::bound(work, side).map_or(Size::ZERO, |(_, depth)| depth);
    let sides = LegSide::BOTH.map(|leg| hedge::closing_side(work.pair.leg(leg)));
    let clip = depth(sides[0]).min(depth(sides[1]));
    let both = LegSide::BOTH.iter().all(|leg| work.can_send(*leg, &Purpose::Exit));
    if clip.is_zero() || !both {
        let again = work.now().after(std::time::Duration::from_millis(500));
        work.out.wake_at(again);
        return;
    }
    // The last clip takes each leg's own rest, so that a difference within the tolerance goes too.
    let last = clip >= long && clip >= short;
    for (leg, side) in LegSide::BOTH.into_iter().zip(sides) {
        let held = work.pair.leg(leg).position.size();
        let want = if last { held } else { clip.min(held) };
        close::take(work, leg, side, want, Purpose::Exit, true);
    }
}

/// Flat: withdraw, or end.
fn leave(work: &mut Work<'_>, reason: &ExitReason) -> Flow {
    if work.pair.stop.is_some() {
        return Flow::Wait;
    }
    if !close::clear_dead_man(work) {
        return Flow::Wait;
    }
    if let Some(dust) = dust(work) {
        work.alert("hedge", format!("{dust}; it counts as flat, and its margin stays"));
    }
    if work.spec.plan.withdraw.when == WithdrawWhen::OnExit {
        return work.go(Step::Withdraw);
    }
    let end = end(work, reason, "flat; nothing withdrawn, as the plan says");
    work.go(Step::Done(end))
}

/// Returns in words what stays because the venue does not take it, with its value.
fn dust(work: &Work<'_>) -> Option<String> {
    let market = &work.pair.checked.as_ref()?.market;
    let rest = |side: LegSide| {
        let size = work.pair.leg(side).position.size();
        let worth = work.notional_at_mark(size).map_or_else(String::new, |usdc| format!(" ({usdc} USDC)"));
        (!size.is_zero()).then(|| format!("{} {}{worth}", side.name(), size.to_decimal(market)))
    };
    let rests: Vec<_> = LegSide::BOTH.into_iter().filter_map(rest).collect();
    (!rests.is_empty()).then(|| format!("dust left: {}", rests.join(", ")))
}

/// Returns how a pair that left for `reason` ends.
pub(crate) fn end(work: &Work<'_>, reason: &ExitReason, how: &str) -> PairEnd {
    let how = dust(work).map_or_else(|| how.to_owned(), |dust| format!("{how}; {dust}"));
    let (code, why) = match reason {
        ExitReason::MaxHold => (codes::OK, "held for max_hold".to_owned()),
        ExitReason::TakeProfit => (codes::OK, "took profit".to_owned()),
        ExitReason::StopLoss => (codes::OK, "stopped the loss".to_owned()),
        ExitReason::NeverFilled => (codes::OK, "entry never filled and was cancelled".to_owned()),
        ExitReason::EntryTimeout => (codes::OK, "entry took too long and was taken back".to_owned()),
        ExitReason::Liquidation(leg) => {
            (codes::OK, format!("{} leg was liquidated and answered", leg.name()))
        }
        ExitReason::Protected(leg) => {
            (codes::OK, format!("the {} leg's stop acted and the pair was closed", leg.name()))
        }
        ExitReason::Stop => (codes::OK, "flattened on request".to_owned()),
        ExitReason::EntryRefused(why) => (codes::FAILED_FLAT, format!("entry was refused: {why}")),
        ExitReason::LiquidationNear(leg) => {
            (codes::RULE_STOPPED, format!("{} leg came too near its liquidation price", leg.name()))
        }
        ExitReason::Drawdown => (codes::RULE_STOPPED, "drawdown limit reached".to_owned()),
        ExitReason::LostSight(leg) => (codes::FAILED_FLAT, format!("lost sight of the {} leg", leg.name())),
        ExitReason::PositionChanged(leg) => {
            (codes::FAILED_FLAT, format!("somebody else trades on the {} leg", leg.name()))
        }
        ExitReason::SelfTrade => (codes::FAILED_FLAT, "two own orders met".to_owned()),
        ExitReason::Unwound => {
            (codes::FAILED_FLAT, "a difference was unwound, no pair came about".to_owned())
        }
        ExitReason::Emergency => (codes::FAILED_FLAT, "an emergency was unwound".to_owned()),
    };
    // The code alone would contradict the reason.
    if code == codes::OK && work.pair.had_emergency {
        return PairEnd {
            code: codes::FAILED_FLAT,
            summary: format!("{why}, after an emergency on the way; {how}"),
        };
    }
    if let Some(leg) = work.pair.foreign.filter(|_| code == codes::OK) {
        let foreign = format!("{why}, with somebody else trading on the {} leg; {how}", leg.name());
        return PairEnd { code: codes::FAILED_FLAT, summary: foreign };
    }
    PairEnd { code, summary: format!("{why}; {how}") }
}
