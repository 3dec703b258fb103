//! The store of runs, events and intents, whatever it is kept in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chain::EventHash;
use super::error::JournalError;
use crate::model::{AccountIndex, ApiKeyIndex, ClientOrderIndex, Nonce, PairId, RunId, Timestamp, TxHash};

/// The kind of the one event the journal itself understands: a change of the run's status.
pub const RUN_STATUS: &str = "run.status";

/// The status of a run that nobody has given another one yet.
pub(super) const STATUS_CREATED: &str = "created";

/// What a run is: fixed when it starts, and bound into the first link of its chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The name of its plan.
    pub name: String,
    /// The network it trades on, as the plan names it.
    pub network: String,
    /// The text of the plan, as the operator wrote it.
    pub plan_source: String,
    /// The compiled plan, as JSON.
    pub plan_json: String,
    /// The compiled step graph, as JSON.
    pub graph_json: String,
    /// When it was made, in venue time.
    pub created_at: Timestamp,
    /// The version of the engine's entries in it; the journal stores it and asks nothing.
    pub format: u32,
}

/// One row of the list of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The name of its plan.
    pub name: String,
    /// The network it trades on.
    pub network: String,
    /// When it was made, in venue time.
    pub created_at: Timestamp,
    /// The version of the engine's entries in it.
    pub format: u32,
    /// What the last [`RUN_STATUS`] event said; `created` before the first.
    pub status: String,
    /// The exit code that went with it.
    pub exit_code: Option<u8>,
    /// The last event; 0 when there is none.
    pub head_seq: u64,
    /// Its hash; the hash of the run's definition when there is no event.
    pub head_hash: EventHash,
}

/// An event to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The pair it belongs to; `None` for the run as a whole.
    pub pair: Option<PairId>,
    /// What it is, such as `place.intent`; the engine's to choose.
    pub kind: String,
    /// When, in venue time.
    pub at: Timestamp,
    /// A JSON value on one line.
    pub body: String,
}

/// Where a run stands: the body of a [`RUN_STATUS`] event.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusBody {
    /// In a word, such as `running`.
    pub(super) status: String,
    /// The exit code of its process, once that ended.
    pub(super) exit_code: Option<u8>,
}

impl NewEvent {
    /// Returns the event that gives a run another status; it can go into a commit together with others.
    pub fn run_status(status: &str, exit_code: Option<u8>, at: Timestamp) -> Self {
        let body = serde_json::json!({ "status": status, "exit_code": exit_code }).to_string();
        Self { pair: None, kind: RUN_STATUS.to_owned(), at, body }
    }
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Its place in the run, from 1, without gaps.
    pub seq: u64,
    /// When, in venue time.
    pub at: Timestamp,
    /// The pair it belongs to; `None` for the run as a whole.
    pub pair: Option<PairId>,
    /// What it is.
    pub kind: String,
    /// A JSON value on one line.
    pub body: String,
    /// Digests of the intents that were written with it, `ID DIGEST` a line; empty when there were none.
    pub attest: String,
    /// Its link of the chain.
    pub hash: EventHash,
}

/// A signed transaction with all that is needed to send the same bytes again and to ask what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IntentRow {
    /// Names it within the run; no white space.
    pub intent_id: String,
    /// The account that signs.
    pub account: AccountIndex,
    /// The key slot that signs.
    pub key: ApiKeyIndex,
    /// The nonce it takes.
    pub nonce: Nonce,
    /// The order it places, if it places one.
    pub client_order_index: Option<ClientOrderIndex>,
    /// Its hash.
    pub hash: TxHash,
    /// The type number of the transaction.
    pub tx_type: u8,
    /// The exact bytes to send.
    pub tx_info: String,
    /// When it is dead if the venue has not seen it, in venue time.
    pub deadline: Timestamp,
    /// Where it stands; the engine's word.
    pub state: String,
}

/// One durable commit's worth of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The run.
    pub run: RunId,
    /// Its next events, in order; at least one.
    pub events: Vec<NewEvent>,
    /// Intents that these events make or change; attested by the last event.
    pub intents: Vec<IntentRow>,
}

impl Append {
    /// Refuses what could be stored but not read back, verified or exported.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        let refuse = |reason: String| Err(JournalError::Refused { run: self.run.clone(), reason });
        if self.events.is_empty() {
            return refuse("there is no event to append".to_owned());
        }
        for event in &self.events {
            if event.kind.is_empty() || event.kind.contains(char::is_whitespace) {
                return refuse(format!("`{}` is no kind of event", event.kind.escape_debug()));
            }
            if event.body.contains(['\n', '\r']) {
                return refuse(format!("the body of `{}` has line breaks", event.kind));
            }
            if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&event.body) {
                return refuse(format!("the body of `{}` is no JSON: {error}", event.kind));
            }
            if event.kind == RUN_STATUS {
                status_of(&event.body)
                    .or_else(|error| refuse(format!("bad status: {error}")).map(|()| None))?;
            }
        }
        match self
            .intents
            .iter()
            .find(|row| row.intent_id.is_empty() || row.intent_id.contains(char::is_whitespace))
        {
            Some(row) => refuse(format!("`{}` is no id of an intent", row.intent_id.escape_debug())),
            None => Ok(()),
        }
    }

    /// Returns the status that its events end with, if one of them gives one.
    pub(super) fn status(&self) -> Option<StatusBody> {
        self.events
            .iter()
            .rev()
            .find(|event| event.kind == RUN_STATUS)
            .and_then(|event| status_of(&event.body).ok()?)
    }
}

fn status_of(body: &str) -> Result<Option<StatusBody>, serde_json::Error> {
    serde_json::from_str(body).map(Some)
}

/// Keeps runs, events and intents. One writer a run; see [`Journal`](super::Journal) for the handle that many share.
pub trait Store: Send {
    /// Records a new run, durably.
    ///
    /// # Errors
    ///
    /// [`JournalError::RunExists`], or a write that failed.
    fn create_run(&mut self, run: &NewRun) -> Result<(), JournalError>;

    /// Appends all of `group` in one durable commit and returns the sequence numbers each got.
    ///
    /// A member that cannot be stored is refused alone, without any part of it written.
    ///
    /// # Errors
    ///
    /// The commit as a whole failed: what the disk holds is unknown, except after [`JournalError::DiskFull`] and
    /// [`JournalError::Busy`], which leave it as it was.
    fn append_group(&mut self, group: &[Append])
    -> Result<Vec<Result<Vec<u64>, JournalError>>, JournalError>;

    /// Returns all runs, in order of creation.
    ///
    /// # Errors
    ///
    /// Unreadable rows.
    fn runs(&self) -> Result<Vec<RunRow>, JournalError>;

    /// Returns one run.
    ///
    /// # Errors
    ///
    /// [`JournalError::UnknownRun`], or unreadable rows.
    fn run(&self, run: &RunId) -> Result<RunRow, JournalError>;

    /// Returns what a run was created as.
    ///
    /// # Errors
    ///
    /// [`JournalError::UnknownRun`], or unreadable rows.
    fn definition(&self, run: &RunId) -> Result<NewRun, JournalError>;

    /// Returns at most `limit` events from `from_seq` on, in order.
    ///
    /// # Errors
    ///
    /// [`JournalError::UnknownRun`], or unreadable rows.
    fn page(&self, run: &RunId, from_seq: u64, limit: usize) -> Result<Vec<EventRow>, JournalError>;

    /// Returns the intents of a run, ordered by id.
    ///
    /// # Errors
    ///
    /// [`JournalError::UnknownRun`], or unreadable rows.
    fn intents(&self, run: &RunId) -> Result<Vec<IntentRow>, JournalError>;

    /// Calls `read`, during which what other processes write is not seen.
    ///
    /// # Errors
    ///
    /// Those of `read`, and a store that cannot be read at all.
    fn snapshot(&self, read: &mut dyn FnMut() -> Result<(), JournalError>) -> Result<(), JournalError> {
        read()
    }

    /// Returns all events from `from_seq` on, in order.
    ///
    /// # Errors
    ///
    /// [`JournalError::UnknownRun`], or unreadable rows.
    fn events(&self, run: &RunId, from_seq: u64) -> Result<Vec<EventRow>, JournalError> {
        self.page(run, from_seq, usize::MAX)
    }

    /// Appends to one run in a commit of its own; returns the sequence numbers.
    ///
    /// # Errors
    ///
    /// As [`Store::append_group`].
    fn append(
        &mut self,
        run: &RunId,
        events: Vec<NewEvent>,
        intents: Vec<IntentRow>,
    ) -> Result<Vec<u64>, JournalError> {
        let group = [Append { run: run.clone(), events, intents }];
        self.append_group(&group)?.pop().unwrap_or(Ok(Vec::new()))
    }

    /// Gives a run another status, as an event of kind [`RUN_STATUS`].
    ///
    /// # Errors
    ///
    /// As [`Store::append_group`].
    fn set_status(
        &mut self,
        run: &RunId,
        status: &str,
        exit_code: Option<u8>,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.append(run, vec![NewEvent::run_status(status, exit_code, at)], Vec::new()).map(drop)
    }
}
