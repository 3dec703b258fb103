//! Alerts that reach somebody: what is journaled and wants to be known is posted to the plan's webhooks.
//!
//! Nothing here is waited for by a decision: [`Outbox::offer`] puts an alert into a bounded queue and returns. What was
//! delivered and what was not is journaled beside the pairs' entries, as events of the run, so that `resume` sends what a
//! crash left undelivered. A webhook's URL is a secret: it stands in no record, no message and no error.

mod alert;
mod payload;
mod queue;
mod record;
mod service;
mod webhook;

pub use alert::{Alert, AlertKind};
pub use payload::{Origin, Payload, alert_schema_text};
pub use record::{DELIVERED, FAILED, Missing, Record as Delivery, Standing, backlog, standing};
pub use service::{Notifier, Outbox, Receiver, Tell};
pub use webhook::{PostError, Webhook, WebhookError};
