//! The stage of a case: a directory with plan and state, and the exchange, in a process of its own or embedded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lighter_plan::journal::{RunRow, StateDir, Store};
use lighter_plan::model::{AccountIndex, ApiKeyIndex, RunId};
use lighter_plan::paper::server::key;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{Ended, Process, tail, until};
use crate::venue::{Account, Exchange};
use crate::{Failure, ensure};

/// How many venue seconds pass in a real one: a whole run takes about four seconds.
pub(crate) const SCALE: u32 = 20;
/// Seed of the exchange's keys.
const KEYS: u64 = 7;
/// What each account starts with.
pub(crate) const USDC: u32 = 10_000;
/// The size of both entry orders, in thousandths of a base unit.
pub(crate) const SIZE_THOUSANDTHS: i64 = 2_500;
/// The accounts, long leg first.
pub(crate) const ACCOUNTS: [i64; 2] = [1_001, 1_002];
/// How long one process of a case may take before it hangs: ten times what it needs on two busy cores.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// Where the exchange lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// In a process of its own, which survives.
    Apart,
    /// In the run's process, which dies with it.
    Embedded,
}

/// What the market does to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Both legs fill within seconds.
    BothFill,
    /// Only the long leg fills; the short one is completed by a hedge.
    LongFills,
    /// Nobody takes anything.
    Still,
}

impl Scene {
    /// Returns the file of its world.
    pub(crate) fn world(self) -> String {
        let name = match self {
            Self::BothFill => "quick",
            Self::LongFills => "quick_long_only",
            Self::Still => "quick_still",
        };
        format!("{}/tests/fixtures/worlds/{name}.yaml", env!("CARGO_MANIFEST_DIR"))
    }

    /// How long the legs may differ before the hedge: never due, or due at once.
    const fn hedge_wait(self) -> &'static str {
        match self {
            Self::BothFill | Self::Still => "120s",
            Self::LongFills => "2s",
        }
    }
}

/// What ends a process before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kill {
    /// Nothing.
    None,
    /// A named kill point: `NAME:N`.
    Point(String),
    /// A moment after its start.
    After(Duration),
}

/// Where a case takes place.
#[derive(Debug)]
pub(crate) struct Stage {
    directory: TempDir,
    host: Host,
    exchange: Option<Exchange>,
    variables: Vec<(String, String)>,
}

impl Stage {
    /// Sets up the case's own exchange, plan and state directory.
    pub(crate) fn new(host: Host, scene: Scene) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(|error| format!("no directory: {error}"))?;
        let exchange = match host {
            Host::Apart => Some(exchange_apart(directory.path(), scene)?),
            Host::Embedded => None,
        };
        std::fs::write(directory.path().join("plan.yaml"), plan_text(exchange.as_ref(), scene))
            .map_err(|error| format!("no plan: {error}"))?;
        let variables = ["CRASH_LONG", "CRASH_SHORT"]
            .into_iter()
            .zip(ACCOUNTS)
            .map(|(name, account)| (name.to_owned(), secret(account)))
            .collect();
        Ok(Self { directory, host, exchange, variables })
    }

    /// Returns where everything of the case lies.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.directory().join("state")
    }

    /// Returns where the points that an unkilled process passes are listed.
    pub(crate) fn points(&self) -> PathBuf {
        self.directory().join("points")
    }

    /// Returns the exchange's `HOST:PORT`.
    pub(crate) fn authority(&self) -> Result<&str, Failure> {
        let exchange = self.exchange.as_ref().ok_or("an embedded exchange has no address of its own")?;
        Ok(exchange.http.trim_start_matches("http://"))
    }

    /// Stops the exchange's process or lets it go on.
    pub(crate) fn signal_exchange(&self, signal: Signal) -> Result<(), Failure> {
        self.exchange.as_ref().ok_or("an embedded exchange has no process of its own")?.signal(signal)
    }

    /// Changes the plan's text, before its run begins.
    pub(crate) fn edit_plan(&self, from: &str, to: &str) -> Result<(), Failure> {
        let path = self.directory().join("plan.yaml");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("no plan: {error}"))?;
        ensure!(text.contains(from), "the plan has no `{from}`");
        std::fs::write(&path, text.replace(from, to)).map_err(|error| format!("no plan: {error}"))
    }

    /// Keeps the directory and returns where it is.
    pub(crate) fn keep(self) -> PathBuf {
        self.directory.keep()
    }

    /// Starts `apply`.
    pub(crate) fn apply(&self, more: &[(String, String)]) -> Result<Process, Failure> {
        let plan = self.directory().join("plan.yaml").display().to_string();
        self.start(&["apply", &plan, "--auto-approve"], more)
    }

    /// Starts `resume` on the only open run, or on `run`.
    pub(crate) fn resume(&self, run: Option<&RunId>, more: &[(String, String)]) -> Result<Process, Failure> {
        let run = run.map(ToString::to_string);
        let arguments: Vec<&str> = ["resume"].into_iter().chain(run.as_deref()).collect();
        self.start(&arguments, more)
    }

    /// Starts the program on the case's state directory.
    pub(crate) fn start(&self, arguments: &[&str], more: &[(String, String)]) -> Result<Process, Failure> {
        let state = self.state().display().to_string();
        let all = [&["--state", &state], arguments].concat();
        Process::start(&self.output(), &all, &[&self.variables[..], more].concat())
    }

    /// Returns what the program needs in its environment: the accounts' keys.
    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Returns the file that all processes of the case write to.
    pub(crate) fn output(&self) -> PathBuf {
        self.directory().join("run.out")
    }

    /// Applies the plan, or goes on with its run once it is recorded, until `kill`.
    pub(crate) fn go(&self, kill: &Kill) -> Result<Ended, Failure> {
        let variables = match kill {
            Kill::Point(point) => vec![("LIGHTER_PLAN_KILL_AT".to_owned(), point.clone())],
            Kill::None => vec![("LIGHTER_PLAN_KILL_LOG".to_owned(), self.points().display().to_string())],
            Kill::After(_) => Vec::new(),
        };
        let mut process = match self.run_id() {
            Some(_) if !self.has_ended() => self.resume(None, &variables)?,
            // Killed after the very last commit: only who names the run is told its code again.
            Some(run) => self.resume(Some(&run), &variables)?,
            // Killed before the run was recorded: nothing was sent, and there is nothing to go on with.
            None => self.apply(&variables)?,
        };
        if let Kill::After(moment) = kill {
            if let Some(ended) = process.wait_within(*moment)? {
                return Ok(ended);
            }
            process.signal(Signal::KILL)?;
        }
        process.wait(LIMIT)
    }

    /// Returns the run that the journal holds, if it came so far.
    pub(crate) fn run_id(&self) -> Option<RunId> {
        self.rows()?.first().map(|row| row.id.clone())
    }

    fn has_ended(&self) -> bool {
        let ended = |row: &RunRow| row.status == "ended";
        self.rows().is_some_and(|rows| rows.first().is_some_and(ended))
    }

    fn rows(&self) -> Option<Vec<RunRow>> {
        StateDir::open(&self.state()).ok()?.reader().ok()?.runs().ok()
    }

    /// Returns the exchange's own record. An embedded one is opened from its log, in a process of its own.
    pub(crate) fn accounts(&self) -> Result<Vec<Account>, Failure> {
        if let Some(exchange) = &self.exchange {
            return exchange.accounts();
        }
        let run = self.run_id().ok_or("no run, and no exchange")?;
        let log = self.state().join("paper").join(format!("{run}.log")).display().to_string();
        Exchange::start(self.directory(), &["--log", &log])?.accounts()
    }

    /// Lets the exchange's world do something to a market.
    pub(crate) fn act(&self, market: &str, action: &str) -> Result<(), Failure> {
        self.exchange.as_ref().ok_or("an embedded exchange has no control plane")?.act(market, action)
    }

    /// Waits until venue time has gone on by `span`.
    pub(crate) fn let_pass(&self, span: Duration) -> Result<(), Failure> {
        let exchange = self.exchange.as_ref().ok_or("an embedded exchange ends with its process")?;
        let due = exchange.now()? + i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let passed = until(LIMIT, || exchange.now().is_ok_and(|now| now >= due));
        ensure!(passed, "the exchange's clock stands still");
        Ok(())
    }

    /// Returns where the exchange is.
    pub(crate) const fn host(&self) -> Host {
        self.host
    }

    /// Returns what all processes said last.
    pub(crate) fn tails(&self) -> String {
        format!(
            "--- lighter-plan\n{}\n--- paper exchange\n{}",
            tail(&self.output()),
            tail(&self.directory().join("exchange.out"))
        )
    }
}

fn exchange_apart(directory: &Path, scene: Scene) -> Result<Exchange, Failure> {
    let (scale, usdc, keys) = (SCALE.to_string(), USDC.to_string(), KEYS.to_string());
    let world = scene.world();
    Exchange::start(
        directory,
        &["--no-rate-limit", "--seed", &keys, "--usdc", &usdc, "--time-scale", &scale, "--world", &world],
    )
}

/// Returns the private key of a leg, as the environment gives it to the program.
pub(crate) fn secret(account: i64) -> String {
    format!("0x{}", hex::encode(key(KEYS, AccountIndex::new(account), ApiKeyIndex::new(4)).to_bytes()))
}

/// A plan of about 80 venue seconds. Its limits leave room for the time that a crash and a busy machine take: no hedge and
/// no emergency is due while a process starts again.
fn plan_text(exchange: Option<&Exchange>, scene: Scene) -> String {
    let (network, keys) = match exchange {
        Some(Exchange { http, ws, chain_id, .. }) => (
            format!("{{ http: \"{http}\", ws: \"{ws}\", chain_id: {chain_id}, time_scale: {SCALE} }}"),
            ["env:CRASH_LONG", "env:CRASH_SHORT"],
        ),
        None => {
            let world = scene.world();
            let paper = format!("{{ usdc: {USDC}, seed: {KEYS}, world: \"{world}\", time_scale: {SCALE} }}");
            (format!("paper\npaper: {paper}"), ["paper", "paper"])
        }
    };
    let wait = scene.hedge_wait();
    let [long, short] = ACCOUNTS;
    let [long_key, short_key] = keys;
    format!(
        "\
version: 1
name: crash
network: {network}
market: SOL
size: 2.5
leverage: 5
prices: {{ buy: 99.920, sell: 100.080 }}
minimum_usdc: 500
pairs:
  - id: alpha
    long:  {{ account: {long}, api_key_index: 4, key: {long_key} }}
    short: {{ account: {short}, api_key_index: 4, key: {short_key} }}
place: {{ time_in_force: post_only, expires_in: 30m }}
watch: {{ entry_deadline: 10m, on_entry_timeout: hedge, max_hold: 8s }}
hedge: {{ wait: {wait}, max_naked: 180s, attempts: 10, max_slippage_bps: 100 }}
risk:
  max_order_usdc: 2000
  max_position_usdc: 2000
  max_exposure_usdc: 2000
  max_price_deviation_bps: 100
  max_drawdown_usdc: 150
  min_liquidation_distance_pct: 10
  max_messages_per_minute: 60
  max_loss_if_venue_down_usdc: 300
withdraw: {{ when: on_exit, route: secure, keep_usdc: 0, verify_within: 24h }}
"
    )
}
