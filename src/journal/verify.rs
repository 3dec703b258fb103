//! Proves that a run reads as it was written.

use std::collections::HashMap;

use super::chain::{self, EventHash};
use super::error::JournalError;
use super::store::{EventRow, IntentRow, RUN_STATUS, RunRow, STATUS_CREATED, StatusBody, Store};
use crate::model::RunId;

/// Events that are held in memory at a time.
const PAGE: usize = 1_000;

/// What was proved about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The run.
    pub run: RunId,
    /// How many events it has.
    pub events: u64,
    /// How many intents it has.
    pub intents: usize,
    /// The last link; it stands for everything before.
    pub head_hash: EventHash,
}

/// Recomputes the chain of `run` from its definition on: no event is missing, changed, added or moved, the intents are
/// those that events vouch for, and the status is the one last given.
///
/// # Errors
///
/// [`JournalError::Broken`] with the first bad event; [`JournalError::UnknownRun`]; an unreadable file.
pub fn verify(store: &dyn Store, run: &RunId) -> Result<Verified, JournalError> {
    verify_each(store, run, &mut |_| ())
}

/// Does the same, and returns the events: who needs them reads the file once.
///
/// # Errors
///
/// As [`verify`].
pub fn verified_events(store: &dyn Store, run: &RunId) -> Result<Vec<EventRow>, JournalError> {
    let mut events = Vec::new();
    verify_each(store, run, &mut |event| events.push(event)).map(|_| events)
}

fn verify_each(
    store: &dyn Store,
    run: &RunId,
    each: &mut dyn FnMut(EventRow),
) -> Result<Verified, JournalError> {
    let mut verified = None;
    store.snapshot(&mut || {
        verified = Some(walk(store, run, each)?);
        Ok(())
    })?;
    verified.ok_or(JournalError::Closed)
}

fn walk(store: &dyn Store, run: &RunId, each: &mut dyn FnMut(EventRow)) -> Result<Verified, JournalError> {
    let definition = store.definition(run)?;
    let mut walk = Walk::new(run, chain::genesis(&definition));
    loop {
        let page = next_page(store, run, walk.seq + 1)?;
        if page.is_empty() {
            break;
        }
        for event in page {
            walk.step(&event)?;
            each(event);
        }
    }
    walk.ends_as(&store.run(run)?)?;
    for intent in store.intents(run)? {
        walk.intent(&intent)?;
    }
    walk.finish()
}

/// Reads the next events; names the first one that cannot be read.
fn next_page(store: &dyn Store, run: &RunId, from: u64) -> Result<Vec<EventRow>, JournalError> {
    let page = store.page(run, from, PAGE);
    let Err(JournalError::Corrupt { .. }) = &page else { return page };
    let mut good = 0;
    for seq in from.. {
        match store.page(run, seq, 1) {
            Ok(rows) if rows.is_empty() => break,
            Ok(_) => good += 1,
            Err(JournalError::Corrupt { detail }) => {
                return Err(JournalError::Broken { run: run.clone(), seq: from + good, detail });
            }
            Err(other) => return Err(other),
        }
    }
    page
}

/// A run on its way to being proved: its events in order, then [`Walk::ends_as`], its intents, and [`Walk::finish`].
pub(super) struct Walk<'a> {
    run: &'a RunId,
    seq: u64,
    hash: EventHash,
    status: (String, Option<u8>),
    /// Digest by intent, as last vouched for: its digits, most of which are never looked at.
    attested: HashMap<String, [u8; 64]>,
    intents: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(run: &'a RunId, genesis: EventHash) -> Self {
        let status = (STATUS_CREATED.to_owned(), None);
        Self { run, seq: 0, hash: genesis, status, attested: HashMap::new(), intents: 0 }
    }

    fn broken<T>(&self, seq: u64, detail: String) -> Result<T, JournalError> {
        Err(JournalError::Broken { run: self.run.clone(), seq, detail })
    }

    pub(super) fn step(&mut self, event: &EventRow) -> Result<(), JournalError> {
        let expected = self.seq + 1;
        if event.seq != expected {
            return self.broken(expected, format!("it is missing; event {} follows", event.seq));
        }
        let hash = chain::link(&self.hash, event);
        if hash != event.hash {
            return self.broken(expected, "its hash does not fit what stands before and in it".to_owned());
        }
        (self.seq, self.hash) = (expected, hash);
        if event.kind == RUN_STATUS {
            match serde_json::from_str::<StatusBody>(&event.body) {
                Ok(body) => self.status = (body.status, body.exit_code),
                Err(error) => return self.broken(expected, format!("bad status: {error}")),
            }
        }
        for line in event.attest.lines() {
            let parts = line.split_once(' ').map(|(id, digest)| (id, digest.as_bytes().try_into()));
            let Some((id, Ok(digest))) = parts else {
                return self.broken(expected, format!("`{line}` vouches for nothing"));
            };
            // An intent is vouched for when it is signed and when it is settled: the name is there already.
            match self.attested.get_mut(id) {
                Some(last) => *last = digest,
                None => drop(self.attested.insert(id.to_owned(), digest)),
            }
        }
        Ok(())
    }

    pub(super) fn ends_as(&self, row: &RunRow) -> Result<(), JournalError> {
        if (row.head_seq, row.head_hash) != (self.seq, self.hash) {
            let detail = format!("the events end here; event {} was the last one written", row.head_seq);
            return self.broken(self.seq, detail);
        }
        if (&row.status, row.exit_code) != (&self.status.0, self.status.1) {
            return self.broken(self.seq, format!("the status is `{}`, not `{}`", row.status, self.status.0));
        }
        Ok(())
    }
    pub(super) fn intent(&mut self, intent: &IntentRow) -> Result<(), JournalError> {
        let id = &intent.intent_id;
        if self.attested.remove(id) != Some(chain::digest(intent).digits()) {
            return self.broken(self.seq, format!("intent `{id}` is not what its event vouches for"));
        }
        self.intents += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Verified, JournalError> {
        match self.attested.keys().min() {
            Some(id) => self.broken(self.seq, format!("intent `{id}` is missing")),
            None => Ok(Verified {
                run: self.run.clone(),
                events: self.seq,
                intents: self.intents,
                head_hash: self.hash,
            }),
        }
    }
}
