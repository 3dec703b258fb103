//! `paper`: the embedded exchange as a server of its own.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use rust_decimal::Decimal;
use tokio::signal::unix::{SignalKind, signal};

use super::fault::Fault;
use super::{Context, Exit, out};
use crate::model::{
    AccountIndex, ApiKeyIndex, AtEnd, GridError, Market, PriceSource, Usdc, find_market, snapshot_markets,
};
use crate::paper::exchange::Tier;
use crate::paper::server::{
    Faults, PaperConfig, PaperError, PaperServer, PaperSlots, Running, endpoints_reference,
};
use crate::paper::world::{WorldError, WorldSpec};

/// The first account; the others count up from it.
const FIRST_ACCOUNT: i64 = 1_001;
/// The key slot that plans use, and the one for cancels and hedges.
const SLOTS: [ApiKeyIndex; 2] = [ApiKeyIndex::new(4), ApiKeyIndex::new(5)];

const EXAMPLES: &str = "\
Examples:
  lighter-plan paper --accounts 2 --usdc 5000
  lighter-plan paper --listen 127.0.0.1:8000 --market SOL,BTC --time-scale 60 --ready-file paper.json
  lighter-plan paper --log exchange.log --control
  lighter-plan paper --prices file:prices.csv --prices-end loop
  lighter-plan paper --market BTC --prices live:mainnet --control

When it is ready, it prints one line of JSON: the URLs, the chain id, and the accounts with their keys.
It speaks the exchange's own API, so the official SDKs work with it. SIGINT or SIGTERM ends it.";

/// Runs the paper exchange as a server on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PaperArgs {
    /// Address to listen on; loopback only, port 0 for any free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// Seed of keys and prices
    #[arg(long, default_value_t = 7, value_name = "N")]
    seed: u64,
    /// How many accounts; they are numbered from 1001, with keys in slots 4 and 5
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    accounts: u16,
    /// What each account starts with
    #[arg(long, default_value = "10000", value_name = "USDC")]
    usdc: Decimal,
    /// Markets to list, by symbol
    #[arg(long, default_value = "SOL,ETH,BTC", value_delimiter = ',', value_name = "SYMBOL,…")]
    market: Vec<String>,
    /// Write the line that says it is ready to this file, too
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Tier of all accounts: fees, delays and limits
    #[arg(long, value_enum, default_value_t = TierArg::Standard)]
    tier: TierArg,
    /// How many of its seconds pass in a real one
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    time_scale: u32,
    /// Scenario file, or `default`
    #[arg(long, default_value = "default", value_name = "FILE")]
    world: String,
    /// Where prices come from: `seeded`, `file:PATH`, or `live:` with mainnet, testnet or a base URL
    #[arg(long, default_value_t = PriceSource::Seeded, value_name = "SOURCE")]
    prices: PriceSource,
    /// What follows when a recording has been played
    #[arg(long, value_enum, default_value_t = AtEndArg::Hold, value_name = "WHAT")]
    prices_end: AtEndArg,
    /// Command log; an exchange that it holds goes on where it ended, with the time that went by
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Serve /paper, which can see and break everything
    #[arg(long)]
    control: bool,
    /// Enforce no rate limits
    #[arg(long)]
    no_rate_limit: bool,
    /// Write which endpoints and channels of the venue are served, as markdown, and end
    #[arg(long)]
    endpoints: bool,
}

/// The tiers that accounts can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TierArg {
    /// No fees, slower, 60 requests a minute
    Standard,
    /// Fees, faster, 24 000 weight a minute
    Premium,
    /// Lower fees, slower, 120 000 weight a minute
    Plus,
}

/// What follows when a recording has been played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AtEndArg {
    /// The last prices stay
    Hold,
    /// It begins again
    Loop,
}

/// Why the server cannot run.
#[derive(Debug, thiserror::Error)]
pub(super) enum PaperCommandError {
    /// No market of that symbol is listed.
    #[error("no market is called `{0}`")]
    UnknownMarket(String),
    /// The amount is no amount of USDC.
    #[error(transparent)]
    Usdc(#[from] GridError),
    /// The scenario cannot be used.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The server cannot start.
    #[error(transparent)]
    Server(#[from] PaperError),
    /// The ready file cannot be written.
    #[error("cannot write `{}`", path.display())]
    ReadyFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gives no threads or signals, or standard output is gone.
    #[error("cannot run")]
    System(#[from] io::Error),
    /// The exchange gave up, because its command log cannot be written.
    #[error("the exchange stopped; its command log cannot be written")]
    Stopped,
}

impl PaperCommandError {
    /// Sorts the error: what the caller asked for wrongly is usage, everything else a fault.
    fn into_fault(self) -> Fault {
        match self {
            Self::UnknownMarket(_) | Self::Usdc(_) | Self::Server(PaperError::NotLoopback(_)) => {
                Fault::usage(self)
            }
            Self::World(_) | Self::Server(_) | Self::ReadyFile { .. } | Self::System(_) | Self::Stopped => {
                Fault::tool(self)
            }
        }
    }
}

impl PaperArgs {
    /// Serves until SIGINT or SIGTERM.
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        if self.endpoints {
            out::text(&endpoints_reference())?;
            return Ok(Exit::OK);
        }
        let served = context.block_on(self.serve()).map_err(PaperCommandError::from).flatten();
        served.map(|()| Exit::OK).map_err(PaperCommandError::into_fault)
    }

    async fn serve(self) -> Result<(), PaperCommandError> {
        // Before anything is announced, or a signal right after it would end the process the hard way.
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let ready_file = self.ready_file.clone();
        let running = PaperServer::start(self.config()?).await?;
        announce(&running, ready_file.as_deref())?;
        let stopped = tokio::select! {
            _ = interrupt.recv() => false,
            _ = terminate.recv() => false,
            () = running.ended() => true,
        };
        running.shutdown().await;
        if stopped { Err(PaperCommandError::Stopped) } else { Ok(()) }
    }

    fn config(self) -> Result<PaperConfig, PaperCommandError> {
        let account = |number: u16| PaperSlots {
            account: AccountIndex::new(FIRST_ACCOUNT + i64::from(number)),
            slots: SLOTS.to_vec(),
        };
        Ok(PaperConfig {
            listen: self.listen,
            seed: self.seed,
            accounts: (0..self.accounts).map(account).collect(),
            usdc: Usdc::exact(self.usdc)?,
            markets: self.market.iter().map(|symbol| listed(symbol)).collect::<Result<_, _>>()?,
            world: WorldSpec::load(&self.world)?,
            prices: self.prices,
            prices_end: match self.prices_end {
                AtEndArg::Hold => AtEnd::Hold,
                AtEndArg::Loop => AtEnd::Loop,
            },
            tier: match self.tier {
                TierArg::Standard => Tier::Standard,
                TierArg::Premium => Tier::Premium,
                TierArg::Plus => Tier::Plus,
            },
            time_scale: self.time_scale,
            log: self.log,
            rate_limits: !self.no_rate_limit,
            control: self.control,
            faults: Faults::seeded(self.seed),
        })
    }
}

fn listed(symbol: &str) -> Result<Market, PaperCommandError> {
    let symbol = symbol.trim().to_ascii_uppercase();
    let found = find_market(snapshot_markets(), &symbol);
    found.cloned().ok_or(PaperCommandError::UnknownMarket(symbol))
}

/// Says that the server is ready. The file comes first: who waits for the line may read it.
fn announce(running: &Running, file: Option<&Path>) -> Result<(), PaperCommandError> {
    let line = running.announcement();
    if let Some(path) = file {
        let failed = |source| PaperCommandError::ReadyFile { path: path.to_owned(), source };
        // Under another name first, so that a reader never finds half of it.
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".new");
        std::fs::write(&unfinished, format!("{line}\n")).map_err(failed)?;
        std::fs::rename(&unfinished, path).map_err(failed)?;
    }
    out::text(&format!("{line}\n"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        paper: PaperArgs,
    }

    fn config(args: &[&str]) -> Result<PaperConfig, PaperCommandError> {
        Only::try_parse_from(["paper"].iter().chain(args)).unwrap().paper.config()
    }

    #[test]
    fn flags_become_a_configuration() {
        let config =
            config(&["--accounts", "2", "--usdc", "2.5", "--market", "sol,BTC", "--tier", "premium"]);
        let config = config.unwrap();
        let accounts: Vec<i64> = config.accounts.iter().map(|row| row.account.get()).collect();
        assert_eq!(accounts, [1001, 1002]);
        assert_eq!(config.usdc, Usdc::from_micros(2_500_000));
        assert_eq!(config.markets.iter().map(|m| m.symbol.as_str()).collect::<Vec<_>>(), ["SOL", "BTC"]);
        assert_eq!((config.tier, config.rate_limits, config.control), (Tier::Premium, true, false));
    }

    #[test]
    fn what_does_not_exist_is_usage() {
        assert_eq!(config(&["--market", "NOPE"]).unwrap_err().into_fault().report(), Exit::USAGE);
        assert_eq!(config(&["--usdc", "0.0000001"]).unwrap_err().into_fault().report(), Exit::USAGE);
        assert!(Only::try_parse_from(["paper", "--prices", "prices.csv"]).is_err());
        assert_eq!(config(&["--world", "no/such/file"]).unwrap_err().into_fault().report(), Exit::FAULT);
    }
}
