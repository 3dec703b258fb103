//! The client: every call of the port over REST, streams by `streams`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::endpoints::{self, Endpoint, EndpointError, NetworkEndpoints};
use super::http::{Call, Effect, Http, malformed};
use super::orders::{self, Desk, OrderEntry, Outcome};
use super::parse::{self, Context, Markets, ParseError};
use super::proxy::Proxies;
use super::streams::{self, StreamOptions};
use super::survey::Survey;
use super::tokens::Tokens;
use super::transport::{Connect, HttpTransport, TcpConnect, Timeouts, Transport, TransportError};
use super::{Oddities, wire};
use crate::model::{
    AccountIndex, AccountView, ApiKeyIndex, ApiKeyView, Market, MarketId, Nonce, Order, Timestamp, Trade,
    TxHash, Withdrawal,
};
use crate::rt::{Clock, Tasks, kill_point};
use crate::tx::l1::Address;
use crate::tx::{Envelope, SignedTx, Tx};
use crate::venue::{
    Accepted, Budget, Class, Cost, Credential, FastTerms, Limits, Retry, Subscription, Tier, TxView, Venue,
    VenueError, VenueEvent,
};

/// Code of "invalid auth".
const INVALID_AUTH: i64 = 20_013;

/// Code of "transaction not found".
const UNKNOWN_TX: i64 = 21_500;

/// Rows a page, the most the venue gives.
const PAGE: &str = "100";

/// Pages of trades that are followed: a hundred thousand fills in one market since the run began is no longer a plan.
const TRADE_PAGES: usize = 1_000;

/// Pages of withdrawals that are followed; only the latest matter.
const WITHDRAWAL_PAGES: usize = 5;

/// Transactions a batch may carry.
pub const BATCH_MAX: usize = 50;

/// What may be set besides endpoints and keys.
#[derive(Clone, Debug, Default)]
pub struct LighterOptions {
    /// Time limits of requests.
    pub timeouts: Timeouts,
    /// Tier whose limits are kept until the venue tells the accounts' own.
    pub tier: Tier,
    /// Time limits and sizes of the streams.
    pub streams: StreamOptions,
    /// Which way transactions go.
    pub order_entry: OrderEntry,
    /// Proxy settings; those of the environment when there are none.
    pub proxies: Option<Proxies>,
}

/// What waits for the venue's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Requests that wait for the budget.
    pub requests: usize,
    /// Real time until the first of them may go.
    pub next_request: Duration,
    /// Feeds that deliver.
    pub feeds_up: usize,
    /// Feeds that are asked for, or will be.
    pub feeds_wanted: usize,
    /// Real time that the limits give the missing ones at least.
    pub feeds_left: Duration,
}

/// Why no client could be made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SetupError {
    /// A URL cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// TLS or proxy settings of this host cannot be used.
    #[error("no HTTP client: {0}")]
    Transport(#[from] TransportError),
}

/// What requests and streams share.
pub(super) struct Shared<T, C> {
    pub(super) endpoints: NetworkEndpoints,
    pub(super) http: Http<T>,
    pub(super) connect: C,
    pub(super) tokens: Tokens,
    pub(super) clock: Clock,
    pub(super) oddities: Oddities,
    pub(super) options: StreamOptions,
    pub(super) pacer: streams::Pacer,
    pub(super) coverage: Arc<streams::Coverage>,
    pub(super) desk: Desk,
    pub(super) survey: Survey,
    markets: RwLock<Option<Arc<Markets>>>,
    tiers: Mutex<BTreeMap<AccountIndex, Tier>>,
}

/// The exchange over its real API. Dropping its last handle ends its streams.
pub struct LighterVenue<T: Transport = HttpTransport, C: Connect = TcpConnect> {
    shared: Arc<Shared<T, C>>,
    tasks: Arc<Mutex<Tasks>>,
    /// Class of this handle's reads.
    class: Class,
}

impl<T: Transport, C: Connect> std::fmt::Debug for LighterVenue<T, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LighterVenue({}, {:?})", self.shared.endpoints.http, self.shared.http.budget())
    }
}

impl LighterVenue {
    /// Returns a client over TCP and TLS. Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// When a URL is malformed or unencrypted beyond loopback, or this host has no usable TLS roots.
    pub fn new(
        endpoints: NetworkEndpoints,
        credentials: Vec<Credential>,
        clock: Clock,
        options: LighterOptions,
    ) -> Result<Self, SetupError> {
        endpoints.check()?;
        let base = endpoints::check(&endpoints.http, "https", "http")?;
        let proxies = options.proxies.clone().unwrap_or_else(Proxies::from_environment);
        let transport = HttpTransport::through(&base, options.timeouts, &proxies)?;
        Ok(Self::over(endpoints, transport, TcpConnect::through(proxies), credentials, clock, options))
    }
}

impl<T: Transport, C: Connect> LighterVenue<T, C> {
    /// Returns a client over any transport, such as in-memory pipes; URLs are not checked.
    pub fn over(
        endpoints: NetworkEndpoints,
        transport: T,
        connect: C,
        credentials: Vec<Credential>,
        clock: Clock,
        options: LighterOptions,
    ) -> Self {
        let budget = Budget::new(options.tier, clock.clone());
        let shared = Shared {
            http: Http::new(&endpoints.http, transport, budget, clock.clone()),
            endpoints,
            connect,
            tokens: Tokens::new(credentials, clock.clone()),
            pacer: streams::Pacer::new(clock.clone()),
            coverage: Arc::default(),
            clock,
            oddities: Oddities::default(),
            desk: Desk::new(options.order_entry),
            survey: Survey::default(),
            options: options.streams,
            markets: RwLock::default(),
            tiers: Mutex::default(),
        };
        Self { shared: Arc::new(shared), tasks: Arc::default(), class: Class::Read }
    }

    /// Returns what the venue sent that this program does not know.
    pub fn oddities(&self) -> &Oddities {
        &self.shared.oddities
    }

    /// Returns whether cancels and hedges go by the socket at the moment; it opens with the first streams.
    pub fn order_entry_is_open(&self) -> bool {
        self.shared.desk.is_open()
    }

    /// Returns the request budget, for display.
    pub fn budget(&self) -> &Budget {
        self.shared.http.budget()
    }

    /// Returns what is under way and has to wait for the venue's limits, for display.
    pub fn waits(&self) -> Waits {
        let (feeds_up, feeds_wanted) = self.shared.coverage.counts();
        let queue = self.shared.http.budget().queue();
        let scale = self.shared.clock.scale();
        Waits {
            requests: queue.map_or(0, |(requests, _)| requests),
            next_request: queue.map_or(Duration::ZERO, |(_, next)| next / scale),
            feeds_up,
            feeds_wanted,
            feeds_left: self.shared.pacer.to_subscribe(feeds_wanted.saturating_sub(feeds_up)) / scale,
        }
    }

    /// Returns where this client connects to.
    pub fn endpoints(&self) -> &NetworkEndpoints {
        &self.shared.endpoints
    }

    /// Sends up to [`BATCH_MAX`] transactions of one account and key in one request, in order. The venue executes
    /// them one by one: a later one may fail while earlier ones stand.
    ///
    /// # Errors
    ///
    /// As [`Venue::send`], for all of them at once.
    pub async fn send_batch(&self, txs: &[SignedTx], class: Class) -> Result<Vec<Accepted>, VenueError> {
        self.shared.send_batch(txs, class).await
    }
}

/// The page after this one, unless this was the last (http.md §1).
fn next_page(asked: Option<&str>, next: Option<String>) -> Option<String> {
    next.filter(|cursor| !cursor.is_empty() && Some(cursor.as_str()) != asked)
}

/// Whose transaction it is; −1 when the text does not say.
fn account_of(tx: &SignedTx) -> AccountIndex {
    #[derive(serde::Deserialize)]
    struct Owner {
        #[serde(rename = "AccountIndex", alias = "FromAccountIndex")]
        account: i64,
    }
    AccountIndex::new(serde_json::from_str::<Owner>(&tx.tx_info).map_or(-1, |owner| owner.account))
}

/// Returns the address that a transfer's memo names: 20 bytes, then zeros (http.md §8).
fn payee_of(tx: &SignedTx) -> Option<String> {
    let (envelope, ..) = Envelope::parse(tx.tx_type, &tx.tx_info).ok()?;
    let Tx::Transfer(body) = envelope.tx else { return None };
    let (address, rest) = body.memo.split_first_chunk::<20>()?;
    rest.iter().all(|byte| *byte == 0).then(|| Address::new(*address).to_string())
}

/// What one transaction costs, whichever way it goes.
pub(super) fn cost_of(endpoint: Endpoint, tx: &SignedTx) -> Cost {
    Cost { weight: endpoint.weight, transactions: Some((account_of(tx), 1)) }
}

impl<T: Transport, C: Connect> Shared<T, C> {
    async fn read<A: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        class: Class,
        fields: &[(&'static str, &str)],
    ) -> Result<A, VenueError> {
        self.get(endpoint, class, fields, None).await
    }

    async fn get<A: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        class: Class,
        fields: &[(&'static str, &str)],
        token: Option<&str>,
    ) -> Result<A, VenueError> {
        let cost = Cost { weight: endpoint.weight, transactions: None };
        let call = Call { endpoint, class, cost, effect: Effect::Read, fields, token };
        let body = self.http.exchange(call).await?;
        self.survey.look(endpoint.path, &body, &self.oddities);
        wire::object(&body).map_err(|error| malformed(endpoint, &error.into()))
    }

    /// Reads what only the account's owner may see. A token that the venue does not take is replaced once: its
    /// deadline may have been made by a clock that was corrected since.
    async fn read_as<A: DeserializeOwned>(
        &self,
        account: AccountIndex,
        endpoint: Endpoint,
        class: Class,
        fields: &[(&'static str, &str)],
    ) -> Result<A, VenueError> {
        let mut last = None;
        for _ in 0..2 {
            let token = self.tokens.get(account).ok_or_else(|| VenueError::NotSent {
                endpoint: endpoint.path,
                reason: format!("no key of account {account} is here to make its token"),
            })?;
            match self.get(endpoint, class, fields, Some(&token.text)).await {
                Err(error @ VenueError::Rejected { code: INVALID_AUTH, .. }) => {
                    self.tokens.forget(account);
                    last = Some(error);
                }
                other => return other,
            }
        }
        Err(last.expect("the loop ends here only after a refusal"))
    }

    /// Reads all markets and keeps them for later conversions: on the grid that they had first, because amounts that are
    /// held in ticks and lots would mean something else on another. What does not fit that grid is not taken in.
    pub(super) async fn fetch_markets(&self, class: Class) -> Result<Arc<Markets>, VenueError> {
        let endpoint = endpoints::ORDER_BOOK_DETAILS;
        let answer: wire::OrderBookDetails = self.read(endpoint, class, &[("filter", "all")]).await?;
        let markets = parse::markets(&answer, &self.oddities).map_err(|error| malformed(endpoint, &error))?;
        let mut kept = self.markets.write().unwrap_or_else(PoisonError::into_inner);
        let mut converting = markets.clone();
        for (id, first) in kept.iter().flat_map(|kept| kept.iter()) {
            if converting.get(id).is_some_and(|market| !market.has_grid_of(first)) {
                converting.insert(*id, first.clone());
            }
        }
        *kept = Some(Arc::new(converting));
        Ok(Arc::new(markets))
    }

    /// Returns the markets read last, or reads them.
    pub(super) async fn known_markets(&self) -> Result<Arc<Markets>, VenueError> {
        let known = self.markets.read().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(markets) => Ok(markets),
            None => self.fetch_markets(Class::Read).await,
        }
    }

    /// Converts an answer; when it speaks of a market that was listed since, the listings are read again, once.
    async fn convert<M>(
        &self,
        endpoint: Endpoint,
        convert: impl Fn(Context<'_>) -> Result<M, ParseError>,
    ) -> Result<M, VenueError> {
        let oddities = &self.oddities;
        let markets = self.known_markets().await?;
        let result = match convert(Context { markets: &markets, oddities }) {
            Err(ParseError::UnknownMarket(_)) => {
                let markets = self.fetch_markets(Class::Read).await?;
                convert(Context { markets: &markets, oddities })
            }
            result => result,
        };
        result.map_err(|error| malformed(endpoint, &error))
    }

    async fn orders(
        &self,
        endpoint: Endpoint,
        class: Class,
        (account, market): (AccountIndex, MarketId),
        more: &[(&'static str, &str)],
    ) -> Result<(Vec<Order>, Option<String>), VenueError> {
        let (account_text, market_text) = (account.to_string(), market.to_string());
        let mut fields = vec![("account_index", account_text.as_str()), ("market_id", market_text.as_str())];
        fields.extend(more);
        let answer: wire::Orders = self.read_as(account, endpoint, class, &fields).await?;
        let orders = self.convert(endpoint, |context| parse::orders(&answer.orders, context)).await?;
        // an answer about another account must not be read as "no order of this one".
        match orders.iter().find(|order| order.owner != account) {
            Some(order) => Err(malformed(endpoint, &mismatch(account, order.owner))),
            None => {
                let orders = orders.into_iter().filter(|order| order.market == market).collect();
                Ok((orders, answer.next_cursor))
            }
        }
    }

    /// Follows the pages to their end: an order that is not on the first one is live all the same.
    async fn active_orders(
        &self,
        class: Class,
        account: AccountIndex,
        market: MarketId,
    ) -> Result<Vec<Order>, VenueError> {
        let endpoint = endpoints::ACTIVE_ORDERS;
        let (mut found, mut cursor) = (BTreeMap::new(), None::<String>);
        loop {
            let more: Vec<_> = cursor.as_deref().map(|cursor| ("cursor", cursor)).into_iter().collect();
            let (page, next) = self.orders(endpoint, class, (account, market), &more).await?;
            let known = found.len();
            found.extend(page.into_iter().map(|order| (order.order_index, order)));
            match next_page(cursor.as_deref(), next) {
                Some(next) if found.len() > known => cursor = Some(next),
                _ => return Ok(found.into_values().collect()),
            }
        }
    }

    async fn trades_page(
        &self,
        class: Class,
        account: AccountIndex,
        market: MarketId,
        cursor: Option<&str>,
    ) -> Result<(Vec<Trade>, Option<String>), VenueError> {
        let endpoint = endpoints::TRADES;
        let (account_text, market_text) = (account.to_string(), market.to_string());
        let mut fields = vec![
            ("sort_by", "trade_id"),
            ("sort_dir", "desc"),
            ("limit", PAGE),
            ("account_index", account_text.as_str()),
            ("market_id", market_text.as_str()),
        ];
        fields.extend(cursor.map(|cursor| ("cursor", cursor)));
        let answer: wire::Trades = self.read_as(account, endpoint, class, &fields).await?;
        let trades = self.convert(endpoint, |context| parse::trades(&answer.trades, context)).await?;
        Ok((trades, next_page(cursor, answer.next_cursor)))
    }

    /// Follows the pages, newest first, until one reaches `after`.
    async fn trades_since(
        &self,
        class: Class,
        account: AccountIndex,
        market: MarketId,
        since: Timestamp,
    ) -> Result<Vec<Trade>, VenueError> {
        let mut found = BTreeMap::new();
        let mut cursor = None;
        for _ in 0..TRADE_PAGES {
            let (page, next) = self.trades_page(class, account, market, cursor.as_deref()).await?;
            let known = found.len();
            let reached = page.iter().any(|trade| trade.timestamp < since);
            // New fills shift the pages while they are read: what comes twice is the same trade.
            found.extend(
                page.into_iter().filter(|trade| trade.timestamp >= since).map(|trade| (trade.id, trade)),
            );
            match next {
                Some(next) if !reached && found.len() > known => cursor = Some(next),
                _ => return Ok(found.into_values().filter(|trade| trade.market == market).collect()),
            }
        }
        let endless = ParseError::Json(format!("more than {TRADE_PAGES} pages of trades"));
        Err(malformed(endpoints::TRADES, &endless))
    }

    async fn withdrawals(&self, class: Class, account: AccountIndex) -> Result<Vec<Withdrawal>, VenueError> {
        let endpoint = endpoints::WITHDRAW_HISTORY;
        let account_text = account.to_string();
        let mut found: Vec<Withdrawal> = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..WITHDRAWAL_PAGES {
            let mut fields = vec![("account_index", account_text.as_str())];
            fields.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let answer: wire::Withdrawals = self.read_as(account, endpoint, class, &fields).await?;
            let page = parse::withdrawals(&answer.withdraws, &self.oddities)
                .map_err(|error| malformed(endpoint, &error))?;
            let known = found.len();
            for row in page {
                if found.iter().all(|seen| seen.id != row.id) {
                    found.push(row);
                }
            }
            let next = next_page(cursor.as_deref(), answer.next_cursor.or(answer.cursor));
            match next {
                Some(next) if found.len() > known => cursor = Some(next),
                _ => break,
            }
        }
        found.sort_by_key(|row| std::cmp::Reverse(row.at));
        Ok(found)
    }

    async fn limits(&self, class: Class, account: AccountIndex) -> Result<Limits, VenueError> {
        let account_text = account.to_string();
        let fields = [("account_index", account_text.as_str())];
        let answer = self.read_as(account, endpoints::ACCOUNT_LIMITS, class, &fields).await?;
        let limits = parse::limits(answer);
        self.learn_tier(account, Tier::from_venue(&limits.tier));
        Ok(limits)
    }

    /// The limit of an address is that of its owner's tier; with accounts of several tiers the smallest told so far is
    /// kept to. One answer ends the starting tier: to ask two hundred accounts within it takes minutes, in which nothing
    /// else is read. Should a later account be of a smaller tier, the venue's refusal cools the budget until it tells.
    fn learn_tier(&self, account: AccountIndex, tier: Tier) {
        let mut tiers = self.tiers.lock().unwrap_or_else(PoisonError::into_inner);
        tiers.insert(account, tier);
        if let Some(smallest) = tiers.values().min() {
            self.http.budget().set_tier(*smallest);
        }
    }

    async fn transaction(&self, class: Class, hash: TxHash) -> Result<Option<TxView>, VenueError> {
        let hash_text = hash.to_string();
        let fields = [("by", "hash"), ("value", hash_text.as_str())];
        // Asked when an outcome is in doubt, which a hedge waits for: it goes with the hedges at least.
        let answer: wire::Tx = match self.read(endpoints::TX, class.max(Class::Hedge), &fields).await {
            Err(VenueError::Rejected { code: UNKNOWN_TX, .. }) => return Ok(None),
            answer => answer?,
        };
        let view = parse::tx(&answer, &self.oddities);
        if view.hash == Some(hash) {
            Ok(Some(view))
        } else {
            let error = ParseError::Mismatch { asked: hash_text, got: answer.hash };
            Err(malformed(endpoints::TX, &error))
        }
    }

    /// Sends by the socket what goes there; what it leaves in doubt goes out again over REST, the same bytes. A refusal
    /// of the second copy says nothing about the first, so it leaves the outcome unknown and is looked up.
    async fn send(&self, tx: &SignedTx, class: Class) -> Result<Accepted, VenueError> {
        let (waited, doubt) = match orders::send(self, tx, class).await {
            Outcome::Settled(result) => return result,
            Outcome::NotTaken => return self.send_over_rest(tx, class).await,
            Outcome::Doubt(waited, reason) => (waited, reason),
        };
        tracing::debug!(hash = %tx.hash, doubt, "the same bytes go out again over REST");
        kill_point("send.again");
        self.send_over_rest(tx, class).await.map_err(|error| match error.retry() {
            Retry::AfterReconcile => error,
            Retry::Backoff | Retry::Never => VenueError::OutcomeUnknown {
                endpoint: endpoints::SEND_TX_SOCKET.path,
                waited,
                reason: format!("{doubt}; then {error}"),
            },
        })
    }

    async fn send_over_rest(&self, tx: &SignedTx, class: Class) -> Result<Accepted, VenueError> {
        let endpoint = endpoints::SEND_TX;
        let tx_type = tx.tx_type.to_string();
        let fields = [("tx_type", tx_type.as_str()), ("tx_info", tx.tx_info.as_str())];
        let cost = cost_of(endpoint, tx);
        let call = Call { endpoint, class, cost, effect: Effect::Send, fields: &fields, token: None };
        let answer: wire::Sent = self.http.call(call).await?;
        accepted(endpoint, tx, &answer.tx_hash, answer.predicted_execution_time_ms)
    }

    async fn fast_terms(&self, class: Class, account: AccountIndex) -> Result<FastTerms, VenueError> {
        let (endpoint, text) = (endpoints::FAST_WITHDRAW_INFO, account.to_string());
        let fields = [("account_index", text.as_str())];
        let info: wire::FastWithdrawInfo = self.read_as(account, endpoint, class, &fields).await?;
        let bridge = info.to_account_index.to_string();
        let fields = [("account_index", text.as_str()), ("to_account_index", bridge.as_str())];
        let fee = self.read_as(account, endpoints::TRANSFER_FEE, class, &fields).await?;
        parse::fast_terms(&info, &fee).map_err(|error| malformed(endpoint, &error))
    }

    /// The address stands in the bytes themselves, so that the journal has all that a repetition needs.
    async fn send_fast_withdrawal(&self, tx: &SignedTx, class: Class) -> Result<Accepted, VenueError> {
        let endpoint = endpoints::FAST_WITHDRAW;
        let not_sent = |reason: String| VenueError::NotSent { endpoint: endpoint.path, reason };
        let address = payee_of(tx).ok_or_else(|| not_sent("it is no transfer to an address".to_owned()))?;
        let fields = [("tx_info", tx.tx_info.as_str()), ("to_address", address.as_str())];
        let account = account_of(tx);
        let mut last = None;
        for _ in 0..2 {
            let token = self.tokens.get(account);
            let token = token.ok_or_else(|| not_sent(format!("no key of account {account} is here")))?;
            let (cost, token) = (cost_of(endpoint, tx), Some(token.text.as_str()));
            let call = Call { endpoint, class, cost, effect: Effect::Send, fields: &fields, token };
            match self.http.call::<wire::Sent>(call).await {
                // The token was refused before the transaction was looked at.
                Err(error @ VenueError::Rejected { code: INVALID_AUTH, .. }) => {
                    self.tokens.forget(account);
                    last = Some(error);
                }
                answer => {
                    let answer = answer?;
                    return accepted(endpoint, tx, &answer.tx_hash, answer.predicted_execution_time_ms);
                }
            }
        }
        Err(last.expect("the loop ends here only after a refusal"))
    }

    async fn send_batch(&self, txs: &[SignedTx], class: Class) -> Result<Vec<Accepted>, VenueError> {
        let endpoint = endpoints::SEND_TX_BATCH;
        let not_sent = |reason: String| VenueError::NotSent { endpoint: endpoint.path, reason };
        let count = u32::try_from(txs.len()).unwrap_or(u32::MAX);
        let first = match txs {
            [first, ..] if txs.len() <= BATCH_MAX => first,
            _ => {
                return Err(not_sent(format!("a batch of {count} transactions is not in 1 ..= {BATCH_MAX}")));
            }
        };
        let text = |result: serde_json::Result<String>| result.map_err(|error| not_sent(error.to_string()));
        let types = text(serde_json::to_string(&txs.iter().map(|tx| tx.tx_type).collect::<Vec<_>>()))?;
        let infos = text(serde_json::to_string(&txs.iter().map(|tx| &tx.tx_info).collect::<Vec<_>>()))?;
        let fields = [("tx_types", types.as_str()), ("tx_infos", infos.as_str())];
        let cost = Cost { weight: endpoint.weight, transactions: Some((account_of(first), count)) };
        let call = Call { endpoint, class, cost, effect: Effect::Send, fields: &fields, token: None };
        let answer: wire::SentBatch = self.http.call(call).await?;
        if answer.tx_hash.len() != txs.len() {
            let (asked, got) = (format!("{count} hashes"), answer.tx_hash.len().to_string());
            return Err(malformed(endpoint, &ParseError::Mismatch { asked, got }));
        }
        let each = txs.iter().zip(&answer.tx_hash);
        each.map(|(tx, hash)| accepted(endpoint, tx, hash, answer.predicted_execution_time_ms)).collect()
    }
}

fn mismatch(asked: AccountIndex, got: AccountIndex) -> ParseError {
    ParseError::Mismatch { asked: format!("account {asked}"), got: format!("account {got}") }
}

/// The venue's hash must be ours: another one means that it took in something else than what was journaled.
pub(super) fn accepted(
    endpoint: Endpoint,
    tx: &SignedTx,
    hash: &str,
    predicted_ms: i64,
) -> Result<Accepted, VenueError> {
    if hash.trim_start_matches("0x").parse() == Ok(tx.hash) {
        Ok(Accepted { hash: tx.hash, predicted_execution: Timestamp::from_millis(predicted_ms) })
    } else {
        let error = ParseError::Mismatch { asked: tx.hash.to_string(), got: hash.to_owned() };
        Err(malformed(endpoint, &error))
    }
}

impl<T: Transport, C: Connect> Venue for LighterVenue<T, C> {
    fn reading(&self, class: Class) -> Self {
        Self { shared: Arc::clone(&self.shared), tasks: Arc::clone(&self.tasks), class }
    }

    async fn status(&self) -> Result<(Timestamp, u32), VenueError> {
        let endpoint = endpoints::STATUS;
        let answer: wire::Status = self.shared.read(endpoint, self.class, &[]).await?;
        if answer.status != 200 {
            let message = "the exchange says that it is not up".to_owned();
            return Err(VenueError::Rejected { endpoint: endpoint.path, code: answer.status, message });
        }
        Ok((Timestamp::from_millis(answer.timestamp.saturating_mul(1_000)), answer.network_id))
    }

    async fn markets(&self) -> Result<Vec<Market>, VenueError> {
        Ok(self.shared.fetch_markets(self.class).await?.values().cloned().collect())
    }

    async fn account(&self, account: AccountIndex) -> Result<AccountView, VenueError> {
        let text = account.to_string();
        let fields = [("by", "index"), ("value", text.as_str())];
        let answer: wire::Accounts = self.shared.read(endpoints::ACCOUNT, self.class, &fields).await?;
        self.shared.convert(endpoints::ACCOUNT, |context| parse::account(&answer, account, context)).await
    }

    async fn api_keys(&self, account: AccountIndex) -> Result<Vec<ApiKeyView>, VenueError> {
        let text = account.to_string();
        let fields = [("account_index", text.as_str()), ("api_key_index", "255")];
        let answer: wire::ApiKeys = self.shared.read(endpoints::API_KEYS, self.class, &fields).await?;
        Ok(parse::api_keys(&answer))
    }

    async fn limits(&self, account: AccountIndex) -> Result<Limits, VenueError> {
        self.shared.limits(self.class, account).await
    }

    async fn next_nonce(&self, account: AccountIndex, key: ApiKeyIndex) -> Result<Nonce, VenueError> {
        let (account, key) = (account.to_string(), key.to_string());
        let fields = [("account_index", account.as_str()), ("api_key_index", key.as_str())];
        // As for `transaction`: a hedge may be waiting for it.
        let answer: wire::NextNonce =
            self.shared.read(endpoints::NEXT_NONCE, self.class.max(Class::Hedge), &fields).await?;
        Ok(Nonce::new(answer.nonce))
    }

    async fn active_orders(&self, account: AccountIndex, market: MarketId) -> Result<Vec<Order>, VenueError> {
        self.shared.active_orders(self.class, account, market).await
    }

    async fn inactive_orders(
        &self,
        account: AccountIndex,
        market: MarketId,
    ) -> Result<Vec<Order>, VenueError> {
        let (endpoint, whose) = (endpoints::INACTIVE_ORDERS, (account, market));
        Ok(self.shared.orders(endpoint, self.class, whose, &[("limit", PAGE)]).await?.0)
    }

    async fn trades_since(
        &self,
        account: AccountIndex,
        market: MarketId,
        since: Timestamp,
    ) -> Result<Vec<Trade>, VenueError> {
        self.shared.trades_since(self.class, account, market, since).await
    }

    async fn transaction(&self, hash: TxHash) -> Result<Option<TxView>, VenueError> {
        self.shared.transaction(self.class, hash).await
    }

    async fn withdrawals(&self, account: AccountIndex) -> Result<Vec<Withdrawal>, VenueError> {
        self.shared.withdrawals(self.class, account).await
    }

    async fn withdrawal_delay(&self) -> Result<Duration, VenueError> {
        let endpoint = endpoints::WITHDRAWAL_DELAY;
        let answer: wire::WithdrawalDelay = self.shared.read(endpoint, self.class, &[]).await?;
        Ok(Duration::from_secs(answer.seconds))
    }

    async fn fast_terms(&self, account: AccountIndex) -> Result<FastTerms, VenueError> {
        self.shared.fast_terms(self.class, account).await
    }

    async fn send(&self, tx: &SignedTx, class: Class) -> Result<Accepted, VenueError> {
        self.shared.send(tx, class).await
    }

    async fn send_fast_withdrawal(&self, tx: &SignedTx, class: Class) -> Result<Accepted, VenueError> {
        self.shared.send_fast_withdrawal(tx, class).await
    }

    fn subscribe(&self, what: Subscription) -> tokio::sync::mpsc::Receiver<VenueEvent> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Who streams will trade: the line stands before the first hedge needs it.
        orders::start(&self.shared, &mut tasks);
        streams::start(&self.shared, &what, &mut tasks)
    }
}
