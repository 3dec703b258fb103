//! What a run needs around it: keys, exchange, clock, venue client. Shared by `apply`, `resume` and `flatten`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Exit;
use super::keys::{SecretError, SecretPlace};
use super::passphrase::Passphrases;
use crate::engine::Signer;
use crate::model::{AccountIndex, ApiKeyIndex, Market};
use crate::paper::exchange::Tier;
use crate::paper::server::{Faults, PaperConfig, PaperError, PaperServer, PaperSlots, Running, eth_key, key};
use crate::paper::world::{WorldError, WorldSpec};
use crate::plan::{KeySource, LegPlan, Network, PaperPlan, Plan};
use crate::rt::{Anchor, Clock, real_sleep};
use crate::signing::PrivateKey;
use crate::tx::l1::EthKey;
use crate::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints, OrderEntry, SetupError};
use crate::venue::{Credential, KeyLocation, KeyReadError, Retry, Venue, VenueError};

/// Why a session could not be opened. Nothing has been sent then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// A private key could not be had.
    #[error("no key for account {account} (api_key_index {slot})")]
    Key {
        /// The account.
        account: AccountIndex,
        /// The slot.
        slot: ApiKeyIndex,
        /// Why.
        source: KeyReadError,
    },
    /// A sealed key file could not be opened.
    #[error("no key for account {account} (api_key_index {slot})")]
    Sealed {
        /// The account.
        account: AccountIndex,
        /// The slot.
        slot: ApiKeyIndex,
        /// Why.
        source: SecretError,
    },
    /// The Ethereum key of an account's owner could not be had.
    #[error("no `l1_key` for account {account}")]
    Owner {
        /// The account.
        account: AccountIndex,
        /// Why.
        source: SecretError,
    },
    /// The embedded exchange could not start.
    #[error("the paper exchange does not start")]
    Paper(#[from] PaperError),
    /// The world of the embedded exchange is not usable.
    #[error("the world `{name}` cannot be used")]
    World {
        /// Its name or path.
        name: String,
        /// Why.
        source: WorldError,
    },
    /// The client could not be made.
    #[error("the venue cannot be reached this way")]
    Setup(#[from] SetupError),
    /// The venue did not answer.
    #[error("the venue at {url} does not answer")]
    Venue {
        /// Where.
        url: String,
        /// What came instead.
        source: VenueError,
    },
    /// Clocks differ.
    #[error(
        "this machine's clock and the venue's differ by {apart:?}; the limit is {limit:?}: set the clock"
    )]
    Skew {
        /// By how much.
        apart: Duration,
        /// The limit.
        limit: Duration,
    },
    /// Another chain than the plan means.
    #[error("the venue at {url} is chain {theirs}, the plan means chain {ours}")]
    Chain {
        /// Where.
        url: String,
        /// What it says.
        theirs: u32,
        /// What the plan says.
        ours: u32,
    },
}

impl SessionError {
    /// Returns the exit code: nothing was sent.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Skew { .. } | Self::Chain { .. } => Exit::REFUSED,
            Self::Paper(_) => Exit::FAULT,
            Self::Key { .. }
            | Self::Sealed { .. }
            | Self::Owner { .. }
            | Self::World { .. }
            | Self::Setup(_)
            | Self::Venue { .. } => Exit::FAILED,
        }
    }
}

/// The largest difference of clocks that a run starts with, in venue time; the venue tells whole seconds (F-13).
pub(super) const SKEW_MAX: Duration = Duration::from_secs(5);

/// The venue cuts its clock to whole seconds; on average half of one is missing.
pub(super) const HALF_A_SECOND_MS: i64 = 500;

/// How often a run asks at its start, and how long it waits at first; about four seconds in all.
const START_TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Everything around a run.
pub(crate) struct Session {
    pub(crate) venue: Arc<LighterVenue>,
    pub(crate) clock: Clock,
    pub(crate) signer: Arc<Signer>,
    pub(crate) markets: Vec<Market>,
    /// The embedded exchange, when the plan has one; it ends with the session.
    pub(crate) paper: Option<Running>,
}

/// Where the embedded exchange of a run keeps its command log, and where its address is published.
#[derive(Clone, Debug)]
pub(crate) struct PaperFiles {
    pub(crate) log: PathBuf,
    pub(crate) address: PathBuf,
}

impl PaperFiles {
    pub(crate) fn of(directory: &Path, run: &crate::model::RunId) -> Self {
        Self { log: directory.join(format!("{run}.log")), address: directory.join(format!("{run}.json")) }
    }
}

/// Opens keys, exchange and client, and holds the venue's clock and chain against ours.
pub(crate) async fn open(
    plan: &Plan,
    files: Option<&PaperFiles>,
    order_entry: OrderEntry,
    passphrases: &Passphrases,
) -> Result<Session, SessionError> {
    let keys = keys(plan, passphrases)?;
    let owners = owners(plan, passphrases)?;
    let paper = match &plan.paper {
        Some(paper) if plan.network == Network::Paper => Some(start_paper(plan, paper, files).await?),
        _ => None,
    };
    let (endpoints, clock) = reach(plan, paper.as_ref()).await;
    let chain_id = endpoints.chain_id;
    let url = endpoints.http.clone();
    let credentials = keys.iter().map(|((account, slot), key)| Credential {
        account: *account,
        api_key_index: *slot,
        key: key.clone(),
    });
    let options = LighterOptions { order_entry, ..LighterOptions::default() };
    let venue = LighterVenue::new(endpoints, credentials.collect(), clock.clone(), options)?;
    let unanswered = |source| SessionError::Venue { url: url.clone(), source };
    hold_against_venue(plan, &venue, &clock, &url, chain_id).await?;
    let markets = patiently(async || venue.markets().await).await.map_err(unanswered)?;
    learn_tier(plan, &venue).await;
    let signer = Arc::new(Signer { chain_id, keys, owners });
    Ok(Session { venue: Arc::new(venue), clock, signer, markets, paper })
}

/// Asks for the tier before the checks of many pairs queue for the smallest one's budget; a single pair fits into it.
async fn learn_tier(plan: &Plan, venue: &LighterVenue) {
    let [first, _, ..] = plan.pairs.as_slice() else { return };
    if let Err(error) = venue.limits(first.long.account).await {
        // The pair's own check asks again, and says what it means.
        tracing::debug!(%error, "the tier is not known yet");
    }
}

/// Asks again a few times: one cut connection must not keep a resume from looking at what it left open.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, VenueError>) -> Result<T, VenueError> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..START_TRIES {
        match ask().await {
            Err(error) if error.retry() != Retry::Never => {
                tracing::info!(%error, "asking again");
                real_sleep(pause).await;
                pause *= 2;
            }
            answer => return answer,
        }
    }
    ask().await
}

async fn hold_against_venue(
    plan: &Plan,
    venue: &LighterVenue,
    clock: &Clock,
    url: &str,
    ours: u32,
) -> Result<(), SessionError> {
    let ask = async || {
        let before = clock.now();
        venue.status().await.map(|(at, chain)| (before, at, chain))
    };
    let (before, theirs_at, theirs) =
        patiently(ask).await.map_err(|source| SessionError::Venue { url: url.to_owned(), source })?;
    let after = clock.now();
    if theirs != ours {
        return Err(SessionError::Chain { url: url.to_owned(), theirs, ours });
    }
    let offset = theirs_at.as_millis() - (before.as_millis() + after.as_millis()) / 2;
    if clock.scale() > 1 {
        // A server whose time runs faster has an anchor of its own; its clock is the one that counts.
        if plan.paper.is_none() {
            clock.shift(offset + HALF_A_SECOND_MS);
        }
        return Ok(());
    }
    let apart = Duration::from_millis(offset.unsigned_abs());
    if apart > SKEW_MAX + Duration::from_secs(1) {
        return Err(SessionError::Skew { apart, limit: SKEW_MAX });
    }
    if apart > Duration::from_secs(1) {
        clock.shift(offset + HALF_A_SECOND_MS);
    }
    Ok(())
}

/// Returns the market rules of a network as its venue tells them now: needs no keys and sends nothing but questions.
pub(crate) async fn online_markets(network: &Network) -> Result<Vec<Market>, SessionError> {
    let endpoints = endpoints(network);
    let (url, ours) = (endpoints.http.clone(), endpoints.chain_id);
    let unanswered = |source| SessionError::Venue { url: url.clone(), source };
    let venue = LighterVenue::new(endpoints, Vec::new(), Clock::system(), LighterOptions::default())?;
    let (_, theirs) = venue.status().await.map_err(unanswered)?;
    if theirs != ours {
        return Err(SessionError::Chain { url, theirs, ours });
    }
    venue.markets().await.map_err(unanswered)
}

/// Where a network is reached. The embedded exchange has its address from its server; without one, it stands for
/// mainnet, whose rules it copies.
pub(super) fn endpoints(network: &Network) -> NetworkEndpoints {
    match network {
        Network::Mainnet | Network::Paper => NetworkEndpoints::mainnet(),
        Network::Testnet => NetworkEndpoints::testnet(),
        Network::Robinhood => NetworkEndpoints::robinhood(),
        Network::RobinhoodTestnet => NetworkEndpoints::robinhood_testnet(),
        Network::Custom { http, ws, chain_id, .. } => {
            NetworkEndpoints { http: http.clone(), ws: ws.clone(), chain_id: *chain_id }
        }
    }
}

pub(super) async fn reach(plan: &Plan, paper: Option<&Running>) -> (NetworkEndpoints, Clock) {
    match (&plan.network, paper) {
        (_, Some(running)) => (
            NetworkEndpoints {
                http: running.http_url.clone(),
                ws: running.ws_url.clone(),
                chain_id: running.chain_id,
            },
            running.clock.clone(),
        ),
        (Network::Custom { time_scale, .. }, None) => {
            let now = Clock::wall();
            let clock = Clock::anchored(Anchor { real: now, venue: now, scale: *time_scale });
            (endpoints(&plan.network), clock)
        }
        (
            Network::Mainnet
            | Network::Testnet
            | Network::Robinhood
            | Network::RobinhoodTestnet
            | Network::Paper,
            None,
        ) => (endpoints(&plan.network), Clock::system()),
    }
}

pub(super) fn legs(plan: &Plan) -> impl Iterator<Item = &LegPlan> {
    plan.pairs.iter().flat_map(|pair| [&pair.long, &pair.short])
}

pub(super) fn slots(leg: &LegPlan) -> impl Iterator<Item = ApiKeyIndex> {
    [Some(leg.api_key_index), leg.guard_key_index].into_iter().flatten()
}

fn keys(
    plan: &Plan,
    passphrases: &Passphrases,
) -> Result<BTreeMap<(AccountIndex, ApiKeyIndex), PrivateKey>, SessionError> {
    let mut keys = BTreeMap::new();
    for leg in legs(plan) {
        for slot in slots(leg) {
            keys.insert((leg.account, slot), read_key(plan, leg, slot, passphrases)?);
        }
    }
    Ok(keys)
}

/// Reads the owners' keys of the pairs that withdraw by the fast route; what nothing signs with is not read.
fn owners(plan: &Plan, passphrases: &Passphrases) -> Result<BTreeMap<AccountIndex, EthKey>, SessionError> {
    let fast = plan.pairs.iter().filter(|pair| pair.withdraws_fast());
    let mut owners = BTreeMap::new();
    for leg in fast.flat_map(|pair| [&pair.long, &pair.short]) {
        if let Some(source) = &leg.l1_key {
            owners.insert(leg.account, owner_key(plan, leg.account, source, passphrases)?);
        }
    }
    Ok(owners)
}

pub(super) fn owner_key(
    plan: &Plan,
    account: AccountIndex,
    source: &KeySource,
    passphrases: &Passphrases,
) -> Result<EthKey, SessionError> {
    match place(source) {
        Some(place) => place.eth_key(passphrases).map_err(|source| SessionError::Owner { account, source }),
        None => Ok(eth_key(plan.paper.as_ref().map_or(0, |paper| paper.seed), account)),
    }
}

/// Returns where a key is kept; `None` for those that the paper exchange makes.
pub(super) fn place(source: &KeySource) -> Option<SecretPlace> {
    Some(match source {
        KeySource::Env(name) => SecretPlace::Env(name.clone()),
        KeySource::File(path) => SecretPlace::File(path.clone()),
        KeySource::Sealed(path) => SecretPlace::Sealed(path.clone()),
        KeySource::Paper => return None,
    })
}

/// A guard slot has its own key: `NAME_GUARD` beside `NAME`, `PATH.guard` beside `PATH`.
pub(super) fn read_key(
    plan: &Plan,
    leg: &LegPlan,
    slot: ApiKeyIndex,
    passphrases: &Passphrases,
) -> Result<PrivateKey, SessionError> {
    let guard = leg.guard_key_index == Some(slot);
    let location =
        match &leg.key {
            KeySource::Paper => {
                let seed = plan.paper.as_ref().map_or(0, |paper| paper.seed);
                return Ok(key(seed, leg.account, slot));
            }
            KeySource::Sealed(path) => {
                let path = if guard { guard_file(path) } else { path.clone() };
                return SecretPlace::Sealed(path)
                    .api_key(passphrases)
                    .map_err(|source| SessionError::Sealed { account: leg.account, slot, source });
            }
            KeySource::Env(name) if guard => KeyLocation::Env(format!("{name}_GUARD")),
            KeySource::Env(name) => KeyLocation::Env(name.clone()),
            KeySource::File(path) if guard => KeyLocation::File(guard_file(path)),
            KeySource::File(path) => KeyLocation::File(path.clone()),
        };
    let (key, warning) =
        location.read().map_err(|source| SessionError::Key { account: leg.account, slot, source })?;
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    Ok(key)
}

/// Appended and never put in place of an ending: `long.key` and `long.pem` have different guards.
fn guard_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".guard");
    name.into()
}

pub(super) async fn start_paper(
    plan: &Plan,
    paper: &PaperPlan,
    files: Option<&PaperFiles>,
) -> Result<Running, SessionError> {
    let world = WorldSpec::load(&paper.world)
        .map_err(|source| SessionError::World { name: paper.world.clone(), source })?;
    let accounts = legs(plan).map(|leg| PaperSlots { account: leg.account, slots: slots(leg).collect() });
    let wanted: Vec<_> = plan.pairs.iter().map(|pair| pair.market.as_str()).collect();
    let markets = crate::model::snapshot_markets();
    let markets = markets.iter().filter(|market| wanted.contains(&market.symbol.as_str())).cloned().collect();
    let running = PaperServer::start(PaperConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        seed: paper.seed,
        accounts: accounts.collect(),
        usdc: paper.usdc,
        markets,
        world,
        prices: paper.prices.clone(),
        prices_end: paper.prices_end,
        tier: Tier::Standard,
        time_scale: paper.time_scale,
        log: files.map(|files| files.log.clone()),
        rate_limits: true,
        control: false,
        faults: Faults::default(),
    })
    .await?;
    if let Some(files) = files {
        publish_address(&files.address, &running);
    }
    Ok(running)
}

/// Tells other processes where the exchange of this run is reached while it runs.
fn publish_address(path: &Path, running: &Running) {
    let text =
        serde_json::json!({ "http": running.http_url, "ws": running.ws_url, "chain_id": running.chain_id });
    if let Err(error) = std::fs::write(path, text.to_string()) {
        tracing::warn!(path = %path.display(), %error, "the exchange's address is not published");
    }
}

/// Returns the smallest available balance of the plan's accounts: what each account of a dry run starts with.
pub(crate) async fn smallest_balance(
    plan: &Plan,
    session: &Session,
) -> Result<crate::model::Usdc, SessionError> {
    let mut smallest = None;
    for leg in legs(plan) {
        let url = session.venue.endpoints().http.clone();
        let account = session.venue.account(leg.account).await;
        let account = account.map_err(|source| SessionError::Venue { url, source })?;
        smallest = Some(smallest.unwrap_or(account.margin.available).min(account.margin.available));
    }
    Ok(smallest.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_file_keeps_the_whole_name_of_its_key() {
        assert_eq!(guard_file(Path::new("keys/long.key")), Path::new("keys/long.key.guard"));
        assert_eq!(guard_file(Path::new("long")), Path::new("long.guard"));
    }
}
