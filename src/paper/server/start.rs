//! Starting and stopping a server.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::serve::Listener;
use serde::Serialize;
use tokio::net::TcpListener;

use super::actor::{self, Handle, State, Tap};
use super::app::{App, router};
use super::faults::{FaultRule, Faults};
use super::keys::{PaperAccount, PaperSlots};
use super::limits::Limits;
use super::line::{CutListener, Cutter, Lines, undelayed};
use super::mirror::{self, Mirror, MirrorError};
use crate::model::{AccountIndex, AtEnd, Market, PriceSource, Timestamp, Usdc};
use crate::paper::exchange::{ExchangeConfig, Tier};
use crate::paper::sim::{Sim, SimConfig, SimError};
use crate::paper::world::{Prices, Recording, RecordingError, WorldSpec};
use crate::rt::{Anchor, Cancel, Clock, Tasks};

/// The chain id of a paper exchange: what the official SDK signs with on loopback.
const CHAIN_ID: u32 = 304;

/// What a server is made of.
#[derive(Clone, Debug)]
pub struct PaperConfig {
    /// Where it listens; a loopback address, port 0 for any.
    pub listen: SocketAddr,
    /// Seed of keys, prices and fault chances.
    pub seed: u64,
    /// Its accounts.
    pub accounts: Vec<PaperSlots>,
    /// What each account starts with.
    pub usdc: Usdc,
    /// Its markets.
    pub markets: Vec<Market>,
    /// The world around them.
    pub world: WorldSpec,
    /// Where its prices come from.
    pub prices: PriceSource,
    /// What follows when recorded prices have been played.
    pub prices_end: AtEnd,
    /// Tier of all accounts.
    pub tier: Tier,
    /// How many venue seconds pass in a real second.
    pub time_scale: u32,
    /// The command log; an exchange that it holds is gone on with, time that went by included.
    pub log: Option<PathBuf>,
    /// Whether rate limits are enforced.
    pub rate_limits: bool,
    /// Whether `/paper/…` is served, which can see and break everything.
    pub control: bool,
    /// Faults to begin with; clones share them.
    pub faults: Faults,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// Anybody who can reach the server can trade on it, so it serves this machine only.
    #[error("`{0}` is not a loopback address; the paper exchange serves this machine only")]
    NotLoopback(IpAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The exchange cannot start or go on.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The log holds another exchange than the one asked for.
    #[error("the exchange in `{}` has no account {account}; it was made from other settings", log.display())]
    OtherExchange {
        /// The log.
        log: PathBuf,
        /// The account that is missing.
        account: AccountIndex,
    },
    /// The recorded prices cannot be played.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The live prices cannot be had.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// The log holds an exchange whose prices come from elsewhere.
    #[error("the exchange in `{}` was not made for prices from `{prices}`", log.display())]
    OtherPrices {
        /// The log.
        log: PathBuf,
        /// What was asked for.
        prices: PriceSource,
    },
    /// The world has a fault entry that this server does not know.
    #[error("the world's fault at {at:?} is none that the server knows")]
    Fault {
        /// When it should happen, from the start.
        at: Duration,
        /// Why it is none.
        source: serde_json::Error,
    },
}

/// The paper exchange as a server.
#[derive(Debug)]
pub struct PaperServer;

/// A running server; [`Running::shutdown`] ends it, and so does dropping it.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// REST base URL.
    pub http_url: String,
    /// WebSocket URL.
    pub ws_url: String,
    /// Chain id of signatures.
    pub chain_id: u32,
    /// Its accounts with their keys.
    pub accounts: Vec<PaperAccount>,
    /// The clock it runs on.
    pub clock: Clock,
    /// Its faults; rules may be added while it runs.
    pub faults: Faults,
    cancel: Cancel,
    ended: Cancel,
    lines: Lines,
    tasks: Tasks,
    handle: Handle,
}

/// What [`Running::announcement`] says.
#[derive(Serialize)]
struct Announcement<'a> {
    http: &'a str,
    ws: &'a str,
    chain_id: u32,
    accounts: &'a [PaperAccount],
}

impl PaperServer {
    /// Opens the exchange and serves it.
    ///
    /// # Errors
    ///
    /// [`PaperError`]; nothing runs then.
    pub async fn start(mut config: PaperConfig) -> Result<Running, PaperError> {
        let address = config.listen;
        if !address.ip().is_loopback() {
            return Err(PaperError::NotLoopback(address.ip()));
        }
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| PaperError::Listen { address, source })?;
        let addr = listener.local_addr().map_err(|source| PaperError::Listen { address, source })?;
        let mirror = mirror(&config)?;
        let (sim, clock) = match config.log.as_ref().filter(|log| log.exists()) {
            Some(log) => reopen(&config, log)?,
            None => {
                if let Some(mirror) = &mirror {
                    mirror.first_prices(&mut config.markets).await?;
                }
                create(&config)?
            }
        };
        serve_with_prices(sim, clock, Front::of(config), mirror, (undelayed(listener), addr))
    }
}

/// Returns the mirror of live prices, when that is where they come from.
fn mirror(config: &PaperConfig) -> Result<Option<Mirror>, MirrorError> {
    match &config.prices {
        PriceSource::Live(_) if config.time_scale > 1 => Err(MirrorError::Scaled(config.time_scale)),
        PriceSource::Live(source) => Mirror::new(source, config.markets.clone()).map(Some),
        PriceSource::Seeded | PriceSource::File(_) => Ok(None),
    }
}

/// Goes on with the exchange of the log.
fn reopen(config: &PaperConfig, log: &Path) -> Result<(Sim, Clock), PaperError> {
    let (sim, anchor) = Sim::open(log)?;
    if let Some(missing) = config.accounts.iter().find(|row| sim.exchange().account(row.account).is_none()) {
        return Err(PaperError::OtherExchange { log: log.to_owned(), account: missing.account });
    }
    // What a recording says is in the log; whatever its file holds by now does not matter.
    let same = match config.prices {
        PriceSource::Seeded => sim.world().sources().is_empty(),
        PriceSource::File(_) => sim.world().is_played(),
        PriceSource::Live(_) => !sim.world().sources().is_empty() && !sim.world().is_played(),
    };
    if !same {
        return Err(PaperError::OtherPrices { log: log.to_owned(), prices: config.prices.clone() });
    }
    Ok((sim, Clock::anchored(anchor)))
}

/// Makes a new exchange, with a log when there is to be one.
fn create(config: &PaperConfig) -> Result<(Sim, Clock), PaperError> {
    let now = Clock::wall();
    let anchor = Anchor { real: now, venue: now, scale: config.time_scale.max(1) };
    let made = sim_config(config, now)?;
    let sim = match &config.log {
        Some(log) => Sim::create(log, made, anchor)?,
        None => Sim::new(made)?,
    };
    Ok((sim, Clock::anchored(anchor)))
}

fn prices(config: &PaperConfig) -> Result<Prices, RecordingError> {
    Ok(match &config.prices {
        PriceSource::Seeded => Prices::Seeded,
        PriceSource::File(path) => {
            Prices::Recorded(Recording::load(path, config.prices_end, &config.markets)?)
        }
        PriceSource::Live(_) => Prices::Live { patience: mirror::PATIENCE },
    })
}

fn sim_config(config: &PaperConfig, start: Timestamp) -> Result<SimConfig, RecordingError> {
    Ok(SimConfig {
        exchange: ExchangeConfig {
            chain_id: CHAIN_ID,
            markets: config.markets.clone(),
            tier: config.tier,
            // The world's own delays replace these.
            withdrawal_delay: Duration::from_secs(90),
            claim_delay: Duration::from_secs(30),
            start,
        },
        world: config.world.clone(),
        prices: prices(config)?,
        seed: config.seed,
        accounts: config.accounts.iter().map(|row| row.registered(config.seed, config.usdc)).collect(),
    })
}

/// Returns the world's fault entries that lie ahead, in order.
fn schedule(sim: &Sim) -> Result<Vec<(Timestamp, FaultRule)>, PaperError> {
    let exchange = sim.exchange();
    let mut rules = Vec::new();
    for entry in sim.world().faults() {
        let at = entry.at.0;
        let rule =
            serde_json::from_value(entry.fault.clone()).map_err(|source| PaperError::Fault { at, source })?;
        let due = exchange.config().start.after(at);
        // What was due before a restart has happened already.
        if due >= exchange.now() {
            rules.push((due, rule));
        }
    }
    rules.sort_by_key(|(due, _)| *due);
    Ok(rules)
}

/// What stands between the exchange and its clients.
pub(crate) struct Front {
    /// Tier whose limits hold.
    pub(crate) tier: Tier,
    /// Whether they are enforced.
    pub(crate) rate_limits: bool,
    /// Whether `/paper/…` is served.
    pub(crate) control: bool,
    /// Faults to begin with; clones share them.
    pub(crate) faults: Faults,
    /// What an operator is told of the accounts.
    pub(crate) accounts: Vec<PaperAccount>,
    /// Who sees what happens.
    pub(crate) tap: Option<Tap>,
}

impl Front {
    fn of(config: PaperConfig) -> Self {
        Self {
            tier: config.tier,
            rate_limits: config.rate_limits,
            control: config.control,
            faults: config.faults,
            accounts: config.accounts.iter().map(|row| row.shown(config.seed, config.usdc)).collect(),
            tap: None,
        }
    }
}

/// Serves `sim` to whoever comes in at `listener`, over TCP or over pipes in memory.
pub(crate) fn serve<L: Listener<Addr = SocketAddr>>(
    sim: Sim,
    clock: Clock,
    front: Front,
    at: (L, SocketAddr),
) -> Result<Running, PaperError> {
    serve_with_prices(sim, clock, front, None, at)
}

fn serve_with_prices<L: Listener<Addr = SocketAddr>>(
    sim: Sim,
    clock: Clock,
    front: Front,
    mirror: Option<Mirror>,
    (listener, addr): (L, SocketAddr),
) -> Result<Running, PaperError> {
    let (cancel, lines, mut tasks) = (Cancel::default(), Lines::default(), Tasks::default());
    let limits = Limits::new(front.tier, front.rate_limits);
    let (schedule, faults) = (schedule(&sim)?, front.faults);
    let state = State::new(sim, limits.clone(), faults.clone(), lines.clone(), schedule).with_tap(front.tap);
    let (handle, exchange) = actor::actor(state, clock.clone(), cancel.clone());
    let ended = Cancel::default();
    let end = ended.clone();
    tasks.spawn("paper exchange", async move {
        exchange.await;
        end.cancel();
    });
    if let Some(mirror) = mirror {
        tasks.spawn("paper prices", mirror.run(handle.clone()));
    }
    let (faulty, open) = (faults.clone(), lines.clone());
    let app = App { handle: handle.clone(), limits, faults: faulty, lines: open, chain_id: CHAIN_ID };
    let routes = router(app, front.control).into_make_service_with_connect_info::<Cutter>();
    let listener = CutListener::new(listener, lines.clone());
    tasks.spawn("paper listener", async move {
        // Serving ends only with its task; the listener has no error that would end it.
        let _ = axum::serve(listener, routes).await;
    });
    Ok(Running {
        addr,
        http_url: format!("http://{addr}"),
        ws_url: format!("ws://{addr}/stream"),
        chain_id: CHAIN_ID,
        accounts: front.accounts,
        clock,
        faults,
        cancel,
        ended,
        lines,
        tasks,
        handle,
    })
}

impl Running {
    /// Returns the one JSON line that tells a client everything it needs.
    pub fn announcement(&self) -> String {
        let Self { http_url, ws_url, chain_id, accounts, .. } = self;
        let said = Announcement { http: http_url, ws: ws_url, chain_id: *chain_id, accounts };
        serde_json::to_string(&said).expect("plain data has a JSON form")
    }

    /// Waits until the exchange ends by itself, which it does only when its command log cannot be written.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Looks at exchange and world, brought to the present first; `None` when they have ended.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Sim) -> T + Send + 'static,
    ) -> Option<T> {
        self.handle.ask(move |state| look(&state.sim)).await.ok()
    }

    /// Stops the server: connections are cut, the exchange ends where it is.
    pub async fn shutdown(mut self) {
        self.cancel.cancel();
        self.lines.cut_all();
        self.tasks.shutdown().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.lines.cut_all();
    }
}
