//! What holds in every step: the naked clock, stops, foreign hands, and questions about what is in doubt.

use std::time::Duration;

use super::{Flow, close, protect};
use crate::engine::entry::{Entry, ExitReason, Fill, HedgeReason, LegSide, Step, StopMode};
use crate::engine::event::Effect;
use crate::engine::spec::PairSpec;
use crate::engine::state::OrderState;
use crate::engine::until;
use crate::engine::work::{ALERT_AGAIN, Work};
use crate::model::Timestamp;
use crate::plan::OnStop;
use crate::rt::Mutant;

/// How long an outcome, a fill or a position may be missing before it is asked for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How old what is known of a leg with something at stake may get before it is read again, streams or not: a channel
/// can be subscribed and silent.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// How long at least for each leg of the run. One look takes three requests or a weight of 1,200, of 36 or 14,400 a minute
/// for all reads: the routine of two hundred legs must leave half of that to what is asked in doubt.
const LOOK_AGAIN_PER_LEG: Duration = Duration::from_secs(10);

/// Starts and stops the naked clock.
pub(crate) fn clock_nakedness(work: &mut Work<'_>) {
    match (work.pair.is_naked(), work.pair.naked.since) {
        (true, None) => {
            let at = naked_from(work);
            work.record(Entry::NakedFrom { at });
        }
        (false, Some(since)) => {
            let at = naked_to(work).max(since);
            work.record(Entry::NakedTo { at });
        }
        _ => {}
    }
}

/// Keeps the naked clock, and raises the emergency when it reaches `max_naked`.
pub(crate) fn watch_nakedness(work: &mut Work<'_>) {
    clock_nakedness(work);
    let at = work.now();
    let Some(since) = work.pair.naked.since.filter(|_| !work.view.resuming) else { return };
    remind(work);
    let cap = since.after(work.spec.plan.hedge.max_naked);
    if at < cap {
        work.out.wake_at(cap);
    } else if !work.pair.effort.emergency && work.pair.end().is_none() {
        let lots = work.pair.delta().lots();
        let reason = format!("naked by {lots} lots for {:?}", at.since(since));
        emergency(work, reason);
    }
}

/// Returns since when the legs differ, now that it is seen: by the venue's time of the trade that made them, for its news
/// may have waited while this process slept. Not before the order was signed, should the clocks differ.
fn naked_from(work: &Work<'_>) -> Timestamp {
    let now = work.now();
    let Some(checked) = &work.pair.checked else { return now };
    let (mut delta, mut from) = (work.pair.delta(), now);
    for fill in fills_latest_first(work) {
        let signed = fill.client_order_index.and_then(|index| work.pair.leg(fill.leg).orders.get(&index));
        let earliest = signed.map_or(checked.at, |order| order.placed_at);
        from = fill.at.max(earliest).min(from);
        delta = delta.plus(fill.size.signed(fill.side.opposite()));
        if delta.size() <= checked.tolerance {
            break;
        }
    }
    from
}

/// Returns when the legs became equal again, by the venue's time of the last trade.
fn naked_to(work: &Work<'_>) -> Timestamp {
    let now = work.now();
    fills_latest_first(work).map(|fill| fill.at).max().map_or(now, |at| at.min(now))
}

/// The fills of this very decision.
fn fills_latest_first<'a>(work: &'a Work<'_>) -> impl Iterator<Item = &'a Fill> {
    work.out.entries.iter().rev().filter_map(|entry| match entry {
        Entry::Fill(fill) => Some(fill),
        _ => None,
    })
}

/// An emergency that goes on is told again.
fn remind(work: &mut Work<'_>) {
    let Some(last) = work.pair.last_alert.filter(|_| work.pair.effort.emergency) else { return };
    let due = if Mutant::AlertsEndless.is_planted() { last } else { last.after(ALERT_AGAIN) };
    if work.now() >= due && work.pair.end().is_none() {
        let lots = work.pair.delta().lots();
        work.alert("stuck", format!("EMERGENCY goes on: naked by {lots} lots"));
    } else {
        work.out.wake_at(due);
    }
}

/// Declares an emergency: reduce-only, wider bound, alert.
pub(crate) fn emergency(work: &mut Work<'_>, reason: String) {
    let at = work.now();
    if !Mutant::EmergencySilent.is_planted() {
        work.alert("stuck", format!("EMERGENCY: {reason}"));
        work.record(Entry::Emergency { reason, at });
    }
    if matches!(work.pair.step, Step::Place | Step::Watch | Step::Hedge(_)) {
        work.record(Entry::Step { to: Step::Exit(ExitReason::Emergency), at });
    }
}

/// What overrides the present step, if anything does.
pub(crate) fn interrupt(work: &mut Work<'_>) -> Option<Flow> {
    if work.pair.end().is_some() || work.pair.stopped {
        return Some(Flow::Wait);
    }
    let trading = matches!(work.pair.step, Step::Place | Step::Watch | Step::Hedge(_));
    if trading && work.pair.self_trade {
        let text = "two own orders met; the pair leaves and the run is halted".to_owned();
        work.alert("stuck", text);
        return Some(work.go(Step::Exit(ExitReason::SelfTrade)));
    }
    if trading && let Some(side) = work.pair.foreign {
        return Some(work.go(Step::Exit(ExitReason::PositionChanged(side))));
    }
    if trading && let Some(flow) = protect::leave_when_fired(work) {
        return Some(flow);
    }
    if work.pair.stop.is_none() && until::is_reached(&work.pair, &work.spec.until) {
        let at = work.now();
        work.record(Entry::Stop { mode: StopMode::Hold, at });
    }
    let stop = work.pair.stop?;
    stopping(work, stop)
}

/// Carries out a stop: settle, neutralise by reduce-only, then as `on_stop` says.
fn stopping(work: &mut Work<'_>, mode: StopMode) -> Option<Flow> {
    match work.pair.step {
        Step::Check | Step::Withdraw => Some(finish_stop(work)),
        Step::Exit(_) if !work.pair.is_flat() || work.pair.has_live_orders() => None,
        Step::Exit(_) => Some(finish_stop(work)),
        Step::Hedge(_) if work.pair.is_naked() || !work.pair.orders_settled() => None,
        Step::Place | Step::Watch | Step::Hedge(_) => Some(stop_trading(work, mode)),
        Step::Done(_) => Some(Flow::Wait),
    }
}

fn stop_trading(work: &mut Work<'_>, mode: StopMode) -> Flow {
    let anything = !work.pair.is_flat() || work.pair.has_live_orders();
    let flatten = match mode {
        StopMode::Hold => false,
        StopMode::Policy => work.spec.on_stop == OnStop::Flatten,
        StopMode::Flatten => true,
    };
    if flatten {
        return if anything { work.go(Step::Exit(ExitReason::Stop)) } else { finish_stop(work) };
    }
    if work.pair.is_naked() {
        return work.go(Step::Hedge(HedgeReason::Stop));
    }
    // An order that nobody watches would stand in the way of the other pairs' hedges.
    let leave = work.spec.on_stop == OnStop::Leave && !work.spec.shares_market;
    let cleared = leave || close::clear(work);
    // What is held without a process needs its stops more than ever.
    if !protect::keep(work) || !cleared {
        return Flow::Wait;
    }
    finish_stop(work)
}

fn finish_stop(work: &mut Work<'_>) -> Flow {
    if work.pair.checked.is_none() && !unsettled_done(work) {
        // A resume that begins anew has forgotten the check, and without one nothing can be asked about what the process
        // before it left in doubt.
        work.out.effect(Effect::Check);
        return Flow::Wait;
    }
    // An order's end may be told before its trades are: what it filled is not in the position then.
    if !unsettled_done(work) || !work.pair.fills_counted() || !close::clear_dead_man(work) {
        return Flow::Wait;
    }
    let at = work.now();
    work.record(Entry::Stopped { at });
    Flow::Wait
}

fn unsettled_done(work: &Work<'_>) -> bool {
    LegSide::BOTH.iter().all(|side| work.pair.leg(*side).unsettled.is_empty())
}

/// Asks the venue about everything that should be known by now and is not.
pub(crate) fn ask_about_doubts(work: &mut Work<'_>) {
    // Streams that came up before the check passed were not reconciled then: nothing could be read against it.
    let nothing_to_ask = work.pair.checked.is_none() || matches!(work.pair.step, Step::Done(_));
    if nothing_to_ask && unsettled_done(work) {
        return;
    }
    for side in LegSide::BOTH {
        if let Some(since) = doubtful_since(work, side) {
            let patience = PATIENCE + work.view.lag;
            let due = since.after(patience);
            if work.now() >= due {
                work.out.effect(Effect::Reconcile(side));
                work.out.wake_at(work.now().after(patience));
            } else {
                work.out.wake_at(due);
            }
        }
    }
}

/// Returns how often a leg with something at stake is read as a matter of routine.
pub(crate) fn look_again(spec: &PairSpec) -> Duration {
    LOOK_AGAIN.max(LOOK_AGAIN_PER_LEG.saturating_mul(spec.legs))
}

fn doubtful_since(work: &Work<'_>, side: LegSide) -> Option<Timestamp> {
    let leg = work.pair.leg(side);
    let intents = leg.unsettled.values().map(|intent| intent.at);
    let orders = leg
        .orders
        .values()
        .filter(|order| match order.state {
            OrderState::InDoubt | OrderState::Executed => true,
            OrderState::Waiting | OrderState::Open => {
                order.traded != order.reported || order.cancelled_at.is_some()
            }
            OrderState::Ended(_) => !order.is_settled(),
        })
        .map(|order| order.cancelled_at.unwrap_or(order.changed_at));
    let view = work.view.leg(side);
    let position = view.position.filter(|(lots, _)| *lots != leg.position).map(|(_, since)| since);
    let blind = ((!view.synced && view.live) || !view.nonces_known).then_some(work.pair.step_since);
    let stake = !leg.position.is_flat() || leg.live_orders().next().is_some();
    let routine = view.synced_at.filter(|_| stake).map(|at| at.after(look_again(work.spec)));
    intents.chain(orders).chain(position).chain(blind).chain(routine).min()
}
