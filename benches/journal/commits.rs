//! An intent and its outcome, beside two commits of bare SQLite.

use std::time::{Duration, Instant};

use lighter_plan::journal::{IntentRow, Journal, NewEvent, NewRun, Priority, StateDir};
use lighter_plan::model::{AccountIndex, ApiKeyIndex, ClientOrderIndex, Nonce, RunId, Timestamp, TxHash};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// About what a signed order takes.
const BODY_BYTES: usize = 700;

fn body() -> String {
    format!("{{\"tx_info\":\"{}\"}}", "x".repeat(BODY_BYTES))
}

fn event(kind: &str) -> NewEvent {
    NewEvent { pair: None, kind: kind.to_owned(), at: Timestamp::from_millis(1), body: body() }
}

fn intent(number: i64, state: &str) -> IntentRow {
    IntentRow {
        intent_id: format!("i{number}"),
        account: AccountIndex::new(1001),
        key: ApiKeyIndex::new(4),
        nonce: Nonce::new(number),
        client_order_index: Some(ClientOrderIndex::new(7)),
        hash: TxHash::new([1; 40]),
        tx_type: 14,
        tx_info: body(),
        deadline: Timestamp::from_millis(2),
        state: state.to_owned(),
    }
}

pub(crate) fn new_run(id: &RunId) -> NewRun {
    NewRun {
        id: id.clone(),
        name: "bench".to_owned(),
        network: "paper".to_owned(),
        plan_source: String::new(),
        plan_json: "{}".to_owned(),
        graph_json: "{}".to_owned(),
        created_at: Timestamp::from_millis(0),
        format: 1,
    }
}

/// A journal as a run has it: its own thread, chain, intents and checks.
struct Ours {
    runtime: Runtime,
    journal: Journal,
    run: RunId,
    effects: i64,
    _directory: TempDir,
}

impl Ours {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let run: RunId = "bench".parse().expect("a run id");
        let journal =
            StateDir::create(directory.path()).and_then(|state| state.journal()).expect("a journal");
        runtime.block_on(journal.create_run(new_run(&run))).expect("a run");
        Self { runtime, journal, run, effects: 0, _directory: directory }
    }

    fn effect(&mut self) {
        self.effects += 1;
        let Self { journal, run, effects, .. } = self;
        self.runtime.block_on(async {
            for (kind, state) in [("intent", "in-doubt"), ("outcome", "executed")] {
                let intents = vec![intent(*effects, state)];
                let written = journal.append(run, Priority::Normal, vec![event(kind)], intents).await;
                written.expect("the bench's disk has room");
            }
        });
    }
}

/// The control: the same file settings, without chain, thread or checks. An intent's row is written with its event and
/// then changed, as ours is, because whoever keeps intents at all must write them.
struct Bare {
    connection: Connection,
    effects: i64,
    _directory: TempDir,
}

impl Bare {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let connection = Connection::open(directory.path().join("bare.sqlite")).expect("a file");
        let settings = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
            CREATE TABLE events (a TEXT, b TEXT) STRICT;
            CREATE TABLE intents (id INTEGER PRIMARY KEY, tx_info TEXT, state TEXT) STRICT";
        connection.execute_batch(settings).expect("two tables");
        Self { connection, effects: 0, _directory: directory }
    }

    fn effect(&mut self) {
        self.effects += 1;
        for state in ["in-doubt", "executed"] {
            let commit = self.connection.transaction().expect("a transaction");
            commit.execute("INSERT INTO events VALUES (?1, ?2)", [state, &body()]).expect("a row");
            let row = rusqlite::params![self.effects, body(), state];
            commit.execute("INSERT OR REPLACE INTO intents VALUES (?1, ?2, ?3)", row).expect("a row");
            commit.commit().expect("the bench's disk has room");
        }
    }
}

pub(crate) fn ours_alone(effects: usize) {
    let mut ours = Ours::new();
    (0..effects).for_each(|_| ours.effect());
    ours.runtime.block_on(ours.journal.close());
}

/// Ours and the control in turns; prints both and their ratio.
pub(crate) fn compare(effects: usize) {
    let (mut ours, mut bare) = (Ours::new(), Bare::new());
    let (mut our_times, mut bare_times) = (Vec::new(), Vec::new());
    for _ in 0..effects {
        our_times.push(timed(|| ours.effect()));
        bare_times.push(timed(|| bare.effect()));
    }
    ours.runtime.block_on(ours.journal.close());
    let (our, control) = (Spread::of(our_times), Spread::of(bare_times));
    println!("intent and outcome, two commits     {our}");
    println!("control: two bare SQLite commits    {control}");
    let percent = our.median.as_nanos() * 100 / control.median.as_nanos();
    println!("ratio of the medians                {}.{:02}", percent / 100, percent % 100);
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

struct Spread {
    median: Duration,
    p99: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { median: times[times.len() / 2], p99: times[times.len() * 99 / 100] }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "median {:.2?}, p99 {:.2?}", self.median, self.p99)
    }
}
