//! Reads: shapes, tokens and refusals.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{GTT, LONG, Rig, SEED, SHORT, SLOT};
use crate::model::{AccountIndex, ApiKeyIndex};
use crate::paper::server::key;
use crate::tx::auth::AuthToken;

#[tokio::test]
async fn public_reads_have_the_venues_shape() {
    let rig = Rig::start().await;
    let now = rig.running.clock.now().as_millis() / 1_000;
    let (_, root) = rig.get("/").await;
    assert_eq!((&root["status"], &root["network_id"]), (&json!(200), &json!(304)));
    assert!((root["timestamp"].as_i64().unwrap() - now).abs() <= 5, "{root}");
    assert!(rig.get("/info").await.1["contract_address"].is_string());

    let (_, details) = rig.get("/api/v1/orderBookDetails").await;
    let sol = &details["order_book_details"][0];
    assert_eq!(
        (&sol["symbol"], &sol["market_id"], &sol["market_type"]),
        (&json!("SOL"), &json!(2), &json!("perp"))
    );
    assert_eq!((&sol["min_base_amount"], &sol["liquidation_fee"]), (&json!("0.055"), &json!("1.0000")));
    assert_eq!(sol["maintenance_margin_fraction"], 240);
    assert_eq!(details["spot_order_book_details"], json!([]));

    for path in [
        "orderBooks",
        "orderBookDetails?market_id=2",
        "orderBookOrders?market_id=2&limit=10",
        "recentTrades?market_id=2&limit=10",
        "candles?market_id=2&resolution=1m&start_timestamp=0&end_timestamp=9999999999999&count_back=0",
        "fundings?market_id=2&resolution=1h&start_timestamp=0&end_timestamp=9999999999999&count_back=1",
        "funding-rates",
        "exchangeStats",
        "assetDetails",
        "systemConfig",
        "announcement",
        "currentHeight",
        "trades?sort_by=trade_id&limit=10",
        "txs?limit=10",
        "apikeys?account_index=1001",
        "account?by=index&value=1001",
    ] {
        let (status, body) = rig.get(&format!("/api/v1/{path}")).await;
        assert_eq!((status, &body["code"]), (200, &json!(200)), "{path}: {body}");
    }
    let (_, delay) = rig.get("/api/v1/withdrawalDelay").await;
    assert!(delay["seconds"].is_u64() && delay.get("code").is_none(), "{delay}");
}

#[tokio::test]
async fn an_account_is_found_by_index_and_by_address_in_any_case() {
    let rig = Rig::start().await;
    let (_, by_index) = rig.get("/api/v1/account?by=index&value=1001").await;
    let account = &by_index["accounts"][0];
    assert_eq!(
        (&account["collateral"], &account["available_balance"]),
        (&json!("10000.000000"), &json!("10000.000000"))
    );
    let address = account["l1_address"].as_str().unwrap();
    assert_eq!(address, rig.running.accounts[0].l1_address);
    for spelled in [address.to_owned(), address.to_lowercase()] {
        let (_, found) = rig.get(&format!("/api/v1/account?by=l1_address&value={spelled}")).await;
        assert_eq!(found["accounts"][0]["index"], LONG);
        let (_, found) = rig.get(&format!("/api/v1/accountsByL1Address?l1_address={spelled}")).await;
        assert_eq!(
            (&found["sub_accounts"][0]["index"], &found["l1_address"]),
            (&json!(LONG), &json!(address))
        );
    }
    let (_, keys) = rig.get("/api/v1/apikeys?account_index=1001&api_key_index=4").await;
    assert_eq!(keys["api_keys"][0]["public_key"], rig.running.accounts[0].api_public_key);
    assert_eq!(keys["api_keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn refusals_have_the_venues_codes_and_texts() {
    let rig = Rig::start().await;
    let refused = async |path: &str| {
        let (status, body) = rig.get(&format!("/api/v1/{path}")).await;
        assert_eq!(status, 400, "{path}: {body}");
        (body["code"].as_i64().unwrap(), body["message"].as_str().unwrap().to_owned())
    };
    let is = |code: i64, text: &str| (code, text.to_owned());
    assert_eq!(refused("account?by=index&value=5").await, is(29404, "not found"));
    assert_eq!(refused("account?by=l1_address&value=0x0").await, is(21100, "account not found"));
    assert_eq!(refused("apikeys?account_index=1001&api_key_index=9").await, is(21109, "api key not found"));
    assert_eq!(refused("tx?by=hash&value=00").await, is(21500, "transaction not found"));
    assert_eq!(refused("orderBookOrders?market_id=77&limit=1").await.0, 21602);
    assert_eq!(refused("recentTrades?market_id=2&limit=101").await.0, 20001);
    let (status, body) = rig.get("/api/v1/candlesticks").await;
    assert_eq!((status, &body["code"]), (404, &json!(29404)));
    let (_, nonce) = rig.get("/api/v1/nextNonce?account_index=5&api_key_index=9").await;
    assert_eq!(nonce, json!({"code": 200, "nonce": 0}));
}

#[tokio::test]
async fn private_reads_need_the_accounts_own_token() {
    let rig = Rig::start().await;
    for path in [
        "accountActiveOrders?account_index=1001",
        "accountInactiveOrders?account_index=1001&limit=1",
        "accountOrders?account_index=1001",
        "accountLimits?account_index=1001",
        "accountMetadata?by=index&value=1001",
        "accountTxs?by=account_index&value=1001&limit=1",
        "trades?sort_by=timestamp&limit=1&account_index=1001",
        "liquidations?account_index=1001&limit=1",
        "pnl?by=index&value=1001&resolution=1h&start_timestamp=0&end_timestamp=9999999999&count_back=1",
        "withdraw/history?account_index=1001",
        "deposit/history?account_index=1001&l1_address=0x0",
        "transfer/history?account_index=1001",
        "transferFeeInfo?account_index=1001",
        "fastwithdraw/info?account_index=1001",
    ] {
        let path = format!("/api/v1/{path}");
        let (status, body) = rig.get(&path).await;
        let text = "invalid param : auth query param and Authorization header are empty";
        assert_eq!((status, body), (400, json!({"code": 20001, "message": text})), "{path}");
        let (status, body) = rig.get_own(SHORT, &path).await;
        assert_eq!((status, body), (400, json!({"code": 20013, "message": "invalid auth"})), "{path}");
        let (status, body) = rig.get_own(LONG, &path).await;
        assert_eq!((status, &body["code"]), (200, &json!(200)), "{path}: {body}");
        let with_query = format!("{path}&auth={}", rig.token(LONG));
        assert_eq!(rig.get(&with_query).await.0, 200, "{path}");
    }
    let (_, body) = rig.get("/api/v1/positionFunding?account_index=1001&limit=1").await;
    assert_eq!(body["message"], "invalid param : auth required for main accounts");
}

#[tokio::test]
async fn history_is_read_page_by_page() {
    let rig = Rig::start().await;
    for client in 1..=5 {
        let order = rig.order(LONG, client, 500, 100_500, GTT);
        assert_eq!(rig.send(&order).await.0, 200);
        let cancel = rig.cancel(LONG, client);
        assert_eq!(rig.send(&cancel).await.0, 200);
        rig.executed(&cancel).await;
    }
    let mut found: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/accountInactiveOrders?account_index=1001&limit=2&cursor={cursor}");
        let (_, page) = rig.get_own(LONG, &path).await;
        found.extend(page["orders"].as_array().unwrap().iter().map(|row| row["client_order_index"].clone()));
        page["next_cursor"].as_str().unwrap().clone_into(&mut cursor);
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(found, [5, 4, 3, 2, 1]);
}

/// F-26: a token ends, and one that would last longer than eight hours is none.
#[tokio::test]
async fn f_26_tokens_end() {
    let rig = Rig::start().await;
    let index = AccountIndex::new(LONG);
    let slot = ApiKeyIndex::new(SLOT);
    let now = rig.running.clock.now();
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    for (deadline, status) in
        [(now.before(hours(1)), 400), (now.after(hours(1)), 200), (now.after(hours(9)), 400)]
    {
        let token = AuthToken::make(&key(SEED, index, slot), index, slot, deadline);
        let path = format!("/api/v1/accountLimits?account_index=1001&auth={token}");
        assert_eq!(rig.get(&path).await.0, status, "{deadline}");
    }
}

/// No request may bring the exchange down, however little sense it makes.
#[tokio::test]
async fn senseless_requests_are_survived() {
    let rig = Rig::start().await;
    let (min, max) = (i64::MIN, i64::MAX);
    for path in [
        format!("candles?market_id=2&resolution=1w&start_timestamp={min}&end_timestamp={max}&count_back=9"),
        format!("candles?market_id=2&resolution=1m&start_timestamp={max}&end_timestamp={min}&count_back=0"),
        format!("trades?sort_by=timestamp&limit=1&from={max}&cursor=eyJpbmRleCI6OTk5OTk5OTk5fQ=="),
        "trades?sort_by=timestamp&limit=1&cursor=%00".to_owned(),
        format!("account?by=index&value={min}"),
        format!("txs?limit=100&index={}", u64::MAX),
        "orderBookOrders?market_id=-1&limit=1".to_owned(),
        "apikeys?account_index=1001&api_key_index=256".to_owned(),
    ] {
        let (status, body) = rig.get(&format!("/api/v1/{path}")).await;
        assert!(status == 200 || status == 400, "{path}: {status} {body}");
    }
    assert_eq!(rig.get("/").await.0, 200);
}
