//! The liquidation waterfall: rules.md §6.4.

use super::*;

fn mark(bench: &mut Bench, ticks: i64) {
    bench.exchange.set_prices(SOL, Price::from_ticks(ticks), Price::from_ticks(ticks));
}

/// A long of 100,000 USDC on 10,000: below maintenance under about 92.2, below close-out under about 91.5.
fn leveraged() -> Bench {
    let mut bench = Bench::new();
    bench.place(B, Side::Sell, 100_000, 1_000_000, GTT);
    bench.place(A, Side::Buy, 100_000, 1_000_000, IOC);
    bench.exchange.deposit(B, Usdc::whole(1_000_000));
    bench.exchange.deposit(C, Usdc::whole(1_000_000));
    bench
}

/// a partial liquidation shows in orders, trades, records and notices.
#[test]
fn r_16_a_partial_liquidation_goes_in_slices_until_the_account_is_well() {
    let mut bench = leveraged();
    bench.place(A, Side::Sell, 120_000, 1_000, GTT);
    bench.place(C, Side::Buy, 92_100, 3_000_000, GTT);
    bench.exchange.drain_events();
    mark(&mut bench, 92_150);
    let own = bench.exchange.inactive_orders(A, None);
    assert!(own.iter().any(|order| order.status == OrderStatus::CanceledLiquidation));
    assert!(own.iter().any(|order| order.kind == OrderKind::Liquidation));
    let left = bench.position(A);
    assert!((0..1_000_000).contains(&left), "{left}");
    let trade = bench.exchange.recent_trades(SOL, 1).remove(0).trade;
    assert_eq!(trade.kind, TradeKind::Liquidation);
    assert!((1..=10_000).contains(&trade.taker_fee), "{}", trade.taker_fee);
    let record = &bench.exchange.liquidations(A)[0];
    assert!(!record.deleverage && record.fee > Usdc::ZERO);
    let notices = bench.exchange.drain_events().into_iter().filter(|event| {
        matches!(event, ExchangeEvent::Notice(notice) if notice.account == A && notice.kind == "liquidation")
    });
    assert_eq!(notices.count(), 1);
    bench.run(5_000);
    let account = bench.exchange.account(A).unwrap();
    assert!(account.cross_value >= account.cross_maintenance, "{account:?}");
    assert!(bench.position(A) > 0, "a partial liquidation leaves something");
    assert!(bench.exchange.conservation().insurance > 0);
    bench.assert_sound("partial");
}

#[test]
fn slices_wait_for_each_other() {
    let mut bench = leveraged();
    bench.place(C, Side::Buy, 92_250, 50_000, GTT);
    mark(&mut bench, 92_250);
    mark(&mut bench, 92_000);
    let after_one = bench.position(A);
    mark(&mut bench, 91_990);
    assert_eq!(bench.position(A), after_one);
    bench.run(499);
    assert_eq!(bench.exchange.next_due(), Some(bench.exchange.now().after(Duration::from_millis(1))));
}

#[test]
fn below_close_out_the_pool_takes_the_whole_position() {
    let mut bench = leveraged();
    mark(&mut bench, 91_000);
    assert_eq!(bench.position(A), 0);
    let account = bench.exchange.account(A).unwrap();
    assert!((0..1_000_000_000_000).contains(&account.total_value), "{account:?}");
    let trade = bench.exchange.recent_trades(SOL, 1).remove(0).trade;
    assert_eq!((trade.kind, trade.taker_fee, trade.maker_fee), (TradeKind::Deleverage, 0, 0));
    assert!(bench.exchange.liquidations(A)[0].deleverage);
    bench.assert_sound("take-over");
}

#[test]
fn a_bankrupt_account_ends_at_nothing() {
    let mut bench = leveraged();
    mark(&mut bench, 85_000);
    let account = bench.exchange.account(A).unwrap();
    assert_eq!(bench.position(A), 0);
    assert!((0..1_000_000_000_000).contains(&account.total_value), "{}", account.total_value);
    bench.assert_sound("bankrupt");
}

/// An ADL fill hits a healthy account too.
#[test]
fn without_room_in_the_pool_the_other_side_is_deleveraged() {
    let mut bench = leveraged();
    let pool = AccountIndex::new((1 << 48) - 2);
    bench.exchange.deposit(pool, Usdc::whole(-9_999_000));
    bench.exchange.drain_events();
    mark(&mut bench, 91_000);
    assert_eq!((bench.position(A), bench.position(B)), (0, 0));
    let notices: Vec<_> = bench
        .exchange
        .drain_events()
        .into_iter()
        .filter_map(|event| match event {
            ExchangeEvent::Notice(notice) => Some((notice.account, notice.kind)),
            _ => None,
        })
        .collect();
    assert_eq!(notices, [(A, "deleverage".to_owned()), (B, "deleverage".to_owned())]);
    bench.assert_sound("deleverage");
}

#[test]
fn the_liquidation_price_is_where_it_happens() {
    let mut bench = leveraged();
    let row = bench.exchange.account(A).unwrap().positions.remove(0);
    let price = Price::rounded(row.liquidation_price.unwrap(), &Market::example(), Rounding::Up).unwrap();
    mark(&mut bench, price.ticks() + 1);
    assert_eq!(bench.position(A), 1_000_000);
    assert!(bench.exchange.liquidations(A).is_empty());
    bench.place(C, Side::Buy, price.ticks() - 1, 1_000_000, GTT);
    mark(&mut bench, price.ticks() - 1);
    assert!(bench.position(A) < 1_000_000);
}
