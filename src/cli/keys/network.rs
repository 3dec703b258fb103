//! Which venue a command without a plan talks to.

use clap::Args;

use crate::cli::Fault;
use crate::cli::session::{SessionError, endpoints};
use crate::model::Timestamp;
use crate::plan::Network;
use crate::rt::Clock;
use crate::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints};
use crate::venue::{Credential, Venue as _};

/// Chain id of a loopback server: the official SDK signs with it there.
const LOOPBACK_CHAIN: u32 = 304;

/// The venue, by name or address.
#[derive(Debug, Args)]
pub(crate) struct NetworkArgs {
    /// mainnet, testnet, robinhood, robinhood-testnet, or the address of a server
    #[arg(long, value_name = "NAME|URL", value_parser = network_name)]
    pub(crate) network: Option<String>,
    /// Chain id of a server that was named by its address
    #[arg(long, default_value_t = LOOPBACK_CHAIN, value_name = "N")]
    pub(crate) chain_id: u32,
}

fn network_name(text: &str) -> Result<String, String> {
    let named = ["mainnet", "testnet", "robinhood", "robinhood-testnet"].contains(&text);
    let url = text.starts_with("http://") || text.starts_with("https://");
    if named || url {
        Ok(text.to_owned())
    } else {
        Err("write mainnet, testnet, robinhood, robinhood-testnet or a URL".to_owned())
    }
}

impl NetworkArgs {
    /// Returns the network; mainnet is never meant by silence.
    pub(crate) fn network(&self) -> Option<Network> {
        Some(match self.network.as_deref()? {
            "mainnet" => Network::Mainnet,
            "testnet" => Network::Testnet,
            "robinhood" => Network::Robinhood,
            "robinhood-testnet" => Network::RobinhoodTestnet,
            url => {
                let http = url.trim_end_matches('/').to_owned();
                let ws = format!("{}/stream", http.replacen("http", "ws", 1));
                Network::Custom { http, ws, chain_id: self.chain_id, time_scale: 1 }
            }
        })
    }

    /// As [`NetworkArgs::network`], or what to write.
    pub(crate) fn required(&self) -> Result<Network, Fault> {
        self.network().ok_or_else(|| {
            Fault::usage("no network was named").hint("write --network testnet, mainnet or http://ADDRESS")
        })
    }
}

/// A client of a venue, its chain held against ours and its clock known.
pub(crate) struct Reached {
    pub(crate) venue: LighterVenue,
    pub(crate) endpoints: NetworkEndpoints,
    /// The venue's clock when it was reached.
    pub(crate) at: Timestamp,
}

/// Connects; sends nothing but a question for clock and chain.
pub(crate) async fn connect(
    network: &Network,
    credentials: Vec<Credential>,
) -> Result<Reached, SessionError> {
    let endpoints = endpoints(network);
    let (url, ours) = (endpoints.http.clone(), endpoints.chain_id);
    let clock = Clock::system();
    let venue = LighterVenue::new(endpoints.clone(), credentials, clock, LighterOptions::default())?;
    let (at, theirs) =
        venue.status().await.map_err(|source| SessionError::Venue { url: url.clone(), source })?;
    if theirs != ours {
        return Err(SessionError::Chain { url, theirs, ours });
    }
    Ok(Reached { venue, endpoints, at })
}

/// Gives what the venue answered the exit code of a failure before anything was sent.
pub(crate) fn fault(error: SessionError) -> Fault {
    Fault::with(error.exit(), error)
}
