//! Fixtures in the venue's form.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::*;
use crate::model::{
    AccountIndex, MarginMode, MarketKind, MarketStatus, OrderKind, OrderStatus, Position, Side, TimeInForce,
    TradeKind, WithdrawStatus,
};
use crate::venue::TxStatus;
use crate::venue::lighter::wire;

const ACCOUNT: AccountIndex = AccountIndex::new(1001);

fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lighter").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn listed() -> Markets {
    markets(&fixture("markets.json"), &Oddities::default()).unwrap()
}

fn seen(oddities: &Oddities, text: &str) -> bool {
    oddities.counts().iter().any(|(what, _)| what.contains(text))
}

#[test]
fn markets_are_read_with_their_grids() {
    let markets = listed();
    assert_eq!(markets.len(), 3);
    assert_eq!(markets[&MarketId::new(2)], crate::model::Market::example());
    let old = &markets[&MarketId::new(77)];
    assert_eq!((old.status, old.force_reduce_only), (MarketStatus::Inactive, true));
    assert_eq!((old.mark_price, old.index_price), (None, None));
    assert_eq!(old.order_quote_limit.to_string(), "281474976.710655");
    let spot = &markets[&MarketId::new(2048)];
    assert_eq!((spot.kind, spot.size_decimals, spot.maintenance_margin_fraction), (MarketKind::Spot, 4, 0));
}

#[test]
fn a_strange_listing_hides_no_other() {
    let oddities = Oddities::default();
    let markets = markets(&fixture("strange_markets.json"), &oddities).unwrap();
    let sol = &markets[&MarketId::new(2)];
    assert_eq!((markets.len(), sol.kind), (1, MarketKind::Other));
    assert_eq!(sol.mark_price, Some("101.118".parse().unwrap()));
    assert_eq!(sol.min_base.lots(), 55);
    assert!(seen(&oddities, "market_type: perp-2") && seen(&oddities, "size_decimals"), "{oddities:?}");
    assert!(seen(&oddities, "min_base_amount"), "{oddities:?}");
}

#[test]
fn listings_that_are_all_unreadable_are_an_error() {
    let answer = serde_json::from_str(r#"{"order_book_details":[{"market_id":1}]}"#).unwrap();
    assert!(super::markets(&answer, &Oddities::default()).is_err());
}

#[test]
fn an_account_is_read_in_our_units() {
    let (markets, oddities) = (listed(), Oddities::default());
    let context = Context { markets: &markets, oddities: &oddities };
    let view = account(&fixture("account.json"), ACCOUNT, context).unwrap();
    assert_eq!(view.margin.collateral, Usdc::whole(1000));
    assert_eq!(view.margin.available.to_string(), "812.402310");
    assert_eq!(view.margin.equity.to_string(), "1000.330000");
    assert_eq!((view.total_order_count, view.cancel_all_at), (2, None));
    let row = view.position(MarketId::new(2)).unwrap();
    assert_eq!(row.position, Position::from_lots(-2_500));
    assert_eq!((row.initial_margin_fraction, row.margin_mode), (666, MarginMode::Isolated));
    assert_eq!(row.funding_paid, Usdc::from_micros(-120_000));
    assert_eq!(row.realized_pnl, Usdc::from_micros(-1));
    assert_eq!((row.margin_set, row.open_order_count), (true, 2));
    let flat = view.position(MarketId::new(77)).unwrap();
    assert!(flat.position.is_flat());
    assert_eq!((flat.position_value, flat.liquidation_price), (Usdc::ZERO, None));
    assert!(oddities.counts().is_empty(), "{oddities:?}");
}

/// R-18: what is missing or empty is told apart from nothing; amounts are never better than the venue says.
#[test]
fn r_18_a_strange_account_is_read_carefully() {
    let (markets, oddities) = (listed(), Oddities::default());
    let context = Context { markets: &markets, oddities: &oddities };
    let view = account(&fixture("strange_account.json"), ACCOUNT, context).unwrap();
    assert_eq!(view.margin.collateral.to_string(), "1000.123456");
    assert_eq!(view.margin.available, Usdc::ZERO);
    assert_eq!(view.cancel_all_at, Some(Timestamp::from_millis(1_790_600_000_000)));
    assert_eq!(view.positions.len(), 1);
    assert_eq!(view.positions[0].position, Position::from_lots(1));
    assert!(seen(&oddities, "unlisted market 4242") && seen(&oddities, "margin_mode: 7"), "{oddities:?}");
}

/// R-18: an answer without the account, without its positions, or with a position that cannot be read is an error.
#[test]
fn r_18_no_answer_is_read_as_no_position() {
    let (markets, oddities) = (listed(), Oddities::default());
    let context = Context { markets: &markets, oddities: &oddities };
    let read =
        |text: &str| -> Result<_, ParseError> { account(&serde_json::from_str(text)?, ACCOUNT, context) };
    let account = |positions: &str| {
        format!(
            r#"{{"accounts":[{{"index":1001,"collateral":"1","available_balance":"1","total_asset_value":"1"{positions}}}]}}"#
        )
    };
    assert!(read(&account(r#","positions":null"#)).unwrap().positions.is_empty());
    for broken in [
        account(""),
        account(r#","positions":{}"#),
        account(r#","positions":[{"market_id":2,"sign":1}]"#),
        account(r#","positions":[{"market_id":2,"sign":1,"position":""}]"#),
        account(r#","positions":[{"market_id":2,"sign":1,"position":"0.0005"}]"#),
        account(r#","positions":[{"market_id":2,"sign":0,"position":"1.000"}]"#),
        account(r#","positions":[{"market_id":4242,"sign":1,"position":"1.000"}]"#),
        account(r#","positions":[null]"#),
        r#"{"accounts":[]}"#.to_owned(),
        r#"{"accounts":null}"#.to_owned(),
        r#"{"code":200}"#.to_owned(),
        r#"{"accounts":[{"index":1002,"collateral":"1","available_balance":"1","total_asset_value":"1","positions":[]}]}"#.to_owned(),
        r#"{"accounts":[{"index":1001,"collateral":"","available_balance":"1","total_asset_value":"1","positions":[]}]}"#.to_owned(),
    ] {
        assert!(read(&broken).is_err(), "{broken}");
    }
}

#[test]
fn orders_are_read_in_our_units() {
    let (markets, oddities) = (listed(), Oddities::default());
    let context = Context { markets: &markets, oddities: &oddities };
    let answer: wire::Orders = fixture("orders.json");
    let orders = orders(&answer.orders, context).unwrap();
    let first = &orders[0];
    assert_eq!(first.client_order_index.map(crate::model::ClientOrderIndex::get), Some(900_001));
    assert_eq!(
        (first.side, first.time_in_force, first.status),
        (Side::Buy, TimeInForce::PostOnly, OrderStatus::Open)
    );
    assert_eq!((first.initial.lots(), first.remaining.lots(), first.filled.lots()), (2_500, 1_500, 1_000));
    assert_eq!((first.price.ticks(), first.trigger_price), (100_950, None));
    assert_eq!(first.updated_at, Timestamp::from_millis(1_790_600_000_101));
    let second = &orders[1];
    assert_eq!((second.client_order_index, second.kind), (None, OrderKind::Liquidation));
    assert_eq!((second.price.ticks(), second.filled.lots()), (0, 0));
    assert_eq!(second.trigger_price, Some(Price::from_ticks(99_000)));
    assert_eq!(second.updated_at, Timestamp::from_millis(1_790_600_001_000));
    assert!(oddities.counts().is_empty(), "{oddities:?}");
}

/// R-07: an unknown status never ends an order, unless it is a kind of cancel.
#[test]
fn r_07_strange_orders_stay_live() {
    let (markets, oddities) = (listed(), Oddities::default());
    let context = Context { markets: &markets, oddities: &oddities };
    let answer: wire::Orders = fixture("strange_orders.json");
    let orders = orders(&answer.orders, context).unwrap();
    assert_eq!((orders[0].status, orders[1].status), (OrderStatus::InProgress, OrderStatus::Canceled));
    assert_eq!((orders[0].filled.lots(), orders[0].price.ticks()), (500, 100_950));
    assert_eq!(orders[0].updated_at, Timestamp::from_millis(1_790_600_000_500));
    for odd in
        ["order.type: iceberg", "order.status: thinking", "canceled-full-moon", "time_in_force: Unknown"]
    {
        assert!(seen(&oddities, odd), "{odd}: {oddities:?}");
    }
}

#[test]
fn trades_are_read_with_omitted_fees_as_none() {
    let (markets, oddities) = (listed(), Oddities::default());
    let context = Context { markets: &markets, oddities: &oddities };
    let answer: wire::Trades = fixture("trades.json");
    let trades = trades(&answer.trades, context).unwrap();
    assert_eq!(
        (trades[0].kind, trades[0].maker_fee, trades[0].taker_fee),
        (TradeKind::Liquidation, 0, 10_000)
    );
    assert_eq!(trades[1].quote.to_string(), "100.950000");
    assert_eq!(trades[1].side_of(ACCOUNT), Some(Side::Buy));
    assert_eq!(trades[1].fee_on(Side::Buy), 40);
    assert_eq!(trades[1].timestamp.as_millis(), 1_790_600_000_101);
}

#[test]
fn the_fast_routes_limit_is_the_smaller_one() {
    let read = |limit: &str, max: &str, fee: &str| {
        let info =
            format!(r#"{{"to_account_index":2,"withdraw_limit":{limit},"max_withdrawal_amount":{max}}}"#);
        let info: wire::FastWithdrawInfo = serde_json::from_str(&info).unwrap();
        let fee = format!(r#"{{"transfer_fee_usdc":{fee}}}"#);
        let fee: wire::TransferFee = serde_json::from_str(&fee).ok()?;
        let terms = fast_terms(&info, &fee).ok()?;
        Some((terms.bridge.get(), terms.max.micros(), terms.fee.micros()))
    };
    assert_eq!(read("\"100000\"", "\"49.5\"", "1000000"), Some((2, 49_500_000, 1_000_000)));
    assert_eq!(read("\"20.000001\"", "\"49.5\"", "0"), Some((2, 20_000_001, 0)));
    assert_eq!(read("null", "\"49.5\"", "\"1000000\""), Some((2, 49_500_000, 1_000_000)));
    // No limit is not a limit of zero, and a fee is never paid out.
    assert_eq!(read("\"\"", "\"\"", "0"), None);
    assert_eq!(read("\"100\"", "\"49.5\"", "-1"), None);
}

#[test]
fn withdrawals_keep_waiting_on_an_unknown_status() {
    let oddities = Oddities::default();
    let answer: wire::Withdrawals = fixture("withdrawals.json");
    let rows = withdrawals(&answer.withdraws, &oddities).unwrap();
    assert_eq!((rows[0].status, rows[0].secure, &rows[0].l1_tx_hash), (WithdrawStatus::Pending, true, &None));
    assert_eq!((rows[1].status, rows[1].secure), (WithdrawStatus::Pending, false));
    assert_eq!((rows[1].amount.to_string(), rows[1].id.as_str()), ("30.500000".to_owned(), "139000000457"));
    assert!(seen(&oddities, "withdraw.status: bridging"));
}

fn status_of(more: &str) -> TxStatus {
    let text =
        format!(r#"{{"hash":"00","type":14,"nonce":3,"account_index":1001,"api_key_index":4,{more}}}"#);
    tx(&serde_json::from_str(&text).unwrap(), &Oddities::default()).status
}

/// R-08: an application error is a failure whatever the status says.
#[test]
fn r_08_a_transaction_with_an_application_error_failed() {
    let failed = |code, message: &str| TxStatus::Failed { code, message: message.to_owned() };
    assert_eq!(status_of(r#""status":2,"event_info":"{\"ae\":\"\"}""#), TxStatus::Executed);
    assert_eq!(status_of(r#""status":2"#), TxStatus::Executed);
    assert_eq!(status_of(r#""status":1,"event_info":"""#), TxStatus::Pending);
    assert_eq!(status_of(r#""status":3,"executed_at":5"#), TxStatus::Executed);
    assert_eq!(status_of(r#""status":3"#), TxStatus::Pending);
    assert_eq!(status_of(r#""status":9"#), TxStatus::Pending);
    let named = r#""status":2,"event_info":"{\"ae\":\"AppErrInvalidNonce\"}""#;
    assert_eq!(status_of(named), failed(None, "AppErrInvalidNonce"));
    let coded = r#""status":2,"event_info":"{\"ae\":\"{\\\"code\\\":21700,\\\"message\\\":\\\"invalid order index\\\"}\"}""#;
    assert_eq!(status_of(coded), failed(Some(21_700), "invalid order index"));
    let object = r#""status":2,"event_info":"{\"ae\":{\"code\":21700,\"message\":\"gone\"}}""#;
    assert_eq!(status_of(object), failed(Some(21_700), "gone"));
    assert!(matches!(status_of(r#""status":0"#), TxStatus::Failed { code: None, .. }));
}

/// R-13: the digits of a JSON number are kept as they are written.
#[test]
fn r_13_numbers_never_pass_through_a_float() {
    let read = |text: &str| decimal("x", &serde_json::from_str(text).unwrap()).unwrap().to_string();
    assert_eq!(read("0.1234567890123456789012345678"), "0.1234567890123456789012345678");
    assert_eq!(read("18446744073709551617"), "18446744073709551617");
    assert_eq!(read("1e-7"), "0.0000001");
    assert_eq!(read("\"80470.0\""), "80470.0");
    assert!(decimal("x", &serde_json::from_str("\"0.12345678901234567890123456789012\"").unwrap()).is_err());
    assert!(serde_json::from_str::<wire::Text>("[1]").is_err());
    assert!(serde_json::from_str::<wire::Text>("true").is_err());
}

#[test]
fn times_are_read_by_magnitude() {
    for raw in [1_790_600_000, 1_790_600_000_000, 1_790_600_000_000_000] {
        assert_eq!(time(raw), Timestamp::from_millis(1_790_600_000_000), "{raw}");
    }
    assert_eq!(time(0), Timestamp::default());
    assert_eq!(time(-1), Timestamp::default());
}
