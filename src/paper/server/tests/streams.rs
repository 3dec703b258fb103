//! Streams: handshake, subscriptions, continuity.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rig::{GTT, IOC, LONG, Rig, SHORT, config};
use crate::paper::server::PaperConfig;
use crate::paper::server::limits::MAX_CONNECTIONS;
use crate::paper::world::WorldSpec;

fn error(code: i64, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

#[tokio::test]
async fn the_handshake_and_its_errors_are_the_venues() {
    let rig = Rig::start().await;
    let mut socket = rig.socket().await;
    socket.say(json!({"type": "ping"})).await;
    assert_eq!(socket.next().await.unwrap(), json!({"type": "pong"}));

    socket.say(json!({"type": "unsubscribe", "channel": "order_book/2"})).await;
    assert_eq!(socket.next().await.unwrap(), error(30002, "Not Subscribed to : order_book:2"));
    socket.subscribe("height", None).await;
    socket.say(json!({"type": "subscribe", "channel": "height"})).await;
    let again = socket.until(|frame| frame.get("error").is_some()).await;
    assert_eq!(again, error(30003, "Already Subscribed to : height"));
    socket.say(json!({"type": "unsubscribe", "channel": "height"})).await;
    let gone = socket.until(|frame| frame["type"] == "unsubscribed").await;
    assert_eq!(gone["channel"], "height");

    assert_eq!(socket.subscribe("order_book/77", None).await, error(30005, "Invalid Channel:  (marketId)"));
    assert_eq!(socket.subscribe("nonsense", None).await, error(30005, "Invalid Channel"));
    let text = "invalid param : auth field is required: account_all_orders:1001";
    assert_eq!(socket.subscribe("account_all_orders/1001", None).await, error(20001, text));
    let foreign = Some(rig.token(SHORT));
    assert_eq!(socket.subscribe("account_all_orders/1001", foreign).await, error(20013, "invalid auth"));
    socket.say(json!({"type": "nothing"})).await;
    assert_eq!(socket.next().await.unwrap(), error(30001, "Invalid Type"));
}

/// Applies a book frame to a client's copy.
fn apply(book: &mut BTreeMap<(String, String), String>, frame: &Value) {
    for side in ["bids", "asks"] {
        for level in frame["order_book"][side].as_array().unwrap() {
            let (price, size) = (level["price"].as_str().unwrap(), level["size"].as_str().unwrap());
            let key = (side.to_owned(), price.to_owned());
            if size == "0.000" {
                assert!(book.remove(&key).is_some(), "a level that was never there is removed: {frame}");
            } else {
                book.insert(key, size.to_owned());
            }
        }
    }
}

/// snapshot and updates make one chain of nonces, and adding them up gives the venue's own book.
#[tokio::test]
async fn r_22_the_book_is_continuous_under_flow() {
    let rig = Rig::start().await;
    assert_eq!(rig.send(&rig.order(LONG, 1, 500, 100_900, GTT)).await.0, 200);
    let mut socket = rig.socket().await;
    let snapshot = socket.subscribe("order_book/2", None).await;
    assert_eq!(snapshot["order_book"]["begin_nonce"], 0);
    let mut book = BTreeMap::new();
    apply(&mut book, &snapshot);
    let mut nonce = snapshot["order_book"]["nonce"].as_u64().unwrap();

    for step in 0_i64..12 {
        let (buy, sell) = (100_000 + u32::try_from(step % 5).unwrap() * 50, 102_000);
        assert_eq!(rig.send(&rig.order(LONG, 100 + step, 200, buy, GTT)).await.0, 200);
        assert_eq!(rig.send(&rig.order(SHORT, 200 + step, -150, sell, GTT)).await.0, 200);
        if step % 3 == 2 {
            assert_eq!(rig.send(&rig.cancel(LONG, 100 + step - 1)).await.0, 200);
        }
    }
    let taker = rig.order(SHORT, 300, -350, 99_900, IOC);
    assert_eq!(rig.send(&taker).await.0, 200);
    rig.executed(&taker).await;

    let (_, rest) = rig.get("/api/v1/orderBookOrders?market_id=2&limit=250").await;
    let mut wanted: BTreeMap<(String, String), i64> = BTreeMap::new();
    for side in ["bids", "asks"] {
        for row in rest[side].as_array().unwrap() {
            let lots =
                row["remaining_base_amount"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
            *wanted.entry((side.to_owned(), row["price"].as_str().unwrap().to_owned())).or_default() += lots;
        }
    }
    let lots = |book: &BTreeMap<(String, String), String>| -> BTreeMap<(String, String), i64> {
        book.iter().map(|(key, size)| (key.clone(), size.replace('.', "").parse().unwrap())).collect()
    };
    while lots(&book) != wanted {
        let frame = socket.kind("update/order_book").await;
        assert_eq!(frame["order_book"]["begin_nonce"].as_u64(), Some(nonce), "the chain is broken");
        nonce = frame["order_book"]["nonce"].as_u64().unwrap();
        apply(&mut book, &frame);
    }

    // Who comes later starts from the same state and goes on with the same chain.
    let mut late = rig.socket().await;
    let mut copy = BTreeMap::new();
    apply(&mut copy, &late.subscribe("order_book/2", None).await);
    assert_eq!(lots(&copy), wanted);
    assert_eq!(rig.send(&rig.order(LONG, 400, 200, 99_000, GTT)).await.0, 200);
    let (ours, theirs) = (socket.kind("update/order_book").await, late.kind("update/order_book").await);
    assert_eq!(ours["order_book"], theirs["order_book"]);
    assert_eq!(ours["order_book"]["begin_nonce"].as_u64(), Some(nonce));
}

#[tokio::test]
async fn the_chain_holds_in_a_busy_market_too() {
    let rig = Rig::with(PaperConfig { world: WorldSpec::default(), time_scale: 20, ..config() }).await;
    let mut socket = rig.socket().await;
    let snapshot = socket.subscribe("order_book/2", None).await;
    let mut book = BTreeMap::new();
    apply(&mut book, &snapshot);
    let mut nonce = snapshot["order_book"]["nonce"].as_u64().unwrap();
    for _ in 0..60 {
        let frame = socket.kind("update/order_book").await;
        assert_eq!(frame["order_book"]["begin_nonce"].as_u64(), Some(nonce), "the chain is broken");
        nonce = frame["order_book"]["nonce"].as_u64().unwrap();
        apply(&mut book, &frame);
        let best = |side: &str| {
            let prices = book.keys().filter(|(of, _)| of == side);
            prices.map(|(_, price)| price.parse::<rust_decimal::Decimal>().unwrap()).collect::<Vec<_>>()
        };
        let (bid, ask) = (best("bids").into_iter().max(), best("asks").into_iter().min());
        assert!(bid.zip(ask).is_none_or(|(bid, ask)| bid < ask), "crossed: {bid:?} {ask:?}");
    }
}

#[tokio::test]
async fn public_streams_tell_of_a_trade() {
    let rig = Rig::start().await;
    let mut socket = rig.socket().await;
    for channel in ["ticker/2", "trade/2", "market_stats/2", "market_stats/all", "candle/2/1m", "height"] {
        socket.subscribe(channel, None).await;
    }
    assert_eq!(rig.send(&rig.order(LONG, 1, 500, 101_000, GTT)).await.0, 200);
    let ticker = socket.kind("update/ticker").await;
    assert_eq!(
        (&ticker["ticker"]["b"]["price"], &ticker["ticker"]["a"]["price"]),
        (&json!("101.000"), &json!(""))
    );
    assert_eq!(rig.send(&rig.order(SHORT, 2, -200, 101_000, IOC)).await.0, 200);
    let trade = socket.kind("update/trade").await;
    assert_eq!((trade["trades"].as_array().unwrap().len(), &trade["liquidation_trades"]), (1, &json!([])));
    // They come in any order, and the last one only when something changed: each is kept as it comes.
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    let last = |stats: &Value| stats["last_trade_price"] == "101.000";
    while seen.len() < 3 {
        let frame = socket.next().await.unwrap();
        let told = match frame["channel"].as_str().unwrap() {
            "candle:2:1m" => frame["candles"] != json!([]),
            "market_stats:2" => last(&frame["market_stats"]),
            "market_stats:all" => last(&frame["market_stats"]["2"]),
            _ => false,
        };
        if told {
            seen.insert(frame["channel"].as_str().unwrap().to_owned(), frame);
        }
    }
    let candle = &seen["candle:2:1m"]["candles"][0];
    assert_eq!((&candle["c"], &candle["v"]), (&json!(101), &json!(0.2)));
    assert_eq!(seen["market_stats:all"]["market_stats"]["2"]["symbol"], "SOL");
    socket.kind("update/height").await;
}

/// the stream tells why a transaction that was answered with 200 failed.
#[tokio::test]
async fn r_08_a_failure_in_the_sequencer_is_told() {
    let rig = Rig::start().await;
    let mut socket = rig.socket().await;
    socket.subscribe("account_tx/1001", Some(rig.token(LONG))).await;
    let cancel = rig.cancel(LONG, 999);
    let (status, body) = rig.send(&cancel).await;
    assert_eq!(status, 200, "{body}");
    let hash = json!(cancel.hash.to_string());
    let told = socket
        .until(|frame| {
            frame["type"] == "update/account_tx"
                && frame["txs"].as_array().unwrap().iter().any(|tx| tx["hash"] == hash && tx["status"] != 1)
        })
        .await;
    let info =
        told["txs"].as_array().unwrap().iter().rfind(|tx| tx["hash"] == hash).unwrap()["event_info"].clone();
    let info: Value = serde_json::from_str(info.as_str().unwrap()).unwrap();
    assert_ne!(info["ae"], "", "{told}");
}

/// A handshake that breaks off keeps no place among the connections.
#[tokio::test]
async fn broken_handshakes_take_no_place() {
    use tokio::io::AsyncWriteExt;
    let rig = Rig::with(PaperConfig { rate_limits: true, ..config() }).await;
    let address = rig.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    for _ in 0..MAX_CONNECTIONS + 5 {
        let mut line = tokio::net::TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "GET /stream HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        line.write_all(request.as_bytes()).await.unwrap();
    }
    // Every one of them was dropped; sooner or later the server has noticed, and there is room.
    let mut socket = Box::pin(rig.socket_in_time()).await;
    socket.say(json!({"type": "ping"})).await;
    assert_eq!(socket.next().await.unwrap()["type"], "pong");
}

/// the 201st message of a minute is refused; transactions do not count.
#[tokio::test]
async fn r_23_messages_are_limited() {
    let rig = Rig::with(PaperConfig { rate_limits: true, ..config() }).await;
    let mut socket = rig.socket().await;
    for _ in 0..200 {
        socket.say(json!({"type": "ping"})).await;
        assert_eq!(socket.next().await.unwrap()["type"], "pong");
    }
    socket.say(json!({"type": "ping"})).await;
    assert_eq!(socket.next().await.unwrap(), error(30009, "Too Many Websocket Messages!"));
    socket.say(json!({"type": "jsonapi/sendtx", "data": {"id": 1, "tx_type": 14, "tx_info": {}}})).await;
    assert_eq!(socket.next().await.unwrap()["error"]["code"], 21501);
}
