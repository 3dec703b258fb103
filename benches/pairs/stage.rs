//! The two processes of a measurement: an exchange, and the program with a plan of many pairs.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use lighter_plan::rt::real_sleep;
use lighter_plan::venue::lighter::{HttpTransport, Timeouts, Transport as _};
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::hedges::Hedges;

/// Still prices near the listed ones, makers 1.5 to 15 bps away, and no takers: entries 20 bps away stay.
const WORLD: &str = "name: still
markets:
  - { market: SOL, price: '101', volatility_bps: 0, takers: false }
  - { market: ETH, price: '2340', volatility_bps: 0, takers: false }
  - { market: BTC, price: '80000', volatility_bps: 0, takers: false }
";

/// Symbol, buy and sell price. All pairs of a market quote the same: no own order can meet another.
const MARKETS: [(&str, &str, &str); 3] =
    [("SOL", "100.800", "101.200"), ("ETH", "2335.30", "2344.70"), ("BTC", "79840.0", "80160.0")];

/// The plan's `hedge.wait`, in milliseconds.
pub(crate) const HEDGE_WAIT_MS: i64 = 1_000;

/// How long the exchange may take to start.
const START_SECONDS: u32 = 60;

/// A child process that does not outlive the bench.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(folder: &Path, name: &str) -> io::Result<Command> {
    let (out, errors) =
        (File::create(folder.join(format!("{name}.out")))?, folder.join(format!("{name}.err")));
    let mut command = Command::new(env!("CARGO_BIN_EXE_lighter-plan"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command.stdout(out).stderr(File::create(errors)?);
    Ok(command)
}

/// Both processes of one measurement.
pub(crate) struct Stage {
    engine: Process,
    _exchange: Process,
    http: String,
    client: HttpTransport,
    gate: Gate,
    folder: PathBuf,
}

impl Stage {
    /// Starts an exchange, and the program with `pairs` pairs on it.
    pub(crate) async fn start(folder: &Path, pairs: usize) -> io::Result<Self> {
        std::fs::write(folder.join("world.yaml"), WORLD)?;
        let accounts = (2 * pairs).to_string();
        let mut command = program(folder, "exchange")?;
        command.args([
            "paper",
            "--control",
            "--no-rate-limit",
            "--tier",
            "premium",
            "--market",
            "SOL,ETH,BTC",
        ]);
        command.args(["--world", "world.yaml", "--ready-file", "ready.json", "--accounts", &accounts]);
        let exchange = Process(command.spawn()?);
        let ready = announcement(folder).await?;
        let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
        let http = text("http");
        let target = http.trim_start_matches("http://").parse().map_err(io::Error::other)?;
        let gate = Gate::start(target)?;
        let ws = format!("ws://{}/stream", gate.address);
        std::fs::write(folder.join("plan.yaml"), plan(&http, &ws, &ready["chain_id"], pairs))?;
        let mut command = program(folder, "engine")?;
        command.args(["apply", "plan.yaml", "--auto-approve", "--events", "events.jsonl"]);
        for account in ready["accounts"].as_array().into_iter().flatten() {
            let key = account["api_private_key"].as_str().unwrap_or_default();
            command.env(format!("KEY_{}", account["account_index"]), key);
        }
        let engine = Process(command.spawn()?);
        let base = http.parse().map_err(io::Error::other)?;
        let client = HttpTransport::new(&base, Timeouts::default()).map_err(io::Error::other)?;
        Ok(Self { engine, _exchange: exchange, http, client, gate, folder: folder.to_owned() })
    }

    /// Lets all prices rise beyond what the pairs ask.
    pub(crate) async fn rise(&self) -> io::Result<()> {
        for (market, price) in [("SOL", "101.400"), ("ETH", "2349.00"), ("BTC", "80300.0")] {
            let action = json!({ "do": "move_to", "price": price, "over": "2s" });
            let body = json!({ "market": market, "action": action }).to_string();
            let request =
                Request::post(format!("{}/paper/act", self.http)).header("content-type", "application/json");
            let request = request.body(Bytes::from(body)).map_err(io::Error::other)?;
            let answer = self.client.send(request).await.map_err(io::Error::other)?;
            if !answer.status().is_success() {
                return Err(io::Error::other(String::from_utf8_lossy(answer.body()).into_owned()));
            }
        }
        Ok(())
    }

    /// Returns the last lines of what the program said.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("engine.err")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Returns what the program told of its hedges.
    pub(crate) fn hedges(&self) -> Hedges {
        Hedges::read(&std::fs::read_to_string(self.folder.join("events.jsonl")).unwrap_or_default())
    }

    /// Returns how many orders rest.
    pub(crate) async fn resting(&self) -> io::Result<usize> {
        let request = Request::get(format!("{}/paper/state", self.http)).body(Bytes::new());
        let answer = self.client.send(request.map_err(io::Error::other)?).await.map_err(io::Error::other)?;
        let state: Value = serde_json::from_slice(answer.body())?;
        let orders = state["accounts"].as_array().into_iter().flatten();
        let orders = orders.flat_map(|account| account["orders"].as_array().into_iter().flatten());
        Ok(orders.filter(|order| order["status"] == "open").count())
    }

    /// Returns a line of the program's `/proc/PID/status`, such as `VmRSS`.
    pub(crate) fn status(&self, key: &str) -> io::Result<String> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.engine.0.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        Ok(line.unwrap_or("unknown").trim().to_owned())
    }

    /// Returns how many streams the program holds open.
    pub(crate) fn streams(&self) -> usize {
        self.gate.open()
    }

    /// Fails when the program has ended, with what it said.
    pub(crate) fn still_runs(&mut self) -> io::Result<()> {
        match self.engine.0.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let said = ["out", "err"].map(|end| self.folder.join(format!("engine.{end}")));
                let said = said.map(|path| std::fs::read_to_string(path).unwrap_or_default());
                Err(io::Error::other(format!("the program ended, {status}: {}", said.concat())))
            }
        }
    }
}

async fn announcement(folder: &Path) -> io::Result<Value> {
    for _ in 0..10 * START_SECONDS {
        if let Ok(text) = std::fs::read_to_string(folder.join("ready.json")) {
            return Ok(serde_json::from_str(&text)?);
        }
        real_sleep(Duration::from_millis(100)).await;
    }
    let said = std::fs::read_to_string(folder.join("exchange.err")).unwrap_or_default();
    Err(io::Error::other(format!("the exchange is not ready after {START_SECONDS} s: {said}")))
}

fn plan(http: &str, ws: &str, chain_id: &Value, pairs: usize) -> String {
    let mut text = format!(
        "version: 1
name: many-pairs
network: {{ http: '{http}', ws: '{ws}', chain_id: {chain_id} }}
notional_usdc: 100
leverage: 5
prices: {{ buy: 1, sell: 2 }}
minimum_usdc: 100
place: {{ time_in_force: post_only, expires_in: 2h }}
watch: {{ entry_deadline: 1h, on_entry_timeout: hedge, max_hold: 1h }}
hedge: {{ wait: 1s, max_naked: 30s, max_slippage_bps: 50 }}
risk: {{ max_order_usdc: 200, max_position_usdc: 200, max_exposure_usdc: 100000, max_price_deviation_bps: 500,
  max_drawdown_usdc: 1000, min_liquidation_distance_pct: 10, max_messages_per_minute: 40,
  max_loss_if_venue_down_usdc: 300 }}
withdraw: {{ when: never }}
pairs:
"
    );
    for (number, (market, buy, sell)) in (0..pairs).zip(MARKETS.into_iter().cycle()) {
        let (long, short) = (1_001 + 2 * number, 1_002 + 2 * number);
        let written = write!(
            text,
            "  - id: p{number}
    market: {market}
    prices: {{ buy: {buy}, sell: {sell} }}
    long: {{ account: {long}, api_key_index: 4, key: env:KEY_{long} }}
    short: {{ account: {short}, api_key_index: 4, key: env:KEY_{short} }}
"
        );
        written.expect("text grows");
    }
    text
}
