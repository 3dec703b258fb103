//! How long `resume` takes from its start to the first byte of its first question to the venue.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lighter_plan::journal::{Append, NewEvent, SqliteStore, Store};
use lighter_plan::model::{AccountIndex, ApiKeyIndex, RunId, Timestamp};
use lighter_plan::paper::server::key;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lighter-plan");

/// Seed of the exchange's keys.
const KEYS: u64 = 7;

/// How long anything may take before the bench is given up.
const LIMIT: Duration = Duration::from_secs(60);

/// How often each is timed; the median counts.
const ROUNDS: usize = 9;

/// How many events a commit of the padding has.
const COMMIT: usize = 1_000;

/// A child that ends with the bench.
pub(crate) struct Kept(pub(crate) Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn secret(account: i64) -> String {
    let key = key(KEYS, AccountIndex::new(account), ApiKeyIndex::new(4));
    format!("0x{}", hex::encode(key.to_bytes()))
}

fn program(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(directory).env_remove("LIGHTER_PLAN_STATE").args(arguments);
    command.env("BENCH_LONG", secret(1_001)).env("BENCH_SHORT", secret(1_002));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn start(directory: &Path, arguments: &[&str]) -> Kept {
    Kept(program(directory, arguments).spawn().expect("the program starts"))
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LIMIT, "{what}: not after {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn plan(http: &str, ws: &str) -> String {
    format!(
        "version: 1
name: resumed
network: {{ http: '{http}', ws: '{ws}', chain_id: 304 }}
market: SOL
size: 1
leverage: 5
prices: {{ buy: {{ peg: mid, offset_bps: -50, reprice_bps: 20 }}, sell: {{ peg: mid, offset_bps: 50, reprice_bps: 20 }} }}
minimum_usdc: 500
pairs:
  - id: alpha
    long:  {{ account: 1001, api_key_index: 4, key: env:BENCH_LONG }}
    short: {{ account: 1002, api_key_index: 4, key: env:BENCH_SHORT }}
watch: {{ max_hold: 1h }}
risk:
  max_order_usdc: 2000
  max_position_usdc: 2000
  max_exposure_usdc: 4000
  max_price_deviation_bps: 200
  max_drawdown_usdc: 150
  min_liquidation_distance_pct: 10
  max_messages_per_minute: 40
  max_loss_if_venue_down_usdc: 300
"
    )
}

/// A run that was killed with its quotes at the exchange; returns it with the exchange's address, which is free again.
fn killed_run(directory: &Path) -> (RunId, String) {
    let exchange =
        start(directory, &["paper", "--accounts", "2", "--market", "SOL", "--ready-file", "exchange.json"]);
    let mut said = serde_json::Value::Null;
    until("the exchange serves", || {
        let text = std::fs::read_to_string(directory.join("exchange.json")).unwrap_or_default();
        serde_json::from_str(&text).map(|value| said = value).is_ok()
    });
    let [http, ws] = ["http", "ws"].map(|name| said[name].as_str().expect("an address").to_owned());
    std::fs::write(directory.join("plan.yaml"), plan(&http, &ws)).expect("a plan");
    let applied = start(directory, &["apply", "plan.yaml", "--auto-approve"]);
    let journal = directory.join(".lighter-plan/journal.sqlite");
    let mut run = None;
    until("the quotes are journaled", || {
        let Ok(store) = SqliteStore::open_read_only(&journal) else { return false };
        let Some(row) = store.runs().ok().and_then(|mut rows| rows.pop()) else { return false };
        let sent = store.intents(&row.id).is_ok_and(|intents| intents.len() >= 2);
        run = Some(row.id);
        sent
    });
    drop((applied, exchange));
    (run.expect("a run"), http.trim_start_matches("http://").to_owned())
}

/// Makes the run's journal as long as that of a busy one.
fn pad(directory: &Path, run: &RunId, count: usize) {
    let mut store = SqliteStore::open(&directory.join(".lighter-plan/journal.sqlite")).expect("the journal");
    let event = NewEvent {
        pair: None,
        kind: "bench.padding".to_owned(),
        at: Timestamp::from_millis(0),
        body: format!("{{\"text\":\"{}\"}}", "x".repeat(400)),
    };
    for begun in (0..count).step_by(COMMIT) {
        let events = vec![event.clone(); COMMIT.min(count - begun)];
        let append = Append { run: run.clone(), events, intents: Vec::new() };
        for answer in store.append_group(&[append]).expect("a commit") {
            answer.expect("events of no pair");
        }
    }
}

fn first_question(directory: &Path, listener: &TcpListener) -> Duration {
    let begun = Instant::now();
    let resumed = start(directory, &["resume"]);
    let (mut stream, _) = listener.accept().expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
    stream.read_exact(&mut [0]).expect("a question");
    let took = begun.elapsed();
    drop(resumed);
    took
}

fn does_nothing(directory: &Path) -> Duration {
    let begun = Instant::now();
    let status = program(directory, &["--version"]).status().expect("the program starts");
    assert!(status.success(), "{status}");
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Prints how long `resume` of a run with `events` more events takes to its first question, beside a start of the same
/// program that does nothing.
pub(crate) fn measure(events: usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (run, address) = killed_run(directory.path());
    pad(directory.path(), &run, events);
    let listener = TcpListener::bind(&address).expect("the exchange's port is free");
    let (mut ours, mut control) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(first_question(directory.path(), &listener));
        control.push(does_nothing(directory.path()));
    }
    println!("resume to its first question        {:.2?} with {events} events more", median(ours));
    println!("control: --version                  {:.2?}", median(control));
}
