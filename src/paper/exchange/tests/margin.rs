//! Margin, funding and each step of a liquidation, against numbers computed by hand from rules.md §5 to §7.
//!
//! SOL: default initial fraction 6.66 %, maintenance 2.4 %, close-out 1.6 %; a lot is 0.001, a tick 0.001.

use rust_decimal::Decimal;

use super::*;
use crate::tx::{UpdateLeverage, UpdateMargin};

/// A USDC in the unit of collateral.
const USDC: i128 = 1_000_000_000_000;
/// A cent.
const CENT: i128 = USDC / 100;
const POOL: AccountIndex = AccountIndex::new((1 << 48) - 2);

fn mark(bench: &mut Bench, ticks: i64) {
    bench.exchange.set_prices(SOL, Price::from_ticks(ticks), Price::from_ticks(ticks));
}

/// A buys `lots` from B at 100.
fn long(bench: &mut Bench, lots: i64) {
    bench.place(B, Side::Sell, 100_000, lots, GTT);
    bench.place(A, Side::Buy, 100_000, lots, IOC);
}

fn account(bench: &Bench, index: AccountIndex) -> AccountRecord {
    bench.exchange.account(index).unwrap()
}

fn row(bench: &Bench, index: AccountIndex) -> PositionRecord {
    account(bench, index).positions.remove(0)
}

fn isolate(bench: &mut Bench, fraction: u16) {
    let body = UpdateLeverage {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        market_index: 2,
        initial_margin_fraction: fraction,
        margin_mode: 1,
    };
    bench.send(body).unwrap();
    bench.run(400);
}

#[test]
fn requirements_and_available_balance_follow_the_mark() {
    let mut bench = Bench::new();
    long(&mut bench, 100_000);
    mark(&mut bench, 105_000);
    let record = account(&bench, A);
    // 100 SOL at 105: notional 10,500, PnL 500.
    assert_eq!(record.total_value, 10_500 * USDC);
    assert_eq!(record.cross_initial, 69_930 * CENT);
    assert_eq!(record.cross_maintenance, 252 * USDC);
    assert_eq!(record.cross_closeout, 168 * USDC);
    assert_eq!(record.available, 980_070 * CENT);
    // At 95 the collateral of 10,000 counts with a loss of 500 and 632.70 bound.
    mark(&mut bench, 95_000);
    assert_eq!(account(&bench, A).available, (950_000 - 63_270) * CENT);
}

#[test]
fn liquidation_prices_of_both_sides_are_exact() {
    let mut bench = Bench::new();
    long(&mut bench, 1_000_000);
    let price = |bench: &Bench, index| row(bench, index).liquidation_price.unwrap();
    // Long: 100 − 7,600 / 976. Short: 100 + 7,600 / 1,024.
    assert_eq!(price(&bench, A).round_dp(6), Decimal::new(92_213_115, 6));
    assert_eq!(price(&bench, B), Decimal::new(107_421_875, 6));
    // It does not move with the mark: the value moves with it.
    mark(&mut bench, 95_000);
    assert_eq!(price(&bench, A).round_dp(6), Decimal::new(92_213_115, 6));
}

#[test]
fn a_position_that_cannot_be_lost_has_no_liquidation_price() {
    let mut bench = Bench::new();
    long(&mut bench, 50_000);
    assert_eq!(row(&bench, A).liquidation_price, None);
}

#[test]
fn margin_added_to_an_isolated_pot_moves_its_liquidation_price() {
    let mut bench = Bench::new();
    isolate(&mut bench, 1_000);
    long(&mut bench, 100_000);
    assert_eq!(row(&bench, A).allocated_margin, 1_000 * USDC);
    // 100 − 760 / 97.6
    assert_eq!(row(&bench, A).liquidation_price.unwrap().round_dp(6), Decimal::new(92_213_115, 6));
    let add = UpdateMargin {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        market_index: 2,
        usdc_amount: 500_000_000,
        direction: 1,
    };
    bench.send(add).unwrap();
    bench.run(400);
    // 100 − 1,260 / 97.6
    assert_eq!(row(&bench, A).liquidation_price.unwrap().round_dp(6), Decimal::new(87_090_164, 6));
    let record = account(&bench, A);
    assert_eq!((record.cross_value, record.total_value), (8_500 * USDC, 10_000 * USDC));
    bench.assert_sound("margin added");
}

#[test]
fn the_mode_changes_only_without_position_and_orders() {
    let mut bench = Bench::new();
    let change = |margin_mode| UpdateLeverage {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        market_index: 2,
        initial_margin_fraction: 1_000,
        margin_mode,
    };
    let order = bench.place(A, Side::Buy, 99_000, 1_000, GTT);
    let refused = bench.send(change(1)).unwrap();
    bench.run(400);
    assert_eq!(failed_with(&bench.outcome(&refused)), Some((21132, true)));
    bench.send(bench.cancel(A, i64::try_from(order.order_index.get()).unwrap())).unwrap();
    let changed = bench.send(change(1)).unwrap();
    bench.run(400);
    assert_eq!(bench.outcome(&changed), TxOutcome::Executed);
    let margin = UpdateMargin {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        market_index: 2,
        usdc_amount: 1_000_000,
        direction: 1,
    };
    let nothing = bench.send(margin).unwrap();
    bench.run(400);
    assert_eq!(failed_with(&bench.outcome(&nothing)), Some((21614, true)));
    long(&mut bench, 100_000);
    let refused = bench.send(change(0)).unwrap();
    bench.run(400);
    assert_eq!(failed_with(&bench.outcome(&refused)), Some((21132, true)));
}

#[test]
fn money_may_not_leave_an_account_below_its_initial_margin() {
    let mut bench = Bench::new();
    long(&mut bench, 1_000_000);
    // Value 3,000: below the initial 6,193.80, above the maintenance 2,232.
    mark(&mut bench, 93_000);
    let body = crate::tx::Withdraw {
        from_account_index: A.get(),
        api_key_index: SLOT.get(),
        asset_index: 3,
        route_type: 0,
        amount: 1_000_000,
    };
    assert_eq!(code(bench.send(body)), 21508);
}

/// Sixty samples of a bid one per cent above the index: 1 % − 0.05 % an eighth, 1187.5 millionths, truncated.
#[test]
fn funding_comes_from_the_premium_counts_at_once_and_is_settled_when_touched() {
    let mut bench = Bench::new();
    let hours = Extra { expires_in: 20_000_000, ..GTT };
    bench.place(B, Side::Buy, 101_000, 300_000, hours);
    bench.place(A, Side::Sell, 101_000, 100_000, IOC);
    let before = account(&bench, B).total_value;
    bench.run(3_600_000);
    // 100 SOL at the index of 100: 10,000 × 0.001187.
    let paid = 1_187 * CENT;
    let (long, short) = (account(&bench, B), account(&bench, A));
    assert_eq!(long.total_value, before - paid);
    assert_eq!((long.positions[0].funding_paid, short.positions[0].funding_paid), (paid, -paid));
    // Shown at once, settled later.
    assert_eq!((long.collateral, short.collateral), (10_000 * USDC - paid, 10_000 * USDC + paid));
    let settled = |bench: &Bench| bench.exchange.accounts[&B].collateral;
    assert_eq!(settled(&bench), 10_000 * USDC);
    let history = bench.exchange.market_fundings(SOL);
    assert_eq!(history.len(), 1);
    // 100 × 0.001187 for one SOL, a thousandth of it for a lot.
    assert_eq!((history[0].rate, history[0].per_lot), (1_187, 118_700_000));
    bench.place(A, Side::Sell, 101_000, 1_000, IOC);
    assert_eq!(settled(&bench), 10_000 * USDC - paid);
    bench.run(3_600_000);
    assert_eq!(bench.exchange.market_fundings(SOL).len(), 2);
    assert_eq!(bench.exchange.fundings(B).len(), 2);
    bench.assert_sound("settled");
}

#[test]
fn an_isolated_position_pays_its_funding_from_its_pot() {
    let mut bench = Bench::new();
    isolate(&mut bench, 1_000);
    long(&mut bench, 100_000);
    bench.run(3_600_000);
    // 12 millionths of 10,000.
    assert_eq!(row(&bench, A).allocated_margin, 99_988 * CENT);
    assert_eq!(account(&bench, A).cross_value, 9_000 * USDC);
    bench.assert_sound("isolated funding");
}

/// Long 1,000 SOL from 100 on 10,000, mark 92.150: value 2,150, maintenance 2,211.60, close-out 1,474.40.
#[test]
fn a_partial_liquidation_sells_a_quarter_and_pays_the_fund_one_per_cent() {
    let mut bench = Bench::new();
    long(&mut bench, 1_000_000);
    bench.exchange.deposit(C, Usdc::whole(1_000_000));
    bench.place(C, Side::Buy, 92_100, 3_000_000, Extra { expires_in: 20_000_000, ..GTT });
    let fund = bench.exchange.conservation().insurance;
    mark(&mut bench, 92_150);
    // 250 SOL at 92.100; the zero price is 90.000, so the gain of 2.28 % is cut to 1 %: 230.25.
    let fee = 23_025 * CENT;
    assert_eq!(bench.position(A), 750_000);
    assert_eq!(bench.exchange.conservation().insurance - fund, fee);
    let step = bench.exchange.liquidations(A).remove(0);
    assert_eq!((step.price.ticks(), step.size.lots(), step.taker_fee), (92_100, 250_000, 10_000));
    assert_eq!((step.fee, step.side, step.counterparty), (Usdc::from_micros(230_250_000), Side::Sell, C));
    assert_eq!(step.marks, [(SOL, Price::from_ticks(92_150))]);
    assert_eq!(step.positions[0].position.lots(), 1_000_000);
    let (before, after) = (step.before[0], step.after[0]);
    assert_eq!((before.value, before.maintenance), (2_150 * USDC, 221_160 * CENT));
    assert_eq!((before.closeout, before.collateral), (147_440 * CENT, 10_000 * USDC));
    // 10,000 − 1,975 − 230.25 of collateral, 5,887.50 lost on the rest; 2.4 % of 69,112.50.
    assert_eq!((after.value, after.maintenance), (190_725 * CENT, 165_870 * CENT));
    // That is above maintenance: no second slice.
    bench.run(5_000);
    assert_eq!(bench.position(A), 750_000);
    bench.assert_sound("partial");
}

/// At 91 the value of 1,000 is below the close-out of 1,456: the fund takes all of it at the zero price of 90.
#[test]
fn a_full_liquidation_goes_to_the_fund_at_the_zero_price_without_fee() {
    let mut bench = Bench::new();
    long(&mut bench, 1_000_000);
    bench.exchange.deposit(B, Usdc::whole(100_000));
    let fund = account(&bench, POOL).total_value;
    mark(&mut bench, 91_000);
    let step = bench.exchange.liquidations(A).remove(0);
    assert!(step.deleverage && step.fee == Usdc::ZERO && step.counterparty == POOL);
    assert_eq!((step.price.ticks(), step.size.lots()), (90_000, 1_000_000));
    assert_eq!(account(&bench, A).total_value, 0);
    assert_eq!(account(&bench, POOL).total_value - fund, 1_000 * USDC);
    assert_eq!(row(&bench, POOL).position.lots(), 1_000_000);
    bench.assert_sound("full");
}

/// Auto-deleveraging goes by (PnL / equity) × leverage: B, the poorer of two with the same short, is hit first.
#[test]
fn deleveraging_takes_the_most_profitable_and_leveraged_first_at_the_zero_price() {
    let mut bench = Bench::new();
    bench.exchange.deposit(C, Usdc::whole(1_000_000));
    bench.exchange.deposit(B, Usdc::whole(10_000));
    bench.place(C, Side::Sell, 100_000, 500_000, GTT);
    bench.place(B, Side::Sell, 100_000, 500_000, GTT);
    bench.place(A, Side::Buy, 100_000, 900_000, IOC);
    bench.exchange.deposit(A, Usdc::whole(-1_000));
    // The fund has nothing to take over with.
    bench.exchange.deposit(POOL, Usdc::whole(-10_000_000));
    bench.exchange.drain_events();
    let price = Price::from_ticks(91_000);
    // Value 9,000 − 8,100 = 900, close-out 1,310.40, zero price 91 − 1 = 90.
    bench.exchange.set_prices(SOL, price, price);
    let hit: Vec<_> = bench
        .exchange
        .drain_events()
        .into_iter()
        .filter_map(|event| match event {
            ExchangeEvent::Notice(notice) => {
                assert_eq!((notice.kind.as_str(), notice.price.ticks()), ("deleverage", 90_000));
                Some((notice.account, notice.size.lots()))
            }
            _ => None,
        })
        .collect();
    // C rested first and sold 500, B the other 400.
    assert_eq!(hit, [(A, 400_000), (B, 400_000), (A, 500_000), (C, 500_000)]);
    assert_eq!((bench.position(A), bench.position(B), bench.position(C)), (0, 0, 0));
    assert_eq!(account(&bench, A).total_value, 0);
    assert_eq!(account(&bench, B).total_value, 24_000 * USDC);
    assert_eq!(account(&bench, C).total_value, 1_015_000 * USDC);
    bench.assert_sound("deleveraged");
}

/// An isolated pot is lost alone, even when its mark jumps past its zero price.
#[test]
fn an_isolated_pot_never_draws_on_the_cross_collateral() {
    for jump in [91_000, 80_000, 50_000] {
        let mut bench = Bench::new();
        isolate(&mut bench, 1_000);
        long(&mut bench, 100_000);
        mark(&mut bench, jump);
        let record = account(&bench, A);
        assert_eq!(record.positions[0].position.lots(), 0, "{jump}");
        assert_eq!((record.cross_value, record.total_value), (9_000 * USDC, 9_000 * USDC), "{jump}");
        let step = bench.exchange.liquidations(A).remove(0);
        let pot = step.before.iter().find(|pot| pot.market == Some(SOL)).unwrap();
        assert_eq!(pot.collateral, 1_000 * USDC);
        assert_eq!(step.before[0].value, 9_000 * USDC);
        bench.assert_sound("isolated");
    }
}

/// The other pots do not lose their orders to a liquidation that is not theirs.
#[test]
fn a_cross_liquidation_cancels_orders_and_a_recovered_account_may_trade_again() {
    let mut bench = Bench::new();
    long(&mut bench, 1_000_000);
    bench.exchange.deposit(C, Usdc::whole(1_000_000));
    bench.place(A, Side::Sell, 110_000, 1_000, GTT);
    bench.place(C, Side::Buy, 92_100, 3_000_000, GTT);
    mark(&mut bench, 92_150);
    assert!(bench.exchange.active_orders(A, None).is_empty());
    bench.run(1_000);
    // Recovered to pre-liquidation: only what helps.
    assert_eq!(code(bench.order(A, Side::Buy, 92_150, 500, IOC)), 21111);
    bench.exchange.deposit(A, Usdc::whole(10_000));
    assert!(bench.order(A, Side::Buy, 92_150, 500, IOC).is_ok());
}
