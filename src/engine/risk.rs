//! What a pair may do: ACTIVE, REDUCING or HALTED, journaled with its reason whenever it changes; and the venue's silence,
//! which is a risk event of its own.

use std::time::Duration;

use super::codes;
use super::entry::{Entry, ExitReason, LegSide, PairEnd, Purpose, RiskState, Step};
use super::state::{OrderState, OwnOrder, Pair};
use super::work::Work;
use crate::model::Timestamp;

/// How long nothing may be heard from the venue before it counts as down.
const SILENT_MAX: Duration = Duration::from_secs(30);
/// How long a hedge or an exit may bring nothing to the venue before it is told: what is out of sight may be naked by then.
const STUCK_MAX: Duration = Duration::from_secs(20);
/// How often a venue that stays down, or a market that stays shut, is told again: outages last hours.
const DOWN_AGAIN: Duration = Duration::from_secs(300);

/// Journals what the pair may do from now on, when that has changed.
pub(crate) fn note(work: &mut Work<'_>) {
    let Some((to, reason)) = due(&work.pair) else { return };
    if to != work.pair.risk {
        let at = work.now();
        work.record(Entry::Risk { to, reason, at });
    }
}

/// Returns what a pair may do by its state, and why; `None` when it ended with nothing open, and there is nothing to do.
fn due(pair: &Pair) -> Option<(RiskState, String)> {
    if let Some(end) = pair.end() {
        return hands_over(end).then(|| (RiskState::Halted, format!("handed over with code {}", end.code)));
    }
    if pair.stopped {
        return Some((RiskState::Halted, "stopped; `resume` goes on".to_owned()));
    }
    if !pair.only_reduces() {
        return Some((RiskState::Active, "what forbade it is over".to_owned()));
    }
    let reason = match &pair.step {
        Step::Exit(reason) => leaving(reason),
        Step::Withdraw => "flat, money goes back".to_owned(),
        _ if pair.effort.emergency => "an emergency".to_owned(),
        _ if pair.stop.is_some() => "a stop was asked for".to_owned(),
        _ => "nothing is heard from the venue".to_owned(),
    };
    Some((RiskState::Reducing, reason))
}

const fn hands_over(end: &PairEnd) -> bool {
    matches!(end.code, codes::EXPOSED | codes::UNKNOWN | codes::FOREIGN_SIGNER)
}

fn leaving(reason: &ExitReason) -> String {
    let leg = |side: &LegSide| side.name();
    match reason {
        ExitReason::MaxHold => "held for max_hold".to_owned(),
        ExitReason::TakeProfit => "the profit is taken".to_owned(),
        ExitReason::StopLoss => "the loss is stopped".to_owned(),
        ExitReason::NeverFilled => "the entry never filled".to_owned(),
        ExitReason::EntryTimeout => "the entry took too long".to_owned(),
        ExitReason::EntryRefused(why) => format!("the entry was refused: {why}"),
        ExitReason::Liquidation(side) => format!("the venue closes the {} leg", leg(side)),
        ExitReason::Protected(side) => format!("the {} leg's stop acted", leg(side)),
        ExitReason::LiquidationNear(side) => format!("the {} leg is near its liquidation price", leg(side)),
        ExitReason::Drawdown => "the run's drawdown limit is reached".to_owned(),
        ExitReason::LostSight(side) => format!("the {} leg is out of sight", leg(side)),
        ExitReason::PositionChanged(side) => format!("somebody else trades on the {} leg", leg(side)),
        ExitReason::SelfTrade => "two own orders met".to_owned(),
        ExitReason::Unwound => "a difference was unwound".to_owned(),
        ExitReason::Stop => "flattened on request".to_owned(),
        ExitReason::Emergency => "an emergency".to_owned(),
    }
}

/// Notices that the venue is down, and that it is back. While it is down nothing is placed or completed, closing orders
/// are tried as soon as there is a price to bound them, and the operator hears of it again and again.
pub(crate) fn watch_venue(work: &mut Work<'_>) {
    if work.pair.end().is_some() || work.pair.stopped {
        return;
    }
    match work.pair.venue_down {
        None => notice_silence(work),
        Some(_) if is_back(work) => {
            let at = work.now();
            work.record(Entry::VenueUp { at });
        }
        Some(since) => remind(work, since),
    }
}

/// With nothing at stake there is nobody to warn, and streams that are slow to come up are no outage.
fn notice_silence(work: &mut Work<'_>) {
    let at_stake = !work.pair.is_flat() || work.pair.has_live_orders();
    let Some(since) = silent_since(work).filter(|_| at_stake && !work.view.resuming) else { return };
    let due = since.after(SILENT_MAX + work.view.lag);
    if work.now() < due {
        work.out.wake_at(due);
        return;
    }
    let at = work.now();
    tell(work, since);
    work.record(Entry::VenueDown { since, at });
}

/// Since when no stream is up and no read of a leg was answered; `None` while anything is heard.
fn silent_since(work: &Work<'_>) -> Option<Timestamp> {
    if work.view.book.is_some() || work.view.data.is_some() {
        return None;
    }
    let long = work.view.long.blind_since?;
    let short = work.view.short.blind_since?;
    let read = work.view.long.synced_at.max(work.view.short.synced_at);
    Some(long.max(short).max(read.unwrap_or_default()))
}

/// Both legs were read since, completely, and there are prices.
fn is_back(work: &Work<'_>) -> bool {
    let seen = LegSide::BOTH.iter().all(|side| work.view.leg(*side).synced);
    seen && work.view.book.is_some() && work.view.mark().is_some()
}

/// A leg that is to be closed or hedged, and nothing can be sent for it: the market is halted or empty, or there are no
/// prices to bound an order by. An emergency and an outage are told in their own words.
pub(crate) fn watch_stuck(work: &mut Work<'_>) {
    let told_otherwise = work.pair.effort.emergency || work.pair.venue_down.is_some() || work.view.resuming;
    let Some(since) = stuck_since(&work.pair).filter(|_| !told_otherwise && !work.pair.stopped) else {
        return;
    };
    let due = since.after(STUCK_MAX + work.view.lag);
    let again = work.pair.last_alert.filter(|last| *last >= due).map(|last| last.after(DOWN_AGAIN));
    let due = again.unwrap_or(due);
    if work.now() < due {
        work.out.wake_at(due);
        return;
    }
    let Some(open) = open(work) else { return };
    let why = if work.pair.has_live_orders() || !work.pair.orders_settled() {
        "own orders are not seen to end"
    } else if work.view.mark().is_none() || work.view.book.is_none() {
        "there is no price to bound an order by"
    } else {
        "the market offers nothing within the bound, or the account's nonces are in doubt"
    };
    work.alert("stuck", format!("nothing could be closed or hedged since {since}: {why}; {open}"));
}

/// Since when the present hedge or exit has brought no order to the venue; `None` when there is nothing to do. A pair that
/// is flat as far as is known is not done while an own order may still fill, or has filled unseen. An order that never
/// came to exist brought nothing.
fn stuck_since(pair: &Pair) -> Option<Timestamp> {
    let due = match pair.step {
        Step::Exit(_) => !pair.is_flat() || !pair.orders_settled() || pair.has_live_orders(),
        Step::Hedge(_) => pair.naked.since.is_some(),
        Step::Check | Step::Place | Step::Watch | Step::Withdraw | Step::Done(_) => false,
    };
    let closes = |purpose: Purpose| matches!(purpose, Purpose::Hedge | Purpose::Exit);
    let orders = LegSide::BOTH.into_iter().flat_map(|side| pair.leg(side).orders.values());
    let brought = |order: &&OwnOrder| closes(order.purpose) && order.state != OrderState::Ended(None);
    let tried = orders.filter(brought).map(|order| order.changed_at).max();
    due.then(|| pair.step_since.max(tried.unwrap_or_default()))
}

fn remind(work: &mut Work<'_>, since: Timestamp) {
    let due = work.pair.last_alert.unwrap_or(since).after(DOWN_AGAIN);
    if work.now() >= due {
        tell(work, since);
    } else {
        work.out.wake_at(due);
    }
}

fn tell(work: &mut Work<'_>, since: Timestamp) {
    let Some(open) = open(work) else { return };
    let accepted = work.spec.plan.risk.max_loss_if_venue_down;
    let text = format!(
        "nothing is heard from the venue since {since}: nothing is placed, closing orders are tried; {open}; the plan \
         accepts a loss of {accepted} USDC for this"
    );
    work.alert("stuck", text);
}

/// What the operator needs to act by other means: what is open. `None` before the check.
fn open(work: &Work<'_>) -> Option<String> {
    let market = &work.pair.checked.as_ref()?.market;
    let held = LegSide::BOTH.map(|side| work.pair.leg(side).position.to_decimal(market));
    let orders: usize = LegSide::BOTH.iter().map(|side| work.pair.leg(*side).live_orders().count()).sum();
    let apart = work.pair.delta().to_decimal(market);
    Some(format!("open are long {}, short {}, difference {apart}, {orders} orders", held[0], held[1]))
}
