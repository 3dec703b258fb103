//! Exchange and world together, over a command log.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::exchange::{ApiError, Exchange, ExchangeConfig, ExchangeEvent, MishapRule, Request, Submitted};
use super::log::{Command, CommandLog, Record};
use super::world::{Action, Pace, Prices, Seen, World, WorldError, WorldSpec};
use crate::model::{AccountIndex, ApiKeyIndex, MarketId, Timestamp, Usdc};
use crate::rt::Anchor;

/// An account that exists from the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimAccount {
    /// Its index.
    pub index: AccountIndex,
    /// Owner's L1 address.
    pub l1: String,
    /// Registered keys: slot and 80 hexadecimal digits of the public key.
    pub keys: Vec<(ApiKeyIndex, String)>,
    /// What it starts with.
    pub usdc: Usdc,
}

/// What a simulation is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SimConfig {
    /// The exchange; the world's withdrawal delays replace its own.
    pub exchange: ExchangeConfig,
    /// The market around it.
    pub world: WorldSpec,
    /// Where the world's prices come from; logs that are older than the choice are seeded.
    #[serde(default)]
    pub prices: Prices,
    /// Seed of the world.
    pub seed: u64,
    /// Accounts.
    pub accounts: Vec<SimAccount>,
}

/// Why a simulation cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The world does not fit the exchange.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A public key is not 80 hexadecimal digits.
    #[error("`{0}` is no public key of 80 hexadecimal digits")]
    Key(String),
    /// The log cannot be read or written.
    #[error("the command log `{path}` failed")]
    Log {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The log says something impossible.
    #[error("the command log `{path}` is damaged at line {line}: {reason}")]
    Damaged {
        /// Which file.
        path: String,
        /// Where, from 1.
        line: usize,
        /// What.
        reason: String,
    },
}

/// Time that may pass without a record in the log: what is shown to a client lies at most this far behind the last one.
const TICK_EVERY: Duration = Duration::from_mins(5);
/// A longer gap is caught up in coarse steps, after this much in fine ones; longer than [`TICK_EVERY`], so that nothing
/// that was shown before a crash comes out differently after it.
const GAP_MIN: Duration = Duration::from_mins(10);

/// An exchange in its world.
#[derive(Debug)]
pub struct Sim {
    exchange: Exchange,
    world: World,
    log: Option<CommandLog>,
    /// Venue time of the last record.
    logged: Timestamp,
    /// How far venue time was moved ahead by hand.
    jumped: Duration,
    /// The log failed: what is in memory may not be on disk, so nothing more is done.
    poisoned: bool,
}

impl Sim {
    /// Makes a simulation that lives in memory.
    ///
    /// # Errors
    ///
    /// When the world does not fit the exchange, or a key is not 80 hexadecimal digits.
    pub fn new(config: SimConfig) -> Result<Self, SimError> {
        let mut exchange = Exchange::new(config.exchange);
        for account in config.accounts {
            let keys = account.keys.iter().map(|(slot, key)| Ok((*slot, key_bytes(key)?)));
            let keys = keys.collect::<Result<_, SimError>>()?;
            let index = exchange.create_account(account.l1, keys, Some(account.index));
            exchange.deposit(index, account.usdc);
        }
        let world = World::with_prices(config.world, config.prices, config.seed, &mut exchange)?;
        let logged = exchange.now();
        Ok(Self { exchange, world, log: None, logged, jumped: Duration::ZERO, poisoned: false })
    }

    /// Makes a simulation whose commands are kept in a new file at `path`.
    ///
    /// # Errors
    ///
    /// As [`Sim::new`], and when the file exists or cannot be written.
    pub fn create(path: &Path, config: SimConfig, anchor: Anchor) -> Result<Self, SimError> {
        let mut sim = Self::new(config.clone())?;
        sim.log = Some(CommandLog::create(path, &config, anchor)?);
        Ok(sim)
    }

    /// Opens the simulation that a log holds, as it was after the last command, and the anchor of its clock.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or holds something that this exchange would not have written.
    pub fn open(path: &Path) -> Result<(Self, Anchor), SimError> {
        let (log, header, records) = CommandLog::open(path)?;
        let mut sim = Self::new(header.config)?;
        // What is in the log was checked when it came in.
        sim.exchange.check_signatures(false);
        for (i, record) in records.into_iter().enumerate() {
            sim.replay(record).map_err(|error| SimError::Damaged {
                path: path.display().to_string(),
                line: i + 2,
                reason: error.to_string(),
            })?;
            sim.exchange.drain_events();
        }
        sim.exchange.check_signatures(true);
        sim.log = Some(log);
        let venue = header.anchor.venue.after(sim.jumped);
        Ok((sim, Anchor { venue, ..header.anchor }))
    }

    fn replay(&mut self, record: Record) -> Result<(), ApiError> {
        let coarse_from = match record.cmd {
            Command::Gap { coarse_from } => Some(coarse_from),
            _ => None,
        };
        // As in `advance`: what is due now runs when time moves on, not when the next command comes at the same time.
        if record.at > self.now() {
            self.run(record.at, coarse_from);
        }
        self.logged = record.at;
        match record.cmd {
            Command::Submit { tx_type, tx_info, price_protection } => {
                self.exchange.submit(tx_type, &tx_info, price_protection).map(|_| ())
            }
            Command::Batch { txs } => {
                let txs: Vec<_> = txs.iter().map(|(tx_type, info)| (*tx_type, info.as_str())).collect();
                self.exchange.submit_batch(&txs).map(|_| ())
            }
            Command::Jump { ms } => {
                self.jumped += Duration::from_millis(ms);
                Ok(())
            }
            Command::Deposit { account, usdc } => {
                self.exchange.deposit(account, usdc);
                Ok(())
            }
            Command::Arm { rule } => {
                self.exchange.arm(rule);
                Ok(())
            }
            Command::Disarm {} => {
                self.exchange.disarm();
                Ok(())
            }
            Command::Request { request } => self.exchange.request(&request),
            Command::Act { market, action } => {
                self.world.act(&mut self.exchange, market.as_deref(), &action);
                Ok(())
            }
            Command::Seen(seen) => {
                self.world.hear(&mut self.exchange, &seen);
                Ok(())
            }
            Command::Lost { market } => {
                self.world.lose(&mut self.exchange, market);
                Ok(())
            }
            Command::Tick {} | Command::Gap { .. } => Ok(()),
        }
    }

    /// Returns the exchange, to read from.
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Returns the world, to read from.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Returns venue time.
    pub const fn now(&self) -> Timestamp {
        self.exchange.now()
    }

    /// Moves time to `to`; does nothing when it is not later than now.
    ///
    /// # Errors
    ///
    /// When the log cannot be written; the simulation then stands still for good.
    pub fn advance(&mut self, to: Timestamp) -> Result<(), SimError> {
        let now = self.now();
        if to <= now || self.poisoned {
            return Ok(());
        }
        let coarse_from = (to.since(now) > GAP_MIN).then(|| now.after(GAP_MIN));
        match coarse_from {
            Some(coarse_from) => self.append(to, Command::Gap { coarse_from })?,
            None if to.since(self.logged) >= TICK_EVERY => self.append(to, Command::Tick {})?,
            None => {}
        }
        self.run(to, coarse_from);
        Ok(())
    }

    fn run(&mut self, to: Timestamp, coarse_from: Option<Timestamp>) {
        while self.world.next_step() <= to {
            let at = self.world.next_step();
            self.exchange.advance(at);
            let room = to.since(at) > Duration::from_secs(10);
            let coarse = coarse_from.is_some_and(|from| at >= from) && room;
            self.world.step(&mut self.exchange, if coarse { Pace::Coarse } else { Pace::Fine });
        }
        self.exchange.advance(to);
    }

    fn append(&mut self, at: Timestamp, command: Command) -> Result<(), SimError> {
        self.logged = at;
        let Some(log) = &mut self.log else { return Ok(()) };
        let result = log.append(at, command);
        self.poisoned |= result.is_err();
        result
    }

    /// Appends a command that was carried out, before it is answered.
    fn keep(&mut self, command: Command) -> Result<(), ApiError> {
        self.append(self.now(), command).map_err(|_| ApiError::of(29500))
    }

    /// Takes a transaction in at the present time; call [`Sim::advance`] first.
    ///
    /// # Errors
    ///
    /// As [`Exchange::submit`]; 29500 when the log cannot be written.
    pub fn submit(
        &mut self,
        tx_type: u8,
        tx_info: &str,
        price_protection: bool,
    ) -> Result<Submitted, ApiError> {
        self.alive()?;
        let submitted = self.exchange.submit(tx_type, tx_info, price_protection)?;
        self.keep(Command::Submit { tx_type, tx_info: tx_info.to_owned(), price_protection })?;
        Ok(submitted)
    }

    /// Takes a batch in at the present time.
    ///
    /// # Errors
    ///
    /// As [`Exchange::submit_batch`]; 29500 when the log cannot be written.
    pub fn submit_batch(&mut self, txs: &[(u8, &str)]) -> Result<Vec<Submitted>, ApiError> {
        self.alive()?;
        let submitted = self.exchange.submit_batch(txs)?;
        let txs = txs.iter().map(|(tx_type, info)| (*tx_type, (*info).to_owned())).collect();
        self.keep(Command::Batch { txs })?;
        Ok(submitted)
    }

    /// Credits money from outside.
    ///
    /// # Errors
    ///
    /// 29500 when the log cannot be written.
    pub fn deposit(&mut self, account: AccountIndex, usdc: Usdc) -> Result<(), ApiError> {
        self.alive()?;
        if self.exchange.account(account).is_none() {
            return Err(ApiError::of(21100));
        }
        self.exchange.deposit(account, usdc);
        self.keep(Command::Deposit { account, usdc })
    }

    /// Carries out a change that is no transaction, at the present time.
    ///
    /// # Errors
    ///
    /// As [`Exchange::request`]; 29500 when the log cannot be written.
    pub fn request(&mut self, request: Request) -> Result<(), ApiError> {
        self.alive()?;
        self.exchange.request(&request)?;
        self.keep(Command::Request { request })
    }

    /// Does now what a script could do.
    ///
    /// # Errors
    ///
    /// 29500 when the log cannot be written.
    pub fn act(&mut self, market: Option<&str>, action: &Action) -> Result<(), ApiError> {
        self.alive()?;
        self.world.act(&mut self.exchange, market, action);
        self.keep(Command::Act { market: market.map(str::to_owned), action: action.clone() })
    }

    /// Arms a rule for mishaps of accepted transactions.
    ///
    /// # Errors
    ///
    /// 29500 when the log cannot be written.
    pub fn arm(&mut self, rule: &MishapRule) -> Result<(), ApiError> {
        self.alive()?;
        self.exchange.arm(rule.clone());
        self.keep(Command::Arm { rule: rule.clone() })
    }

    /// Takes all rules for mishaps away.
    ///
    /// # Errors
    ///
    /// 29500 when the log cannot be written.
    pub fn disarm(&mut self) -> Result<(), ApiError> {
        self.alive()?;
        self.exchange.disarm();
        self.keep(Command::Disarm {})
    }

    /// Notes that venue time is about to be moved ahead, so that the clock stands right when the log is opened again.
    ///
    /// # Errors
    ///
    /// 29500 when the log cannot be written.
    pub fn jump(&mut self, by: Duration) -> Result<(), ApiError> {
        self.alive()?;
        self.jumped += by;
        self.keep(Command::Jump { ms: u64::try_from(by.as_millis()).unwrap_or(u64::MAX) })
    }

    /// Takes in what a live price source says; call [`Sim::advance`] first.
    ///
    /// # Errors
    ///
    /// 29500 when the log cannot be written.
    pub fn hear(&mut self, seen: Seen) -> Result<(), ApiError> {
        self.alive()?;
        self.world.hear(&mut self.exchange, &seen);
        self.keep(Command::Seen(Box::new(seen)))
    }

    /// A live price source is gone: nobody quotes in the market until it speaks again.
    ///
    /// # Errors
    ///
    /// 29500 when the log cannot be written.
    pub fn lose(&mut self, market: MarketId) -> Result<(), ApiError> {
        self.alive()?;
        self.world.lose(&mut self.exchange, market);
        self.keep(Command::Lost { market })
    }

    fn alive(&self) -> Result<(), ApiError> {
        if self.poisoned { Err(ApiError::of(29500)) } else { Ok(()) }
    }

    /// Returns when something happens next, world steps included.
    pub fn next_due(&self) -> Timestamp {
        let world = self.world.next_step();
        self.exchange.next_due().map_or(world, |due| due.min(world))
    }

    /// Returns what happened since the last call.
    pub fn drain_events(&mut self) -> Vec<ExchangeEvent> {
        self.exchange.drain_events()
    }

    /// Returns a hash over exchange and world: equal hashes mean equal simulations.
    pub fn state_hash(&self) -> [u8; 32] {
        let world = serde_json::to_vec(&self.world).expect("the world has only string and integer keys");
        Sha256::new().chain_update(self.exchange.state_hash()).chain_update(world).finalize().into()
    }
}

fn key_bytes(text: &str) -> Result<[u8; 40], SimError> {
    let mut bytes = [0; 40];
    hex::decode_to_slice(text.trim_start_matches("0x"), &mut bytes)
        .map_err(|_| SimError::Key(text.to_owned()))?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "sim_tests.rs"]
mod tests;
