//! The exchange, the journal, and clients of one account pair each.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use lighter_plan::engine::{News, Run, RunInput, Signer};
use lighter_plan::journal::{Journal, NewRun, StateDir};
use lighter_plan::lint::check;
use lighter_plan::model::{
    AccountIndex, ApiKeyIndex, AtEnd, PriceSource, RunId, Timestamp, Usdc, find_market, snapshot_markets,
};
use lighter_plan::paper::exchange::Tier;
use lighter_plan::paper::server::{Faults, PaperConfig, PaperServer, PaperSlots, Running, key};
use lighter_plan::paper::world::WorldSpec;
use lighter_plan::plan::{LoadOptions, Plan, SourceFile};
use lighter_plan::venue::lighter::{
    HttpTransport, LighterOptions, LighterVenue, NetworkEndpoints, OrderEntry, TcpConnect, Timeouts,
    Transport as _,
};
use lighter_plan::venue::{self, Credential, Venue};
use tokio::sync::mpsc;

use crate::seams::{Recorder, WatchedConnect, WatchedTransport};

/// Seed of the exchange and its keys.
pub(crate) const SEED: u64 = 7;
/// The key slot of every account.
pub(crate) const SLOT: ApiKeyIndex = ApiKeyIndex::new(4);

/// A price that stands still, makers 1.5 bps away, and nobody else: what fills is what the bench takes.
/// Beside it a market that swings, for the pairs that are only to be busy.
const WORLD: &str = "name: still
markets:
  - { market: SOL, price: '100', volatility_bps: 0, takers: false }
  - { market: ETH, price: '2340', volatility_bps: 4, takers: false }
";

/// The client as it is, but for the watches on its seams.
pub(crate) type Client = LighterVenue<WatchedTransport, WatchedConnect>;

/// What all rounds share.
pub(crate) struct Rig {
    pub(crate) exchange: Running,
    pub(crate) journal: Journal,
    control: HttpTransport,
    _folder: tempfile::TempDir,
}

/// Returns the accounts of a round, long leg first; no two rounds share one.
pub(crate) fn accounts(round: usize) -> [AccountIndex; 2] {
    let first = i64::try_from(2 * round).expect("a small number");
    [AccountIndex::new(1_001 + first), AccountIndex::new(1_002 + first)]
}

impl Rig {
    /// Starts an exchange with the accounts of `pairs` pairs.
    pub(crate) async fn start(pairs: usize) -> Self {
        let accounts = (0..pairs).flat_map(accounts);
        let exchange = PaperServer::start(PaperConfig {
            listen: "127.0.0.1:0".parse().expect("an address"),
            seed: SEED,
            accounts: accounts.map(|account| PaperSlots { account, slots: vec![SLOT] }).collect(),
            usdc: Usdc::whole(10_000),
            markets: ["SOL", "ETH"]
                .into_iter()
                .filter_map(|symbol| find_market(snapshot_markets(), symbol).cloned())
                .collect(),
            world: WorldSpec::parse(WORLD).expect("a world"),
            prices: PriceSource::Seeded,
            prices_end: AtEnd::Hold,
            tier: Tier::Premium,
            time_scale: 1,
            log: None,
            rate_limits: false,
            control: true,
            faults: Faults::seeded(SEED),
        });
        let exchange = exchange.await.expect("the exchange starts");
        let folder = tempfile::tempdir().expect("a temporary directory");
        let journal = StateDir::create(folder.path()).and_then(|state| state.journal()).expect("a journal");
        let control = http_client(&exchange.http_url);
        Self { exchange, journal, control, _folder: folder }
    }

    /// Returns a client for `accounts`, and the notes of its seams. The watches are on the HTTP client, so that is
    /// where all its transactions go.
    pub(crate) fn client(&self, accounts: [AccountIndex; 2]) -> (Client, Recorder) {
        self.client_by(accounts, OrderEntry::Rest)
    }

    /// As [`Rig::client`], with transactions by `order_entry`.
    pub(crate) fn client_by(
        &self,
        accounts: [AccountIndex; 2],
        order_entry: OrderEntry,
    ) -> (Client, Recorder) {
        let clock = &self.exchange.clock;
        let recorder = Recorder::new(clock.clone());
        let inner = http_client(&self.exchange.http_url);
        let client = LighterVenue::over(
            self.endpoints(),
            WatchedTransport { inner, recorder: recorder.clone() },
            WatchedConnect(recorder.clone()),
            credentials(&accounts),
            clock.clone(),
            LighterOptions { tier: venue::Tier::Premium, order_entry, ..LighterOptions::default() },
        );
        (client, recorder)
    }

    /// Returns the run called `name`, with an entry in the journal and the keys of `accounts`.
    pub(crate) async fn run<V: Venue>(
        &self,
        name: &str,
        plan: Plan,
        client: V,
        accounts: &[AccountIndex],
        news: Option<mpsc::UnboundedSender<News>>,
    ) -> Run<V> {
        let id: RunId = name.parse().expect("a run id");
        self.journal.create_run(new_run(&id)).await.expect("a run");
        let keys = accounts.iter().map(|account| ((*account, SLOT), key(SEED, *account, SLOT))).collect();
        let run = Run::new(RunInput {
            run: id,
            plan,
            markets: client.markets().await.expect("markets"),
            venue: Arc::new(client),
            journal: self.journal.clone(),
            clock: self.exchange.clock.clone(),
            signer: Arc::new(Signer { chain_id: self.exchange.chain_id, keys, owners: BTreeMap::new() }),
            states: BTreeMap::new(),
            resumed: false,
            until: None,
            look_only: false,
            news,
        });
        run.expect("a run")
    }

    /// Returns a client that nobody watches.
    pub(crate) fn plain_client(&self, accounts: &[AccountIndex]) -> LighterVenue<HttpTransport, TcpConnect> {
        LighterVenue::over(
            self.endpoints(),
            http_client(&self.exchange.http_url),
            TcpConnect::default(),
            credentials(accounts),
            self.exchange.clock.clone(),
            LighterOptions { tier: venue::Tier::Premium, ..LighterOptions::default() },
        )
    }

    fn endpoints(&self) -> NetworkEndpoints {
        let Running { http_url, ws_url, chain_id, .. } = &self.exchange;
        NetworkEndpoints { http: http_url.clone(), ws: ws_url.clone(), chain_id: *chain_id }
    }

    /// Sells `size` to whoever bids at least `limit`.
    pub(crate) async fn sell(&self, size: &str, limit: &str) {
        let action = serde_json::json!({ "do": "take", "side": "sell", "size": size, "limit": limit });
        let body = serde_json::json!({ "market": "SOL", "action": action }).to_string();
        let request = Request::post(format!("{}/paper/act", self.exchange.http_url))
            .header("content-type", "application/json")
            .body(Bytes::from(body));
        let answer = self.control.send(request.expect("a request")).await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

/// Reads a plan.
pub(crate) fn sound_plan(text: &str) -> Plan {
    let source = SourceFile::from_text("plan.yaml", text);
    let checked = check(&source, &LoadOptions::default(), snapshot_markets());
    checked.plan.unwrap_or_else(|| panic!("a sound plan: {:?}", checked.findings))
}

pub(crate) fn new_run(id: &RunId) -> NewRun {
    NewRun {
        id: id.clone(),
        name: "bench".to_owned(),
        network: "paper".to_owned(),
        plan_source: String::new(),
        plan_json: "{}".to_owned(),
        graph_json: "{}".to_owned(),
        created_at: Timestamp::from_millis(0),
        format: 1,
    }
}

fn credentials(accounts: &[AccountIndex]) -> Vec<Credential> {
    let credential = |&account| Credential { account, api_key_index: SLOT, key: key(SEED, account, SLOT) };
    accounts.iter().map(credential).collect()
}

fn http_client(url: &str) -> HttpTransport {
    let base = url.parse().expect("the server's URL is one");
    HttpTransport::new(&base, Timeouts::default()).expect("a client")
}
