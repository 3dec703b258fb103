//! The handle: groups, poison, room on the disk, closing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::reserve::{LAST_BYTES, NORMAL_BYTES, Space};
use super::tests::{event, new_run, run_id};
use super::*;
use crate::model::RunId;

/// A memory store that fails when told to, and counts its commits.
struct Faulty {
    inner: MemoryStore,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    /// What the next commits answer; `None` and after the end: the store's own answer.
    faults: VecDeque<Option<JournalError>>,
    commits: usize,
    released: bool,
    free: Option<u64>,
}

impl Store for Faulty {
    fn create_run(&mut self, run: &NewRun) -> Result<(), JournalError> {
        self.inner.create_run(run)
    }

    fn append_group(
        &mut self,
        group: &[Append],
    ) -> Result<Vec<Result<Vec<u64>, JournalError>>, JournalError> {
        let mut script = self.script.lock().unwrap();
        script.commits += 1;
        match script.faults.pop_front().flatten() {
            Some(error) => Err(error),
            None => self.inner.append_group(group),
        }
    }

    fn runs(&self) -> Result<Vec<RunRow>, JournalError> {
        self.inner.runs()
    }

    fn run(&self, run: &RunId) -> Result<RunRow, JournalError> {
        self.inner.run(run)
    }

    fn definition(&self, run: &RunId) -> Result<NewRun, JournalError> {
        self.inner.definition(run)
    }

    fn page(&self, run: &RunId, from_seq: u64, limit: usize) -> Result<Vec<EventRow>, JournalError> {
        self.inner.page(run, from_seq, limit)
    }

    fn intents(&self, run: &RunId) -> Result<Vec<IntentRow>, JournalError> {
        self.inner.intents(run)
    }
}

struct FakeDisk(Arc<Mutex<Script>>);

impl Space for FakeDisk {
    fn free(&self) -> Option<u64> {
        self.0.lock().unwrap().free
    }

    fn release(&mut self) -> bool {
        !std::mem::replace(&mut self.0.lock().unwrap().released, true)
    }
}

/// A journal with a run `r`, and the script of its faults.
async fn faulty() -> (Journal, Arc<Mutex<Script>>, RunId) {
    let script = Arc::new(Mutex::new(Script::default()));
    let store = Faulty { inner: MemoryStore::new(), script: script.clone() };
    let journal = Journal::start_with(Box::new(store), Box::new(FakeDisk(script.clone()))).unwrap();
    journal.create_run(new_run("r")).await.unwrap();
    (journal, script, run_id("r"))
}

fn one() -> Vec<NewEvent> {
    vec![event("x", "1")]
}

fn fsync_error() -> JournalError {
    let source = std::io::Error::other("fsync: input/output error");
    JournalError::Io { action: "sync", path: "journal.sqlite".into(), source: Arc::new(source) }
}

#[tokio::test]
async fn the_handle_and_its_clones_write_one_journal() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::create(directory.path()).unwrap();
    for journal in [state.journal().unwrap(), Journal::in_memory()] {
        let run = run_id("r");
        journal.create_run(new_run("r")).await.unwrap();
        let appends = (0..50).map(|_| {
            let (journal, run) = (journal.clone(), run.clone());
            async move { journal.append(&run, Priority::Normal, one(), vec![]).await.unwrap() }
        });
        let mut seqs = futures_util::future::join_all(appends).await.concat();
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=50).collect::<Vec<_>>());
        journal.set_status(&run, "ended", Some(0), crate::model::Timestamp::from_millis(3)).await.unwrap();
        assert_eq!(journal.events(&run, 50).await.unwrap().len(), 2);
        assert!(journal.intents(&run).await.unwrap().is_empty());
        let verified = journal.read(move |store| verify(store, &run)).await.unwrap().unwrap();
        assert_eq!(verified.events, 51);
        journal.close().await;
        assert!(matches!(
            journal.append(&run_id("r"), Priority::Normal, one(), vec![]).await,
            Err(JournalError::Closed)
        ));
    }
}

#[tokio::test]
async fn what_waits_together_is_committed_together() {
    let (journal, script, run) = faulty().await;
    let appends = (0..100).map(|_| journal.append(&run, Priority::Normal, one(), vec![]));
    for result in futures_util::future::join_all(appends).await {
        result.unwrap();
    }
    let commits = script.lock().unwrap().commits;
    assert!(commits < 100, "{commits} commits for 100 records");
}

/// F-19, U-26: after a failed write or sync nothing is written any more, by no handle.
#[tokio::test]
async fn one_failed_sync_poisons_the_journal() {
    let (journal, script, run) = faulty().await;
    journal.append(&run, Priority::Normal, one(), vec![]).await.unwrap();
    script.lock().unwrap().faults.push_back(Some(fsync_error()));
    let error = journal.append(&run, Priority::Reducing, one(), vec![]).await.unwrap_err();
    assert!(matches!(error, JournalError::Io { .. }), "{error:?}");
    let commits = script.lock().unwrap().commits;
    for priority in [Priority::Normal, Priority::Reducing] {
        let error = journal.clone().append(&run, priority, one(), vec![]).await.unwrap_err();
        assert!(matches!(error, JournalError::Poisoned { .. }), "{error:?}");
        assert!(error.to_string().contains("cannot sync `journal.sqlite`"), "{error}");
    }
    assert!(matches!(journal.create_run(new_run("r2")).await, Err(JournalError::Poisoned { .. })));
    assert_eq!(script.lock().unwrap().commits, commits, "the store is not even asked");
    assert_eq!(journal.events(&run, 1).await.unwrap().len(), 1, "what is there can be read");
}

#[tokio::test]
async fn a_refusal_poisons_nothing() {
    let (journal, script, run) = faulty().await;
    let bad = journal.append(&run, Priority::Normal, vec![event("x", "{")], vec![]).await;
    assert!(matches!(bad, Err(JournalError::Refused { .. })));
    script.lock().unwrap().faults.push_back(Some(JournalError::Busy));
    assert!(matches!(journal.append(&run, Priority::Normal, one(), vec![]).await, Err(JournalError::Busy)));
    assert_eq!(journal.append(&run, Priority::Normal, one(), vec![]).await.unwrap(), [1]);
}

/// F-20: with little room, what starts something is refused, and what reduces exposure is still recorded.
#[tokio::test]
async fn the_last_room_is_for_what_reduces() {
    let (journal, script, run) = faulty().await;
    script.lock().unwrap().free = Some(NORMAL_BYTES - 1);
    let error = journal.append(&run, Priority::Normal, one(), vec![]).await.unwrap_err();
    assert!(matches!(error, JournalError::DiskLow { .. }), "{error:?}");
    assert!(matches!(journal.create_run(new_run("r2")).await, Err(JournalError::DiskLow { .. })));
    journal.append(&run, Priority::Reducing, one(), vec![]).await.unwrap();
    assert!(!script.lock().unwrap().released, "there is room yet");
    script.lock().unwrap().free = Some(LAST_BYTES - 1);
    assert!(journal.append(&run, Priority::Normal, one(), vec![]).await.is_err());
    assert!(!script.lock().unwrap().released, "the reserve is not for what starts something");
    journal.append(&run, Priority::Reducing, one(), vec![]).await.unwrap();
    assert!(script.lock().unwrap().released);
    script.lock().unwrap().free = Some(NORMAL_BYTES);
    assert_eq!(journal.append(&run, Priority::Normal, one(), vec![]).await.unwrap(), [3]);
}

/// F-20: the disk fills up between the look and the write.
#[tokio::test]
async fn a_full_disk_gives_up_the_reserve_once_and_then_poisons() {
    let (journal, script, run) = faulty().await;
    let full = |count| (0..count).map(|_| Some(JournalError::DiskFull)).collect::<VecDeque<_>>();
    script.lock().unwrap().faults = full(1);
    let error = journal.append(&run, Priority::Normal, one(), vec![]).await.unwrap_err();
    assert!(matches!(error, JournalError::DiskFull), "{error:?}");
    assert!(!script.lock().unwrap().released);
    script.lock().unwrap().faults = full(2);
    assert_eq!(journal.append(&run, Priority::Reducing, one(), vec![]).await.unwrap(), [1]);
    assert!(script.lock().unwrap().released);
    script.lock().unwrap().faults = full(2);
    assert!(matches!(
        journal.append(&run, Priority::Reducing, one(), vec![]).await,
        Err(JournalError::DiskFull)
    ));
    let error = journal.append(&run, Priority::Reducing, one(), vec![]).await.unwrap_err();
    assert!(matches!(error, JournalError::Poisoned { .. }), "{error:?}");
}
