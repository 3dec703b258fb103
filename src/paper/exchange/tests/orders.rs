//! Tests of what orders go through beyond matching: schedules, caps, modifies, mishaps.

use super::super::mishap::{Mishap, MishapRule};
use super::*;
use crate::tx::{Attribute, CreateGroupedOrders};

const TWAP: Extra = Extra { kind: 6, expires_in: 300_000, ..GTT };
const STOP: Extra = Extra { kind: 2, tif: 0, reduce_only: 1, trigger: 99_000, ..GTT };

fn ended(bench: &Bench, account: AccountIndex, order: &Order) -> Order {
    let rows = bench.exchange.inactive_orders(account, None);
    rows.into_iter().find(|row| row.order_index == order.order_index).unwrap()
}

fn live(bench: &Bench, account: AccountIndex, order: &Order) -> Option<Order> {
    let rows = bench.exchange.active_orders(account, None);
    rows.into_iter().find(|row| row.order_index == order.order_index)
}

#[test]
fn a_twap_order_sends_a_slice_every_thirty_seconds() {
    let mut bench = Bench::new();
    bench.place(B, Side::Sell, 100_000, 10_000, GTT);
    bench.place(A, Side::Buy, 100_500, 1_000, TWAP);
    let parent = bench.exchange.active_orders(A, None).remove(0);
    // 299.7 s are left when it executes: ten slices, the first of them at once.
    assert_eq!((parent.kind, parent.status), (OrderKind::Twap, OrderStatus::Pending));
    assert_eq!(parent.details.trigger_status, TriggerStatus::Twap);
    assert_eq!((parent.filled.lots(), parent.remaining.lots()), (100, 900));
    let slice = bench.exchange.inactive_orders(A, None).remove(0);
    assert_eq!((slice.kind, slice.client_order_index, slice.filled.lots()), (OrderKind::TwapSub, None, 100));
    for filled in [200, 300, 400, 500, 600, 700, 800, 900] {
        bench.run(30_000);
        assert_eq!(live(&bench, A, &parent).unwrap().filled.lots(), filled);
    }
    bench.run(30_000);
    let done = ended(&bench, A, &parent);
    assert_eq!((done.status, done.filled.lots()), (OrderStatus::Filled, 1_000));
    assert_eq!(bench.position(A), 1_000);
    bench.assert_sound("twap");
}

#[test]
fn a_twap_order_carries_over_what_it_missed_and_ends_with_its_schedule() {
    let mut bench = Bench::new();
    bench.place(A, Side::Buy, 100_500, 1_000, TWAP);
    let parent = bench.exchange.active_orders(A, None).remove(0);
    bench.place(B, Side::Sell, 100_000, 150, GTT);
    bench.run(30_000);
    // Nine slices are left for 1,000 lots: 111 each, of which the second finds 39.
    assert_eq!(live(&bench, A, &parent).unwrap().filled.lots(), 111);
    bench.run(300_000);
    let done = ended(&bench, A, &parent);
    assert_eq!((done.status, done.filled.lots()), (OrderStatus::CanceledExpired, 150));
}

#[test]
fn a_reduce_only_twap_order_outlives_a_flat_position() {
    let mut bench = Bench::new();
    bench.place(B, Side::Sell, 100_000, 500, GTT);
    bench.place(A, Side::Buy, 100_000, 500, IOC);
    bench.place(A, Side::Sell, 99_000, 400, Extra { reduce_only: 1, ..TWAP });
    bench.place(B, Side::Buy, 100_000, 500, GTT);
    bench.place(A, Side::Sell, 100_000, 500, IOC);
    assert_eq!(bench.position(A), 0);
    bench.run(30_000);
    let parent = bench.exchange.active_orders(A, None).remove(0);
    assert_eq!((parent.kind, parent.filled.lots()), (OrderKind::Twap, 0));
}

#[test]
fn a_cancelled_twap_order_sends_no_more_slices_and_none_can_be_modified() {
    let mut bench = Bench::new();
    bench.place(B, Side::Sell, 100_000, 10_000, GTT);
    bench.place(A, Side::Buy, 100_500, 1_000, Extra { client: 9, ..TWAP });
    assert_eq!(code(bench.send(bench.modify(A, 9, 2_000, 100_000))), 21710);
    bench.send(bench.cancel(A, 9)).unwrap();
    bench.run(60_000);
    assert_eq!((bench.position(A), bench.exchange.active_orders(A, None).len()), (100, 0));
}

#[test]
fn pending_orders_have_caps_an_account_a_market_and_the_exchange() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.order(A, Side::Sell, 98_000, 0, STOP).unwrap();
        bench.run(400);
    }
    assert_eq!(code(bench.order(A, Side::Sell, 98_000, 0, STOP)), 21720);
    // A group is counted whole: of its two orders, one has no room.
    bench.exchange.world_cancel(A, bench.exchange.active_orders(A, None).remove(0).order_index);
    let take = Extra { kind: 4, trigger: 101_000, ..STOP };
    let pair = |bench: &Bench| CreateGroupedOrders {
        account_index: A.get(),
        api_key_index: SLOT.get(),
        grouping_type: 2,
        orders: vec![bench.spec(Side::Sell, 98_000, 0, STOP), bench.spec(Side::Sell, 99_000, 0, take)],
    };
    assert_eq!(code(bench.send(pair(&bench))), 21720);
    bench.exchange.world_cancel(A, bench.exchange.active_orders(A, None).remove(0).order_index);
    bench.send(pair(&bench)).unwrap();
    bench.exchange.waiting.twaps = 10_000;
    assert_eq!(code(bench.order(B, Side::Buy, 100_000, 500, TWAP)), 21721);
    bench.exchange.waiting.conditionals = 100_000;
    assert_eq!(code(bench.order(B, Side::Sell, 98_000, 0, STOP)), 21722);
}

#[test]
fn a_group_tells_who_waits_for_whom() {
    let mut bench = Bench::new();
    let mut parent = bench.spec(Side::Buy, 99_900, 500, GTT);
    parent.client_order_index = 1;
    let child = |kind, trigger, client| Extra { kind, tif: 0, reduce_only: 1, trigger, client, ..GTT };
    let orders = vec![
        parent,
        bench.spec(Side::Sell, 95_000, 0, child(2, 98_000, 2)),
        bench.spec(Side::Sell, 99_000, 0, child(4, 102_000, 3)),
    ];
    let group =
        CreateGroupedOrders { account_index: A.get(), api_key_index: SLOT.get(), grouping_type: 3, orders };
    bench.send(group).unwrap();
    bench.run(400);
    let orders = bench.exchange.active_orders(A, None);
    let of = |client| orders.iter().find(|row| row.client_order_index == Some(ClientOrderIndex::new(client)));
    let (parent, stop, take) = (of(1).unwrap(), of(2).unwrap(), of(3).unwrap());
    assert_eq!(parent.details.to_trigger, [Some(stop.order_index), Some(take.order_index)]);
    assert_eq!(
        (stop.details.parent, take.details.parent),
        (Some(parent.order_index), Some(parent.order_index))
    );
    assert_eq!(stop.details.to_cancel, Some(take.order_index));
    assert_eq!(take.details.trigger_status, TriggerStatus::ParentOrder);
    bench.place(B, Side::Sell, 99_900, 500, IOC);
    let stop = live(&bench, A, stop).unwrap();
    assert_eq!((stop.details.trigger_status, stop.initial.lots()), (TriggerStatus::MarkPrice, 500));
    // The mark comes to the stop: it triggers, and its sibling goes.
    bench.place(C, Side::Buy, 97_500, 500, GTT);
    bench.exchange.set_prices(SOL, Price::from_ticks(97_900), Price::from_ticks(97_900));
    let stop = ended(&bench, A, &stop);
    assert_eq!((stop.status, stop.details.triggered_at), (OrderStatus::Filled, Some(bench.exchange.now())));
    assert_eq!(ended(&bench, A, take).status, OrderStatus::CanceledOco);
    assert!(stop.details.created_at < stop.updated_at);
}

#[test]
fn a_group_with_a_taken_client_index_fails_as_a_whole() {
    let mut bench = Bench::new();
    let send = |bench: &mut Bench| {
        let take = Extra { kind: 4, trigger: 101_000, ..STOP };
        let first = bench.spec(Side::Sell, 98_000, 0, Extra { client: 5, ..STOP });
        let orders = vec![first, bench.spec(Side::Sell, 99_000, 0, take)];
        bench.send(CreateGroupedOrders {
            account_index: A.get(),
            api_key_index: SLOT.get(),
            grouping_type: 2,
            orders,
        })
    };
    send(&mut bench).unwrap();
    assert_eq!(code(send(&mut bench)), 21728);
    bench.run(400);
    assert_eq!(bench.exchange.active_orders(A, None).len(), 2);
}

#[test]
fn triggers_fire_by_mark_in_both_directions_and_oldest_first() {
    let mut bench = Bench::new();
    // (side, kind, trigger, fires when the mark rises)
    let cases = [
        (Side::Sell, 3, 99_500, false),
        (Side::Buy, 5, 99_600, false),
        (Side::Buy, 3, 100_400, true),
        (Side::Sell, 5, 100_300, true),
    ];
    bench.place(B, Side::Sell, 100_000, 2_000, GTT);
    bench.place(A, Side::Buy, 100_000, 1_000, IOC);
    for rises in [false, true] {
        let mut placed = Vec::new();
        for (side, kind, trigger, up) in cases {
            let extra = Extra { kind, trigger, ..GTT };
            let price = if side.is_ask() { 104_000 } else { 90_000 };
            let order = bench.place(A, side, price, 200, extra);
            placed.push((order, up));
        }
        let to = Price::from_ticks(if rises { 100_400 } else { 99_500 });
        bench.exchange.drain_events();
        bench.exchange.set_prices(SOL, to, to);
        let woken: Vec<_> = placed
            .iter()
            .filter(|(order, _)| live(&bench, A, order).unwrap().status == OrderStatus::Open)
            .collect();
        assert!(woken.iter().all(|(_, up)| *up == rises) && woken.len() == 2, "rising: {rises}");
        let priority = |n: usize| live(&bench, A, &woken[n].0).unwrap().details.priority;
        assert!(priority(0) < priority(1), "the older order got the older priority");
        bench.send(bench.cancel_all(A, 0, 0)).unwrap();
        bench.run(400);
        bench.exchange.set_prices(SOL, Price::from_ticks(100_000), Price::from_ticks(100_000));
    }
}

#[test]
fn a_modify_sets_the_total_size_needs_margin_and_obeys_its_version() {
    let mut bench = Bench::new();
    bench.place(A, Side::Sell, 100_000, 1_000, Extra { client: 4, ..GTT });
    bench.place(B, Side::Buy, 100_000, 400, IOC);
    // 10,000 USDC at 6.66 % carry about 1,500 SOL at 100 USDC.
    assert_eq!(code(bench.send(bench.modify(A, 4, 2_000_000, 100_000))), 21739);
    let version = |n| Attributes::new().with(Attribute::OrderVersion, n);
    for (number, total, left) in [(2, 900, 500), (1, 800, 500), (2, 800, 500), (3, 800, 400)] {
        let sent = bench.send_with(bench.modify(A, 4, total, 100_000), version(number)).unwrap();
        bench.run(400);
        let late = failed_with(&bench.outcome(&sent)) == Some((21715, true));
        let order = bench.exchange.active_orders(A, None).remove(0);
        assert_eq!((order.remaining.lots(), late), (left, left == 500 && total == 800), "version {number}");
    }
    // The total at or below what is filled ends it.
    bench.send(bench.modify(A, 4, 400, 100_000)).unwrap();
    bench.run(400);
    assert!(bench.exchange.active_orders(A, None).is_empty());
    let order = bench.exchange.inactive_orders(A, None).remove(0);
    assert_eq!((order.status, order.filled.lots(), order.details.version), (OrderStatus::Filled, 400, 3));
}

#[test]
fn a_capped_market_lets_nobody_add_and_everybody_reduce() {
    let rules = Market { open_interest_limit: Some(Usdc::whole(100)), ..config().markets.remove(0) };
    let mut bench = Bench::with(ExchangeConfig { markets: vec![rules], ..config() });
    bench.place(A, Side::Sell, 100_000, 2_000, GTT);
    let over = bench.place(B, Side::Buy, 100_000, 1_001, IOC);
    assert_eq!((over.status, over.filled.lots()), (OrderStatus::CanceledPositionNotAllowed, 0));
    let exact = bench.place(B, Side::Buy, 100_000, 1_000, IOC);
    assert_eq!((exact.status, exact.filled.lots()), (OrderStatus::Filled, 1_000));
    let more = bench.place(C, Side::Buy, 100_000, 500, IOC);
    assert_eq!(more.status, OrderStatus::CanceledPositionNotAllowed);
    bench.place(A, Side::Buy, 99_900, 500, GTT);
    let less = bench.place(B, Side::Sell, 99_900, 500, IOC);
    assert_eq!((less.status, bench.position(B)), (OrderStatus::Filled, 500));
    assert_eq!(bench.exchange.stats(SOL).unwrap().open_interest_lots, 500);
}

#[test]
fn a_market_turned_reduce_only_refuses_what_waited_for_it() {
    let mut bench = Bench::new();
    bench.place(A, Side::Sell, 101_000, 500, Extra { client: 8, ..GTT });
    let sent = bench.order(A, Side::Sell, 100_000, 500, GTT).unwrap();
    let rules = bench.exchange.market(SOL).unwrap().clone();
    bench.exchange.set_market_rules(Market { force_reduce_only: true, ..rules });
    bench.run(400);
    assert_eq!(failed_with(&bench.outcome(&sent)), Some((21740, true)));
    assert_eq!(code(bench.send(bench.modify(A, 8, 600, 101_000))), 21740);
}

#[test]
fn the_sequencer_refuses_what_it_is_told_to() {
    let mut bench = Bench::new();
    let rule = MishapRule::next(Mishap::Refuse { code: 21601, nonce_used: true });
    bench.exchange.arm(MishapRule { client: Some(ClientOrderIndex::new(7)), skip: 1, times: 2, ..rule });
    for (client, refused) in [(7, false), (6, false), (7, true), (7, true), (7, false)] {
        let sent = bench.order(A, Side::Sell, 100_000, 500, Extra { client, ..GTT }).unwrap();
        bench.run(400);
        let code = failed_with(&bench.outcome(&sent)).map(|(code, _)| code);
        assert_eq!(code, refused.then_some(21601), "{client}");
        bench.send(bench.cancel_all(A, 0, 0)).unwrap();
        bench.run(400);
    }
    assert!(bench.exchange.armed().is_empty());
}

#[test]
fn a_lost_transaction_stays_pending_and_leaves_its_nonce() {
    let mut bench = Bench::new();
    bench.exchange.arm(MishapRule::next(Mishap::Lose {}));
    let sent = bench.order(A, Side::Sell, 100_000, 500, GTT).unwrap();
    bench.run(10_000);
    assert_eq!(bench.outcome(&sent), TxOutcome::Pending);
    assert_eq!(bench.exchange.next_nonce(A, SLOT).get(), 0);
    assert!(bench.exchange.active_orders(A, None).is_empty());
    bench.nonces.clear();
    assert_eq!(bench.place(A, Side::Sell, 100_000, 500, GTT).status, OrderStatus::Open);
}

#[test]
fn an_accepted_order_is_cancelled_for_no_reason_of_its_owners() {
    for after_ms in [0, 2_000] {
        let mut bench = Bench::new();
        let status = OrderStatus::Canceled;
        bench.exchange.arm(MishapRule::next(Mishap::CancelLater { after_ms, status }));
        let order = bench.place(A, Side::Sell, 100_000, 500, GTT);
        assert_eq!(order.status.is_terminal(), after_ms == 0);
        bench.run(2_000);
        assert_eq!(ended(&bench, A, &order).status, status);
    }
}

#[test]
fn a_cancelled_order_is_filled_late_and_stays_cancelled() {
    let mut bench = Bench::new();
    let rule = MishapRule::next(Mishap::FillLate { after_ms: 1_500 });
    bench.exchange.arm(MishapRule { account: Some(A), tx_type: Some(15), market: Some(SOL), ..rule });
    let order = bench.place(A, Side::Sell, 100_000, 500, Extra { client: 3, ..GTT });
    bench.send(bench.cancel(A, 3)).unwrap();
    bench.run(400);
    assert_eq!((ended(&bench, A, &order).filled.lots(), bench.position(A)), (0, 0));
    bench.run(1_500);
    let late = ended(&bench, A, &order);
    assert_eq!((late.status, late.filled.lots()), (OrderStatus::Canceled, 500));
    assert_eq!((late.remaining.lots(), late.filled_quote), (0, Usdc::whole(50)));
    assert_eq!(bench.position(A), -500);
    let trade = bench.exchange.recent_trades(SOL, 1).remove(0).trade;
    assert_eq!((trade.ask_order, trade.ask_account), (order.order_index, A));
    bench.assert_sound("late fill");
}

#[test]
fn old_transactions_are_forgotten() {
    let mut bench = Bench::new();
    bench.exchange.check_signatures(false);
    bench.unsigned = true;
    let first = bench.order(A, Side::Sell, 100_000, 500, GTT).unwrap();
    bench.run(400);
    let record = bench.exchange.transaction(&first.hash).unwrap().clone();
    for n in 0..100_000_u64 {
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        let sequence = record.sequence + 1 + n;
        bench.exchange.remember_tx(TxRecord { hash: TxHash::new(bytes), sequence, ..record.clone() });
    }
    let newest = bench.exchange.transactions_to(u64::MAX, 3);
    let last = record.sequence + 100_000;
    assert_eq!(newest.iter().map(|tx| tx.sequence).collect::<Vec<_>>(), [last, last - 1, last - 2]);
    assert_eq!(bench.exchange.transactions_to(last - 7, 1)[0].sequence, last - 7);
    assert!(bench.exchange.transaction_at(record.sequence).is_none());
    assert!(bench.exchange.transaction(&first.hash).is_none());
    assert_eq!(bench.exchange.txs.len(), 100_000);
}

#[test]
fn a_spot_market_can_be_read_and_takes_no_orders() {
    let spot = snapshot_markets().iter().find(|market| market.symbol == "ETH/USDC").unwrap().clone();
    let id = spot.id;
    let mut markets = config().markets;
    markets.push(spot);
    let mut bench = Bench::with(ExchangeConfig { markets, ..config() });
    assert_eq!(bench.exchange.book(id, 5), (Vec::new(), Vec::new()));
    assert_eq!(bench.exchange.stats(id).and_then(|stats| stats.mark), None);
    let mut order = bench.spec(Side::Buy, 200_000, 500, GTT);
    order.market_index = 2048;
    let body = CreateOrder { account_index: A.get(), api_key_index: SLOT.get(), order };
    assert_eq!(code(bench.send(body)), 21621);
    // An hour with its samples and funding passes it by.
    bench.run(3_700_000);
    bench.assert_sound("spot");
}
