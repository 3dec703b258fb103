//! What the journal costs: an intent and its outcome, two durable commits, beside the same two commits of bare SQLite.

use criterion::{Criterion, criterion_group, criterion_main};
use lighter_plan::journal::{IntentRow, Journal, NewEvent, NewRun, Priority, StateDir};
use lighter_plan::model::{AccountIndex, ApiKeyIndex, ClientOrderIndex, Nonce, RunId, Timestamp, TxHash};

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

fn new_run(id: &RunId) -> NewRun {
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

async fn intent_and_outcome(journal: &Journal, run: &RunId, number: i64) {
    for (kind, state) in [("intent", "in-doubt"), ("outcome", "executed")] {
        let written =
            journal.append(run, Priority::Normal, vec![event(kind)], vec![intent(number, state)]).await;
        written.expect("the bench's disk has room");
    }
}

fn ours(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let run: RunId = "bench".parse().expect("a run id");
    let journal = StateDir::create(directory.path()).and_then(|state| state.journal()).expect("a journal");
    runtime.block_on(journal.create_run(new_run(&run))).expect("a run");
    let mut number = 0;
    criterion.bench_function("journal: intent and outcome", |bencher| {
        bencher.iter(|| {
            number += 1;
            runtime.block_on(intent_and_outcome(&journal, &run, number));
        });
    });
    runtime.block_on(journal.close());
}

/// The control: the same file settings and the same bytes, without chain, queue, intents table or checks.
fn bare(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let connection = rusqlite::Connection::open(directory.path().join("bare.sqlite")).expect("a file");
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (a TEXT, b TEXT) STRICT",
        )
        .expect("a table");
    criterion.bench_function("control: two bare SQLite commits", |bencher| {
        bencher.iter(|| {
            for _ in 0..2 {
                connection.execute("INSERT INTO t VALUES (?1, ?2)", [body(), body()]).expect("a row");
            }
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50);
    targets = bare, ours
}
criterion_main!(benches);
