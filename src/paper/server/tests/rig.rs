//! A running server and a client that signs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::model::{AccountIndex, ApiKeyIndex, AtEnd, Market, PriceSource, Usdc};
use crate::paper::exchange::Tier;
use crate::paper::server::{Faults, PaperConfig, PaperServer, PaperSlots, Running, key};
use crate::paper::world::WorldSpec;
use crate::rt::real_timeout;
use crate::tx::auth::AuthToken;
use crate::tx::{Attributes, CancelOrder, CreateOrder, Envelope, OrderSpec, SignedTx, Tx, Withdraw};

pub(super) const SEED: u64 = 7;
pub(super) const LONG: i64 = 1001;
pub(super) const SHORT: i64 = 1002;
pub(super) const SLOT: u8 = 4;
pub(super) const GTT: u8 = 1;
pub(super) const IOC: u8 = 0;
/// Longer than anything here takes, so that a failure is an answer and not a hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// A market with nobody in it but the tests.
const QUIET: &str = "
name: quiet
about: nobody trades but the tests
markets: [{ market: SOL, volatility_bps: 0, makers: false, takers: false }]
";

pub(super) fn config() -> PaperConfig {
    let accounts = [LONG, SHORT].map(|account| PaperSlots {
        account: AccountIndex::new(account),
        slots: vec![ApiKeyIndex::new(SLOT), ApiKeyIndex::new(5)],
    });
    PaperConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        seed: SEED,
        accounts: accounts.to_vec(),
        usdc: Usdc::whole(10_000),
        markets: vec![Market::example()],
        world: WorldSpec::parse(QUIET).unwrap(),
        prices: PriceSource::Seeded,
        prices_end: AtEnd::Hold,
        tier: Tier::Standard,
        time_scale: 1,
        log: None,
        rate_limits: false,
        control: true,
        faults: Faults::seeded(SEED),
    }
}

pub(super) struct Rig {
    pub(super) running: Running,
    pub(super) http: reqwest::Client,
    nonces: Mutex<BTreeMap<i64, i64>>,
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::with(config()).await
    }

    pub(super) async fn with(config: PaperConfig) -> Self {
        // Only the first call of the process can succeed; the others find it done.
        drop(rustls::crypto::ring::default_provider().install_default());
        let running = PaperServer::start(config).await.unwrap();
        // No pool: a cut connection must not be met again by the next request.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).timeout(PATIENCE).build().unwrap();
        Self { running, http, nonces: Mutex::default() }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.http_url)
    }

    /// Reads; returns the status and the body.
    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.http.get(self.url(path)).send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// Reads what is `account`'s own.
    pub(super) async fn get_own(&self, account: i64, path: &str) -> (u16, Value) {
        let request = self.http.get(self.url(path)).header("Authorization", self.token(account));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    pub(super) fn token(&self, account: i64) -> String {
        let (index, slot) = (AccountIndex::new(account), ApiKeyIndex::new(SLOT));
        let deadline = self.running.clock.now().after(Duration::from_secs(600));
        AuthToken::make(&key(SEED, index, slot), index, slot, deadline)
    }

    fn next_nonce(&self, account: i64) -> i64 {
        let mut nonces = self.nonces.lock().unwrap();
        let nonce = nonces.entry(account).or_insert(0);
        *nonce += 1;
        *nonce - 1
    }

    /// Gives the last nonce back: its transaction never got in.
    pub(super) fn give_back(&self, account: i64) {
        *self.nonces.lock().unwrap().get_mut(&account).unwrap() -= 1;
    }

    pub(super) fn sign(&self, account: i64, tx: impl Into<Tx>) -> SignedTx {
        let key = key(SEED, AccountIndex::new(account), ApiKeyIndex::new(SLOT));
        let envelope = Envelope {
            tx: tx.into(),
            expired_at: self.running.clock.now().after(Duration::from_secs(60)).as_millis(),
            nonce: self.next_nonce(account),
            attributes: Attributes::default(),
        };
        envelope.sign(self.running.chain_id, &key)
    }

    /// Signs a limit order in SOL; `lots` negative sells.
    pub(super) fn order(&self, account: i64, client: i64, lots: i64, ticks: u32, tif: u8) -> SignedTx {
        let month = self.running.clock.now().after(Duration::from_secs(86_400)).as_millis();
        let order = OrderSpec {
            market_index: 2,
            client_order_index: client,
            base_amount: lots.abs(),
            price: ticks,
            is_ask: u8::from(lots < 0),
            kind: 0,
            time_in_force: tif,
            reduce_only: 0,
            trigger_price: 0,
            order_expiry: if tif == IOC { 0 } else { month },
        };
        self.sign(account, CreateOrder { account_index: account, api_key_index: SLOT, order })
    }

    pub(super) fn cancel(&self, account: i64, client: i64) -> SignedTx {
        let body =
            CancelOrder { account_index: account, api_key_index: SLOT, market_index: 2, index: client };
        self.sign(account, body)
    }

    /// A secure withdrawal of so many millionths of a USDC.
    pub(super) fn withdrawal(&self, account: i64, micros: u64) -> SignedTx {
        let body = Withdraw {
            from_account_index: account,
            api_key_index: SLOT,
            asset_index: 3,
            route_type: 0,
            amount: micros,
        };
        self.sign(account, body)
    }

    /// Sends as a form; returns the status and the body.
    pub(super) async fn send(&self, tx: &SignedTx) -> (u16, Value) {
        let answer = self.post(tx).await.unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    pub(super) async fn post(&self, tx: &SignedTx) -> reqwest::Result<reqwest::Response> {
        let form = [("tx_type", tx.tx_type.to_string()), ("tx_info", tx.tx_info.clone())];
        self.http.post(self.url("/api/v1/sendTx")).form(&form).send().await
    }

    /// Returns what the exchange knows of a transaction, once it has been executed.
    pub(super) async fn executed(&self, tx: &SignedTx) -> Value {
        let path = format!("/api/v1/tx?by=hash&value={}", tx.hash);
        let wait = async {
            loop {
                let (status, body) = self.get(&path).await;
                if status == 200 && body["status"] != 1 {
                    return body;
                }
                crate::rt::real_sleep(Duration::from_millis(20)).await;
            }
        };
        real_timeout(PATIENCE, wait).await.unwrap_or_else(|| panic!("{} was not executed", tx.hash))
    }

    pub(super) async fn socket(&self) -> Socket {
        self.socket_at("").await
    }

    /// Connects as soon as there is room.
    pub(super) async fn socket_in_time(&self) -> Socket {
        let connected = real_timeout(PATIENCE, async {
            loop {
                if let Ok((stream, _)) =
                    Box::pin(tokio_tungstenite::connect_async(&self.running.ws_url)).await
                {
                    return Socket(stream);
                }
                crate::rt::real_sleep(Duration::from_millis(20)).await;
            }
        });
        let mut socket = Box::pin(connected).await.expect("a place among the connections");
        assert_eq!(socket.next().await.unwrap()["type"], "connected");
        socket
    }

    pub(super) async fn socket_at(&self, query: &str) -> Socket {
        let url = format!("{}{query}", self.running.ws_url);
        let (stream, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut socket = Socket(stream);
        assert_eq!(socket.next().await.unwrap()["type"], "connected");
        socket
    }
}

pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(super) async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// Returns the next frame; `None` when the socket ends.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            let frame = real_timeout(PATIENCE, self.0.next()).await.expect("a frame or an end");
            match frame {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Skips frames until one passes.
    pub(super) async fn until(&mut self, passes: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                let frame = self.next().await.expect("the socket stays open");
                if passes(&frame) {
                    return frame;
                }
            }
        };
        real_timeout(PATIENCE, wait).await.expect("the frame comes")
    }

    pub(super) async fn kind(&mut self, kind: &str) -> Value {
        self.until(|frame| frame["type"] == kind).await
    }

    pub(super) async fn subscribe(&mut self, channel: &str, token: Option<String>) -> Value {
        self.say(json!({"type": "subscribe", "channel": channel, "auth": token})).await;
        let family = channel.split('/').next().unwrap().to_owned();
        self.until(|frame| {
            frame.get("error").is_some() || frame["type"] == format!("subscribed/{family}").as_str()
        })
        .await
    }
}
