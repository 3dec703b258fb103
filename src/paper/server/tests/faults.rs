//! Faults do what they say, and nothing else.

use std::time::Duration;

use serde_json::json;

use super::rig::{GTT, LONG, Rig};
use crate::paper::server::{Fault, FaultRule};

async fn live(rig: &Rig) -> usize {
    let (_, body) = rig.get_own(LONG, "/api/v1/accountActiveOrders?account_index=1001").await;
    body["orders"].as_array().unwrap().len()
}

fn strike(rig: &Rig, place: &str, fault: Fault) {
    rig.running.faults.add(FaultRule::next(place, fault));
}

/// F-03: a lost request and a lost answer look the same to the client and differ at the venue.
#[tokio::test]
async fn f_03_lost_requests_and_lost_answers() {
    let rig = Rig::start().await;
    let order = rig.order(LONG, 1, 500, 100_500, GTT);
    strike(&rig, "sendTx", Fault::DropRequest);
    assert!(rig.post(&order).await.is_err());
    let (status, body) = rig.get(&format!("/api/v1/tx?by=hash&value={}", order.hash)).await;
    assert_eq!((status, &body["code"]), (400, &json!(21500)));

    strike(&rig, "sendTx", Fault::DropReply);
    assert!(rig.post(&order).await.is_err());
    assert_eq!(rig.executed(&order).await["status"], 2);
    assert_eq!(live(&rig).await, 1);
    assert_eq!(rig.send(&order).await.1["message"], "invalid nonce");
}

#[tokio::test]
async fn answers_that_are_no_answers() {
    let rig = Rig::start().await;
    for (client, fault, status) in
        [(1, Fault::Html, 502), (2, Fault::ServerErrorAfter, 500), (3, Fault::TruncatedJson, 200)]
    {
        let order = rig.order(LONG, client, 500, 100_500, GTT);
        strike(&rig, "sendTx", fault);
        let answer = rig.post(&order).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        let text = answer.text().await.unwrap();
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&text);
        assert_eq!(parsed.is_ok(), fault == Fault::ServerErrorAfter, "{fault:?}: {text}");
        // All of them took effect.
        assert_eq!(rig.executed(&order).await["status"], 2);
    }
    let unavailable = Fault::HttpStatus { status: 503 };
    for (fault, status) in
        [(unavailable, 503), (Fault::RateLimit, 429), (Fault::Blocked, 405), (Fault::ServerError, 500)]
    {
        let order = rig.order(LONG, 9, 500, 100_500, GTT);
        strike(&rig, "sendTx", fault);
        assert_eq!(rig.post(&order).await.unwrap().status().as_u16(), status);
        assert_eq!(rig.get(&format!("/api/v1/tx?by=hash&value={}", order.hash)).await.0, 400);
        rig.give_back(LONG);
    }
}

/// F-06: accepted with 200, a hash, and never heard of again.
#[tokio::test]
async fn f_06_accepted_and_lost() {
    let rig = Rig::start().await;
    let order = rig.order(LONG, 1, 500, 100_500, GTT);
    strike(&rig, "sendTx", Fault::Lose);
    let (status, body) = rig.send(&order).await;
    assert_eq!((status, &body["tx_hash"]), (200, &json!(order.hash.to_string())));
    assert_eq!(live(&rig).await, 0);
    // The nonce is still free: the same bytes land now.
    assert_eq!(rig.send(&order).await.0, 200);
}

#[tokio::test]
async fn a_delayed_request_arrives_late() {
    let rig = Rig::start().await;
    strike(&rig, "nextNonce", Fault::Delay { ms: 150 });
    let before = rig.running.clock.elapsed();
    assert_eq!(rig.get("/api/v1/nextNonce?account_index=1001&api_key_index=4").await.0, 200);
    assert!(rig.running.clock.elapsed() - before >= Duration::from_millis(150));
}

/// a dropped update breaks the chain, so that a client can see it.
#[tokio::test]
async fn r_22_a_dropped_update_breaks_the_chain() {
    let rig = Rig::start().await;
    let mut socket = rig.socket().await;
    let snapshot = socket.subscribe("order_book/2", None).await;
    strike(&rig, "ws/frame/order_book", Fault::DropFrame);
    let order = rig.order(LONG, 1, 500, 100_500, GTT);
    assert_eq!(rig.send(&order).await.0, 200);
    rig.executed(&order).await;
    // The batch of the first order is gone once the fault has struck.
    while rig.running.faults.happened().is_empty() {
        crate::rt::real_sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(rig.send(&rig.order(LONG, 2, 500, 100_400, GTT)).await.0, 200);
    let update = socket.kind("update/order_book").await;
    assert_ne!(update["order_book"]["begin_nonce"], snapshot["order_book"]["nonce"]);
}

/// sockets end without warning, one or all of them.
#[tokio::test]
async fn r_20_sockets_are_cut() {
    let rig = Rig::start().await;
    let mut socket = rig.socket().await;
    strike(&rig, "ws/frame/height", Fault::Close);
    socket.say(json!({"type": "subscribe", "channel": "height"})).await;
    while socket.next().await.is_some() {}

    let (mut one, mut two) = (rig.socket().await, rig.socket().await);
    let rule = json!({"kind": "close_sockets"});
    let request = rig.http.post(rig.url("/paper/faults"));
    // The request's own connection is cut, too, so its answer may not arrive.
    drop(request.header("Content-Type", "application/json").body(rule.to_string()).send().await);
    assert!(one.next().await.is_none() && two.next().await.is_none());
    assert_eq!(rig.get("/").await.0, 200);
}

/// F-09: the same fills may arrive twice.
#[tokio::test]
async fn f_09_a_frame_is_repeated() {
    let rig = Rig::start().await;
    let mut socket = rig.socket().await;
    socket.subscribe("account_tx/1001", Some(rig.token(LONG))).await;
    strike(&rig, "ws/frame/account_tx", Fault::DuplicateFrame);
    assert_eq!(rig.send(&rig.order(LONG, 1, 500, 100_500, GTT)).await.0, 200);
    let (once, twice) = (socket.kind("update/account_tx").await, socket.kind("update/account_tx").await);
    assert_eq!(once, twice);
}

#[tokio::test]
async fn a_planned_close_is_announced() {
    let rig = Rig::start().await;
    let mut socket = rig.socket().await;
    strike(&rig, "ws/frame/height", Fault::Shutdown { ms: 20 });
    socket.say(json!({"type": "subscribe", "channel": "height"})).await;
    assert_eq!(socket.next().await.unwrap(), json!({"type": "shutdown", "close_in_ms": 20}));
    assert!(socket.next().await.is_none());
}

/// The command log makes the exchange outlive its process.
#[tokio::test]
async fn a_server_goes_on_where_its_log_ended() {
    let dir = tempfile::tempdir().unwrap();
    let config =
        || crate::paper::server::PaperConfig { log: Some(dir.path().join("log")), ..super::rig::config() };
    let rig = Rig::with(config()).await;
    let order = rig.order(LONG, 5, 500, 100_500, GTT);
    assert_eq!(rig.send(&order).await.0, 200);
    rig.executed(&order).await;
    let before = rig.running.clock.now();
    rig.running.shutdown().await;

    let rig = Rig::with(config()).await;
    assert!(rig.running.clock.now() >= before);
    assert_eq!(live(&rig).await, 1);
    assert_eq!(rig.executed(&order).await["status"], 2);
    let (_, nonce) = rig.get("/api/v1/nextNonce?account_index=1001&api_key_index=4").await;
    assert_eq!(nonce["nonce"], 1);
}

#[tokio::test]
async fn the_control_plane_moves_the_price() {
    let rig = Rig::start().await;
    let post = async |path: &str, body: serde_json::Value| {
        let request = rig.http.post(rig.url(path)).header("Content-Type", "application/json");
        request.body(body.to_string()).send().await.unwrap().status().as_u16()
    };
    let action = json!({"market": "SOL", "action": {"do": "set_price", "price": "90.000"}});
    assert_eq!(post("/paper/act", action).await, 200);
    assert_eq!(post("/paper/deposit", json!({"account": LONG, "micros": 5_000_000})).await, 200);
    // The world moves prices in its next step.
    let moved = |stats: &serde_json::Value| stats["index_price"].as_str().unwrap().starts_with("90.");
    let mut socket = rig.socket().await;
    if !moved(&socket.subscribe("market_stats/2", None).await["market_stats"]) {
        socket.until(|f| f["type"] == "update/market_stats" && moved(&f["market_stats"])).await;
    }
    let (_, account) = rig.get("/api/v1/account?by=index&value=1001").await;
    assert_eq!(account["accounts"][0]["collateral"], "10005.000000");
}

/// The dump proves what a crash test must know: every order and transaction there ever was.
#[tokio::test]
async fn the_dump_shows_every_order_ever() {
    let rig = Rig::start().await;
    let order = rig.order(LONG, 77, 500, 100_500, GTT);
    let cancel = rig.cancel(LONG, 77);
    assert_eq!((rig.send(&order).await.0, rig.send(&cancel).await.0), (200, 200));
    rig.executed(&cancel).await;
    let (_, dump) = rig.get("/paper/state").await;
    let account = &dump["accounts"][0];
    assert_eq!(account["account"]["index"], LONG);
    assert_eq!(account["orders"][0]["client_order_index"], 77);
    assert_eq!(account["transactions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn without_control_there_is_no_control_plane() {
    let config = crate::paper::server::PaperConfig { control: false, ..super::rig::config() };
    assert_eq!(Rig::with(config).await.get("/paper/state").await.0, 404);
}

#[tokio::test]
async fn only_loopback_is_served() {
    let config =
        crate::paper::server::PaperConfig { listen: "0.0.0.0:0".parse().unwrap(), ..super::rig::config() };
    let refused = crate::paper::server::PaperServer::start(config).await.unwrap_err();
    assert!(matches!(refused, crate::paper::server::PaperError::NotLoopback(_)));
}
