//! The API stage and nonces: rules.md §3.1, §3.2, §3.8 and transactions.md §9.

use super::*;
use crate::tx::{UpdateLeverage, Withdraw};

fn raw(bench: &mut Bench, tx_type: u8, info: &str) -> i64 {
    code(bench.exchange.submit(tx_type, info, true))
}

#[test]
fn unreadable_transactions_are_refused_with_the_venues_codes() {
    let mut bench = Bench::new();
    assert_eq!(raw(&mut bench, 14, "{"), 21501);
    assert_eq!(raw(&mut bench, 14, "{}"), 21501);
    assert_eq!(raw(&mut bench, 99, "{}"), 21505);
    assert_eq!(raw(&mut bench, 1, "{}"), 21505);
}

#[test]
fn account_key_signature_and_chain_are_checked_in_that_order() {
    let mut bench = Bench::new();
    let envelope = |account: i64, slot: u8| {
        let body = CancelOrder { account_index: account, api_key_index: slot, market_index: 2, index: 1 };
        bench.envelope(body, 0, Attributes::new())
    };
    let rows = [
        (envelope(555, 5), key(A), 304, 21100),
        (envelope(A.get(), 9), key(A), 304, 21109),
        (envelope(A.get(), 5), key(B), 304, 21120),
        (envelope(A.get(), 5), key(A), 300, 21120),
    ];
    for (envelope, key, chain, expected) in rows {
        let signed = envelope.sign(chain, &key);
        assert_eq!(raw(&mut bench, signed.tx_type, &signed.tx_info), expected);
    }
    assert_eq!(bench.exchange.next_nonce(A, SLOT).get(), 0);
}

#[test]
fn the_hash_is_known_before_sending() {
    let mut bench = Bench::new();
    let envelope = bench.envelope(bench.cancel_all(A, 0, 0), 0, Attributes::new());
    let signed = bench.signed(&envelope);
    let sent = bench.exchange.submit(signed.tx_type, &signed.tx_info, true).unwrap();
    assert_eq!(sent.hash, signed.hash);
    assert_eq!(bench.exchange.transaction(&signed.hash).unwrap().info, signed.tx_info);
}

/// U-10: nonces are strict; what is accepted but not executed counts at submission, not in `next_nonce`.
#[test]
fn r_09_nonces_are_strict_and_counted_when_executed() {
    let mut bench = Bench::new();
    let send = |bench: &mut Bench, nonce: i64| {
        let signed = bench.signed(&bench.envelope(bench.cancel_all(A, 0, 0), nonce, Attributes::new()));
        bench.exchange.submit(signed.tx_type, &signed.tx_info, true)
    };
    assert_eq!(code(send(&mut bench, 1)), 21104);
    send(&mut bench, 0).unwrap();
    assert_eq!(bench.exchange.next_nonce(A, SLOT).get(), 0);
    assert_eq!(code(send(&mut bench, 0)), 21104);
    send(&mut bench, 1).unwrap();
    bench.run(400);
    assert_eq!(bench.exchange.next_nonce(A, SLOT).get(), 2);
    assert_eq!(code(send(&mut bench, 1)), 21104);
}

#[test]
fn a_skipped_nonce_may_jump_forward_but_not_back() {
    let mut bench = Bench::new();
    let send = |bench: &mut Bench, nonce: i64| {
        let attributes = Attributes::new().skip_nonce();
        let signed = bench.signed(&bench.envelope(bench.cancel_all(A, 0, 0), nonce, attributes));
        bench.exchange.submit(signed.tx_type, &signed.tx_info, true)
    };
    send(&mut bench, 1_000).unwrap();
    bench.run(400);
    assert_eq!(bench.exchange.next_nonce(A, SLOT).get(), 1_001);
    assert_eq!(code(send(&mut bench, 1_000)), 21104);
    send(&mut bench, 2_000).unwrap();
}

/// F-08: a transaction that expires in the queue leaves its nonce free, and those behind it die with 21104.
#[test]
fn f_08_an_expired_transaction_keeps_its_nonce_and_kills_its_followers() {
    let mut bench = Bench::new();
    let mut first = bench.envelope(bench.cancel_all(A, 0, 0), 0, Attributes::new());
    first.expired_at = bench.now() + 200;
    let second = bench.envelope(bench.cancel_all(A, 0, 0), 1, Attributes::new());
    let sent = [first, second].map(|envelope| {
        let signed = bench.signed(&envelope);
        bench.exchange.submit(signed.tx_type, &signed.tx_info, true).unwrap()
    });
    bench.run(400);
    assert_eq!(failed_with(&bench.outcome(&sent[0])), Some((21711, false)));
    assert_eq!(failed_with(&bench.outcome(&sent[1])), Some((21104, false)));
    assert_eq!(bench.exchange.next_nonce(A, SLOT).get(), 0);
}

#[test]
fn a_late_transaction_is_refused_at_once() {
    let mut bench = Bench::new();
    let mut envelope = bench.envelope(bench.cancel_all(A, 0, 0), 0, Attributes::new());
    envelope.expired_at = bench.now();
    let signed = bench.signed(&envelope);
    assert_eq!(raw(&mut bench, signed.tx_type, &signed.tx_info), 21711);
}

#[test]
fn orders_are_refused_for_market_price_size_and_expiry() {
    let mut bench = Bench::new();
    let cases = [
        (Side::Sell, 94_999, 500, GTT, 21734),
        (Side::Buy, 105_001, 500, GTT, 21734),
        (Side::Buy, 105_001, 500, Extra { kind: 1, ..IOC }, 21733),
        (Side::Buy, 100_000, 54, GTT, 21706),
        (Side::Buy, 100_000, 99, GTT, 21706),
        (Side::Buy, 100_000, 500, Extra { expires_in: 60_000, ..GTT }, 21711),
        (Side::Buy, 100_000, 500, Extra { kind: 7, ..GTT }, 21710),
    ];
    for (side, price, lots, extra, expected) in cases {
        assert_eq!(code(bench.order(A, side, price, lots, extra)), expected, "{side} {lots} at {price}");
    }
    // The other direction is not limited, and dust may be closed by an order that never rests.
    bench.order(A, Side::Buy, 50_000, 500, GTT).unwrap();
    bench.order(A, Side::Buy, 100_000, 1, IOC).unwrap();
}

#[test]
fn price_protection_can_be_switched_off() {
    let mut bench = Bench::new();
    let order = bench.spec(Side::Sell, 90_000, 500, GTT);
    let body = CreateOrder { account_index: A.get(), api_key_index: SLOT.get(), order };
    let signed = bench.signed(&bench.envelope(body, 0, Attributes::new()));
    assert!(bench.exchange.submit(signed.tx_type, &signed.tx_info, false).is_ok());
}

#[test]
fn a_closed_or_reduce_only_market_takes_no_new_exposure() {
    let mut bench = Bench::new();
    bench.exchange.set_market_status(SOL, MarketStatus::Inactive);
    assert_eq!(code(bench.order(A, Side::Buy, 100_000, 500, GTT)), 21605);
    bench.exchange.set_market_status(SOL, MarketStatus::Active);
    let rules = Market { force_reduce_only: true, ..bench.exchange.market(SOL).unwrap().clone() };
    bench.exchange.set_market_rules(rules);
    assert_eq!(code(bench.order(A, Side::Buy, 100_000, 500, GTT)), 21740);
    let mut unknown = bench.spec(Side::Buy, 100_000, 500, GTT);
    unknown.market_index = 77;
    let body = CreateOrder { account_index: A.get(), api_key_index: SLOT.get(), order: unknown };
    assert_eq!(code(bench.send(body)), 21602);
}

#[test]
fn a_live_client_index_is_taken_and_a_closed_one_is_free_again() {
    let mut bench = Bench::new();
    let extra = Extra { client: 9, ..GTT };
    bench.order(A, Side::Buy, 99_000, 500, extra).unwrap();
    assert_eq!(code(bench.order(A, Side::Buy, 99_000, 500, extra)), 21728);
    bench.run(400);
    assert_eq!(code(bench.order(A, Side::Buy, 99_000, 500, extra)), 21728);
    bench.send(bench.cancel(A, 9)).unwrap();
    bench.run(400);
    bench.order(A, Side::Buy, 99_000, 500, extra).unwrap();
    bench.order(B, Side::Buy, 99_000, 500, extra).unwrap();
}

#[test]
fn resting_orders_need_margin_and_have_limits() {
    let mut bench = Bench::new();
    // 10,000 USDC at 6.66 % carry 150,150 USDC of bids.
    assert_eq!(code(bench.order(A, Side::Buy, 100_000, 1_600_000, POST)), 21739);
    bench.place(A, Side::Buy, 100_000, 1_400_000, POST);
    assert_eq!(code(bench.order(A, Side::Buy, 100_000, 200_000, POST)), 21739);
    // The other side is not added to it.
    bench.place(A, Side::Sell, 100_100, 1_400_000, POST);
    for _ in 0..29 {
        bench.place(B, Side::Buy, 99_000, 200, POST);
    }
    bench.place(B, Side::Buy, 99_000, 200, POST);
    assert_eq!(code(bench.order(B, Side::Buy, 99_000, 200, POST)), 21718);
}

#[test]
fn post_only_does_not_wait_and_takers_do() {
    let mut bench = Bench::new();
    let maker = bench.order(A, Side::Buy, 99_000, 500, POST).unwrap();
    assert_eq!(maker.executes_at, bench.exchange.now());
    let taker = bench.order(A, Side::Buy, 99_000, 500, IOC).unwrap();
    assert_eq!(taker.executes_at.since(bench.exchange.now()), Duration::from_millis(300));
    // A maker's order behind it must not overtake it: their nonces are in order.
    let behind = bench.order(A, Side::Buy, 99_000, 500, POST).unwrap();
    assert_eq!(behind.executes_at, taker.executes_at);
    bench.run(300);
    assert!([maker, taker, behind].iter().all(|sent| bench.outcome(sent) == TxOutcome::Executed));
}

#[test]
fn a_batch_has_one_key_and_rising_nonces() {
    let mut bench = Bench::new();
    let tx = |bench: &Bench, account, nonce| {
        bench.signed(&bench.envelope(bench.cancel_all(account, 0, 0), nonce, Attributes::new()))
    };
    let rows = [(A, 0, A, 2, 21105), (A, 0, B, 0, 21121), (A, 1, A, 2, 21104)];
    for (first, n, second, m, expected) in rows {
        let pair = [tx(&bench, first, n), tx(&bench, second, m)];
        let batch: Vec<_> = pair.iter().map(|tx| (tx.tx_type, tx.tx_info.as_str())).collect();
        assert_eq!(code(bench.exchange.submit_batch(&batch)), expected);
    }
    let pair = [tx(&bench, A, 0), tx(&bench, A, 1)];
    let batch: Vec<_> = pair.iter().map(|tx| (tx.tx_type, tx.tx_info.as_str())).collect();
    assert_eq!(bench.exchange.submit_batch(&batch).unwrap().len(), 2);
    assert_eq!(code(bench.exchange.submit_batch(&[batch[0]; 51])), 21514);
    bench.run(400);
    assert_eq!(bench.exchange.next_nonce(A, SLOT).get(), 2);
}

#[test]
fn leverage_has_a_floor_and_must_leave_the_account_healthy() {
    let mut bench = Bench::new();
    let leverage = |fraction, mode| UpdateLeverage {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        market_index: 2,
        initial_margin_fraction: fraction,
        margin_mode: mode,
    };
    assert_eq!(code(bench.send(leverage(399, 0))), 21113);
    bench.send(leverage(400, 0)).unwrap();
    bench.place(B, Side::Sell, 100_000, 1_000_000, GTT);
    bench.place(A, Side::Buy, 100_000, 1_000_000, IOC);
    let worse = bench.send(leverage(2_000, 0)).unwrap();
    let mode = bench.send(leverage(400, 1)).unwrap();
    bench.run(400);
    assert_eq!(failed_with(&bench.outcome(&worse)), Some((21133, true)));
    assert_eq!(failed_with(&bench.outcome(&mode)), Some((21132, true)));
    let row = bench.exchange.account(A).unwrap().positions.remove(0);
    assert_eq!((row.initial_margin_fraction, row.margin_set), (400, true));
}

#[test]
fn an_account_below_maintenance_may_not_trade() {
    let mut bench = Bench::new();
    bench.place(B, Side::Sell, 100_000, 1_000_000, GTT);
    bench.place(A, Side::Buy, 100_000, 1_000_000, IOC);
    // 10,000 − 7,000 is below the initial 6.66 % and above the maintenance 2.4 % of 93,000.
    bench.exchange.set_prices(SOL, Price::from_ticks(93_000), Price::from_ticks(93_000));
    assert_eq!(code(bench.order(A, Side::Buy, 93_000, 500, IOC)), 21111);
    assert!(bench.order(A, Side::Sell, 93_000, 500, Extra { reduce_only: 1, ..IOC }).is_ok());
    bench.exchange.set_prices(SOL, Price::from_ticks(92_000), Price::from_ticks(92_000));
    assert_eq!(code(bench.order(A, Side::Sell, 92_000, 500, Extra { reduce_only: 1, ..IOC })), 21112);
    let withdraw = Withdraw {
        from_account_index: A.get(),
        api_key_index: SLOT.get(),
        asset_index: 3,
        route_type: 0,
        amount: 1_000_000,
    };
    assert_eq!(code(bench.send(withdraw)), 21112);
}

#[test]
fn bad_nonces_change_nothing() {
    let mut bench = Bench::new();
    let before = bench.exchange.state_hash();
    let signed = bench.signed(&bench.envelope(bench.cancel_all(A, 0, 0), 5, Attributes::new()));
    assert_eq!(raw(&mut bench, signed.tx_type, &signed.tx_info), 21104);
    assert_eq!(bench.exchange.state_hash(), before);
}
