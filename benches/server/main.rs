//! What the paper server does per second over loopback: signed orders taken in, beside a bare check of the same
//! signatures as the control, and order-book frames to two hundred subscribers.
//!
//! The server is the program itself, in a process of its own; clients and server share the machine's cores.
//! `cargo bench --bench server -- --orders 4000 --subscribers 200`

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use lighter_plan::model::{AccountIndex, ApiKeyIndex};
use lighter_plan::paper::server::key;
use lighter_plan::rt::{Clock, Tasks, real_sleep};
use lighter_plan::tx::{Attributes, CancelOrder, CreateOrder, Envelope, OrderSpec, SignedTx, Tx};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;

const SEED: u64 = 7;
const SLOT: ApiKeyIndex = ApiKeyIndex::new(4);
const ACCOUNTS: u16 = 8;
/// How long frames are counted.
const LISTEN: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Deserialize)]
struct Announced {
    http: String,
    ws: String,
    chain_id: u32,
}

/// The program; it ends with this value.
struct Server {
    child: Child,
    announced: Announced,
}

impl Server {
    fn start() -> io::Result<Self> {
        let world = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/worlds/still.yaml");
        let mut child = Command::new(env!("CARGO_BIN_EXE_lighter-plan"))
            .args(["paper", "--market", "SOL,BTC,ETH", "--tier", "premium", "--no-rate-limit", "--seed", "7"])
            .args(["--accounts", &ACCOUNTS.to_string(), "--world", world])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().expect("standard output is a pipe");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self { child, announced: serde_json::from_str(&line)? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing more to do then.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Signs an order and its cancel, again and again: what rests never piles up.
fn signed(account: AccountIndex, chain_id: u32, count: usize, now: i64) -> Vec<SignedTx> {
    let (account_index, api_key_index) = (account.get(), SLOT.get());
    let key = key(SEED, account, SLOT);
    let one = |turn: usize| {
        let turn = i64::try_from(turn).unwrap_or(i64::MAX);
        let index = 1 + turn / 2;
        let tx: Tx = if turn % 2 == 0 {
            let order = OrderSpec {
                market_index: 2,
                client_order_index: index,
                base_amount: 500,
                price: 98_000,
                is_ask: 0,
                kind: 0,
                time_in_force: 2,
                reduce_only: 0,
                trigger_price: 0,
                order_expiry: now + 86_400_000,
            };
            CreateOrder { account_index, api_key_index, order }.into()
        } else {
            CancelOrder { account_index, api_key_index, market_index: 2, index }.into()
        };
        Envelope { tx, expired_at: now + 590_000, nonce: turn, attributes: Attributes::new() }
            .sign(chain_id, &key)
    };
    (0..count).map(one).collect()
}

/// Sends one account's transactions one after another; returns what each took, in microseconds.
async fn send(http: reqwest::Client, url: String, txs: Vec<SignedTx>) -> Vec<u64> {
    let clock = Clock::system();
    let mut took = Vec::with_capacity(txs.len());
    for tx in txs {
        let begun = clock.elapsed();
        let form = [("tx_type", tx.tx_type.to_string()), ("tx_info", tx.tx_info)];
        let answer = http.post(&url).form(&form).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200, "{:?}", answer.text().await);
        took.push(u64::try_from((clock.elapsed() - begun).as_micros()).unwrap_or(u64::MAX));
    }
    took
}

/// Listens to the book of SOL until it is dropped.
async fn listen(ws: String, frames: Arc<AtomicU64>) {
    let (mut socket, _) = tokio_tungstenite::connect_async(ws).await.expect("a socket");
    let subscribe = r#"{"type":"subscribe","channel":"order_book/2"}"#;
    futures_util::SinkExt::send(&mut socket, Message::text(subscribe)).await.expect("a subscription");
    while let Some(Ok(message)) = socket.next().await {
        if message.to_text().is_ok_and(|text| text.contains("update/order_book")) {
            frames.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn rate(count: u64, time: Duration) -> u64 {
    count * 1_000_000 / u64::try_from(time.as_micros()).unwrap_or(1).max(1)
}

async fn run(orders: usize, subscribers: u64) -> io::Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let server = Server::start()?;
    let Announced { http: root, ws, chain_id } = server.announced.clone();
    let clock = Clock::system();
    let now = clock.now().as_millis();
    let each = orders / usize::from(ACCOUNTS);
    let accounts = (0..ACCOUNTS).map(|number| AccountIndex::new(1_001 + i64::from(number)));
    let batches: Vec<_> = accounts.map(|account| (account, signed(account, chain_id, each, now))).collect();
    let mut out = io::stdout().lock();
    writeln!(out, "{} build", if cfg!(debug_assertions) { "debug" } else { "optimized" })?;

    let begun = clock.elapsed();
    for (account, txs) in &batches {
        let public = key(SEED, *account, SLOT).public_key();
        for tx in txs {
            let (read, signature, _) = Envelope::parse(tx.tx_type, &tx.tx_info).map_err(io::Error::other)?;
            assert!(read.verify(chain_id, &public, &signature));
        }
    }
    let total = u64::try_from(each * usize::from(ACCOUNTS)).unwrap_or(u64::MAX);
    let control = rate(total, clock.elapsed() - begun);

    let client = reqwest::Client::new();
    let url = format!("{root}/api/v1/sendTx");
    let begun = clock.elapsed();
    let sending: Vec<_> =
        batches.into_iter().map(|(_, txs)| send(client.clone(), url.clone(), txs)).collect();
    let mut took: Vec<u64> = futures_util::future::join_all(sending).await.into_iter().flatten().collect();
    let accepted = rate(total, clock.elapsed() - begun);
    took.sort_unstable();
    let at = |per_mille: usize| took[(took.len() * per_mille / 1_000).min(took.len() - 1)];
    writeln!(out, "signed transactions accepted, {ACCOUNTS} at a time   {accepted:>8} /s")?;
    writeln!(out, "control: parse and verify, one thread       {control:>8} /s")?;
    writeln!(out, "sendTx                                      p50 {} µs, p99 {} µs", at(500), at(990))?;

    let (frames, mut tasks) = (Arc::new(AtomicU64::new(0)), Tasks::default());
    for _ in 0..subscribers {
        tasks.spawn("subscriber", listen(ws.clone(), frames.clone()));
    }
    let one = Arc::new(AtomicU64::new(0));
    tasks.spawn("control", listen(ws, one.clone()));
    let account = AccountIndex::new(1_001);
    // Enough to last, whatever the server takes in.
    let more = signed(account, chain_id, each * 60, now).split_off(each);
    tasks.spawn("trader", async move { drop(send(client, url, more).await) });
    real_sleep(Duration::from_secs(1)).await;
    let before = (frames.load(Ordering::Relaxed), one.load(Ordering::Relaxed));
    real_sleep(LISTEN).await;
    let heard = (frames.load(Ordering::Relaxed) - before.0, one.load(Ordering::Relaxed) - before.1);
    tasks.shutdown().await;
    writeln!(out, "book frames to {subscribers} subscribers            {:>8} /s", rate(heard.0, LISTEN))?;
    writeln!(out, "control: to one of them                     {:>8} /s", rate(heard.1, LISTEN))?;
    Ok(())
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, usual: usize| {
        let text = arguments.iter().skip_while(|argument| *argument != name).nth(1);
        text.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("`{name}` takes a number")))
    };
    // Without `--bench`, it is a test of the bench.
    let bench = arguments.iter().any(|argument| argument == "--bench");
    let orders = number("--orders", if bench { 4_000 } else { 80 });
    let subscribers = number("--subscribers", if bench { 200 } else { 5 });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(orders, u64::try_from(subscribers).unwrap_or(u64::MAX)))
}
