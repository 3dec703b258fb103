//! The market around the operator's accounts: prices, makers and takers from a seed, and scripted scenarios.

mod frames;
mod lines;
mod market;
mod recording;
mod script;
mod seen;
mod spec;

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

pub use recording::{LineError, Recording, RecordingError};
pub use seen::{Levels, MIRRORED_LEVELS, Print, Seen};
pub use spec::{Action, Duration, FaultEntry, MarketSpec, ScriptEntry, TakerSide, WorldError, WorldSpec};

use super::exchange::Exchange;
use crate::model::{AccountIndex, MarketId, Timestamp, Usdc};
use crate::rt::SplitMix64;
use market::MarketWorld;
use recording::Player;
use seen::Followed;

/// The account that quotes.
pub const MAKER: AccountIndex = AccountIndex::new(900_001);
/// The account that takes.
pub const TAKER: AccountIndex = AccountIndex::new(900_002);
/// Time between two steps.
const STEP: std::time::Duration = std::time::Duration::from_millis(100);
/// Time between two steps of a simulation that plays thousands of runs.
const BRISK_STEP: std::time::Duration = std::time::Duration::from_secs(1);
/// Time between two steps when a long gap is caught up.
const COARSE_STEP: std::time::Duration = std::time::Duration::from_secs(10);

/// How finely a step follows the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The usual 100 ms.
    Fine,
    /// 1 s, with the same prices in the large: for runs by the thousand.
    Brisk,
    /// 10 s: for gaps that nobody watched. Prices are drawn anew, since they forget faster than that.
    Coarse,
}

impl Pace {
    const fn step(self) -> std::time::Duration {
        match self {
            Self::Fine => STEP,
            Self::Brisk => BRISK_STEP,
            Self::Coarse => COARSE_STEP,
        }
    }
}

/// Where the prices of a world come from. What is decided here is part of the command log's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prices {
    /// Its own process, from the seed.
    #[default]
    Seeded,
    /// A recording; markets that it does not speak of are seeded.
    Recorded(Recording),
    /// A running exchange, whose reports come in as commands ([`World::hear`], [`World::lose`]).
    Live {
        /// How long a market may go without a report before nobody quotes in it any more.
        patience: std::time::Duration,
    },
}

/// How a market's source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// The market.
    pub market: MarketId,
    /// When its source last spoke, in venue time.
    pub heard: Option<Timestamp>,
    /// Whether anybody quotes on what it said.
    pub fresh: bool,
}

/// The running world.
#[derive(Clone, Debug, Serialize)]
pub struct World {
    spec: WorldSpec,
    start: Timestamp,
    next: Timestamp,
    rng: SplitMix64,
    markets: Vec<MarketWorld>,
    /// What the script still has to do, by time.
    agenda: VecDeque<ScriptEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    player: Option<Player>,
}

impl World {
    /// Populates `exchange` with the world's accounts and first quotes; prices come from the seed.
    ///
    /// # Errors
    ///
    /// When the scenario names a market that the exchange does not have, or a price off its grid.
    pub fn new(spec: WorldSpec, seed: u64, exchange: &mut Exchange) -> Result<Self, WorldError> {
        Self::with_prices(spec, Prices::Seeded, seed, exchange)
    }

    /// As [`World::new`], with prices from anywhere.
    ///
    /// # Errors
    ///
    /// As [`World::new`].
    pub fn with_prices(
        mut spec: WorldSpec,
        prices: Prices,
        seed: u64,
        exchange: &mut Exchange,
    ) -> Result<Self, WorldError> {
        spec.script.sort_by_key(|entry| entry.at);
        spec.faults.sort_by_key(|entry| entry.at);
        Self::add_accounts(exchange);
        if let (Some(delay), claim) = (spec.withdrawal_delay, spec.claim_delay) {
            let claim = claim.map_or(exchange.config().claim_delay, |claim| claim.0);
            exchange.set_withdrawal_delays(delay.0, claim);
        }
        let mut markets = market::build(&spec, exchange)?;
        script::check(&spec, exchange)?;
        let player = follow(&mut markets, prices);
        let start = exchange.now();
        let agenda = spec.script.iter().cloned().collect();
        let rng = SplitMix64::new(seed);
        let mut world = Self { spec, start, next: start, rng, markets, agenda, player };
        world.step(exchange, Pace::Fine);
        Ok(world)
    }

    fn add_accounts(exchange: &mut Exchange) {
        for (account, owner) in [(MAKER, 0xa1), (TAKER, 0xa2)] {
            exchange.create_account(format!("0x{owner:040x}"), Vec::new(), Some(account));
            exchange.make_house(account);
            exchange.deposit(account, Usdc::whole(1_000_000_000));
        }
    }

    /// Returns when the next step is due.
    pub const fn next_step(&self) -> Timestamp {
        self.next
    }

    /// Makes the step that is due: script, prices, quotes, takers. The exchange must stand at its time.
    pub fn step(&mut self, exchange: &mut Exchange, pace: Pace) {
        self.run_script(exchange);
        let passed = self.next.since(self.start);
        while let Some(seen) = self.player.as_mut().and_then(|player| player.due(passed)) {
            self.hear(exchange, &seen);
        }
        for market in &mut self.markets {
            market.step(exchange, &mut self.rng, passed, pace);
        }
        self.next = self.next.after(pace.step());
    }

    /// Takes in what a source says of a market now; markets that follow none do not listen.
    pub fn hear(&mut self, exchange: &mut Exchange, seen: &Seen) {
        let now = exchange.now();
        if let Some(market) = self.markets.iter_mut().find(|market| market.id == seen.market) {
            market.hear(exchange, seen, now);
        }
    }

    /// The source of a market is gone: nobody quotes there until it speaks again.
    pub fn lose(&mut self, exchange: &mut Exchange, market: MarketId) {
        if let Some(market) = self.markets.iter_mut().find(|row| row.id == market) {
            market.lose(exchange);
        }
    }

    /// Returns the markets that follow a source, and how it is.
    pub fn sources(&self) -> Vec<SourceState> {
        let state = |market: &MarketWorld| {
            let source = market.source()?;
            Some(SourceState { market: market.id, heard: source.heard(), fresh: source.is_fresh() })
        };
        self.markets.iter().filter_map(state).collect()
    }

    /// Returns whether its prices are recorded ones.
    pub const fn is_played(&self) -> bool {
        self.player.is_some()
    }

    fn run_script(&mut self, exchange: &mut Exchange) {
        let due = |entry: &ScriptEntry, world: &Self| world.start.after(entry.at.0) <= world.next;
        while self.agenda.front().is_some_and(|entry| due(entry, self)) {
            let Some(entry) = self.agenda.pop_front() else { return };
            self.act(exchange, entry.market.as_deref(), &entry.action);
            if let Some(again) = entry.again() {
                let place = self.agenda.partition_point(|other| other.at <= again.at);
                self.agenda.insert(place, again);
            }
        }
    }

    /// Returns the scenario's fault entries, by time, for the server to interpret.
    pub fn faults(&self) -> &[FaultEntry] {
        &self.spec.faults
    }

    /// Returns the venue time at which the scenario began; `at` of script and faults counts from there.
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// Returns the scenario.
    pub const fn spec(&self) -> &WorldSpec {
        &self.spec
    }
}

/// Ties markets to their source; returns what plays it, when it is played.
fn follow(markets: &mut [MarketWorld], prices: Prices) -> Option<Player> {
    match prices {
        Prices::Seeded => None,
        Prices::Recorded(recording) => {
            let spoken: BTreeSet<MarketId> = recording.markets().collect();
            for market in markets.iter_mut().filter(|market| spoken.contains(&market.id)) {
                market.follow(Followed::recorded());
            }
            Some(Player::new(recording))
        }
        Prices::Live { patience } => {
            markets.iter_mut().for_each(|market| market.follow(Followed::live(patience)));
            None
        }
    }
}
