//! Matching: rules.md §3.3 to §3.7.

use super::*;
use crate::tx::{CreateGroupedOrders, SelfTradeMode, SelfTradeScope};

#[test]
fn a_cross_fills_at_the_makers_price_and_rests_the_remainder() {
    let mut bench = Bench::new();
    bench.place(A, Side::Sell, 100_000, 1_000, GTT);
    let taker = bench.place(B, Side::Buy, 100_500, 1_500, GTT);
    assert_eq!((taker.status, taker.filled.lots(), taker.remaining.lots()), (OrderStatus::Open, 1_000, 500));
    assert_eq!(taker.filled_quote, Usdc::whole(100));
    assert_eq!((bench.position(A), bench.position(B)), (-1_000, 1_000));
    let trade = bench.exchange.recent_trades(SOL, 1).remove(0).trade;
    assert_eq!((trade.price.ticks(), trade.is_maker_ask, trade.bid_account), (100_000, true, B));
    bench.assert_sound("cross");
}

#[test]
fn equal_prices_fill_in_order_of_arrival_and_a_modify_goes_to_the_back() {
    let mut bench = Bench::new();
    let first = bench.place(A, Side::Sell, 100_000, 500, GTT);
    bench.place(C, Side::Sell, 100_000, 500, GTT);
    bench.place(B, Side::Buy, 100_000, 200, IOC);
    assert_eq!((bench.position(A), bench.position(C)), (-200, 0));
    let index = i64::try_from(first.order_index.get()).unwrap();
    let sent = bench.send(bench.modify(A, index, 400, 100_000)).unwrap();
    bench.run(400);
    assert_eq!(bench.outcome(&sent), TxOutcome::Executed);
    bench.place(B, Side::Buy, 100_000, 500, IOC);
    assert_eq!((bench.position(A), bench.position(C)), (-200, -500));
    let row = bench.exchange.active_orders(A, None).remove(0);
    assert_eq!((row.order_index, row.initial.lots(), row.remaining.lots()), (first.order_index, 400, 200));
}

#[test]
fn an_ioc_never_rests() {
    let mut bench = Bench::new();
    let alone = bench.place(B, Side::Buy, 100_000, 500, IOC);
    assert_eq!(alone.status, OrderStatus::CanceledNotEnoughLiquidity);
    bench.place(A, Side::Sell, 100_000, 300, GTT);
    let partly = bench.place(B, Side::Buy, 100_000, 500, IOC);
    assert_eq!((partly.status, partly.filled.lots()), (OrderStatus::Canceled, 300));
}

#[test]
fn a_market_order_bounds_its_average() {
    let mut bench = Bench::new();
    bench.place(A, Side::Sell, 100_000, 500, GTT);
    bench.place(A, Side::Sell, 101_000, 500, GTT);
    bench.place(A, Side::Sell, 103_000, 500, GTT);
    // The second fill makes the average 100.5, above neither bound; the third would make it 101.33.
    let order = bench.place(B, Side::Buy, 101_000, 1_500, Extra { kind: 1, ..IOC });
    assert_eq!((order.status, order.filled.lots()), (OrderStatus::CanceledTooMuchSlippage, 1_000));
}

#[test]
fn post_only_never_takes() {
    let mut bench = Bench::new();
    bench.place(A, Side::Sell, 100_000, 500, GTT);
    let order = bench.place(B, Side::Buy, 100_000, 500, POST);
    assert_eq!((order.status, order.filled.lots()), (OrderStatus::CanceledPostOnly, 0));
    let order = bench.place(B, Side::Buy, 99_999, 500, POST);
    assert_eq!(order.status, OrderStatus::Open);
}

#[test]
fn a_post_only_order_that_meets_only_own_orders_removes_them_and_rests() {
    let mut bench = Bench::new();
    bench.place(A, Side::Sell, 100_000, 500, GTT);
    let order = bench.place(A, Side::Buy, 100_000, 500, POST);
    assert_eq!(order.status, OrderStatus::Open);
    let ended = bench.exchange.inactive_orders(A, None);
    assert_eq!(ended.first().map(|order| order.status), Some(OrderStatus::CanceledSelfTrade));
}

#[test]
fn every_self_trade_mode_does_what_it_says() {
    let with =
        |mode| Extra { attributes: Attributes::new().self_trade(mode, SelfTradeScope::Account), ..GTT };
    // (mode, maker left, taker status, taker left)
    let cases = [
        (SelfTradeMode::ExpireMaker, None, OrderStatus::Open, 700),
        (SelfTradeMode::ExpireTaker, Some(500), OrderStatus::CanceledSelfTrade, 700),
        (SelfTradeMode::CancelBoth, None, OrderStatus::CanceledSelfTrade, 700),
        (SelfTradeMode::Reduce, None, OrderStatus::Open, 200),
    ];
    for (mode, maker_left, status, left) in cases {
        let mut bench = Bench::new();
        let maker = bench.place(A, Side::Sell, 100_000, 500, GTT);
        let taker = bench.place(A, Side::Buy, 100_000, 700, with(mode));
        let live = bench.exchange.active_orders(A, None);
        let maker = live.iter().find(|order| order.order_index == maker.order_index);
        assert_eq!(maker.map(|order| order.remaining.lots()), maker_left, "{mode:?}");
        assert_eq!((taker.status, taker.remaining.lots()), (status, left), "{mode:?}");
        assert!(bench.exchange.recent_trades(SOL, 1).is_empty(), "{mode:?}");
    }
}

#[test]
fn sub_accounts_trade_with_each_other_unless_the_scope_is_the_master() {
    for (scope, filled) in [(SelfTradeScope::Account, 500), (SelfTradeScope::Master, 0)] {
        let mut bench = Bench::new();
        let sub = AccountIndex::new(777);
        let keys = vec![(SLOT, key(sub).public_key().to_bytes())];
        bench.exchange.create_account(format!("0x{:040X}", A.get()), keys, Some(sub));
        bench.exchange.deposit(sub, Usdc::whole(1_000));
        bench.place(A, Side::Sell, 100_000, 500, GTT);
        let attributes = Attributes::new().self_trade(SelfTradeMode::ExpireTaker, scope);
        let taker = bench.place(sub, Side::Buy, 100_000, 500, Extra { attributes, ..GTT });
        assert_eq!(taker.filled.lots(), filled, "{scope:?}");
    }
}

#[test]
fn reduce_only_is_cut_to_the_position_and_dies_with_it() {
    let mut bench = Bench::new();
    bench.place(A, Side::Sell, 100_000, 500, GTT);
    bench.place(B, Side::Buy, 100_000, 500, IOC);
    let tied = Extra { reduce_only: 1, ..GTT };
    let first = bench.place(B, Side::Sell, 101_000, 400, tied);
    assert_eq!(first.status, OrderStatus::Open);
    bench.place(B, Side::Sell, 101_000, 400, tied);
    bench.place(C, Side::Buy, 101_000, 1_000, IOC);
    assert_eq!((bench.position(B), bench.position(C)), (0, 500));
    assert!(bench.exchange.active_orders(B, None).is_empty());
    let ended = bench.exchange.inactive_orders(B, None);
    let of = |status| ended.iter().filter(|order| order.status == status).count();
    assert_eq!((of(OrderStatus::CanceledReduceOnly), of(OrderStatus::Filled)), (1, 2));
}

#[test]
fn a_reduce_only_order_without_a_position_fails_in_the_sequencer() {
    let mut bench = Bench::new();
    let sent = bench.order(A, Side::Sell, 100_000, 500, Extra { reduce_only: 1, ..IOC }).unwrap();
    bench.run(400);
    assert_eq!(failed_with(&bench.outcome(&sent)), Some((21738, true)));
    assert_eq!(bench.exchange.next_nonce(A, SLOT).get(), 1);
}

#[test]
fn an_expired_order_is_swept_and_never_trades() {
    let mut bench = Bench::new();
    let order = bench.place(A, Side::Sell, 100_000, 500, Extra { expires_in: 300_000, ..GTT });
    bench.run(u64::try_from(order.expiry.as_millis() - bench.now()).unwrap());
    // The sweep comes with the next full second; until then a taker must not meet it.
    let taker = bench.order(B, Side::Buy, 100_000, 500, IOC).unwrap();
    bench.exchange.advance(taker.executes_at);
    assert!(bench.exchange.recent_trades(SOL, 1).is_empty());
    let ended = bench.exchange.inactive_orders(A, None);
    assert_eq!(ended.first().map(|order| order.status), Some(OrderStatus::CanceledExpired));
}

#[test]
fn the_dead_mans_switch_cancels_all_and_can_be_called_off() {
    let mut bench = Bench::new();
    for (abort, left) in [(false, 0), (true, 1)] {
        bench.place(A, Side::Sell, 100_000, 500, GTT);
        let at = bench.now() + 300_000;
        bench.send(bench.cancel_all(A, 1, at)).unwrap();
        bench.run(400);
        assert_eq!(bench.exchange.account(A).unwrap().cancel_all_at, Some(Timestamp::from_millis(at)));
        if abort {
            bench.send(bench.cancel_all(A, 2, 0)).unwrap();
        }
        bench.run(300_000);
        assert_eq!(bench.exchange.active_orders(A, None).len(), left);
        assert_eq!(bench.exchange.account(A).unwrap().cancel_all_at, None);
    }
}

#[test]
fn an_order_is_cancelled_by_either_index_and_by_its_owner_only() {
    let mut bench = Bench::new();
    let order = bench.place(A, Side::Sell, 100_000, 500, Extra { client: 77, ..GTT });
    let index = i64::try_from(order.order_index.get()).unwrap();
    let foreign = bench.send(bench.cancel(B, index)).unwrap();
    let unknown = bench.send(bench.cancel(B, 77)).unwrap();
    let own = bench.send(bench.cancel(A, 77)).unwrap();
    bench.run(400);
    assert_eq!(failed_with(&bench.outcome(&foreign)), Some((21707, true)));
    assert_eq!(failed_with(&bench.outcome(&unknown)), Some((21700, true)));
    assert_eq!(bench.outcome(&own), TxOutcome::Executed);
    assert_eq!(bench.latest(A).status, OrderStatus::Canceled);
}

#[test]
fn order_indices_follow_the_official_scheme() {
    let mut bench = Bench::new();
    let indices: Vec<_> = [Side::Sell, Side::Sell, Side::Buy, Side::Buy]
        .into_iter()
        .map(|side| {
            let price = if side.is_ask() { 100_100 } else { 99_900 };
            bench.place(A, side, price, 500, GTT).order_index.get()
        })
        .collect();
    let (asks, bids) = (3_u64 << 48, (4_u64 << 48) - 1);
    assert_eq!(indices, [asks + 1, asks + 2, bids - 1, bids - 2]);
}

#[test]
fn a_taker_without_margin_is_cancelled_and_a_maker_without_it_makes_way() {
    let mut bench = Bench::new();
    bench.place(A, Side::Sell, 100_000, 500, GTT);
    // 10,000 USDC at 6.66 % carry 150,150 USDC.
    let order = bench.place(B, Side::Buy, 100_000, 2_000_000, IOC);
    assert_eq!(order.filled.lots(), 500);
    bench.place(A, Side::Sell, 100_000, 1_000_000, GTT);
    bench.place(C, Side::Buy, 99_990, 1_400_000, GTT);
    let order = bench.place(B, Side::Buy, 100_000, 1_000_000, IOC);
    assert_eq!((order.status, order.filled.lots()), (OrderStatus::Filled, 1_000_000));
    // C's bid would hold; A, now short 100,050 USDC, could take 1,000,000 lots more only on margin it lacks.
    let order = bench.place(A, Side::Sell, 99_990, 1_000_000, IOC);
    assert_eq!((order.status, order.filled.lots()), (OrderStatus::CanceledMarginNotAllowed, 0));
    bench.assert_sound("margin");
}

#[test]
fn a_stop_loss_waits_for_the_mark_and_cancels_its_sibling() {
    let mut bench = Bench::new();
    bench.place(A, Side::Sell, 100_000, 500, GTT);
    bench.place(B, Side::Buy, 100_000, 500, IOC);
    let child = |kind, trigger, price| {
        bench.spec(Side::Sell, price, 0, Extra { kind, tif: 0, reduce_only: 1, trigger, ..GTT })
    };
    let orders = vec![child(2, 99_000, 95_000), child(4, 101_000, 99_000)];
    let group =
        CreateGroupedOrders { account_index: B.get(), api_key_index: SLOT.get(), grouping_type: 2, orders };
    bench.send(group).unwrap();
    bench.run(400);
    let waiting = bench.exchange.active_orders(B, None);
    assert!(waiting.iter().all(|order| order.status == OrderStatus::Pending) && waiting.len() == 2);
    bench.place(C, Side::Buy, 98_500, 1_000, GTT);
    bench.exchange.set_prices(SOL, Price::from_ticks(98_900), Price::from_ticks(98_900));
    assert_eq!((bench.position(B), bench.position(C)), (0, 500));
    let statuses: Vec<_> = bench.exchange.inactive_orders(B, None).iter().take(2).map(|o| o.status).collect();
    assert_eq!(statuses, [OrderStatus::Filled, OrderStatus::CanceledOco]);
}

#[test]
fn children_wake_with_the_filled_size_of_their_parent_or_die_with_it() {
    for filled in [false, true] {
        let mut bench = Bench::new();
        let parent = bench.spec(Side::Buy, 100_000, 500, GTT);
        let child = Extra { kind: 2, tif: 0, reduce_only: 1, trigger: 98_000, ..GTT };
        let mut child = bench.spec(Side::Sell, 95_000, 0, child);
        child.order_expiry = parent.order_expiry;
        let orders = vec![parent, child];
        let group = CreateGroupedOrders {
            account_index: A.get(),
            api_key_index: SLOT.get(),
            grouping_type: 1,
            orders,
        };
        bench.send(group).unwrap();
        bench.run(400);
        if filled {
            bench.place(B, Side::Sell, 100_000, 200, IOC);
        }
        bench.send(bench.cancel_all(A, 0, 0)).unwrap_or_else(|error| panic!("{error}"));
        let parent = bench.exchange.active_orders(A, None).remove(1).order_index;
        bench.exchange.world_cancel(A, parent);
        let live = bench.exchange.active_orders(A, None);
        let child = live.iter().map(|order| order.initial.lots()).next();
        assert_eq!(child, filled.then_some(200));
    }
}
