//! One writer per key slot: signed bytes leave in nonce order, one at a time (R-09, U-10).

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::driver::Input;
use super::entry::{IntentId, LegSide};
use super::event::{Event, SendResult};
use crate::model::{AccountIndex, ApiKeyIndex};
use crate::rt::{Tasks, kill_point};
use crate::signing::PrivateKey;
use crate::tx::l1::EthKey;
use crate::tx::{Envelope, SignedTx};
use crate::venue::{Class, Venue, VenueError};

/// The private keys of a run.
pub struct Signer {
    /// Chain id of signatures.
    pub chain_id: u32,
    /// One key per account and slot.
    pub keys: BTreeMap<(AccountIndex, ApiKeyIndex), PrivateKey>,
    /// The Ethereum keys of the accounts' owners, where the plan withdraws by the fast route.
    pub owners: BTreeMap<AccountIndex, EthKey>,
}

impl Signer {
    /// Signs a transaction, for its owner too where it has a place for that; `None` without the keys.
    pub(crate) fn sign(&self, envelope: &Envelope) -> Option<SignedTx> {
        let account = envelope.account();
        let key = self.keys.get(&(account, envelope.api_key_index()))?;
        let l1_sig = match envelope.l1_message(self.chain_id) {
            Some(message) => Some(self.owners.get(&account)?.sign(&message)),
            None => None,
        };
        Some(envelope.sign_with_l1(self.chain_id, key, l1_sig.as_deref()))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer(chain {}, {} keys)", self.chain_id, self.keys.len())
    }
}

/// Where the venue takes a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Transactions,
    FastWithdrawals,
}

/// One sending.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) intent: IntentId,
    pub(crate) leg: LegSide,
    pub(crate) tx: SignedTx,
    pub(crate) class: Class,
    pub(crate) endpoint: Endpoint,
    /// Whether an earlier sending of the same bytes may have been taken in.
    pub(crate) in_doubt: bool,
}

/// Bytes wait here only while an earlier send of the same slot is unanswered; a pair has a handful under way.
const QUEUE: usize = 64;

/// The venue's code for too many transactions that wait, of anybody's.
const TOO_MANY_PENDING: i64 = 21_506;

/// The senders of one pair, a task per slot.
pub(crate) struct Senders {
    queues: BTreeMap<(LegSide, ApiKeyIndex), mpsc::Sender<Job>>,
}

impl Senders {
    pub(crate) fn start<V: Venue>(
        tasks: &mut Tasks,
        venue: &Arc<V>,
        slots: impl IntoIterator<Item = (LegSide, ApiKeyIndex)>,
        answers: &mpsc::Sender<Input>,
    ) -> Self {
        let mut queues = BTreeMap::new();
        for slot in slots {
            let (queue, jobs) = mpsc::channel(QUEUE);
            tasks.spawn("sender", run(Arc::clone(venue), jobs, answers.clone()));
            queues.insert(slot, queue);
        }
        Self { queues }
    }

    pub(crate) async fn send(&self, slot: (LegSide, ApiKeyIndex), job: Job) {
        if let Some(queue) = self.queues.get(&slot) {
            // A closed queue means the pair is ending; the intent is durable and resume takes it up.
            let _ = queue.send(job).await;
        }
    }
}

async fn run<V: Venue>(venue: Arc<V>, mut jobs: mpsc::Receiver<Job>, answers: mpsc::Sender<Input>) {
    while let Some(job) = jobs.recv().await {
        kill_point("send.before");
        let answer = match job.endpoint {
            Endpoint::Transactions => venue.send(&job.tx, job.class).await,
            Endpoint::FastWithdrawals => {
                let answer = venue.send_fast_withdrawal(&job.tx, job.class).await;
                kill_point("send.fast");
                answer
            }
        };
        kill_point("send.after");
        let result = match answer {
            Ok(_) => SendResult::Accepted,
            // Pressure passes: the same bytes wait for it, and no step gives up what it wants.
            Err(VenueError::Rejected { code: TOO_MANY_PENDING, message, .. }) => {
                SendResult::NotSent { reason: message, in_doubt: job.in_doubt }
            }
            Err(VenueError::Rejected { code, message, .. }) => {
                SendResult::Refused { code, message, in_doubt: job.in_doubt }
            }
            Err(
                error @ (VenueError::NotSent { .. }
                | VenueError::NoBudget { .. }
                | VenueError::Throttled { .. }
                | VenueError::Blocked { .. }),
            ) => SendResult::NotSent { reason: error.to_string(), in_doubt: job.in_doubt },
            Err(error @ (VenueError::OutcomeUnknown { .. } | VenueError::Malformed { .. })) => {
                SendResult::Unknown(error.to_string())
            }
        };
        if answers.send(Input::Event(Event::Sent(job.intent, job.leg, result))).await.is_err() {
            return;
        }
    }
}
