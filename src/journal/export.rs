//! A run as JSON lines, for other programs and for the attic.
//!
//! One object a line, told apart by `type`: one `run` (what it was created as, and where it stands), its `event`s in
//! order (`seq`, `at` in milliseconds, `pair`, `kind`, `body`, `attest`, `hash`), its `intent`s (every column), and one
//! `end` with the number of each. A text without `end` was cut off. [`replay`](super::replay) reads it back.

use std::io::{self, Write};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::value::RawValue;

use super::chain::EventHash;
use super::error::JournalError;
use super::store::{EventRow, IntentRow, NewRun, RunRow, Store};
use crate::model::{PairId, RunId, Timestamp};

/// The version of the lines. A new kind of event or a new optional field is no new version.
pub(super) const VERSION: u32 = 1;

const PAGE: usize = 1_000;

/// One line of `lighter-plan journal export`; one run: `run`, its `event`s, its `intent`s, `end`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Journal export of lighter-plan")]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Line<'a> {
    /// What the run was created as, and where it stands: `head_seq` and `head_hash` are its last event's.
    Run {
        /// The version of these lines.
        version: u32,
        definition: &'a NewRun,
        status: &'a str,
        exit_code: Option<u8>,
        head_seq: u64,
        head_hash: EventHash,
    },
    /// One link of the chain.
    Event(EventLine<'a>),
    /// A signed transaction as it stands at the end; an event's `attest` vouches for it.
    Intent(&'a IntentRow),
    /// Only from a damaged file: something could not be read.
    Lost { run: &'a str, what: &'a str, seq: Option<u64>, error: String },
    /// The last line, with how many of each there were.
    End { run: &'a str, events: u64, intents: u64 },
}

/// An event, with its body as the JSON it is.
#[derive(Serialize, JsonSchema)]
pub(super) struct EventLine<'a> {
    run: &'a str,
    seq: u64,
    at: Timestamp,
    pair: Option<&'a PairId>,
    kind: &'a str,
    #[schemars(with = "serde_json::Value")]
    body: &'a RawValue,
    #[serde(skip_serializing_if = "str::is_empty")]
    attest: &'a str,
    hash: EventHash,
}

impl<'a> EventLine<'a> {
    pub(super) fn new(run: &'a RunId, event: &'a EventRow) -> Result<Self, JournalError> {
        let body = serde_json::from_str(&event.body).map_err(|error| JournalError::Broken {
            run: run.clone(),
            seq: event.seq,
            detail: format!("its body is no JSON: {error}"),
        })?;
        Ok(Self {
            run: run.as_str(),
            seq: event.seq,
            at: event.at,
            pair: event.pair.as_ref(),
            kind: &event.kind,
            body,
            attest: &event.attest,
            hash: event.hash,
        })
    }
}

/// Returns the JSON Schema of one line. What the bodies of events are is not the journal's to know.
pub fn export_schema(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<Line<'static>>()
}

/// Returns one event as a line of the export, without a line break.
///
/// # Errors
///
/// [`JournalError::Broken`] when its body is no JSON.
pub fn event_line(run: &RunId, event: &EventRow) -> Result<String, JournalError> {
    let mut line = Vec::new();
    write_line(&mut line, &Line::Event(EventLine::new(run, event)?))?;
    line.pop();
    String::from_utf8(line).map_err(|error| JournalError::Corrupt { detail: error.to_string() })
}

/// Writes all of `run` to `out`.
///
/// # Errors
///
/// Unreadable rows, or `out` cannot be written.
pub fn export(store: &dyn Store, run: &RunId, out: &mut dyn Write) -> Result<(), JournalError> {
    store.snapshot(&mut || {
        let (definition, row) = (store.definition(run)?, store.run(run)?);
        write_line(out, &run_line(&definition, &row))?;
        let mut events = 0;
        loop {
            let page = store.page(run, events + 1, PAGE)?;
            for event in &page {
                write_line(out, &Line::Event(EventLine::new(run, event)?))?;
                events = event.seq;
            }
            if page.is_empty() {
                break;
            }
        }
        let mut intents = 0;
        for intent in store.intents(run)? {
            write_line(out, &Line::Intent(&intent))?;
            intents += 1;
        }
        write_line(out, &Line::End { run: run.as_str(), events, intents })
    })
}

pub(super) fn run_line<'a>(definition: &'a NewRun, row: &'a RunRow) -> Line<'a> {
    Line::Run {
        version: VERSION,
        definition,
        status: &row.status,
        exit_code: row.exit_code,
        head_seq: row.head_seq,
        head_hash: row.head_hash,
    }
}

pub(super) fn write_line(out: &mut dyn Write, line: &Line<'_>) -> Result<(), JournalError> {
    let failed = |error: io::Error| JournalError::io("write", "the export".as_ref())(error);
    serde_json::to_writer(&mut *out, line).map_err(|error| failed(error.into()))?;
    out.write_all(b"\n").map_err(failed)
}
