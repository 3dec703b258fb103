//! Tiers, maker-only keys, the fast route, and what came in.

use serde_json::{Value, json};

use super::rig::*;
use crate::tx::Transfer;

async fn post(rig: &Rig, account: i64, endpoint: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let request = rig.http.post(rig.url(&format!("/api/v1/{endpoint}"))).form(form);
    let answer = request.header("Authorization", rig.token(account)).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn a_tier_is_changed_once_and_shows_in_the_limits() {
    let rig = Rig::start().await;
    let account = LONG.to_string();
    let change = async |tier: &str| {
        let form = [("account_index", account.as_str()), ("new_tier", tier)];
        let (status, body) = post(&rig, LONG, "changeAccountTier", &form).await;
        (status, body["code"].clone())
    };
    assert_eq!(change("gold").await, (400, json!(62002)));
    assert_eq!(change("standard").await, (400, json!(62003)));
    assert_eq!(change("premium").await, (200, json!(200)));
    assert_eq!(change("plus").await, (400, json!(62006)));
    let (_, limits) = rig.get_own(LONG, "/api/v1/accountLimits?account_index=1001").await;
    assert_eq!((&limits["user_tier"], &limits["current_taker_fee_tick"]), (&json!("premium"), &json!(280)));
    let form = [("account_index", account.as_str()), ("new_tier", "plus")];
    assert_eq!(post(&rig, SHORT, "changeAccountTier", &form).await.1["code"], 20013);
    let form = [("account_index", account.as_str()), ("api_key_indexes", "[5,4]")];
    assert_eq!(post(&rig, LONG, "setMakerOnlyApiKeys", &form).await, (200, json!({"code": 200})));
    let (_, keys) = rig.get_own(LONG, "/api/v1/getMakerOnlyApiKeys?account_index=1001").await;
    assert_eq!(keys, json!({"code": 200, "api_key_indexes": [4, 5]}));
}

#[tokio::test]
async fn the_fast_route_names_its_account_and_demands_memo_and_owner() {
    let rig = Rig::start().await;
    let (_, info) = rig.get_own(LONG, "/api/v1/fastwithdraw/info?account_index=1001").await;
    assert_eq!(info["max_withdrawal_amount"], "9999.000000");
    let address = format!("0x{}", "07".repeat(20));
    let mut memo = [0; 32];
    memo[..20].fill(7);
    let body = Transfer {
        from_account_index: LONG,
        api_key_index: SLOT,
        to_account_index: info["to_account_index"].as_i64().unwrap(),
        asset_index: 3,
        from_route_type: 0,
        to_route_type: 0,
        amount: 5_000_000,
        usdc_fee: 1_000_000,
        memo,
    };
    let signed = rig.sign(LONG, body);
    let send = async |info: &str, address: &str| {
        let form = [("tx_info", info), ("to_address", address)];
        post(&rig, LONG, "fastwithdraw", &form).await.1["code"].clone()
    };
    assert_eq!(send("{}", &address).await, 21501);
    assert_eq!(send(&signed.tx_info, "0x00").await, 20001);
    // Everything fits but the owner's signature.
    assert_eq!(send(&signed.tx_info, &address).await, 21504);
}

#[tokio::test]
async fn deposits_are_listed_for_their_owner() {
    let rig = Rig::start().await;
    let (_, account) = rig.get("/api/v1/account?by=index&value=1001").await;
    let owner = account["accounts"][0]["l1_address"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/deposit/history?account_index=1001&l1_address={owner}");
    let (_, history) = rig.get_own(LONG, &path).await;
    let row = &history["deposits"][0];
    assert_eq!((&row["amount"], &row["status"]), (&json!("10000.000000"), &json!("completed")));
    let (_, pending) = rig.get_own(LONG, &format!("{path}&filter=pending")).await;
    assert_eq!(pending["deposits"], json!([]));
}
