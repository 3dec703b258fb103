//! The market around the operator's accounts: prices, makers and takers from a seed, and scripted scenarios.

mod market;
mod script;
mod spec;

use std::collections::VecDeque;

use serde::Serialize;

pub use spec::{Action, Duration, FaultEntry, MarketSpec, ScriptEntry, TakerSide, WorldError, WorldSpec};

use super::exchange::Exchange;
use crate::model::{AccountIndex, Timestamp, Usdc};
use crate::rt::SplitMix64;
use market::MarketWorld;

/// The account that quotes.
pub const MAKER: AccountIndex = AccountIndex::new(900_001);
/// The account that takes.
pub const TAKER: AccountIndex = AccountIndex::new(900_002);
/// Time between two steps.
const STEP: std::time::Duration = std::time::Duration::from_millis(100);
/// Time between two steps when a long gap is caught up.
const COARSE_STEP: std::time::Duration = std::time::Duration::from_secs(10);

/// How finely a step follows the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The usual 100 ms.
    Fine,
    /// 10 s: for gaps that nobody watched. Prices are drawn anew, since they forget faster than that.
    Coarse,
}

impl Pace {
    const fn step(self) -> std::time::Duration {
        match self {
            Self::Fine => STEP,
            Self::Coarse => COARSE_STEP,
        }
    }
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
}

impl World {
    /// Populates `exchange` with the world's accounts and first quotes.
    ///
    /// # Errors
    ///
    /// When the scenario names a market that the exchange does not have, or a price off its grid.
    pub fn new(mut spec: WorldSpec, seed: u64, exchange: &mut Exchange) -> Result<Self, WorldError> {
        spec.script.sort_by_key(|entry| entry.at);
        spec.faults.sort_by_key(|entry| entry.at);
        Self::add_accounts(exchange);
        if let (Some(delay), claim) = (spec.withdrawal_delay, spec.claim_delay) {
            let claim = claim.map_or(exchange.config().claim_delay, |claim| claim.0);
            exchange.set_withdrawal_delays(delay.0, claim);
        }
        let markets = market::build(&spec, exchange)?;
        script::check(&spec, exchange)?;
        let start = exchange.now();
        let agenda = spec.script.iter().cloned().collect();
        let mut world = Self { spec, start, next: start, rng: SplitMix64::new(seed), markets, agenda };
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
        for market in &mut self.markets {
            market.step(exchange, &mut self.rng, passed, pace);
        }
        self.next = self.next.after(pace.step());
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
