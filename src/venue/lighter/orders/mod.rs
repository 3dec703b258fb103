//! Order entry over a WebSocket of its own, with REST behind it (websocket.md §6).
//!
//! What a socket leaves in doubt — it broke, it said nothing in time, or it refused somebody without saying whom — goes
//! out again over REST at once: the same bytes, never a new signature. The nonce admits one of the two copies, and the
//! caller learns of a refusal only when no earlier copy can have been taken in.

mod answer;
mod line;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use self::answer::Answer;
use super::client::Shared;
use super::endpoints;
use super::http::{is_limit, is_unclear};
use super::transport::{Connect, Transport};
use crate::model::TxHash;
use crate::rt::Tasks;
use crate::tx::SignedTx;
use crate::venue::{Accepted, Class, VenueError};

/// Transactions that may wait to be written: every slot of every account has one under way at most.
const QUEUE: usize = 512;

/// Code of the venue's "invalid nonce".
const INVALID_NONCE: i64 = 21_104;

/// Which way transactions go to the venue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OrderEntry {
    /// What cannot wait — cancels, hedges, emergencies — over a WebSocket, without the cost of a request; REST when it
    /// is not there or leaves a doubt. What adds exposure goes over REST, so that every run knows that REST works
    /// before it has to.
    #[default]
    Socket,
    /// Everything over REST, for networks that let no second WebSocket through.
    Rest,
}

impl OrderEntry {
    const fn takes(self, class: Class) -> bool {
        match (self, class) {
            (Self::Socket, Class::Hedge | Class::Cancel | Class::Emergency) => true,
            (Self::Socket, Class::Place | Class::Read) | (Self::Rest, _) => false,
        }
    }
}

/// A transaction for the socket.
pub(super) struct Job {
    id: String,
    hash: TxHash,
    text: String,
    reply: oneshot::Sender<Reply>,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
enum Reply {
    /// The venue answered it, and no other.
    Answered(Answer),
    /// Nothing of it left this process.
    NotSent,
    /// It may have been taken in.
    Lost(String),
}

/// Where senders hand over what goes by the socket.
#[derive(Debug)]
pub(super) struct Desk {
    mode: OrderEntry,
    /// The queue of the connection that stands; none while there is no connection.
    line: Mutex<Option<mpsc::Sender<Job>>>,
    started: Mutex<bool>,
    next_id: AtomicU64,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({}, {})", self.id, self.hash)
    }
}

impl Desk {
    pub(super) fn new(mode: OrderEntry) -> Self {
        Self { mode, line: Mutex::default(), started: Mutex::default(), next_id: AtomicU64::new(1) }
    }

    /// Opens or closes the desk.
    fn set(&self, line: Option<mpsc::Sender<Job>>) {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }

    /// Returns the queue, when `class` goes by the socket and a connection stands.
    fn open_for(&self, class: Class) -> Option<mpsc::Sender<Job>> {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner).clone();
        line.filter(|_| self.mode.takes(class))
    }

    pub(super) fn is_open(&self) -> bool {
        self.open_for(Class::Cancel).is_some()
    }

    fn job(&self, tx: &SignedTx) -> (Job, oneshot::Receiver<Reply>) {
        let (reply, answered) = oneshot::channel();
        let id = format!("lp-{}", self.next_id.fetch_add(1, Ordering::Relaxed));
        // The signed text goes out as it is: it already is the object that the venue wants.
        let text = format!(
            r#"{{"type":"jsonapi/sendtx","data":{{"id":"{id}","tx_type":{},"tx_info":{}}}}}"#,
            tx.tx_type, tx.tx_info
        );
        (Job { id, hash: tx.hash, text, reply }, answered)
    }
}

/// Starts order entry, unless it runs already or is not wanted. It ends with `tasks`.
pub(super) fn start<T: Transport, C: Connect>(shared: &Arc<Shared<T, C>>, tasks: &mut Tasks) {
    let mut started = shared.desk.started.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.desk.mode == OrderEntry::Socket && !*started {
        *started = true;
        let shared = Arc::clone(shared);
        tasks.spawn("venue-orders", async move { line::keep_open(&shared).await });
    }
}

/// What the socket made of a transaction.
pub(super) enum Outcome {
    /// The venue has said what it is.
    Settled(Result<Accepted, VenueError>),
    /// It did not go by the socket.
    NotTaken,
    /// It may have been taken in, after this time.
    Doubt(Duration, String),
}

/// Sends `tx` by the socket, when there is one for its class.
pub(super) async fn send<T: Transport, C: Connect>(
    shared: &Shared<T, C>,
    tx: &SignedTx,
    class: Class,
) -> Outcome {
    let Some(line) = shared.desk.open_for(class) else { return Outcome::NotTaken };
    let endpoint = endpoints::SEND_TX_SOCKET;
    if let Err(error) = shared.http.permit(endpoint, class, super::client::cost_of(endpoint, tx)).await {
        return Outcome::Settled(Err(error));
    }
    let start = shared.clock.elapsed();
    let (job, answered) = shared.desk.job(tx);
    if line.send(job).await.is_err() {
        return Outcome::NotTaken;
    }
    // A line that ends without a word had the transaction in hand.
    let reply = answered.await.unwrap_or_else(|_| Reply::Lost("the connection was given up".to_owned()));
    let waited = shared.clock.elapsed().saturating_sub(start);
    match reply {
        Reply::NotSent => Outcome::NotTaken,
        Reply::Lost(reason) => Outcome::Doubt(waited, reason),
        Reply::Answered(answer) => settle(shared, tx, answer, waited),
    }
}

/// Reads the answer as REST's is read (`http::judge`).
fn settle<T: Transport, C: Connect>(
    shared: &Shared<T, C>,
    tx: &SignedTx,
    answer: Answer,
    waited: Duration,
) -> Outcome {
    let (endpoint, budget) = (endpoints::SEND_TX_SOCKET, shared.http.budget());
    let Answer { code, message, hash, predicted_ms } = answer;
    match code {
        0 | 200 => {
            budget.answered();
            let hash = hash.unwrap_or_default();
            Outcome::Settled(super::client::accepted(endpoint, tx, &hash, predicted_ms))
        }
        code if is_limit(code) => {
            let retry_after = budget.throttled(None);
            Outcome::Settled(Err(VenueError::Throttled { endpoint: endpoint.path, retry_after }))
        }
        // The 30000s are about the socket, not about the transaction, and an error without a code says nothing: the copy over
        // REST clears it up.
        code if is_unclear(code) || code < 0 || (30_000..31_000).contains(&code) => {
            Outcome::Doubt(waited, format!("code {code}: {message}"))
        }
        code => {
            budget.answered();
            let code = if code == 400 && message.contains("invalid nonce") { INVALID_NONCE } else { code };
            Outcome::Settled(Err(VenueError::Rejected { endpoint: endpoint.path, code, message }))
        }
    }
}
