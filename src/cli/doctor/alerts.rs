//! The webhooks of a plan: are their variables set, do they hold URLs, and, when asked, do they take a message?

use crate::cli::health::Health;
use crate::cli::notify;
use crate::notify::Receiver;
use crate::plan::Plan;

const AREA: &str = "notify";

/// What is done with the webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Webhooks {
    /// Nothing is sent to them.
    Read,
    /// Each gets a test message.
    Try,
}

pub(super) async fn look(health: &mut Health, plan: &Plan, webhooks: Webhooks) {
    for receiver in Receiver::all(&plan.notify) {
        match &receiver.webhook {
            Ok(webhook) => health.ok(AREA, "webhook", webhook.to_string()),
            Err(error) => health.fail(AREA, "webhook", error.to_string(), "set the variable to the URL"),
        }
        if receiver.webhook.is_ok() && webhooks == Webhooks::Try {
            match notify::test(plan, &receiver, None).await {
                (said, true) => health.ok(AREA, "message", said),
                (said, false) => health.fail(AREA, "message", said, "look at the service and its URL"),
            }
        }
    }
}
