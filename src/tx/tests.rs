//! Hashes from transactions.md §5, and what a server must read and refuse.

use serde_json::{Map, Value, json};

use super::*;
use crate::signing::{PrivateKey, Signature};

const SIGNATURE: Signature = Signature::from_bytes(&[7; 80]);

fn order() -> OrderSpec {
    OrderSpec {
        market_index: 1,
        client_order_index: 77,
        base_amount: 1_000,
        price: 804_419,
        is_ask: 0,
        kind: 0,
        time_in_force: 1,
        reduce_only: 0,
        trigger_price: 0,
        order_expiry: 1_900_000_000_000,
    }
}

fn envelope(nonce: i64, tx: impl Into<Tx>) -> Envelope {
    Envelope { tx: tx.into(), expired_at: 1_900_000_000_000, nonce, attributes: Attributes::new() }
}

fn create() -> Envelope {
    envelope(7, CreateOrder { account_index: 12_345, api_key_index: 4, order: order() })
}

#[track_caller]
fn assert_hash(envelope: &Envelope, chain_id: u32, expected: &str) {
    assert_eq!(envelope.tx_hash(chain_id).to_string(), expected, "{envelope:?}");
}

#[test]
fn an_order_hashes_as_documented() {
    let order = create();
    let hash = "18c98387c3a2d1e0543a5a759f772036cb9b6bda5091032c500c12d85f949e0e8f5df8927e8f5c15";
    assert_hash(&order, 304, hash);
    let hash = "4e7b412448993b7afabf79fb1ae00cc31f1c6b2d9e470bd678d7c0f43a9169bcd3a7e95e16a0c0c2";
    assert_hash(&order, 300, hash);
    let skip = Envelope { attributes: Attributes::new().skip_nonce(), ..create() };
    let hash = "8e599ecf29f75c714120a2222a286ffa03e7a9016dde5456c90e5e3ac22792ab9bbc367e1f95e92c";
    assert_hash(&skip, 304, hash);
    let attributes = Attributes::new().skip_nonce().integrator(6, 100, 200);
    let hash = "5bab244bf7ffa7b83322947c463b7b29685c3221fba59a5bfa7867a5070dd5727088b59c19baa1f1";
    assert_hash(&Envelope { attributes, ..create() }, 304, hash);
}

#[test]
fn cancels_hash_as_documented() {
    let (account_index, api_key_index, market_index) = (12_345, 4, 1);
    let cancel = envelope(8, CancelOrder { account_index, api_key_index, market_index, index: 77 });
    let hash = "4d6048ee1a8d1bd557866bc6b8693e674ff14e6e6e27ef409abc791ac5c6b23351a2052157aa01ae";
    assert_hash(&cancel, 304, hash);

    let mut all = envelope(9, CancelAllOrders { account_index, api_key_index, mode: 0, time: 0 });
    let hash = "1b6b1cd56184ef252dc4536312997c5dbaf1f83aba49a4afd1b262b6013a498d9f3a9f2d4da7d533";
    assert_hash(&all, 304, hash);
    all.attributes = Attributes::new().with(Attribute::CancelAllMarketIndex, 255);
    assert_hash(&all, 304, hash);
    all.attributes = Attributes::new().cancel_market(0);
    let hash = "e638a262b99d0a9cd71658f532cc1cd1e3c2a6680cb74839286dc0a862dbf4cf229cb57c0c3dcf81";
    assert_hash(&all, 304, hash);
}

#[test]
fn money_moves_hash_as_documented() {
    let withdraw = Withdraw {
        from_account_index: 12_345,
        api_key_index: 4,
        asset_index: 3,
        route_type: 0,
        amount: 12_345_678_901,
    };
    let hash = "971decee52c17d879395aed5d1160df35c2df3f24600124ef29f76b00e23d9ae06c17b2c22e5e43c";
    assert_hash(&envelope(11, withdraw), 304, hash);
    let transfer = Transfer {
        from_account_index: 12_345,
        api_key_index: 4,
        to_account_index: 54_321,
        asset_index: 3,
        from_route_type: 0,
        to_route_type: 0,
        amount: 1_000_000,
        usdc_fee: 3_000_000,
        memo: [9; 32],
    };
    let hash = "7e9c3918d0960d50397f48cdf3ec70ca1660ea9d7a1997de82164a87f09f4ef7d5d9fbff94d677b2";
    assert_hash(&envelope(12, transfer), 304, hash);
}

#[test]
fn changes_hash_as_documented() {
    let (account_index, api_key_index, market_index) = (12_345, 4, 1);
    let leverage = UpdateLeverage {
        account_index,
        api_key_index,
        market_index,
        initial_margin_fraction: 500,
        margin_mode: 1,
    };
    let hash = "eeb3e8b5360109deb42bb235d91ffb330ddc87c953a0669e78599f0f1fa24f7967a909921bff506e";
    assert_hash(&envelope(13, leverage), 304, hash);
    let margin =
        UpdateMargin { account_index, api_key_index, market_index, usdc_amount: 5_000_000_000, direction: 1 };
    let hash = "fa8c132e36713e53a91af0d77235849640e701a5ef9fb59a91b70494baf89741097e48bb60260f55";
    assert_hash(&envelope(14, margin), 304, hash);
    let modify = ModifyOrder {
        account_index,
        api_key_index,
        market_index,
        index: 77,
        base_amount: 1_100,
        price: 804_500,
        trigger_price: 0,
    };
    let hash = "ebbd462395c125ba4e16ab78b465eb910725aaf04d5c43ae1f376514c2b0aa2ced3ae1bb0b6da677";
    assert_hash(&envelope(15, modify), 304, hash);
}

/// Types of which there is no official example: they must at least read what they write.
fn without_vectors() -> Vec<Envelope> {
    let (account_index, api_key_index) = (12_345, 4);
    let approve = ApproveIntegrator {
        account_index,
        api_key_index,
        integrator_account_index: 6,
        max_perps_taker_fee: 1,
        max_perps_maker_fee: 2,
        max_spot_taker_fee: 3,
        max_spot_maker_fee: 4,
        approval_expiry: 5,
    };
    vec![
        envelope(1, approve),
        envelope(2, UpdateAccountConfig { account_index, api_key_index, account_trading_mode: 1 }),
        envelope(
            3,
            UpdateAccountAssetConfig { account_index, api_key_index, asset_index: 3, asset_margin_mode: 1 },
        ),
    ]
}

#[test]
fn what_is_written_is_read() {
    for envelope in without_vectors() {
        let text = envelope.to_json(&SIGNATURE, None);
        let read = Envelope::parse(envelope.tx_type(), &text).unwrap();
        assert_eq!(read, (envelope.clone(), SIGNATURE, None));
        assert_eq!(envelope.check(), Ok(()));
    }
}

#[test]
fn the_l1_signature_stands_where_the_official_signer_puts_it() {
    let texts: Vec<_> =
        without_vectors().iter().map(|envelope| envelope.to_json(&SIGNATURE, Some("0xab"))).collect();
    assert!(texts[0].contains(r#","L1Sig":"0xab","L2TxAttributes":null}"#), "{}", texts[0]);
    assert!(!texts[1].contains("L1Sig"));
    let (.., l1_sig) = Envelope::parse(45, &texts[0]).unwrap();
    assert_eq!(l1_sig.as_deref(), Some("0xab"));
    let key = ChangePubKey { account_index: 1, api_key_index: 4, pub_key: [0; 40] };
    let text = envelope(0, key).to_json(&SIGNATURE, Some("0xab"));
    assert!(text.contains(r#"","L1Sig":"0xab","ExpiredAt":"#), "{text}");
}

fn object(envelope: &Envelope) -> Map<String, Value> {
    serde_json::from_str(&envelope.to_json(&SIGNATURE, None)).unwrap()
}

fn parse(object: &Map<String, Value>) -> Result<Envelope, TxError> {
    let text = serde_json::to_string_pretty(object).unwrap();
    Envelope::parse(14, &text).map(|(envelope, ..)| envelope)
}

#[test]
fn order_white_space_and_unknown_keys_do_not_matter() {
    let mut backwards: Map<_, _> = object(&create()).into_iter().rev().collect();
    backwards.insert("Unknown".to_owned(), json!({"a": [1.5]}));
    assert_eq!(parse(&backwards), Ok(create()));
    backwards.remove("L2TxAttributes");
    assert_eq!(parse(&backwards), Ok(create()));
    backwards.insert("L2TxAttributes".to_owned(), json!({}));
    assert_eq!(parse(&backwards), Ok(create()));
    backwards.insert("L2TxAttributes".to_owned(), json!({"4": 1}));
    assert!(parse(&backwards).unwrap().attributes.has(Attribute::SkipTxNonce));
}

#[test]
fn a_missing_or_wrong_field_is_named() {
    let good = object(&create());
    for key in good.keys().filter(|key| *key != "L2TxAttributes") {
        let mut without = good.clone();
        without.remove(key);
        assert_eq!(parse(&without), Err(TxError::Missing(key.clone())));
        for wrong in [json!("1"), json!(1.0), json!(1.5), json!(null), json!([1]), json!(true)] {
            let mut changed = good.clone();
            changed[key] = wrong.clone();
            let error = parse(&changed).unwrap_err();
            assert!(
                matches!(&error, TxError::Field { field, .. } if field == key),
                "{key} {wrong} {error:?}"
            );
            assert_eq!(error.code(), 21501);
        }
    }
}

#[test]
fn integers_beyond_their_width_are_refused() {
    for (key, wrong) in [
        ("ApiKeyIndex", json!(256)),
        ("ApiKeyIndex", json!(-1)),
        ("MarketIndex", json!(32_768)),
        ("Price", json!(4_294_967_296_u64)),
        ("BaseAmount", json!(9_223_372_036_854_775_808_u64)),
        ("Sig", json!("AAAA")),
        ("Sig", json!("*")),
        ("L2TxAttributes", json!({"9": 1})),
        ("L2TxAttributes", json!({"x": 1})),
        ("L2TxAttributes", json!([])),
    ] {
        let mut changed = object(&create());
        changed[key] = wrong;
        let error = parse(&changed).unwrap_err();
        assert!(matches!(&error, TxError::Field { field, .. } if field == key), "{key} {error:?}");
    }
    let mut changed = object(&create());
    changed["L2TxAttributes"] = json!({"4": "1"});
    assert_eq!(
        parse(&changed).unwrap_err().to_string(),
        "field `L2TxAttributes.4` is not an integer of 64 bits"
    );
}

#[test]
fn a_field_of_a_grouped_order_is_named_with_its_place() {
    let orders = vec![order(), order()];
    let group = CreateGroupedOrders { account_index: 1, api_key_index: 4, grouping_type: 1, orders };
    let mut object = object(&envelope(1, group));
    object["Orders"][1]["Price"] = json!("1");
    let error = Envelope::parse(28, &Value::from(object).to_string()).unwrap_err();
    assert_eq!(error.to_string(), "field `Orders[1].Price` is not an integer from 0 to 4294967295");
}

#[test]
fn other_types_and_texts_are_refused() {
    let text = create().to_json(&SIGNATURE, None);
    for tx_type in [0, 7, 21, 27, 43, 255] {
        assert_eq!(Envelope::parse(tx_type, &text), Err(TxError::UnsupportedType(tx_type)));
    }
    assert_eq!(TxError::UnsupportedType(7).code(), 21505);
    for bad in ["", "{", "[]", "null", "\"{}\"", "{} {}", &"[".repeat(100_000)] {
        assert!(matches!(Envelope::parse(14, bad), Err(TxError::Json(_))));
    }
}

#[test]
fn a_key_change_is_signed_by_the_new_key() {
    let new = PrivateKey::from_seed("change", 1, 2);
    let pub_key = new.public_key().to_bytes();
    let change = envelope(0, ChangePubKey { account_index: 1, api_key_index: 4, pub_key });
    let signed = change.sign_with_l1(304, &new, Some("0xab"));
    let (read, signature, l1_sig) = Envelope::parse(8, &signed.tx_info).unwrap();
    assert_eq!((&read, l1_sig.as_deref()), (&change, Some("0xab")));
    assert!(read.verify(304, &new.public_key(), &signature));
    assert_eq!(signed.hash, change.tx_hash(304));
    assert_eq!(change.check(), Ok(()));

    let not_canonical = ChangePubKey { account_index: 1, api_key_index: 4, pub_key: [0xff; 40] };
    assert_eq!(envelope(0, not_canonical).check().unwrap_err().0, 21108);
}
