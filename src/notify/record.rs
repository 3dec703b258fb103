//! What the journal holds of deliveries, and what it says of them when it is read again.
//!
//! The records are events of the run, not of a pair: the fold of a pair never meets them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertKind};
use super::queue::Waiting;
use crate::journal::{EventRow, NewEvent};
use crate::model::Timestamp;
use crate::plan::{NotifyPlan, NotifyTopic};

/// A webhook took alerts.
pub const DELIVERED: &str = "notify.delivered";
/// It did not. They may be delivered later all the same.
pub const FAILED: &str = "notify.failed";

/// What became of alerts at a webhook: the body of [`DELIVERED`] and [`FAILED`] events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub struct Record {
    /// `env:NAME`; the URL is a secret.
    pub(super) webhook: String,
    /// The events that were alerts.
    pub(super) events: Vec<u64>,
    /// How many alerts they were.
    pub(super) count: u32,
    /// About what.
    pub(super) kind: AlertKind,
    /// How often they were posted.
    pub(super) attempts: u32,
    /// The status of the answer, when they were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// Why they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// The words of what was not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
}

impl Record {
    pub(super) fn delivered(env: &str, waiting: &Waiting, status: u16) -> Self {
        Self { status: Some(status), ..Self::of(env, waiting) }
    }

    pub(super) fn failed(env: &str, waiting: &Waiting, reason: String) -> Self {
        Self { reason: Some(reason), text: Some(waiting.alert.text.clone()), ..Self::of(env, waiting) }
    }

    fn of(env: &str, waiting: &Waiting) -> Self {
        Self {
            webhook: name(env),
            events: waiting.events.clone(),
            count: waiting.count,
            kind: waiting.alert.kind,
            attempts: waiting.attempts,
            status: None,
            reason: None,
            text: None,
        }
    }

    /// Returns it as an event of the run.
    pub(super) fn event(&self, at: Timestamp) -> NewEvent {
        let kind = if self.status.is_some() { DELIVERED } else { FAILED };
        let body = serde_json::to_string(self).expect("texts and numbers have a JSON form");
        NewEvent { pair: None, kind: kind.to_owned(), at, body }
    }

    fn read(row: &EventRow) -> Option<Self> {
        // One that another version wrote in another form is passed over: its alerts are sent again, which harms nobody.
        let ours = row.pair.is_none() && matches!(row.kind.as_str(), DELIVERED | FAILED);
        ours.then(|| serde_json::from_str(&row.body).ok()).flatten()
    }
}

fn name(env: &str) -> String {
    format!("env:{env}")
}

/// An alert that a webhook did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The alert; `None` for what was not journaled when it happened.
    pub alert: Option<Alert>,
    /// In words.
    pub text: String,
    /// Why, when that is known; `None` when nobody tried to the end.
    pub reason: Option<String>,
}

/// How a webhook stands by a run's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// `env:NAME`.
    pub webhook: String,
    /// How many alerts it took.
    pub delivered: u64,
    /// Those that it did not, in order.
    pub missing: Vec<Missing>,
}

/// Returns the variables of a plan's webhooks, each once, with all that it is told.
pub(super) fn receivers(notify: &[NotifyPlan]) -> BTreeMap<String, BTreeSet<NotifyTopic>> {
    let mut receivers: BTreeMap<String, BTreeSet<NotifyTopic>> = BTreeMap::new();
    for receiver in notify {
        receivers.entry(receiver.webhook_env.clone()).or_default().extend(&receiver.on);
    }
    receivers
}

/// Reads how each webhook of a plan stands, from all events of a run.
pub fn standing(notify: &[NotifyPlan], events: &[EventRow]) -> Vec<Standing> {
    let receivers = receivers(notify);
    if receivers.is_empty() {
        return Vec::new();
    }
    let alerts: Vec<Alert> = events.iter().filter_map(Alert::of_row).collect();
    let records: Vec<Record> = events.iter().filter_map(Record::read).collect();
    receivers.iter().map(|(env, topics)| of_one(name(env), topics, &alerts, &records)).collect()
}

fn of_one(webhook: String, topics: &BTreeSet<NotifyTopic>, alerts: &[Alert], records: &[Record]) -> Standing {
    let wanted = alerts.iter().filter(|alert| alert.topics.iter().any(|topic| topics.contains(topic)));
    let missing =
        |alert: &Alert| Missing { alert: Some(alert.clone()), text: alert.text.clone(), reason: None };
    let mut open: BTreeMap<u64, Missing> =
        wanted.filter_map(|alert| Some((alert.event?, missing(alert)))).collect();
    let (mut delivered, mut unjournaled) = (0, Vec::new());
    for record in records.iter().filter(|record| record.webhook == webhook) {
        if record.status.is_some() {
            delivered += u64::from(record.count);
            record.events.iter().for_each(|event| drop(open.remove(event)));
        } else if record.events.is_empty() {
            let text = record.text.clone().unwrap_or_default();
            unjournaled.push(Missing { alert: None, text, reason: record.reason.clone() });
        }
        for event in &record.events {
            open.entry(*event).and_modify(|missing| missing.reason.clone_from(&record.reason));
        }
    }
    Standing { webhook, delivered, missing: open.into_values().chain(unjournaled).collect() }
}

/// Returns what `resume` has to send: per variable, the alerts that are journaled and not delivered.
pub fn backlog(notify: &[NotifyPlan], events: &[EventRow]) -> BTreeMap<String, Vec<Alert>> {
    let alerts = |standing: Standing| {
        let missing = standing.missing.into_iter().filter_map(|missing| missing.alert).collect();
        (standing.webhook.trim_start_matches("env:").to_owned(), missing)
    };
    standing(notify, events).into_iter().map(alerts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Entry;
    use crate::journal::{MemoryStore, NewRun, Store as _};

    fn store(events: Vec<NewEvent>) -> Vec<EventRow> {
        let id: crate::model::RunId = "run-1".parse().unwrap();
        let mut store = MemoryStore::new();
        let run = NewRun {
            id: id.clone(),
            name: String::new(),
            network: String::new(),
            plan_source: String::new(),
            plan_json: "{}".to_owned(),
            graph_json: "{}".to_owned(),
            created_at: Timestamp::from_millis(0),
            format: 1,
        };
        store.create_run(&run).unwrap();
        store.append(&id, events, Vec::new()).unwrap();
        store.events(&id, 1).unwrap()
    }

    fn alert(topic: &str, text: &str) -> NewEvent {
        let at = Timestamp::from_millis(5);
        let entry = Entry::Alert { topic: topic.to_owned(), text: text.to_owned(), at };
        NewEvent {
            pair: Some("alpha".parse().unwrap()),
            kind: entry.kind().to_owned(),
            at,
            body: serde_json::to_string(&entry).unwrap(),
        }
    }

    fn record(events: &[u64], status: Option<u16>) -> NewEvent {
        let record = Record {
            webhook: "env:A".to_owned(),
            events: events.to_vec(),
            count: 1,
            kind: AlertKind::Stuck,
            attempts: 3,
            status,
            reason: status.is_none().then(|| "HTTP 500".to_owned()),
            text: None,
        };
        record.event(Timestamp::from_millis(6))
    }

    fn plan(env: &str, on: &[NotifyTopic]) -> NotifyPlan {
        NotifyPlan { webhook_env: env.to_owned(), on: on.to_vec() }
    }

    #[test]
    fn what_was_not_delivered_is_known_from_the_journal_alone() {
        let notify = [
            plan("A", &[NotifyTopic::Stuck]),
            plan("B", &[NotifyTopic::Hedge]),
            plan("A", &[NotifyTopic::Liquidation]),
        ];
        let rows = store(vec![
            alert("stuck", "one"),
            alert("liquidation", "two"),
            alert("hedge", "three"),
            record(&[1], Some(204)),
            record(&[2], None),
            alert("stuck", "six"),
            NewEvent { body: "{\"x\":1}".to_owned(), ..record(&[6], Some(200)) },
        ]);
        let [a, b] = standing(&notify, &rows).try_into().unwrap();
        assert_eq!((a.webhook.as_str(), a.delivered), ("env:A", 1));
        let missing: Vec<_> =
            a.missing.iter().map(|row| (row.text.as_str(), row.reason.as_deref())).collect();
        assert_eq!(missing, [("two", Some("HTTP 500")), ("six", None)]);
        assert_eq!((b.delivered, b.missing.len()), (0, 1));
        let backlog = backlog(&notify, &rows);
        let events: Vec<_> = backlog["A"].iter().map(|alert| alert.event).collect();
        assert_eq!(events, [Some(2), Some(6)]);
    }

    #[test]
    fn a_delivery_after_a_failure_counts() {
        let notify = [plan("A", &[NotifyTopic::Stuck])];
        let rows = store(vec![alert("stuck", "one"), record(&[1], None), record(&[1], Some(200))]);
        assert_eq!(standing(&notify, &rows)[0].missing, []);
        assert_eq!(standing(&[], &rows), []);
    }
}
