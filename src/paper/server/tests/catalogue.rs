//! The rest of the catalogue of faults over real sockets, and the catalogue itself.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::names_in;
use super::rig::{GTT, LONG, Rig, SHORT, config};
use crate::model::AtEnd;
use crate::paper::exchange::Mishap;
use crate::paper::server::{Fault, FaultRule, PaperConfig, faults};

fn strike(rig: &Rig, place: &str, fault: Fault) {
    rig.running.faults.add(FaultRule::next(place, fault));
}

async fn control(rig: &Rig, path: &str, body: Value) -> (u16, Value) {
    let request = rig.http.post(rig.url(path)).header("Content-Type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

/// F-03: a request that a proxy delivers twice lands once; the client sees the second answer.
#[tokio::test]
async fn f_03_a_duplicated_request_lands_once() {
    let rig = Rig::start().await;
    let order = rig.order(LONG, 1, 500, 100_500, GTT);
    strike(&rig, "sendTx", Fault::DuplicateRequest);
    assert_eq!(rig.send(&order).await.1, json!({"code": 21104, "message": "invalid nonce"}));
    rig.executed(&order).await;
    let (_, live) = rig.get_own(LONG, "/api/v1/accountActiveOrders?account_index=1001").await;
    assert_eq!(live["orders"].as_array().unwrap().len(), 1);
}

/// F-09: two frames arrive in the other order.
#[tokio::test]
async fn f_09_frames_change_places() {
    let rig = Rig::start().await;
    let mut socket = rig.socket().await;
    socket.subscribe("height", None).await;
    strike(&rig, "ws/frame/height", Fault::ReorderFrame);
    let mut heights = Vec::new();
    while heights.len() < 3 {
        heights.push(socket.kind("update/height").await["height"].as_i64().unwrap());
    }
    assert!(heights[0] > heights[1] && heights[1] < heights[2], "{heights:?}");
}

/// R-20: a socket that stays open and says nothing for a while, not even a pong.
#[tokio::test]
async fn r_20_a_stalled_socket_is_open_and_silent() {
    let rig = Rig::start().await;
    let mut socket = rig.socket().await;
    socket.subscribe("height", None).await;
    strike(&rig, "ws/frame/height", Fault::Stall { ms: 700 });
    while rig.running.faults.happened().is_empty() {
        crate::rt::real_sleep(Duration::from_millis(5)).await;
    }
    let begun = rig.running.clock.elapsed();
    socket.say(json!({"type": "ping"})).await;
    socket.kind("pong").await;
    assert!(rig.running.clock.elapsed() - begun > Duration::from_millis(500));
}

/// F-14: the venue's clock is off.
#[tokio::test]
async fn f_14_the_venues_clock_is_off() {
    let rig = Rig::start().await;
    let told = async || rig.get("/").await.1["timestamp"].as_i64().unwrap();
    let before = told().await;
    strike(&rig, "status", Fault::ClockOffset { ms: -3_600_000 });
    assert!((before - told().await - 3_600).abs() <= 5);
    assert!((told().await - before).abs() <= 5);
}

#[tokio::test]
async fn a_revoked_key_signs_nothing() {
    let rig = Rig::start().await;
    let revoke = json!({"revoke_key": {"account": LONG, "slot": 4}});
    assert_eq!(control(&rig, "/paper/request", revoke).await.0, 200);
    let (status, body) = rig.send(&rig.order(LONG, 1, 500, 100_500, GTT)).await;
    assert_eq!(status, 400);
    assert_eq!(body["code"], 21108, "{body}");
    assert_eq!(rig.send(&rig.order(SHORT, 1, 500, 100_500, GTT)).await.0, 200);
}

/// F-05: accepted with 200, then refused by the sequencer, with the nonce used.
#[tokio::test]
async fn f_05_the_sequencer_refuses_what_was_accepted() {
    let rig = Rig::start().await;
    let rule = json!({"mishap": {"refuse": {"code": 21739, "nonce_used": true}}, "account": LONG});
    assert_eq!(control(&rig, "/paper/mishaps", rule).await.0, 200);
    let order = rig.order(LONG, 1, 500, 100_500, GTT);
    assert_eq!(rig.send(&order).await.0, 200);
    let tx = rig.executed(&order).await;
    assert!(tx["event_info"].as_str().unwrap().contains("21739"), "{tx}");
    assert_eq!(rig.get("/api/v1/nextNonce?account_index=1001&api_key_index=4").await.1["nonce"], 1);
}

/// Venue time jumps, what falls due in between happens, and the log remembers the jump.
#[tokio::test]
async fn time_moves_ahead_and_stays_there() {
    let folder = tempfile::tempdir().unwrap();
    let with_log =
        || PaperConfig { log: Some(folder.path().join("exchange.log")), prices_end: AtEnd::Hold, ..config() };
    let rig = Rig::with(with_log()).await;
    let told = async |rig: &Rig| rig.get("/").await.1["timestamp"].as_i64().unwrap();
    let before = told(&rig).await;
    assert_eq!(control(&rig, "/paper/advance", json!({"seconds": 7_200})).await.0, 200);
    assert!(told(&rig).await >= before + 7_200);
    let Rig { running, .. } = rig;
    running.shutdown().await;
    let rig = Rig::with(with_log()).await;
    assert!(told(&rig).await >= before + 7_200);
}

/// F-27: who goes on although he is refused is blocked at the edge: 405, no JSON, sockets too.
#[tokio::test]
async fn f_27_persistence_is_blocked_at_the_edge() {
    let rig = Rig::with(PaperConfig { rate_limits: true, ..config() }).await;
    let mut seen = Vec::new();
    for _ in 0..95 {
        let answer = rig.http.get(rig.url("/")).send().await.unwrap();
        seen.push((answer.status().as_u16(), answer.text().await.unwrap()));
    }
    assert_eq!(seen[59].0, 200);
    assert_eq!((seen[60].0, seen[60].1.as_str()), (429, r#"{"code":23000,"message":"Too Many Requests!"}"#));
    let (status, text) = &seen[94];
    assert_eq!(*status, 405);
    assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
    assert!(tokio_tungstenite::connect_async(&rig.running.ws_url).await.is_err());
    // A minute later it is over; venue time can be moved.
    rig.running.clock.shift(61_000);
    assert_eq!(rig.get("/").await.0, 200);
}

/// Badly signed transactions over a socket cost their address, not the account that they name.
#[tokio::test]
async fn badly_signed_transactions_over_a_socket_are_limited() {
    let rig = Rig::with(PaperConfig { rate_limits: true, ..config() }).await;
    let mut socket = rig.socket().await;
    let order = rig.order(LONG, 1, 500, 100_500, GTT);
    let mut forged: Value = serde_json::from_str(&order.tx_info).unwrap();
    forged["BaseAmount"] = json!(501);
    let mut codes = Vec::new();
    for id in 0..100 {
        let data = json!({"id": id, "tx_type": order.tx_type, "tx_info": forged});
        socket.say(json!({"type": "jsonapi/sendtx", "data": data})).await;
        codes.push(socket.next().await.unwrap()["error"]["code"].as_i64().unwrap());
    }
    assert_eq!((codes[0], codes[99]), (21120, 23000), "{codes:?}");
    assert!(codes.iter().filter(|code| **code == 21120).count() <= 60);
}

/// Every kind of fault stands in the catalogue, and every test that it names exists.
#[test]
fn the_catalogue_is_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/faults.md")).unwrap();
    let mishaps = serde_json::from_str::<Mishap>(r#"{"?":{}}"#).unwrap_err().to_string();
    let (kinds, mishaps) = (faults::kinds(), names_in(&mishaps));
    assert!(kinds.len() > 20 && mishaps.len() == 4, "{kinds:?} {mishaps:?}");
    for kind in kinds.iter().chain(&mishaps) {
        assert!(text.contains(&format!("`{kind}`")), "{kind} is not in docs/faults.md");
    }
    let sources = sources(&root.join("src")) + &sources(&root.join("tests"));
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what"));
    for row in rows {
        let test = row.trim_end_matches(" |").rsplit('`').nth(1).unwrap_or_default();
        assert!(sources.contains(&format!("fn {test}(")), "`{test}` of `{row}` does not exist");
    }
}

fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text += &std::fs::read_to_string(&path).unwrap();
        }
    }
    text
}
