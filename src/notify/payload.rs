//! What is posted: JSON with a version, and texts in the fields that chat services show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertKind};
use crate::model::RunId;
use crate::plan::NotifyTopic;

/// The version of [`Payload`]; raised when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// The longest text. Discord refuses one of more than 2,000 characters.
const TEXT_MAX: usize = 1_800;

/// What all alerts of a run have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The run; `None` for a test.
    pub run: Option<RunId>,
    /// The plan's name.
    pub plan: String,
    /// The network it trades on.
    pub network: String,
}

/// The body of a request to a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Alert of lighter-plan", deny_unknown_fields)]
pub struct Payload {
    /// The version of this form.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The whole alert in one line, where Slack, Telegram and their like look for it.
    pub text: String,
    /// The same, where Discord looks for it.
    pub content: String,
    /// `RUN/EVENT`: an alert that is sent again after a crash has the same one.
    pub id: String,
    /// The run; empty for a test.
    pub run: String,
    /// The plan's name.
    pub plan: String,
    /// The network it trades on.
    pub network: String,
    /// The pair; null for the run as a whole.
    pub pair: Option<String>,
    /// About what.
    pub kind: AlertKind,
    /// The topics of `notify` that it belongs to.
    pub topics: Vec<NotifyTopic>,
    /// Whether it is one that is never dropped.
    pub urgent: bool,
    /// What happened, in words.
    pub message: String,
    /// When, in venue time.
    pub at: String,
    /// The events of the run's journal that it tells of; several when it came again before it could be delivered.
    pub events: Vec<u64>,
    /// How often it came.
    pub count: u32,
    /// Whether it is sent by another process than the one that it happened in.
    pub late: bool,
}

impl Payload {
    /// Returns what is posted for `alert`, which came `count` times as `events`.
    pub fn new(origin: &Origin, alert: &Alert, events: &[u64], count: u32, late: bool) -> Self {
        let run = origin.run.as_ref().map(ToString::to_string).unwrap_or_default();
        let text = line(origin, alert, count, late);
        let number = alert.event.map_or_else(|| "-".to_owned(), |event| event.to_string());
        Self {
            version: VERSION,
            content: text.clone(),
            text,
            id: format!("{run}/{number}"),
            run,
            plan: origin.plan.clone(),
            network: origin.network.clone(),
            pair: alert.pair.as_ref().map(ToString::to_string),
            kind: alert.kind,
            topics: alert.topics.clone(),
            urgent: alert.urgent,
            message: cut(&alert.text),
            at: alert.at.to_string(),
            events: events.to_vec(),
            count,
            late,
        }
    }

    /// Returns its JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and lists have a JSON form")
    }
}

fn line(origin: &Origin, alert: &Alert, count: u32, late: bool) -> String {
    let mut text = format!("lighter-plan: {}", origin.plan);
    if let Some(pair) = &alert.pair {
        text += &format!("/{pair}");
    }
    text += &format!(" on {}: {}", origin.network, alert.text);
    if count > 1 {
        text += &format!(" ({count} times)");
    }
    if late {
        text += &format!(" [late: happened at {}]", alert.at);
    }
    cut(&text)
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(TEXT_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Returns the JSON Schema of [`Payload`], as the file in `schemas/` holds it.
pub fn alert_schema_text() -> String {
    let schema = schemars::schema_for!(Payload);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn the_schema_in_the_repository_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/alert.v1.schema.json");
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            alert_schema_text(),
            "run `lighter-plan schema alert > schemas/alert.v1.schema.json`"
        );
    }

    #[test]
    fn a_long_text_is_cut_to_what_chat_services_take() {
        let origin = Origin { run: None, plan: "p".to_owned(), network: "paper".to_owned() };
        let mut alert = Alert::test(Timestamp::from_millis(0), None);
        alert.text = "ü".repeat(5_000);
        let payload = Payload::new(&origin, &alert, &[], 2, false);
        assert_eq!(payload.content.chars().count(), TEXT_MAX + 1);
        let schema: serde_json::Value = serde_json::from_str(&alert_schema_text()).unwrap();
        let json = serde_json::to_value(&payload).unwrap();
        assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&json), "{json}");
    }
}
