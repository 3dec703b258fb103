//! Hedge: makes the legs equal. Clear, count, choose, send one bounded order, resolve it, repeat (DESIGN §5).

use super::{Flow, close, guard, protect, watch};
use crate::engine::entry::{Entry, ExitReason, HedgeReason, LegSide, Purpose, Step};
use crate::engine::state::Leg;
use crate::engine::work::Work;
use crate::model::Side;
use crate::plan::HedgePreference;
use crate::rt::Mutant;

/// How long streams that went away a moment ago are waited for, in the time of an answer: five and a half real seconds.
/// Connecting takes real time, however fast the venue's runs.
const STREAM_GRACE: u32 = 11;

pub(crate) fn hedge(work: &mut Work<'_>, _reason: HedgeReason) -> Flow {
    if let Some(side) = protect::acted(work) {
        return work.go(Step::Exit(ExitReason::Protected(side)));
    }
    let cleared = close::clear(work) || Mutant::HedgeUncleared.is_planted();
    if !cleared || !close::counted(work) {
        return Flow::Wait;
    }
    if work.pair.naked.since.is_none() {
        return finish(work);
    }
    if !escalate(work) {
        return Flow::Again;
    }
    if !close::rested(work) {
        return Flow::Wait;
    }
    let (leading, lagging) = watch::leading(work);
    let complete = may_complete(work, lagging);
    if !complete && stream_is_coming(work, lagging) {
        return Flow::Wait;
    }
    let (leg, reduce_only) = if complete { (lagging, false) } else { (leading, true) };
    let side = if complete { lagging.entry_side() } else { closing_side(work.pair.leg(leading)) };
    let mut want = work.pair.delta().size();
    if let Some(checked) = work.pair.checked.as_ref().filter(|_| Mutant::HedgesOrderedSize.is_planted()) {
        want = checked.size;
    }
    close::take(work, leg, side, want, Purpose::Hedge, reduce_only);
    Flow::Wait
}

/// Returns the side that shrinks a leg's position.
pub(crate) fn closing_side(leg: &Leg) -> Side {
    leg.position.side().map_or(Side::Sell, Side::opposite)
}

/// Out of attempts: unwind if not yet tried, then EMERGENCY. Returns whether the hedge goes on here.
fn escalate(work: &mut Work<'_>) -> bool {
    if work.pair.effort.fruitless < work.spec.plan.hedge.attempts {
        return true;
    }
    let at = work.now();
    if !work.pair.effort.unwinding {
        work.alert("hedge", "completing did not work; the leading leg gives back".to_owned());
        work.record(Entry::Unwinding { at });
        return true;
    }
    guard::emergency(work, format!("{} hedge orders brought nothing", work.pair.effort.fruitless));
    false
}

/// Completing adds exposure: only with a healthy account, a fresh stream, attempts left and no stop.
fn may_complete(work: &Work<'_>, lagging: LegSide) -> bool {
    let leg = work.pair.leg(lagging);
    let view = work.view.leg(lagging);
    let enough = || {
        let needed = work.notional_at_mark(work.pair.delta().size())?.to_decimal()
            * rust_decimal::Decimal::new(i64::from(work.spec.plan.initial_margin_fraction()), 4);
        Some(view.margin?.available.to_decimal() >= needed)
    };
    work.spec.plan.hedge.prefer == HedgePreference::Complete
        && !work.pair.effort.unwinding
        && !work.pair.only_reduces()
        && !leg.liquidated
        && !work.pair.leg(lagging.other()).liquidated
        && view.live
        && view.synced
        && leg.position.plus(work.pair.leg(lagging.other()).position).size() == work.pair.delta().size()
        && enough().unwrap_or(false)
}

/// The lagging leg could complete but for its streams, which went away a moment ago, as after every resume: with most of
/// `max_naked` left, they are waited for rather than unwound over.
fn stream_is_coming(work: &mut Work<'_>, lagging: LegSide) -> bool {
    let view = work.view.leg(lagging);
    let hopeful = work.spec.plan.hedge.prefer == HedgePreference::Complete
        && !work.pair.effort.unwinding
        && !work.pair.only_reduces()
        && !work.pair.leg(lagging).liquidated
        && !work.pair.leg(lagging.other()).liquidated
        && (!view.live || !view.synced);
    let (Some(since), true) = (work.pair.naked.since, hopeful) else { return false };
    let gone = view.blind_since.unwrap_or(work.now());
    let until = gone.after(work.view.lag * STREAM_GRACE).min(since.after(work.spec.plan.hedge.max_naked / 2));
    work.out.wake_at(until);
    work.now() < until
}

fn finish(work: &mut Work<'_>) -> Flow {
    if work.pair.stop.is_some() {
        // The guard carries the stop on from here.
        return Flow::Wait;
    }
    if work.pair.is_flat() {
        return work.go(Step::Exit(flat_reason(work)));
    }
    work.go(Step::Watch)
}

/// Returns why a pair that is flat before it was held leaves.
pub(crate) fn flat_reason(work: &Work<'_>) -> ExitReason {
    if let Some(side) = LegSide::BOTH.into_iter().find(|side| work.pair.leg(*side).liquidated) {
        return ExitReason::Liquidation(side);
    }
    if let Some(side) = protect::acted(work) {
        return ExitReason::Protected(side);
    }
    let traded = LegSide::BOTH.iter().any(|side| !work.pair.leg(*side).trades.is_empty());
    match (traded, work.pair.was_stopped) {
        (true, true) => ExitReason::Stop,
        (true, false) => ExitReason::Unwound,
        (false, _) => ExitReason::NeverFilled,
    }
}
