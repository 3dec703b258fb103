//! Thirty pairs in one process, on an exchange that keeps the venue's limits: all come to rest, trade, and end flat.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lighter_plan::rt::Clock;
use serde_json::{Value, json};

const PAIRS: usize = 30;

/// Venue minutes pass in six seconds; more, and the bytes of a hedge would live for less than a busy machine's pause.
const SCALE: u32 = 10;

/// Much more than the 5 venue minutes that the limits leave to it, as a slow machine needs it; less than forever.
const PATIENCE: Duration = Duration::from_secs(240);

/// Symbol, size, buy and sell price, and where the price goes to fill them.
const MARKETS: [(&str, &str, &str, &str, [&str; 2]); 3] = [
    ("SOL", "0.500", "99.900", "100.100", ["99.820", "100.180"]),
    ("ETH", "0.0200", "1998.00", "2002.00", ["1996.40", "2003.60"]),
    ("BTC", "0.00100", "79920.0", "80080.0", ["79856.0", "80144.0"]),
];

const WORLD: &str = "name: still
markets:
  - { market: SOL, price: '100', volatility_bps: 0, takers: false }
  - { market: ETH, price: '2000', volatility_bps: 0, takers: false }
  - { market: BTC, price: '80000', volatility_bps: 0, takers: false }
";

/// A child process that does not outlive the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(folder: &Path, name: &str, arguments: &[&str]) -> Command {
    let file = |end: &str| std::fs::File::create(folder.join(format!("{name}.{end}"))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lighter-plan"));
    command.args(arguments).env_clear().current_dir(folder).stdin(Stdio::null());
    command.stdout(file("out")).stderr(file("err"));
    command
}

/// Looks until there is something to see.
#[track_caller]
fn until<T>(folder: &Path, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = Clock::system();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock.elapsed() < PATIENCE, "{what} after {PATIENCE:?}\n{}", said(folder));
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn said(folder: &Path) -> String {
    ["engine.out", "engine.err", "exchange.err"].map(|name| read(folder, name)).concat()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_default()
}

fn plan(ready: &Value) -> String {
    let (http, ws, chain_id) = (&ready["http"], &ready["ws"], &ready["chain_id"]);
    let mut text = format!(
        "version: 1
name: many-pairs
network: {{ http: {http}, ws: {ws}, chain_id: {chain_id}, time_scale: {SCALE} }}
leverage: 5
minimum_usdc: 500
place: {{ time_in_force: post_only, expires_in: 60m }}
watch: {{ entry_deadline: 30m, on_entry_timeout: hedge, max_hold: 1m }}
hedge: {{ wait: 90s, max_naked: 100s, max_slippage_bps: 50 }}
risk: {{ max_order_usdc: 200, max_position_usdc: 200, max_exposure_usdc: 10000, max_price_deviation_bps: 200,
  max_drawdown_usdc: 500, min_liquidation_distance_pct: 10, max_messages_per_minute: 40,
  max_loss_if_venue_down_usdc: 300 }}
withdraw: {{ when: never }}
pairs:
"
    );
    for (number, (market, size, buy, sell, _)) in (0..PAIRS).zip(MARKETS.into_iter().cycle()) {
        let (long, short) = (1_001 + 2 * number, 1_002 + 2 * number);
        let written = write!(
            text,
            "  - id: p{number}
    market: {market}
    size: {size}
    prices: {{ buy: {buy}, sell: {sell} }}
    long: {{ account: {long}, api_key_index: 4, key: env:KEY_{long} }}
    short: {{ account: {short}, api_key_index: 4, key: env:KEY_{short} }}
"
        );
        written.unwrap();
    }
    text
}

/// Starts the exchange, with the venue's limits of a Premium account.
fn exchange(folder: &Path) -> (Process, Value) {
    std::fs::write(folder.join("world.yaml"), WORLD).unwrap();
    let (accounts, scale) = ((2 * PAIRS).to_string(), SCALE.to_string());
    let arguments =
        ["paper", "--control", "--tier", "premium", "--market", "SOL,ETH,BTC", "--world", "world.yaml"];
    let more = ["--ready-file", "ready.json", "--accounts", &accounts, "--time-scale", &scale];
    let arguments = [&arguments[..], &more[..]].concat();
    let process = Process(program(folder, "exchange", &arguments).spawn().unwrap());
    let ready =
        until(folder, "the exchange is not ready", || serde_json::from_str(&read(folder, "ready.json")).ok());
    (process, ready)
}

fn engine(folder: &Path, ready: &Value) -> Process {
    std::fs::write(folder.join("plan.yaml"), plan(ready)).unwrap();
    let mut command =
        program(folder, "engine", &["apply", "plan.yaml", "--auto-approve", "--events", "events.jsonl"]);
    for account in ready["accounts"].as_array().unwrap() {
        let key = account["api_private_key"].as_str().unwrap();
        command.env(format!("KEY_{}", account["account_index"]), key);
    }
    Process(command.spawn().unwrap())
}

/// Moves every market to its lower or its upper end.
fn swing(ready: &Value, end: usize) {
    for (market, _, _, _, ends) in MARKETS {
        let action = json!({ "do": "move_to", "price": ends[end], "over": "2s" });
        post(ready, "/paper/act", &json!({ "market": market, "action": action }));
    }
}

#[track_caller]
fn post(ready: &Value, path: &str, body: &Value) {
    let host = ready["http"].as_str().unwrap().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    let length = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{length}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Returns how many events fit.
fn count(folder: &Path, fits: impl Fn(&Value) -> bool) -> usize {
    let text = read(folder, "events.jsonl");
    // The last line may be half written.
    text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter(fits).count()
}

/// F-27, R-23: the requests of sixty accounts fit into the minute's budget one after another, and no pair starves.
#[test]
fn thirty_pairs_rest_trade_and_end_flat_within_the_limits() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_exchange, ready) = exchange(folder);
    let mut engine = engine(folder, &ready);
    let steps = |to: &str| count(folder, |news| news["entry"]["kind"] == "step" && news["entry"]["to"] == to);
    let mut ended = || engine.0.try_wait().unwrap();
    until(folder, "not all rest", || {
        assert!(ended().is_none(), "{}", said(folder));
        (steps("watch") == PAIRS).then_some(())
    });
    assert!(read(folder, "engine.out").contains("pairs wait for"), "{}", said(folder));
    for (end, leg) in [(0, "long"), (1, "short")] {
        swing(&ready, end);
        let fills = |news: &Value| news["entry"]["kind"] == "fill" && news["entry"]["leg"] == leg;
        until(folder, "not all are filled", || (count(folder, fills) >= PAIRS).then_some(()));
    }
    let status = until(folder, "it does not end", ended);
    assert_eq!(status.code(), Some(0), "{}", said(folder));
    let out = read(folder, "engine.out");
    assert_eq!(out.matches("held for max_hold; flat;").count(), 2 * PAIRS, "{out}");
}
