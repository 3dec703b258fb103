//! What of a journal is an alert: which entries somebody wants to be told of, and how urgent that is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{Entry, ExitReason, PairEnd, Step, codes};
use crate::journal::EventRow;
use crate::model::{PairId, Timestamp};
use crate::plan::NotifyTopic;

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// The venue closes a leg by force, or is near to it.
    Liquidation,
    /// The legs are made equal.
    HedgeStarted,
    /// Something is wrong with a hedge: the venue refuses it, or completing did not work.
    Hedge,
    /// Needs a person: an emergency, a foreign hand, a lost withdrawal, or whatever else the engine calls so.
    Stuck,
    /// The run's equity fell by more than the plan allows; the pair leaves.
    Drawdown,
    /// A stop was carried out; `resume` goes on.
    Stopped,
    /// A pair ended.
    Ended,
    /// A pair broke off without an end of its own: the journal cannot be written, or this program has a fault.
    BrokenOff,
    /// Sent by hand, to see whether it arrives.
    Test,
}

/// One thing that somebody wants to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its event in the run's journal; `None` for what could not be journaled.
    pub event: Option<u64>,
    /// Whose; `None` for the run as a whole.
    pub pair: Option<PairId>,
    /// When, in venue time.
    pub at: Timestamp,
    /// About what.
    pub kind: AlertKind,
    /// Who wants to be told of it.
    pub topics: Vec<NotifyTopic>,
    /// Whether it may never be dropped.
    pub urgent: bool,
    /// In words.
    pub text: String,
}

impl Alert {
    /// Returns the alert that an entry of `pair` is; `None` for what nobody waits for.
    pub fn of(event: u64, pair: &PairId, at: Timestamp, entry: &Entry) -> Option<Self> {
        let (kind, topics, urgent, text) = match entry {
            Entry::Alert { topic, text, .. } => alerted(topic, text),
            Entry::Step { to, .. } => step(to)?,
            Entry::Stopped { .. } => {
                let text = "stopped on request; `resume` goes on".to_owned();
                (AlertKind::Stopped, vec![NotifyTopic::Finished], false, text)
            }
            _ => return None,
        };
        let event = (event > 0).then_some(event);
        Some(Self { event, pair: Some(pair.clone()), at, kind, topics, urgent, text })
    }

    /// Returns the alert that a stored event is.
    pub fn of_row(row: &EventRow) -> Option<Self> {
        // Looked at first: most events of a long journal are fills, orders and intents.
        if !matches!(row.kind.as_str(), "alert" | "step" | "stopped") {
            return None;
        }
        let entry = Entry::read(&row.body).ok()?;
        Self::of(row.seq, row.pair.as_ref()?, row.at, &entry)
    }

    /// Returns the alert for a pair that broke off: there is no entry that says so.
    pub fn broken_off(pair: &PairId, at: Timestamp, end: &PairEnd) -> Self {
        Self {
            event: None,
            pair: Some(pair.clone()),
            at,
            kind: AlertKind::BrokenOff,
            topics: vec![NotifyTopic::Stuck, NotifyTopic::Finished],
            urgent: true,
            text: format!("broke off with code {}: {}", end.code, end.summary),
        }
    }

    /// Returns a message that only says that it arrives, as one about `topic` when there is one.
    pub fn test(at: Timestamp, topic: Option<NotifyTopic>) -> Self {
        Self {
            event: None,
            pair: None,
            at,
            kind: AlertKind::Test,
            topics: topic.into_iter().collect(),
            urgent: false,
            text: "a test; alerts of this plan arrive here".to_owned(),
        }
    }
}

type Parts = (AlertKind, Vec<NotifyTopic>, bool, String);

/// The engine's own alerts. A topic that this file does not know is one for a person.
fn alerted(topic: &str, text: &str) -> Parts {
    let (kind, topic) = match topic {
        "liquidation" => (AlertKind::Liquidation, NotifyTopic::Liquidation),
        "hedge" => (AlertKind::Hedge, NotifyTopic::Hedge),
        "finished" => (AlertKind::Ended, NotifyTopic::Finished),
        _ => (AlertKind::Stuck, NotifyTopic::Stuck),
    };
    (kind, vec![topic], true, text.to_owned())
}

fn step(to: &Step) -> Option<Parts> {
    match to {
        Step::Hedge(reason) => {
            let reason = serde_json::to_value(reason).ok()?;
            let text = format!("the legs are made equal ({})", reason.as_str().unwrap_or_default());
            Some((AlertKind::HedgeStarted, vec![NotifyTopic::Hedge], false, text))
        }
        Step::Exit(ExitReason::Drawdown) => {
            let text = "the run lost more than `max_drawdown_usdc`; the pair leaves".to_owned();
            Some((AlertKind::Drawdown, vec![NotifyTopic::Stuck], true, text))
        }
        Step::Done(end) => Some(ended(end)),
        _ => None,
    }
}

/// Whoever waits for what needs a person hears of an end that leaves something to do, too.
fn ended(end: &PairEnd) -> Parts {
    let nothing_left = [codes::OK, codes::FAILED_BEFORE_SENDING, codes::FAILED_FLAT, codes::RULE_STOPPED];
    let left_over = !nothing_left.contains(&end.code);
    let mut topics = vec![NotifyTopic::Finished];
    if left_over {
        topics.push(NotifyTopic::Stuck);
    }
    let text = format!("ended with code {}: {}", end.code, end.summary);
    (AlertKind::Ended, topics, end.code != codes::OK, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::HedgeReason;

    fn of(entry: &Entry) -> Option<Alert> {
        Alert::of(7, &"alpha".parse().unwrap(), Timestamp::from_millis(0), entry)
    }

    fn step(to: Step) -> Alert {
        of(&Entry::Step { to, at: Timestamp::from_millis(0) }).unwrap()
    }

    /// whatever the engine calls an alert is one and never dropped, also under a topic that is not known here.
    #[test]
    fn what_the_engine_alerts_reaches_those_who_asked_for_it() {
        let alert = |topic: &str| {
            let entry =
                Entry::Alert { topic: topic.to_owned(), text: "t".to_owned(), at: Timestamp::from_millis(0) };
            of(&entry).unwrap()
        };
        for (topic, told) in [
            ("liquidation", NotifyTopic::Liquidation),
            ("hedge", NotifyTopic::Hedge),
            ("stuck", NotifyTopic::Stuck),
            ("venue-down", NotifyTopic::Stuck),
        ] {
            assert_eq!((alert(topic).topics, alert(topic).urgent), (vec![told], true), "{topic}");
        }
        assert_eq!(step(Step::Hedge(HedgeReason::Wait)).text, "the legs are made equal (wait)");
        assert_eq!(of(&Entry::Step { to: Step::Watch, at: Timestamp::from_millis(0) }), None);
    }

    #[test]
    fn an_end_that_leaves_something_to_do_is_told_to_more() {
        let end = |code| step(Step::Done(PairEnd { code, summary: String::new() }));
        for code in [codes::OK, codes::FAILED_FLAT, codes::RULE_STOPPED, codes::FAILED_BEFORE_SENDING] {
            assert_eq!(end(code).topics, [NotifyTopic::Finished], "{code}");
        }
        for code in [codes::EXPOSED, codes::UNKNOWN, codes::FOREIGN_SIGNER, 27] {
            assert_eq!(end(code).topics, [NotifyTopic::Finished, NotifyTopic::Stuck], "{code}");
        }
        assert!(!end(codes::OK).urgent && end(codes::FAILED_FLAT).urgent);
    }
}
