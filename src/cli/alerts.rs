//! Alerts around a run: its webhooks are read when it starts, and what they did not take is told at its end.

use std::sync::Arc;
use std::time::Duration;

use super::apply::network_name;
use super::out;
use crate::engine::{PairOutcome, codes};
use crate::journal::{EventRow, Journal};
use crate::model::RunId;
use crate::notify::{Notifier, Origin, Receiver, Standing, WebhookError, backlog, standing};
use crate::plan::Plan;
use crate::rt::Clock;

/// How long the end of a run waits for its last alerts.
const LAST_ALERTS: Duration = Duration::from_secs(10);

/// Returns the webhooks of a plan.
///
/// # Errors
///
/// The first that cannot be used: better told before anything is sent than when the first alert is due.
pub(super) fn webhooks(plan: &Plan) -> Result<Vec<Receiver>, WebhookError> {
    let receivers = Receiver::all(&plan.notify);
    match receivers.iter().find_map(|receiver| receiver.webhook.as_ref().err()) {
        Some(error) => Err(error.clone()),
        None => Ok(receivers),
    }
}

/// Returns the webhooks of a run that goes on, with what was journaled and not delivered.
///
/// One that cannot be used is told and holds up nothing: a position may be open, and its hedge matters more than who
/// hears of it. Its alerts are journaled as not delivered.
pub(super) fn webhooks_of_run(plan: &Plan, events: &[EventRow]) -> Vec<Receiver> {
    let mut left = backlog(&plan.notify, events);
    let receivers: Vec<_> =
        Receiver::all(&plan.notify).into_iter().map(|receiver| receiver.with_backlog(&mut left)).collect();
    for error in receivers.iter().filter_map(|receiver| receiver.webhook.as_ref().err()) {
        out::note(&format!("ALERTS WILL NOT BE DELIVERED: {error}"));
    }
    receivers
}

/// Starts the delivery; `None` when nobody is told of anything.
pub(super) fn start(
    plan: &Plan,
    run: &RunId,
    receivers: Vec<Receiver>,
    journal: &Journal,
    clock: &Clock,
) -> Option<Notifier> {
    let origin =
        Origin { run: Some(run.clone()), plan: plan.name.clone(), network: network_name(&plan.network) };
    (!receivers.is_empty())
        .then(|| Notifier::start(origin, receivers, journal.clone(), clock.clone(), Arc::new(out::note)))
}

/// Waits for the last alerts and returns how the webhooks stand, for the summary.
pub(super) async fn finish(
    notifier: Option<Notifier>,
    plan: &Plan,
    run: &RunId,
    outcomes: &[PairOutcome],
    journal: &Journal,
    clock: &Clock,
) -> Vec<Standing> {
    let Some(notifier) = notifier else { return Vec::new() };
    let outbox = notifier.outbox();
    for outcome in outcomes {
        // What ended or stopped by itself has an entry that says so.
        if outcome.pair.end().is_none() && outcome.end.code != codes::STOPPED {
            outbox.broken_off(&outcome.id, clock.now(), &outcome.end);
        }
    }
    drop(outbox);
    notifier.finish(LAST_ALERTS).await;
    match journal.events(run, 1).await {
        Ok(events) => standing(&plan.notify, &events),
        Err(error) => {
            out::note(&format!("which alerts were delivered cannot be read: {error}"));
            Vec::new()
        }
    }
}

/// Returns a line for each alert that was not delivered, for summaries and `status`.
pub(super) fn undelivered(standings: &[Standing]) -> Vec<String> {
    let line = |standing: &Standing, missing: &crate::notify::Missing| {
        let pair = missing.alert.as_ref().and_then(|alert| alert.pair.as_ref());
        let pair = pair.map(|pair| format!("{pair}: ")).unwrap_or_default();
        let reason = missing.reason.as_deref().unwrap_or("not tried to the end");
        format!("{} ({reason}): {pair}{}", standing.webhook, missing.text)
    };
    let of = |standing: &Standing| -> Vec<String> {
        standing.missing.iter().map(|missing| line(standing, missing)).collect()
    };
    standings.iter().flat_map(of).collect()
}
