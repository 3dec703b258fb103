//! Transactions: what they do, and what is refused with which code.

use serde_json::json;

use super::rig::{GTT, IOC, LONG, Rig, SEED, SHORT, SLOT, config};
use crate::model::{AccountIndex, ApiKeyIndex};
use crate::paper::server::key;
use crate::tx::SignedTx;

#[tokio::test]
async fn an_order_over_rest_fills_one_over_the_socket_and_both_show_everywhere() {
    let rig = Rig::start().await;
    let mut socket = rig.socket().await;
    for (channel, account) in [
        ("account_all_orders/1001", LONG),
        ("account_orders/2/1002", SHORT),
        ("account_all_trades/1001", LONG),
        ("account_all_positions/1002", SHORT),
        ("user_stats/1001", LONG),
        ("account_all/1002", SHORT),
        ("account_market/2/1001", LONG),
        ("account_all_assets/1001", LONG),
        ("notification/1001", LONG),
    ] {
        let first = socket.subscribe(channel, Some(rig.token(account))).await;
        assert!(first.get("error").is_none(), "{channel}: {first}");
    }
    socket.subscribe("trade/2", None).await;

    let maker = rig.order(LONG, 11, 500, 101_000, GTT);
    let (status, body) = rig.send(&maker).await;
    assert_eq!((status, &body["code"]), (200, &json!(200)), "{body}");
    assert_eq!(body["tx_hash"], maker.hash.to_string());
    let open = socket.kind("update/account_all_orders").await;
    let row = &open["orders"]["2"][0];
    assert_eq!((&row["status"], &row["client_order_index"]), (&json!("open"), &json!(11)));
    assert_eq!((&row["price"], &row["initial_base_amount"]), (&json!("101.000"), &json!("0.500")));

    let taker = rig.order(SHORT, 12, -300, 100_900, IOC);
    let info: serde_json::Value = serde_json::from_str(&taker.tx_info).unwrap();
    socket
        .say(json!({"type": "jsonapi/sendtx", "data": {"id": "t-1", "tx_type": 14, "tx_info": info}}))
        .await;
    let answer = socket.until(|frame| frame["id"] == "t-1").await;
    assert_eq!((&answer["code"], &answer["tx_hash"]), (&json!(200), &json!(taker.hash.to_string())));

    let mut heard = std::collections::BTreeSet::new();
    let wanted = [
        "update/account_all",
        "update/account_all_assets",
        "update/account_all_orders",
        "update/account_all_positions",
        "update/account_all_trades",
        "update/account_market",
        "update/account_orders",
        "update/trade",
        "update/user_stats",
    ];
    let mut trade = json!(null);
    while !wanted.iter().all(|kind| heard.contains(*kind)) {
        let frame = socket.next().await.unwrap();
        let kind = frame["type"].as_str().unwrap().to_owned();
        if kind == "update/trade" {
            trade = frame["trades"][0].clone();
        }
        // An account's own channel counts once it shows the fill.
        let fill = |map: &serde_json::Value| map["2"].as_array().is_some_and(|rows| !rows.is_empty());
        if kind != "update/account_all_trades" || fill(&frame["trades"]) {
            heard.insert(kind);
        }
    }
    assert_eq!((&trade["price"], &trade["size"]), (&json!("101.000"), &json!("0.300")));
    assert_eq!((&trade["bid_client_id"], &trade["ask_client_id"]), (&json!(11), &json!(12)));

    rig.executed(&taker).await;
    let (_, account) = rig.get("/api/v1/account?by=index&value=1002").await;
    let position = &account["accounts"][0]["positions"][0];
    assert_eq!((&position["sign"], &position["position"]), (&json!(-1), &json!("0.300")));
    let (_, live) = rig.get_own(LONG, "/api/v1/accountActiveOrders?account_index=1001&market_id=2").await;
    assert_eq!(live["orders"][0]["remaining_base_amount"], "0.200");
    let (_, ended) = rig.get_own(SHORT, "/api/v1/accountInactiveOrders?account_index=1002&limit=10").await;
    assert_eq!(ended["orders"][0]["status"], "filled");
    let (_, own) = rig.get_own(SHORT, "/api/v1/trades?sort_by=timestamp&limit=10&account_index=1002").await;
    assert_eq!(own["trades"][0]["trade_id"], trade["trade_id"]);
    let (_, recent) = rig.get("/api/v1/recentTrades?market_id=2&limit=5").await;
    assert_eq!(recent["trades"].as_array().unwrap().len(), 1);
    let (_, nonce) = rig.get("/api/v1/nextNonce?account_index=1002&api_key_index=4").await;
    assert_eq!(nonce, json!({"code": 200, "nonce": 1}));
}

#[tokio::test]
async fn a_cancelled_order_ends_and_its_index_is_found() {
    let rig = Rig::start().await;
    assert_eq!(rig.send(&rig.order(LONG, 21, 500, 100_500, GTT)).await.0, 200);
    let cancel = rig.cancel(LONG, 21);
    assert_eq!(rig.send(&cancel).await.0, 200);
    assert_eq!(rig.executed(&cancel).await["status"], 2);
    let path = "/api/v1/accountOrders?account_index=1001&client_order_indexes=21";
    let (_, found) = rig.get_own(LONG, path).await;
    assert_eq!(found["orders"][0]["status"], "canceled");
}

/// F-03: the same bytes twice land once; the second answer names the nonce.
#[tokio::test]
async fn f_03_the_same_bytes_land_once() {
    let rig = Rig::start().await;
    let order = rig.order(LONG, 31, 500, 100_500, GTT);
    assert_eq!(rig.send(&order).await.0, 200);
    rig.executed(&order).await;
    let (status, body) = rig.send(&order).await;
    assert_eq!((status, body), (400, json!({"code": 21104, "message": "invalid nonce"})));
    let (_, live) = rig.get_own(LONG, "/api/v1/accountActiveOrders?account_index=1001").await;
    assert_eq!(live["orders"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn signatures_and_shapes_are_checked_before_anything_else() {
    let rig = Rig::start().await;
    let good = rig.order(LONG, 41, 500, 100_500, GTT);
    let code = async |tx: &SignedTx| rig.send(tx).await.1["code"].as_i64().unwrap();

    let tampered = good.tx_info.replace("\"BaseAmount\":500", "\"BaseAmount\":501");
    assert_ne!(tampered, good.tx_info);
    assert_eq!(code(&SignedTx { tx_info: tampered, ..good.clone() }).await, 21120);
    assert_eq!(code(&SignedTx { tx_info: "{}".to_owned(), ..good.clone() }).await, 21501);
    let wrong_slot = good.tx_info.replace("\"ApiKeyIndex\":4", "\"ApiKeyIndex\":9");
    assert_eq!(code(&SignedTx { tx_info: wrong_slot, ..good.clone() }).await, 21109);
    // None of it used the nonce.
    assert_eq!(rig.send(&good).await.0, 200);
}

#[tokio::test]
async fn multipart_bodies_are_taken() {
    let rig = Rig::start().await;
    let tx = rig.order(LONG, 51, 500, 100_500, GTT);
    let body = format!(
        "--x\r\nContent-Disposition: form-data; name=\"tx_type\"\r\n\r\n{}\r\n\
         --x\r\nContent-Disposition: form-data; name=\"tx_info\"\r\n\r\n{}\r\n--x--\r\n",
        tx.tx_type, tx.tx_info
    );
    let request = rig.http.post(rig.url("/api/v1/sendTx"));
    let request = request.header("Content-Type", "multipart/form-data; boundary=x").body(body);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn a_batch_is_answered_with_a_hash_each() {
    let rig = Rig::start().await;
    let txs = [rig.order(LONG, 61, 500, 100_500, GTT), rig.order(LONG, 62, 500, 100_400, GTT)];
    let types = json!(txs.each_ref().map(|tx| tx.tx_type)).to_string();
    let infos = json!(txs.each_ref().map(|tx| &tx.tx_info)).to_string();
    let form = [("tx_types", types.clone()), ("tx_infos", infos.clone())];
    let answer = rig.http.post(rig.url("/api/v1/sendTxBatch")).form(&form).send().await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let hashes = json!(txs.each_ref().map(|tx| tx.hash.to_string()));
    assert_eq!((&body["code"], &body["tx_hash"]), (&json!(200), &hashes), "{body}");
    rig.executed(&txs[1]).await;

    // The same over the socket: refused as a whole, with the id that it came with.
    let mut socket = rig.socket().await;
    let data = json!({"id": 7, "tx_types": types, "tx_infos": infos});
    socket.say(json!({"type": "jsonapi/sendtxbatch", "data": data})).await;
    let refused = socket.until(|frame| frame["id"] == 7).await;
    assert_eq!(refused["error"]["message"], "invalid nonce");
}

#[tokio::test]
async fn a_read_only_socket_takes_no_transactions() {
    let rig = Rig::start().await;
    let mut socket = rig.socket_at("?readonly=true").await;
    let data = json!({"tx_type": 14, "tx_info": {}});
    socket.say(json!({"type": "jsonapi/sendtx", "data": data})).await;
    assert_eq!(socket.next().await.unwrap()["error"]["code"], 30006);
}

#[tokio::test]
async fn a_withdrawal_shows_in_its_history() {
    let rig = Rig::start().await;
    let tx = rig.withdrawal(LONG, 25_000_000);
    assert_eq!(rig.send(&tx).await.0, 200);
    rig.executed(&tx).await;
    let (_, history) = rig.get_own(LONG, "/api/v1/withdraw/history?account_index=1001").await;
    let row = &history["withdraws"][0];
    assert_eq!((&row["amount"], &row["type"]), (&json!("25.000000"), &json!("secure")));
}

/// F-27: too many requests are refused with 429 and 23000, and cost nothing.
#[tokio::test]
async fn f_27_the_61st_request_of_a_minute_is_refused() {
    let rig = Rig::with(crate::paper::server::PaperConfig { rate_limits: true, ..config() }).await;
    for _ in 0..60 {
        assert_eq!(rig.get("/api/v1/nextNonce?account_index=1001&api_key_index=4").await.0, 200);
    }
    let (status, body) = rig.get("/").await;
    assert_eq!((status, body), (429, json!({"code": 23000, "message": "Too Many Requests!"})));
}

/// Nobody uses up the limits of an account without its key: what is refused is not counted.
#[tokio::test]
async fn refused_transactions_cost_their_account_nothing() {
    let premium = crate::paper::server::PaperConfig {
        rate_limits: true,
        tier: crate::paper::exchange::Tier::Premium,
        ..config()
    };
    let rig = Rig::with(premium).await;
    let good = rig.withdrawal(LONG, 2_000_000);
    let forged = good.tx_info.replace("\"Amount\":2000000", "\"Amount\":2000001");
    assert_ne!(forged, good.tx_info);
    for _ in 0..5 {
        let (_, body) = rig.send(&SignedTx { tx_info: forged.clone(), ..good.clone() }).await;
        assert_eq!(body["code"], 21120);
    }
    assert_eq!(rig.send(&good).await.0, 200);
    assert_eq!(rig.send(&rig.withdrawal(LONG, 3_000_000)).await.0, 200);
    // The two of a minute are used up now, by the owner.
    let (status, body) = rig.send(&rig.withdrawal(LONG, 4_000_000)).await;
    assert_eq!((status, &body["code"]), (429, &json!(23004)));
}

#[test]
fn keys_belong_to_seed_account_and_slot() {
    let of = |seed, account, slot| {
        key(seed, AccountIndex::new(account), ApiKeyIndex::new(slot)).public_key().to_hex()
    };
    let base = of(SEED, LONG, SLOT);
    assert_eq!(base, of(SEED, LONG, SLOT));
    for other in [of(8, LONG, SLOT), of(SEED, SHORT, SLOT), of(SEED, LONG, 5)] {
        assert_ne!(base, other);
    }
}
