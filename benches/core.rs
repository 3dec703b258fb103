//! What the exchange core does per second on one core, in memory and without signatures, and what a resting order
//! weighs. The control of each row is a bare `BTreeMap` that enters and removes the same keys.
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use lighter_plan::model::{
    AccountIndex, Market, MarketId, OrderIndex, Price, Side, Size, TimeInForce, Timestamp, Usdc,
};
use lighter_plan::paper::exchange::{Exchange, ExchangeConfig, Tier};
use lighter_plan::rt::SplitMix64;

const MARKET: MarketId = MarketId::new(2);
const SEED: u64 = 3;
/// Operations of a timed row.
const OPERATIONS: usize = 1_000_000;
/// The server takes events after every request; the bench, after so many operations.
const DRAIN_EVERY: usize = 64;
/// The mark, in ticks.
const MARK: i64 = 101_118;

/// One operation on the book.
#[derive(Clone, Copy)]
struct Place {
    account: AccountIndex,
    side: Side,
    price: Price,
}

fn exchange(accounts: i64) -> Exchange {
    let mut exchange = Exchange::new(ExchangeConfig {
        chain_id: 304,
        markets: vec![Market::example()],
        tier: Tier::Premium,
        withdrawal_delay: Duration::from_secs(90),
        claim_delay: Duration::from_secs(30),
        start: Timestamp::from_millis(1_790_600_400_000),
    });
    for account in 0..accounts {
        let index = AccountIndex::new(1_000 + account);
        exchange.create_account(format!("0x{account:040x}"), Vec::new(), Some(index));
        exchange.deposit(index, Usdc::whole(1_000_000));
    }
    exchange.drain_events();
    exchange
}

/// Returns places that never meet: bids below the mark, asks above it.
fn resting(count: usize, accounts: i64, rng: &mut SplitMix64) -> Vec<Place> {
    let place = |_| {
        let side = if rng.below(2) == 0 { Side::Buy } else { Side::Sell };
        let away = rng.between(1, 2_000) * i64::from(side.sign());
        Place {
            account: AccountIndex::new(1_000 + rng.between(0, accounts - 1)),
            side,
            price: Price::from_ticks(MARK - away),
        }
    };
    (0..count).map(place).collect()
}

fn put(exchange: &mut Exchange, place: &Place, lots: i64, tif: TimeInForce) -> Option<OrderIndex> {
    exchange.world_place(place.account, MARKET, place.side, place.price, Size::from_lots(lots), tif)
}

fn drain(exchange: &mut Exchange, done: usize) {
    if done.is_multiple_of(DRAIN_EVERY) {
        black_box(exchange.drain_events());
    }
}

/// Submits and cancels in turn over a book of 1,000 orders.
fn submit_and_cancel(accounts: i64) -> (Duration, Duration) {
    let mut exchange = exchange(accounts);
    let mut rng = SplitMix64::new(SEED);
    for place in resting(1_000, accounts, &mut rng) {
        put(&mut exchange, &place, 100, TimeInForce::GoodTillTime);
    }
    let places = resting(OPERATIONS / 2, accounts, &mut rng);
    let begun = Instant::now();
    for (i, place) in places.iter().enumerate() {
        if let Some(order) = put(&mut exchange, place, 100, TimeInForce::GoodTillTime) {
            exchange.world_cancel(place.account, order);
        }
        drain(&mut exchange, i);
    }
    (begun.elapsed(), control(&places, 1_000))
}

/// Rests an order and takes it with another one: half of the operations end in a trade.
fn match_pairs(accounts: i64) -> (Duration, Duration) {
    let mut exchange = exchange(accounts);
    let mut rng = SplitMix64::new(SEED + 1);
    for place in resting(1_000, accounts, &mut rng) {
        put(&mut exchange, &place, 100, TimeInForce::GoodTillTime);
    }
    let mut places = resting(OPERATIONS / 2, accounts, &mut rng);
    places.iter_mut().for_each(|place| place.price = Price::from_ticks(MARK));
    let begun = Instant::now();
    for (i, maker) in places.iter().enumerate() {
        put(&mut exchange, maker, 100, TimeInForce::GoodTillTime);
        let other = AccountIndex::new(1_000 + (maker.account.get() - 999) % accounts);
        let taker = Place { account: other, side: maker.side.opposite(), price: maker.price };
        put(&mut exchange, &taker, 100, TimeInForce::ImmediateOrCancel);
        drain(&mut exchange, i);
    }
    let passed = begun.elapsed();
    assert!(exchange.stats(MARKET).is_some_and(|stats| stats.trades_count > 100_000), "the pairs met");
    (passed, control(&places, 1_000))
}

/// Enters and removes the keys of `places` in a map that holds `depth` others.
fn control(places: &[Place], depth: u64) -> Duration {
    let mut map: BTreeMap<(i64, u64), u64> = (0..depth).map(|i| ((MARK, i), i)).collect();
    let begun = Instant::now();
    for (number, place) in (depth..).zip(places) {
        let key = (place.price.ticks() * i64::from(place.side.sign()), number);
        map.insert(key, number);
        black_box(map.remove(&key));
    }
    begun.elapsed()
}

/// Returns resident memory in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1_024
}

/// Fills the book of 10,000 accounts with a million orders; returns bytes an order, and those of the control's entry.
fn memory() -> (u64, u64, u64) {
    const ORDERS: usize = 1_000_000;
    let mut rng = SplitMix64::new(SEED + 2);
    let places = resting(ORDERS, 10_000, &mut rng);
    let empty = resident();
    let mut exchange = exchange(10_000);
    let accounts = resident();
    for (i, place) in places.iter().enumerate() {
        put(&mut exchange, place, 100, TimeInForce::GoodTillTime);
        drain(&mut exchange, i);
    }
    let full = resident();
    let map: BTreeMap<(i64, u64), u64> =
        (0_u64..).zip(&places).map(|(i, place)| ((place.price.ticks(), i), i)).collect();
    let control = resident().saturating_sub(full);
    black_box((&exchange, &map));
    let orders = ORDERS as u64;
    (accounts.saturating_sub(empty) / 10_000, full.saturating_sub(accounts) / orders, control / orders)
}

fn row(name: &str, (passed, control): (Duration, Duration)) {
    let rate = |time: Duration| OPERATIONS as u128 * 1_000_000_000 / time.as_nanos().max(1) / 1_000;
    report(&format!("{name:<44} {:>8} k/s   control {:>8} k/s", rate(passed), rate(control)));
}

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn report(line: &str) {
    println!("{line}");
}

fn main() {
    let (account, order, control) = memory();
    report(&format!("memory: {account} bytes an account, {order} bytes a resting order; control {control}"));
    for accounts in [100, 10_000] {
        row(&format!("submit and cancel, {accounts} accounts"), submit_and_cancel(accounts));
        row(&format!("submit and match, {accounts} accounts"), match_pairs(accounts));
    }
}
