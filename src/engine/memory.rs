//! What a process remembers of its sendings. None of it is state: after a crash everything unsettled is in doubt.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::entry::IntentId;
use super::event::SendResult;
use super::ingest::INVALID_NONCE;
use crate::plan::RetryPlan;
use crate::rt::{Mutant, SplitMix64};

/// One intent's sendings.
#[derive(Debug)]
struct Row {
    /// Whether a copy of the bytes may have been taken in: accepted, unanswered, or sent before a crash. A later
    /// refusal of another copy then proves nothing.
    left: bool,
    /// Whether the bytes should go out again.
    wanted: bool,
    /// Whether a copy is on its way now.
    on_the_way: bool,
    delays: ExponentialBackoff,
}

/// The sendings of one pair.
#[derive(Debug)]
pub struct Memory {
    retry: RetryPlan,
    jitter: SplitMix64,
    rows: BTreeMap<IntentId, Row>,
}

impl Memory {
    /// Starts without memory; `seed` is that of the jitter.
    pub fn new(retry: RetryPlan, seed: u64) -> Self {
        Self { retry, jitter: SplitMix64::new(seed), rows: BTreeMap::new() }
    }

    fn row(&mut self, id: IntentId) -> &mut Row {
        let (retry, seed) = (self.retry, self.jitter.next_u64());
        self.rows.entry(id).or_insert_with(|| Row {
            left: false,
            wanted: false,
            on_the_way: false,
            delays: ExponentialBuilder::default()
                .with_min_delay(retry.initial)
                .with_max_delay(retry.max)
                .with_total_delay(Some(retry.budget))
                .without_max_times()
                .with_jitter()
                .with_jitter_seed(seed)
                .build(),
        })
    }

    /// Notes an intent found unsettled after a crash: nobody knows how often its bytes left.
    pub fn found(&mut self, id: IntentId) {
        let row = self.row(id);
        row.left = true;
        row.wanted = true;
    }

    /// Notes that a copy goes out; returns whether an earlier one may have been taken in, or `None` when one is on its
    /// way already and this one must not go.
    pub fn goes(&mut self, id: IntentId) -> Option<bool> {
        let row = self.row(id);
        let already = std::mem::replace(&mut row.on_the_way, true);
        (!already).then_some(row.left && !Mutant::CopyForgotten.is_planted())
    }

    /// Notes the answer to a copy; returns after which pause the bytes should go out again.
    pub fn answered(&mut self, id: IntentId, result: &SendResult) -> Option<Duration> {
        let row = self.row(id);
        row.on_the_way = false;
        match result {
            SendResult::Accepted => {
                row.left = true;
                row.wanted = false;
                None
            }
            SendResult::Refused { code, in_doubt, .. } => {
                // Perhaps a copy that the network made has used it.
                row.left |= *code == INVALID_NONCE;
                // Whether an earlier copy arrived is still open; if none did, this one may next time.
                row.wanted = *in_doubt;
                None
            }
            SendResult::Unknown(_) => {
                row.left = true;
                row.wanted = true;
                row.delays.next()
            }
            SendResult::NotSent { .. } => {
                row.wanted = true;
                row.delays.next()
            }
        }
    }

    /// Returns whether no copy can have been taken in.
    pub fn never_left(&mut self, id: IntentId) -> bool {
        !self.row(id).left
    }

    /// Returns whether the bytes should go out again now.
    pub fn is_wanted(&mut self, id: IntentId) -> bool {
        let row = self.row(id);
        row.wanted && !row.on_the_way
    }

    /// Notes that the venue took the bytes in and lost them: it does not know the hash and waits for that nonce.
    pub fn lost(&mut self, id: IntentId) {
        let row = self.row(id);
        row.wanted |= row.left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        let retry = RetryPlan {
            initial: Duration::from_millis(250),
            max: Duration::from_secs(10),
            budget: Duration::from_secs(120),
        };
        Memory::new(retry, 7)
    }

    /// U-09, U-11: once a copy may have been taken in, no later answer makes the intent look untouched.
    #[test]
    fn u_11_a_refusal_after_doubt_proves_nothing() {
        for first in [SendResult::Accepted, SendResult::Unknown("reset".to_owned())] {
            let mut memory = memory();
            let id = IntentId(1);
            assert_eq!(memory.goes(id), Some(false));
            assert_eq!(memory.goes(id), None, "two copies at once");
            memory.answered(id, &first);
            assert_eq!(memory.goes(id), Some(true));
        }
    }

    /// A proxy sent the request twice, and the answer is that of the second copy.
    #[test]
    fn a_nonce_that_is_used_may_be_used_by_a_copy() {
        let (mut memory, id) = (memory(), IntentId(1));
        memory.goes(id);
        let message = "invalid nonce".to_owned();
        memory.answered(id, &SendResult::Refused { code: INVALID_NONCE, message, in_doubt: false });
        assert!(!memory.never_left(id) && !memory.is_wanted(id));
        memory.lost(id);
        assert!(memory.is_wanted(id), "the venue waits for that nonce and knows no such bytes");
    }

    #[test]
    fn accepted_bytes_are_not_sent_again_unless_the_venue_lost_them() {
        let (mut memory, id) = (memory(), IntentId(1));
        memory.goes(id);
        assert!(memory.answered(id, &SendResult::Unknown("reset".to_owned())).is_some());
        assert!(memory.is_wanted(id));
        memory.goes(id);
        memory.answered(id, &SendResult::Accepted);
        assert!(!memory.is_wanted(id), "a timer of before must not send it again");
        memory.lost(id);
        assert!(memory.is_wanted(id));
    }
}
