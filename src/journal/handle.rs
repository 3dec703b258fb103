//! The handle that many tasks share, and the one writer behind it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::error::JournalError;
use super::memory::MemoryStore;
use super::reserve::{LAST_BYTES, NORMAL_BYTES, Space, Unlimited};
use super::store::{Append, EventRow, IntentRow, NewEvent, NewRun, Store};
use crate::model::{RunId, Timestamp};
use crate::rt;

/// How many requests may wait. Every pair has at most a few at a time; a queue this long means the disk stands still,
/// and then the engine must wait, not the memory grow.
const QUEUE: usize = 1024;

/// How many requests one commit takes: beyond some hundreds a larger group no longer saves a sync worth having.
const GROUP: usize = 256;

/// What happens to a record when the disk is nearly full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Refused while there is little room: it starts something.
    Normal,
    /// Written as long as there is any room, the reserve included: it records what happened, or reduces exposure.
    Reducing,
}

type Answer = oneshot::Sender<Result<Vec<u64>, JournalError>>;
type Call = Box<dyn FnOnce(&mut Writer) + Send>;

enum Request {
    Append(Append, Priority, Answer),
    Call(Call),
    Close(oneshot::Sender<()>),
}

/// The one that writes: applies the rules for room and for failed writes.
struct Writer {
    store: Box<dyn Store>,
    space: Box<dyn Space>,
    poison: Option<Arc<str>>,
}

impl Writer {
    fn healthy(&self) -> Result<(), JournalError> {
        match &self.poison {
            Some(cause) => Err(JournalError::Poisoned { cause: cause.clone() }),
            None => Ok(()),
        }
    }

    /// Poisons the journal unless `error` left it as it was. A retry could not tell what the disk already holds, and
    /// would hide the loss (F-19, U-26).
    fn failed(&mut self, error: JournalError) -> JournalError {
        if !error.is_refusal() && self.poison.is_none() {
            tracing::error!(error = &error as &dyn std::error::Error, "the journal cannot be written");
            self.poison = Some(error.to_string().into());
        }
        error
    }

    /// Commits `group` and answers each member, in order.
    fn commit(&mut self, group: Vec<(Append, Priority)>) -> Vec<Result<Vec<u64>, JournalError>> {
        if let Err(error) = self.healthy() {
            return vec![Err(error); group.len()];
        }
        match self.low_disk(&group) {
            Some(low) => self.commit_reducing(group, &low),
            None => self.commit_all(group),
        }
    }

    fn commit_all(&mut self, group: Vec<(Append, Priority)>) -> Vec<Result<Vec<u64>, JournalError>> {
        let (appends, priorities): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        match self.store.append_group(&appends) {
            Ok(answers) => answers,
            // SQLite rolled it back as a whole, so those who may use the last room can try again.
            Err(full @ JournalError::DiskFull) => {
                self.commit_reducing(appends.into_iter().zip(priorities).collect(), &full)
            }
            Err(error) => vec![Err(self.failed(error)); appends.len()],
        }
    }

    /// Commits only what may use the last room; the others get `refusal`.
    fn commit_reducing(
        &mut self,
        group: Vec<(Append, Priority)>,
        refusal: &JournalError,
    ) -> Vec<Result<Vec<u64>, JournalError>> {
        let priorities: Vec<_> = group.iter().map(|(_, priority)| *priority).collect();
        let reducing = group.into_iter().filter(|(_, priority)| *priority == Priority::Reducing);
        let mut answers: VecDeque<_> =
            self.write_last(&reducing.map(|(append, _)| append).collect::<Vec<_>>()).into();
        let mut answer = |priority| match priority {
            Priority::Normal => Err(refusal.clone()),
            Priority::Reducing => answers.pop_front().unwrap_or(Err(JournalError::Closed)),
        };
        priorities.into_iter().map(&mut answer).collect()
    }

    /// Writes with the last room there is, the reserve included.
    fn write_last(&mut self, appends: &[Append]) -> Vec<Result<Vec<u64>, JournalError>> {
        if appends.is_empty() {
            return Vec::new();
        }
        let mut result = self.store.append_group(appends);
        if matches!(result, Err(JournalError::DiskFull)) && self.space.release() {
            result = self.store.append_group(appends);
        }
        result.unwrap_or_else(|error| vec![Err(self.failed(error)); appends.len()])
    }

    /// Returns the refusal for those who must leave the last room to others, and gives up the reserve when it is time.
    fn low_disk(&mut self, group: &[(Append, Priority)]) -> Option<JournalError> {
        let free = self.space.free().filter(|free| *free < NORMAL_BYTES)?;
        if free < LAST_BYTES && group.iter().any(|(_, priority)| *priority == Priority::Reducing) {
            self.space.release();
        }
        Some(JournalError::DiskLow { free, needed: NORMAL_BYTES })
    }

    fn create_run(&mut self, run: &NewRun) -> Result<(), JournalError> {
        self.healthy()?;
        if let Some(low) = self.low_disk(&[]) {
            return Err(low);
        }
        self.store.create_run(run).map_err(|error| self.failed(error))
    }
}

/// Takes requests until it is closed; what waits together is committed together.
fn write_loop(mut writer: Writer, mut queue: mpsc::Receiver<Request>) {
    let mut next = queue.blocking_recv();
    while let Some(request) = next.take() {
        match request {
            Request::Append(append, priority, answer) => {
                next = commit_waiting(&mut writer, &mut queue, (append, priority, answer));
            }
            Request::Call(call) => call(&mut writer),
            Request::Close(done) => {
                drop(writer);
                // Whoever asked may have gone.
                let _ = done.send(());
                return;
            }
        }
        if next.is_none() {
            next = queue.blocking_recv();
        }
    }
}

/// Commits `first` with all appends that wait behind it; returns the request that ended the group, if one did.
fn commit_waiting(
    writer: &mut Writer,
    queue: &mut mpsc::Receiver<Request>,
    first: (Append, Priority, Answer),
) -> Option<Request> {
    let mut group = vec![(first.0, first.1)];
    let mut waiting = vec![first.2];
    let mut ended_by = None;
    while group.len() < GROUP {
        match queue.try_recv() {
            Ok(Request::Append(append, priority, answer)) => {
                group.push((append, priority));
                waiting.push(answer);
            }
            Ok(other) => {
                ended_by = Some(other);
                break;
            }
            Err(_) => break,
        }
    }
    for (answer, result) in waiting.into_iter().zip(writer.commit(group)) {
        // A caller that was cancelled finds its record when it reads the journal again.
        let _ = answer.send(result);
    }
    ended_by
}

#[derive(Clone)]
enum Way {
    Thread(mpsc::Sender<Request>),
    Inline(Arc<Mutex<Option<Writer>>>),
}

/// A cheap handle on a journal: clones share one writer, which commits in groups.
///
/// Once a write has failed, nothing is written any more: every later call answers [`JournalError::Poisoned`].
#[derive(Clone)]
pub struct Journal(Way);

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Way::Thread(_) => "Journal(thread)",
            Way::Inline(_) => "Journal(inline)",
        })
    }
}

impl Journal {
    /// Starts a writer thread on `store`.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(store: impl Store + 'static) -> Result<Self, JournalError> {
        Self::start_with(Box::new(store), Box::new(Unlimited))
    }

    pub(super) fn start_with(store: Box<dyn Store>, space: Box<dyn Space>) -> Result<Self, JournalError> {
        let (sender, queue) = mpsc::channel(QUEUE);
        let writer = Writer { store, space, poison: None };
        rt::spawn_thread("journal", move || write_loop(writer, queue))
            .map_err(JournalError::io("start a thread for", "the journal".as_ref()))?;
        Ok(Self(Way::Thread(sender)))
    }

    /// Returns a journal that writes in the caller's own thread. In virtual time a second thread would be invisible to
    /// the clock, which would run ahead while it works.
    pub fn inline(store: impl Store + 'static) -> Self {
        let writer = Writer { store: Box::new(store), space: Box::new(Unlimited), poison: None };
        Self(Way::Inline(Arc::new(Mutex::new(Some(writer)))))
    }

    /// Returns a journal that lives and dies in memory, written in the caller's own thread.
    pub fn in_memory() -> Self {
        Self::inline(MemoryStore::new())
    }

    /// Appends to `run` in one durable commit and returns the sequence numbers; when it returns, the record is on disk.
    ///
    /// # Errors
    ///
    /// Nothing was written when it is [`JournalError::DiskLow`], [`JournalError::Busy`], [`JournalError::UnknownRun`]
    /// or [`JournalError::Refused`]. After any other error the journal is poisoned.
    pub async fn append(
        &self,
        run: &RunId,
        priority: Priority,
        events: Vec<NewEvent>,
        intents: Vec<IntentRow>,
    ) -> Result<Vec<u64>, JournalError> {
        let append = Append { run: run.clone(), events, intents };
        match &self.0 {
            Way::Inline(_) => self.now(|writer| {
                writer.commit(vec![(append, priority)]).pop().unwrap_or(Err(JournalError::Closed))
            })?,
            Way::Thread(queue) => {
                let (answer, result) = oneshot::channel();
                let request = Request::Append(append, priority, answer);
                queue.send(request).await.map_err(|_| JournalError::Closed)?;
                result.await.map_err(|_| JournalError::Closed)?
            }
        }
    }

    /// Records a new run, durably.
    ///
    /// # Errors
    ///
    /// As [`Journal::append`], and [`JournalError::RunExists`].
    pub async fn create_run(&self, run: NewRun) -> Result<(), JournalError> {
        self.call(move |writer| writer.create_run(&run)).await?
    }

    /// Gives `run` another status, as an event of its own. Use [`NewEvent::run_status`] to do it together with others.
    ///
    /// # Errors
    ///
    /// As [`Journal::append`].
    pub async fn set_status(
        &self,
        run: &RunId,
        status: &str,
        exit_code: Option<u8>,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let event = NewEvent::run_status(status, exit_code, at);
        self.append(run, Priority::Reducing, vec![event], Vec::new()).await.map(drop)
    }

    /// Calls `read` with the store, after all that was appended before.
    ///
    /// # Errors
    ///
    /// [`JournalError::Closed`].
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> T + Send + 'static,
    ) -> Result<T, JournalError> {
        self.call(move |writer| read(writer.store.as_ref())).await
    }

    /// Returns the events of `run` from `from_seq` on.
    ///
    /// # Errors
    ///
    /// [`JournalError::UnknownRun`], [`JournalError::Closed`], or unreadable rows.
    pub async fn events(&self, run: &RunId, from_seq: u64) -> Result<Vec<EventRow>, JournalError> {
        let run = run.clone();
        self.read(move |store| store.events(&run, from_seq)).await?
    }

    /// Returns the intents of `run`.
    ///
    /// # Errors
    ///
    /// [`JournalError::UnknownRun`], [`JournalError::Closed`], or unreadable rows.
    pub async fn intents(&self, run: &RunId) -> Result<Vec<IntentRow>, JournalError> {
        let run = run.clone();
        self.read(move |store| store.intents(&run)).await?
    }

    /// Closes the file after what was appended before; later calls answer [`JournalError::Closed`].
    pub async fn close(&self) {
        match &self.0 {
            Way::Inline(writer) => drop(writer.lock().unwrap_or_else(PoisonError::into_inner).take()),
            Way::Thread(queue) => {
                let (done, closed) = oneshot::channel();
                if queue.send(Request::Close(done)).await.is_ok() {
                    // An error says that the thread has ended: closed as well.
                    let _ = closed.await;
                }
            }
        }
    }

    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Writer) -> T + Send + 'static,
    ) -> Result<T, JournalError> {
        match &self.0 {
            Way::Inline(_) => self.now(call),
            Way::Thread(queue) => {
                let (answer, result) = oneshot::channel();
                let call: Call = Box::new(move |writer| drop(answer.send(call(writer))));
                queue.send(Request::Call(call)).await.map_err(|_| JournalError::Closed)?;
                result.await.map_err(|_| JournalError::Closed)
            }
        }
    }

    /// Calls the inline writer.
    fn now<T>(&self, call: impl FnOnce(&mut Writer) -> T) -> Result<T, JournalError> {
        let Way::Inline(writer) = &self.0 else { return Err(JournalError::Closed) };
        // A panic inside a memory store's append leaves whole rows or none.
        match writer.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(writer) => Ok(call(writer)),
            None => Err(JournalError::Closed),
        }
    }
}
