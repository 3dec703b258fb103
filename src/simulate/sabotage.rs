//! Planted bugs in what is a host's duty: to commit before it sends, to sign once, to look at the lock. Without the feature
//! `mutants` nothing here does anything.

use std::borrow::Cow;
use std::time::Duration;

use crate::engine::{Entry, Event, Intent};
use crate::model::Timestamp;
use crate::rt::Mutant;
use crate::signing::Signature;
use crate::tx::{Envelope, SignedTx};

use super::host::{Died, Run};
use super::venue::SECRET_BYTE;

/// How long bytes live that are signed anew.
const ANEW: Duration = Duration::from_secs(8);

/// Returns whether a bug keeps `entry` out of the journal.
pub(super) fn is_lost(entry: &Entry) -> bool {
    match entry {
        Entry::Intent(_) => Mutant::CommitSkipped.is_planted(),
        Entry::Settled { .. } => Mutant::EntryNotWritten.is_planted(),
        _ => false,
    }
}

/// Returns what of a commit is written: all of it.
pub(super) fn kept(entries: &[Entry]) -> Cow<'_, [Entry]> {
    if entries.iter().any(is_lost) {
        Cow::Owned(entries.iter().filter(|entry| !is_lost(entry)).cloned().collect())
    } else {
        Cow::Borrowed(entries)
    }
}

/// Returns what goes out again: the same bytes.
pub(super) fn same_bytes(mut intent: Intent, now: Timestamp) -> Intent {
    if Mutant::SignedAnew.is_planted() {
        let deadline = |at: Timestamp| format!("\"ExpiredAt\":{}", at.as_millis());
        let old = deadline(intent.deadline);
        intent.deadline = now.after(ANEW);
        intent.tx_info = intent.tx_info.replace(&old, &deadline(intent.deadline));
    }
    intent
}

/// Makes the bytes; the exchange core does not check what stands where the signature belongs.
pub(super) fn sign(envelope: &Envelope) -> Option<SignedTx> {
    let signature = if Mutant::KeyInBytes.is_planted() { [SECRET_BYTE; 80] } else { [0; 80] };
    Some(SignedTx {
        tx_type: envelope.tx_type(),
        tx_info: envelope.to_json(&Signature::from_bytes(&signature), None),
        hash: envelope.tx_hash(304),
    })
}

impl Run {
    /// Somebody resumes a run that is up: the lock turns him away.
    pub(super) fn second_process(&mut self) -> Result<(), Died> {
        if self.life.is_none() || !Mutant::LockDropped.is_planted() {
            return Ok(());
        }
        let Some(pair) = self.read_back() else { return Err(Died(Duration::ZERO)) };
        self.rival = Some(self.begin(pair, true, 0));
        self.as_rival(|run| run.step(Event::Resumed))
    }

    /// What a process does that found no lock in its way: it reads, and acts when its time comes.
    pub(super) fn rival(&mut self) -> Result<(), Died> {
        if self.rival.is_none() || self.life.is_none() {
            return Ok(());
        }
        self.as_rival(|run| {
            run.poll()?;
            let due = run.life.as_ref().is_some_and(|life| life.wake <= run.now);
            if due { run.step(Event::Tick) } else { Ok(()) }
        })
    }

    fn as_rival(&mut self, work: impl FnOnce(&mut Self) -> Result<(), Died>) -> Result<(), Died> {
        std::mem::swap(&mut self.life, &mut self.rival);
        let done = work(self);
        std::mem::swap(&mut self.life, &mut self.rival);
        done
    }
}
