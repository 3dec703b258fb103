//! Thousands of malformed requests and frames: the server lives on, and shows nobody what is somebody else's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use super::rig::{GTT, LONG, Rig, SHORT, config};
use crate::paper::server::PaperConfig;
use crate::rt::{SplitMix64, Tasks, random_u64, real_timeout};

/// Of each kind, and of each of the clients that send side by side.
const EACH: usize = 250;
const CLIENTS: u64 = 3;
const PATIENCE: Duration = Duration::from_secs(20);

/// Client order indices that give an answer away: nobody else uses these numbers.
const MARKS: [(i64, i64); 2] = [(LONG, 111_222_333_111), (SHORT, 444_555_666_444)];

/// Reads of what is an account's own.
const PRIVATE: [&str; 6] = [
    "accountActiveOrders?market_id=2&account_index=",
    "accountInactiveOrders?market_id=255&limit=100&account_index=",
    "accountOrders?market_id=2&client_order_index=111222333111&account_index=",
    "accountTxs?by=account_index&limit=100&value=",
    "trades?sort_by=timestamp&limit=100&account_index=",
    "accountLimits?account_index=",
];

/// Anything else that is served.
const PUBLIC: [&str; 16] = [
    "account?by=index&value=",
    "accountsByL1Address?l1_address=",
    "apikeys?account_index=",
    "nextNonce?api_key_index=4&account_index=",
    "tx?by=hash&value=",
    "tx?by=sequence_index&value=",
    "txs?limit=100&index=",
    "orderBookDetails?market_id=",
    "orderBookOrders?limit=100&market_id=",
    "recentTrades?market_id=2&limit=",
    "candles?market_id=2&resolution=1m&count_back=5&start_timestamp=0&end_timestamp=",
    "fundings?market_id=2&resolution=1h&count_back=5&start_timestamp=0&end_timestamp=",
    "pnl?by=index&value=1001&resolution=1h&count_back=5&start_timestamp=0&end_timestamp=",
    "transferFeeInfo?account_index=",
    "fastwithdraw/info?account_index=",
    "currentHeight?",
];

/// Values that stand where numbers, addresses and hashes should.
const VALUES: [&str; 14] = [
    "",
    "-1",
    "0",
    "1001",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e9",
    "%00%ff",
    "0x0000000000000000000000000000000000000001",
    "null",
    "[]",
    "1001&limit=-1",
    "1001&cursor=eyJpbmRleCI6LTF9",
];

/// Bytes that are no request, or not all of one.
const RAW: [&str; 9] = [
    "\0\0\0\0",
    "GET",
    "GET / HTTP/9.9\r\n\r\n",
    "POST /api/v1/sendTx HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "POST /api/v1/sendTx HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "POST /api/v1/sendTx HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\nContent-Length: 4\r\n\r\n--\r\n",
    "GET /stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "GET /stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\u{7f}\u{7f}\u{7f}\u{7f}",
    "GET /api/v1/account?by=index&value=%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
];

/// Frames that are none, or say too much or too little.
const FRAMES: [&str; 14] = [
    "",
    "null",
    "[]",
    "{}",
    "{\"type\":7}",
    "{\"type\":\"subscribe\"}",
    "{\"type\":\"subscribe\",\"channel\":\"order_book/99999999999999999999\"}",
    "{\"type\":\"subscribe\",\"channel\":\"candle/2/0m\"}",
    "{\"type\":\"subscribe\",\"channel\":\"account_all_orders/1001\",\"auth\":\"1:1001:4:ff\"}",
    "{\"type\":\"unsubscribe\",\"channel\":\"trade/2\"}",
    "{\"type\":\"jsonapi/sendtx\"}",
    "{\"type\":\"jsonapi/sendtx\",\"data\":{\"id\":{\"a\":[]},\"tx_type\":256,\"tx_info\":1}}",
    "{\"type\":\"jsonapi/sendtxbatch\",\"data\":{\"id\":1,\"tx_types\":\"[14]\",\"tx_infos\":\"[]\"}}",
    "{\"type\":\"jsonapi/sendtxbatch\",\"data\":{\"tx_types\":\"[14,14]\",\"tx_infos\":\"[\\\"\\\",\\\"{}\\\"]\"}}",
];

fn pick<T: Copy>(rng: &mut SplitMix64, from: &[T]) -> T {
    from[usize::try_from(rng.below(from.len() as u64)).unwrap()]
}

/// Changes one digit, so that whatever is signed is no longer what it was.
fn damaged(rng: &mut SplitMix64, text: &str) -> String {
    // The digit of `L2TxAttributes` is part of a name.
    let digits: Vec<usize> = text.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
    let digits: Vec<usize> = digits.into_iter().filter(|at| !text[..*at].ends_with('L')).collect();
    let at = pick(rng, &digits);
    let other = (text.as_bytes()[at] - b'0' + 1 + u8::try_from(rng.below(9)).unwrap()) % 10;
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

/// Reads what is private, with whatever token: only the owner's own opens it.
async fn private(rig: &Rig, rng: &mut SplitMix64) {
    let ((owner, mark), asker) = (pick(rng, &MARKS), pick(rng, &[LONG, SHORT]));
    let (token, genuine) = match rng.below(4) {
        0 => (String::new(), false),
        1 => (damaged(rng, &rig.token(asker)), false),
        _ => (rig.token(asker), true),
    };
    let url = rig.url(&format!("/api/v1/{}{owner}", pick(rng, &PRIVATE)));
    let answer = rig.http.get(&url).header("Authorization", &token).send().await.unwrap();
    let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    assert!(status == 200 || status == 400, "{url}: {status} {text}");
    if status == 200 {
        assert!(genuine && asker == owner, "{url} was shown to {asker}: {text}");
        let others = MARKS.iter().find(|(account, _)| *account != owner).unwrap().1;
        assert!(!text.contains(&others.to_string()), "{url} shows what is another's: {text}");
    } else {
        assert!(!text.contains(&mark.to_string()), "{url} refuses and tells: {text}");
    }
}

async fn public(rig: &Rig, rng: &mut SplitMix64) {
    let url = rig.url(&format!("/api/v1/{}{}", pick(rng, &PUBLIC), pick(rng, &VALUES)));
    let answer = rig.http.get(&url).send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert!(matches!(status, 200 | 400 | 404), "{url}: {status} {text}");
    serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|error| panic!("{url}: {error}: {text}"));
}

async fn raw(rig: &Rig, rng: &mut SplitMix64) {
    let mut stream = tokio::net::TcpStream::connect(rig.running.addr).await.unwrap();
    let text = pick(rng, &RAW);
    let cut = usize::try_from(rng.below(text.len() as u64 + 1)).unwrap();
    let bytes = if rng.below(3) == 0 { &text.as_bytes()[..cut] } else { text.as_bytes() };
    // The server may have hung up on what it read so far.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = real_timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server hangs up");
}

async fn forms(rig: &Rig, rng: &mut SplitMix64, genuine: &str) {
    let url = rig.url(pick(rng, &["/api/v1/sendTx", "/api/v1/sendTxBatch"]));
    let request = rig.http.post(&url);
    let info = damaged(rng, genuine);
    let request = match rng.below(5) {
        0 => request.form(&[("tx_type", "14"), ("tx_info", &info)]),
        1 => {
            let batch = serde_json::to_string(&[&info, &info]).unwrap();
            request.form(&[("tx_types", "[14,14]"), ("tx_infos", &batch)])
        }
        2 => request.form(&[("tx_type", pick(rng, &VALUES)), ("tx_info", pick(rng, &FRAMES))]),
        3 => request.header("content-type", "multipart/form-data; boundary=b").body(format!("--b\r\n{info}")),
        _ => request.header("content-type", "application/x-www-form-urlencoded").body("%".repeat(5_000)),
    };
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 400, "{}", answer.text().await.unwrap());
}

async fn frames(rig: &Rig, rng: &mut SplitMix64, genuine: &str) {
    let (mut socket, _) = tokio_tungstenite::connect_async(&rig.running.ws_url).await.unwrap();
    for _ in 0..20 {
        let damaged = damaged(rng, genuine);
        let message = match rng.below(6) {
            0 => Message::text(
                json!({"type": "jsonapi/sendtx", "data": {"tx_type": 14, "tx_info": damaged}}).to_string(),
            ),
            1 => Message::binary(vec![0xff; 100]),
            2 => Message::text("[".repeat(2_000)),
            3 => Message::text("x".repeat(70_000)),
            _ => Message::text(pick(rng, &FRAMES)),
        };
        // A frame that is too large ends the connection, as it should.
        if socket.send(message).await.is_err() {
            return;
        }
    }
    let _ = socket.close(None).await;
    let rest = async { while let Some(Ok(_)) = socket.next().await {} };
    real_timeout(PATIENCE, rest).await.expect("the connection ends");
}

async fn client(rig: Arc<Rig>, seed: u64, genuine: Arc<str>) {
    let mut rng = SplitMix64::new(seed);
    for turn in 0..EACH {
        private(&rig, &mut rng).await;
        public(&rig, &mut rng).await;
        forms(&rig, &mut rng, &genuine).await;
        if turn % 5 == 0 {
            raw(&rig, &mut rng).await;
            frames(&rig, &mut rng, &genuine).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_end_nothing_and_mix_nothing() {
    let seed = random_u64();
    let rig = Arc::new(Rig::with(PaperConfig { control: false, ..config() }).await);
    for (account, mark) in MARKS {
        let tx = rig.order(account, mark, 500, 90_000, GTT);
        assert_eq!(rig.send(&tx).await.0, 200);
        rig.executed(&tx).await;
    }
    // Never sent as it is: with a digit changed, its signature is nobody's.
    let genuine: Arc<str> = rig.order(LONG, 7, 500, 90_001, GTT).tx_info.into();
    rig.give_back(LONG);
    let own = async |account: i64| {
        let (_, mut body) = rig
            .get_own(account, &format!("/api/v1/accountActiveOrders?market_id=2&account_index={account}"))
            .await;
        let row = body["orders"].as_array_mut().unwrap().remove(0);
        (row["client_order_index"].clone(), row["remaining_base_amount"].clone(), body["orders"].clone())
    };
    let before = [own(LONG).await, own(SHORT).await];

    let (mut tasks, results) = (Tasks::default(), Arc::new(std::sync::atomic::AtomicU64::new(0)));
    for number in 0..CLIENTS {
        let (work, results) = (client(rig.clone(), seed ^ number, genuine.clone()), results.clone());
        tasks.spawn("flood", async move {
            work.await;
            results.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
    }
    tasks.join().await;
    let finished = results.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(finished, CLIENTS, "a client found something; seed {seed}");

    assert_eq!([own(LONG).await, own(SHORT).await], before, "seed {seed}");
    let (status, _) = rig.get("/").await;
    assert_eq!(status, 200, "seed {seed}");
    let tx = rig.order(LONG, 8, 500, 90_001, GTT);
    assert_eq!(rig.send(&tx).await.0, 200, "seed {seed}");
    assert_eq!(rig.executed(&tx).await["status"], 2, "seed {seed}");
    let mut socket = rig.socket().await;
    assert_eq!(socket.subscribe("order_book/2", None).await["type"], "subscribed/order_book");
}
