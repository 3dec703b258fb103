//! Tests of exchange and world together, and of the command log.

use std::io::Write as _;

use super::super::exchange::*;
use super::*;
use crate::model::*;
use crate::paper::world::{Levels, Recording};
use crate::signing::PrivateKey;
use crate::tx::{Attributes, CreateOrder, Envelope, OrderSpec, Tx, UpdateLeverage};

const LONG: AccountIndex = AccountIndex::new(101);
const SHORT: AccountIndex = AccountIndex::new(102);
const SLOT: ApiKeyIndex = ApiKeyIndex::new(4);
const SOL: MarketId = MarketId::new(2);
const START: Timestamp = Timestamp::from_millis(1_790_600_400_000);

fn markets() -> Vec<Market> {
    let sol = Market::example();
    let other = |id, symbol: &str, size_decimals, price_decimals, mark| Market {
        id: MarketId::new(id),
        symbol: symbol.to_owned(),
        size_decimals,
        price_decimals,
        min_base: Size::LOT,
        mark_price: Some(rust_decimal::Decimal::from(mark)),
        index_price: None,
        ..Market::example()
    };
    vec![other(0, "ETH", 4, 2, 2_000), other(1, "BTC", 5, 1, 80_000), sol]
}

fn config(world: WorldSpec, seed: u64, usdc: i64) -> SimConfig {
    let account = |index: AccountIndex| SimAccount {
        index,
        l1: format!("0x{:040x}", index.get()),
        keys: vec![(SLOT, key(index).public_key().to_hex())],
        usdc: Usdc::whole(usdc),
    };
    SimConfig {
        exchange: ExchangeConfig {
            chain_id: 304,
            markets: markets(),
            tier: Tier::Standard,
            withdrawal_delay: Duration::from_secs(1_060),
            claim_delay: Duration::from_secs(60),
            start: START,
        },
        world,
        prices: Prices::Seeded,
        seed,
        accounts: vec![account(LONG), account(SHORT)],
    }
}

fn key(account: AccountIndex) -> PrivateKey {
    PrivateKey::from_seed("sim", 1, account.get().unsigned_abs())
}

fn anchor() -> Anchor {
    Anchor { real: START, venue: START, scale: 1 }
}

fn world(name: &str) -> WorldSpec {
    WorldSpec::load(&format!("{}/tests/fixtures/worlds/{name}.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn at(sim: &mut Sim, seconds: u64) {
    sim.advance(START.after(Duration::from_secs(seconds))).unwrap();
    sim.drain_events();
}

fn order(
    sim: &mut Sim,
    account: AccountIndex,
    side: Side,
    price: i64,
    lots: i64,
) -> Result<Submitted, ApiError> {
    let now = sim.now().as_millis();
    let order = OrderSpec {
        market_index: 2,
        client_order_index: 0,
        base_amount: lots,
        price: u32::try_from(price).unwrap(),
        is_ask: u8::from(side.is_ask()),
        kind: 0,
        time_in_force: 2,
        reduce_only: 0,
        trigger_price: 0,
        order_expiry: now + 3_600_000,
    };
    send(sim, account, CreateOrder { account_index: account.get(), api_key_index: SLOT.get(), order })
}

/// Twenty-fold.
fn leverage(account: AccountIndex) -> UpdateLeverage {
    UpdateLeverage {
        account_index: account.get(),
        api_key_index: SLOT.get(),
        market_index: 2,
        initial_margin_fraction: 500,
        margin_mode: 0,
    }
}

fn send(sim: &mut Sim, account: AccountIndex, tx: impl Into<Tx>) -> Result<Submitted, ApiError> {
    let nonce = sim.exchange().next_nonce(account, SLOT).get();
    let expired_at = sim.now().as_millis() + 60_000;
    let signed =
        Envelope { tx: tx.into(), expired_at, nonce, attributes: Attributes::new() }.sign(304, &key(account));
    sim.submit(signed.tx_type, &signed.tx_info, true)
}

fn position(sim: &Sim, account: AccountIndex) -> i64 {
    let record = sim.exchange().account(account).unwrap();
    record.positions.iter().find(|row| row.market == SOL).map_or(0, |row| row.position.lots())
}

/// A plan of 5 SOL, 10 bps to both sides of 100, placed after 5 s.
fn plan_in(name: &str, usdc: i64, lots: i64) -> Sim {
    let mut sim = Sim::new(config(world(name), 7, usdc)).unwrap();
    at(&mut sim, 5);
    for account in [LONG, SHORT] {
        send(&mut sim, account, leverage(account)).unwrap();
    }
    at(&mut sim, 6);
    order(&mut sim, LONG, Side::Buy, 99_900, lots).unwrap();
    order(&mut sim, SHORT, Side::Sell, 100_100, lots).unwrap();
    sim
}

fn assert_sound(sim: &Sim) {
    let sum = sim.exchange().conservation();
    assert_eq!((sum.residue(), sum.unbalanced_lots), (0, 0), "{sum:?}");
}

#[test]
fn every_world_of_the_fixtures_can_be_used() {
    let folder = format!("{}/tests/fixtures/worlds", env!("CARGO_MANIFEST_DIR"));
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.len() >= 7);
    for name in names {
        let name = name.into_string().unwrap();
        let mut sim = Sim::new(config(world(name.trim_end_matches(".yaml")), 1, 1_000)).unwrap();
        at(&mut sim, 60);
        assert_sound(&sim);
    }
}

#[test]
fn the_worlds_do_to_a_plan_what_they_say() {
    for (name, long, short) in [
        ("both_fill", 5_000, -5_000),
        ("long_only", 5_000, 0),
        ("short_only", 0, -5_000),
        ("never_fills", 0, 0),
    ] {
        let mut sim = plan_in(name, 1_000, 5_000);
        at(&mut sim, 180);
        assert_eq!((position(&sim, LONG), position(&sim, SHORT)), (long, short), "{name}");
        assert_sound(&sim);
    }
    let mut sim = plan_in("short_partial_then_runs", 1_000, 5_000);
    at(&mut sim, 61);
    assert_eq!((position(&sim, LONG), position(&sim, SHORT)), (0, -1_000));
    at(&mut sim, 180);
    assert_eq!((position(&sim, LONG), position(&sim, SHORT)), (5_000, -1_000));
}

/// R-16: the long leg is liquidated in part, in slices, while the short one stands.
#[test]
fn r_16_liquidate_long_liquidates_the_long_leg_in_slices() {
    let mut sim = plan_in("liquidate_long", 26, 5_000);
    at(&mut sim, 110);
    assert_eq!((position(&sim, LONG), position(&sim, SHORT)), (5_000, -5_000));
    at(&mut sim, 180);
    let left = position(&sim, LONG);
    assert!((1..5_000).contains(&left), "{left} of 5000 lots left");
    assert_eq!(position(&sim, SHORT), -5_000);
    assert!(sim.exchange().liquidations(LONG).iter().all(|row| !row.deleverage));
    assert_sound(&sim);
}

#[test]
fn the_default_world_fills_both_legs_of_a_plan_within_a_minute() {
    let filled = |seed: u64, placed: u64| {
        let mut sim = Sim::new(config(WorldSpec::default(), seed, 10_000)).unwrap();
        at(&mut sim, placed);
        let mid = sim.exchange().stats(SOL).unwrap().mark.unwrap().ticks();
        // A post-only order that would take ends at once; a plan would try again.
        order(&mut sim, LONG, Side::Buy, mid - mid * 12 / 10_000, 5_000).unwrap();
        order(&mut sim, SHORT, Side::Sell, mid + mid * 12 / 10_000, 5_000).unwrap();
        at(&mut sim, placed + 60);
        position(&sim, LONG) == 5_000 && position(&sim, SHORT) == -5_000
    };
    let by_time = (2..=31).filter(|placed| filled(7, *placed)).count();
    let by_seed = (1..=30).filter(|seed| filled(*seed, 3)).count();
    assert!(by_time >= 22 && by_seed >= 22, "{by_time} of 30 times of seed 7, {by_seed} of 30 seeds");
}

#[test]
fn the_same_seed_gives_the_same_market_however_time_is_cut() {
    let mut whole = Sim::new(config(WorldSpec::default(), 3, 1_000)).unwrap();
    let mut cut = Sim::new(config(WorldSpec::default(), 3, 1_000)).unwrap();
    at(&mut whole, 90);
    for ms in (0..=90_000).step_by(37) {
        cut.advance(START.after(Duration::from_millis(ms))).unwrap();
    }
    at(&mut cut, 90);
    assert_eq!(whole.state_hash(), cut.state_hash());
    let mut other = Sim::new(config(WorldSpec::default(), 4, 1_000)).unwrap();
    at(&mut other, 90);
    assert_ne!(whole.state_hash(), other.state_hash());
}

#[test]
fn a_log_gives_the_same_simulation_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("commands.jsonl");
    let mut sim = Sim::create(&path, config(WorldSpec::default(), 7, 1_000), anchor()).unwrap();
    for round in 0..6_u64 {
        at(&mut sim, 10 * round + 5);
        let _ = order(&mut sim, LONG, Side::Buy, 101_000, 500 + i64::try_from(round).unwrap());
        let _ = order(&mut sim, SHORT, Side::Sell, 101_300, 700);
    }
    sim.deposit(LONG, Usdc::whole(5)).unwrap();
    sim.act(Some("SOL"), &Action::Depth { percent: 50 }).unwrap();
    let (again, read) = Sim::open(&path).unwrap();
    assert_eq!((again.state_hash(), read), (sim.state_hash(), anchor()));
    assert!(Sim::create(&path, config(WorldSpec::default(), 7, 1_000), anchor()).is_err());
}

/// F-18: a torn last line was never answered; it is cut off, and the log goes on.
#[test]
fn f_18_a_torn_last_line_is_dropped_and_other_damage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("commands.jsonl");
    let mut sim = Sim::create(&path, config(world("never_fills"), 7, 1_000), anchor()).unwrap();
    at(&mut sim, 5);
    order(&mut sim, LONG, Side::Buy, 99_900, 500).unwrap();
    let hash = sim.state_hash();
    drop(sim);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"at":1790600410000,"cmd":{"submi"#).unwrap();
    let (mut sim, _) = Sim::open(&path).unwrap();
    assert_eq!(sim.state_hash(), hash);
    at(&mut sim, 6);
    order(&mut sim, LONG, Side::Buy, 99_800, 500).unwrap();
    let hash = sim.state_hash();
    drop(sim);
    assert_eq!(Sim::open(&path).unwrap().0.state_hash(), hash);
    file.write_all(b"nonsense\n").unwrap();
    assert!(matches!(Sim::open(&path), Err(SimError::Damaged { line: 4, .. })));
}

#[test]
fn a_long_gap_is_caught_up_the_same_way_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("commands.jsonl");
    let mut sim = Sim::create(&path, config(WorldSpec::default(), 7, 1_000), anchor()).unwrap();
    at(&mut sim, 5);
    order(&mut sim, LONG, Side::Buy, 101_000, 500).unwrap();
    at(&mut sim, 3 * 3_600);
    at(&mut sim, 3 * 3_600 + 1);
    assert_eq!(sim.exchange().fundings(LONG).len(), 3 * usize::from(position(&sim, LONG) != 0));
    order(&mut sim, SHORT, Side::Sell, 102_000, 700).unwrap();
    assert_eq!(Sim::open(&path).unwrap().0.state_hash(), sim.state_hash());
}

/// What is no transaction is in the log too, and only when it was carried out.
#[test]
fn requests_come_out_of_the_log_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("commands.jsonl");
    let mut sim = Sim::create(&path, config(WorldSpec::default(), 7, 1_000), anchor()).unwrap();
    at(&mut sim, 5);
    let change = |tier| Request::ChangeTier { account: LONG, tier };
    sim.request(change(Tier::Premium)).unwrap();
    assert_eq!(sim.request(change(Tier::Plus)).unwrap_err().code, 62006);
    sim.request(Request::Stake { account: LONG, lit: 1_000 }).unwrap();
    sim.request(Request::MakerOnlyKeys { account: LONG, keys: vec![SLOT] }).unwrap();
    sim.request(Request::WithdrawalDelays { pending_ms: 1_000, claimable_ms: 500 }).unwrap();
    at(&mut sim, 3_000);
    let (again, _) = Sim::open(&path).unwrap();
    let record = again.exchange().account(LONG).unwrap();
    assert_eq!((record.tier, record.taker_fee, record.maker_only_keys), (Tier::Premium, 273, vec![]));
    assert_eq!(again.exchange().maker_only_keys(LONG), [SLOT]);
    assert_eq!(Sim::open(&path).unwrap().0.state_hash(), again.state_hash());
}

/// What was shown before a crash comes out again after it, though the time since then is a long gap.
#[test]
fn what_was_shown_before_a_crash_stays_true_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("commands.jsonl");
    let mut sim = Sim::create(&path, config(WorldSpec::default(), 7, 1_000), anchor()).unwrap();
    for second in (1..=1_290).step_by(3) {
        at(&mut sim, second);
    }
    let shown = sim.exchange().recent_trades(SOL, 1).remove(0);
    let until = sim.now();
    drop(sim);
    let (mut sim, _) = Sim::open(&path).unwrap();
    assert!(until.since(sim.now()) < TICK_EVERY, "ticks keep the log near the present");
    sim.advance(START.after(Duration::from_hours(2))).unwrap();
    let shown_again =
        sim.drain_events().into_iter().any(|event| event == ExchangeEvent::Trade(shown.clone()));
    assert!(shown_again, "trade {:?} of before the crash is gone", shown.trade.id);
    let hash = sim.state_hash();
    assert_eq!(Sim::open(&path).unwrap().0.state_hash(), hash);
}

#[test]
fn a_day_is_caught_up_quickly() {
    let mut sim = Sim::new(config(WorldSpec::default(), 7, 1_000)).unwrap();
    at(&mut sim, 86_400);
    assert_eq!(sim.now(), START.after(Duration::from_secs(86_400)));
    assert_sound(&sim);
}

#[test]
fn actions_liquidate_halt_and_take() {
    let mut sim = plan_in("both_fill", 26, 5_000);
    at(&mut sim, 75);
    assert_eq!((position(&sim, LONG), position(&sim, SHORT)), (5_000, -5_000));
    let over = crate::paper::world::Duration(Duration::from_secs(5));
    // A plan's account by number, as a scenario that knows it would write it.
    sim.act(Some("SOL"), &Action::Liquidate { account: LONG, over }).unwrap();
    at(&mut sim, 79);
    assert!(sim.exchange().liquidations(LONG).is_empty());
    at(&mut sim, 84);
    assert!(position(&sim, LONG) < 5_000 && !sim.exchange().liquidations(LONG).is_empty());
    sim.act(Some("SOL"), &Action::Halt {}).unwrap();
    assert_eq!(order(&mut sim, SHORT, Side::Buy, 90_000, 1_000).unwrap_err().code, 21605);
    at(&mut sim, 85);
    assert!(sim.exchange().book(SOL, 1).0.is_empty(), "makers leave a market that is closed");
    sim.act(Some("SOL"), &Action::Unhalt {}).unwrap();
    at(&mut sim, 87);
    assert!(!sim.exchange().book(SOL, 1).0.is_empty());
    assert_sound(&sim);
}

#[test]
fn a_world_that_does_not_fit_is_refused() {
    let refused = |text: &str| Sim::new(config(WorldSpec::parse(text).unwrap(), 1, 1)).is_err();
    assert!(refused("{name: x, markets: [{market: XYZ}]}"));
    assert!(refused(
        r#"{name: x, script: [{at: 1s, market: SOL, action: {do: set_price, price: "1.00001"}}]}"#
    ));
    assert!(refused("{name: x, script: [{at: 1s, action: {do: halt}}]}"));
    assert!(WorldSpec::parse("{name: x, script: [{at: soon, action: {do: halt}}]}").is_err());
    assert!(WorldSpec::parse("{name: x, speed: 3}").is_err());
    assert!(matches!(WorldSpec::load("/no/such/world.yaml"), Err(WorldError::Read { .. })));
}

fn priced(prices: Prices) -> SimConfig {
    SimConfig { prices, ..config(WorldSpec::default(), 7, 10_000) }
}

fn mark(sim: &Sim) -> i64 {
    sim.exchange().stats(SOL).unwrap().mark.unwrap().ticks()
}

fn best(sim: &Sim) -> Option<(i64, i64)> {
    let (bids, asks) = sim.exchange().book(SOL, 5);
    Some((bids.first()?.price.ticks(), asks.first()?.price.ticks()))
}

fn seen(mark: i64, bid: i64, ask: i64) -> Seen {
    let level = |ticks| vec![(Price::from_ticks(ticks), Size::from_lots(1_000))];
    let book = Some(Levels { bids: level(bid), asks: level(ask) });
    Seen { mark: Some(Price::from_ticks(mark)), book, ..Seen::nothing_new(SOL) }
}

/// A market follows its recording, and the others go on from the seed.
#[test]
fn recorded_prices_are_played_in_venue_time() {
    let text = "at,market,price\n0,SOL,100\n2000,SOL,110\n4000,SOL,90.5\n";
    let recording = Recording::parse(text, AtEnd::Hold, &markets()).unwrap();
    let mut sim = Sim::new(priced(Prices::Recorded(recording))).unwrap();
    assert_eq!(mark(&sim), 100_000);
    at(&mut sim, 3);
    assert_eq!(mark(&sim), 110_000);
    let (bid, ask) = best(&sim).expect("makers quote around a recorded price");
    assert!(bid < 110_000 && ask > 110_000, "{bid} {ask}");
    at(&mut sim, 3_600);
    assert_eq!(mark(&sim), 90_500);
}

/// What a live source says is quoted level by level, and fills what rests in its way.
#[test]
fn a_mirrored_book_is_the_sources() {
    let mut sim = Sim::new(priced(Prices::Live { patience: Duration::from_secs(5) })).unwrap();
    assert_eq!(best(&sim), None, "nobody quotes before the source speaks");
    sim.hear(seen(101_000, 100_900, 101_100)).unwrap();
    assert_eq!((mark(&sim), best(&sim)), (101_000, Some((100_900, 101_100))));
    order(&mut sim, LONG, Side::Buy, 101_000, 500).unwrap();
    at(&mut sim, 1);
    assert_eq!(best(&sim), Some((101_000, 101_100)));
    // The market falls through the order: it is filled, and what it took stays taken.
    sim.hear(seen(100_800, 100_700, 100_900)).unwrap();
    let held = sim.exchange().account(LONG).unwrap().positions[0].position;
    assert_eq!((held.lots(), best(&sim)), (500, Some((100_700, 100_900))));
    at(&mut sim, 2);
    assert_eq!(sim.exchange().book(SOL, 5).1[0].size, Size::from_lots(500));
}

/// No quote outlives its source: silence, or the news that it is gone, takes all of them away.
#[test]
fn nobody_trades_on_a_stale_mirror() {
    let mut sim = Sim::new(priced(Prices::Live { patience: Duration::from_secs(5) })).unwrap();
    sim.hear(seen(101_000, 100_900, 101_100)).unwrap();
    sim.advance(START.after(Duration::from_millis(4_800))).unwrap();
    assert!(best(&sim).is_some());
    sim.advance(START.after(Duration::from_millis(4_999))).unwrap();
    assert_eq!(best(&sim), None, "younger than the limit at every moment");
    assert!(!sim.world().sources().iter().any(|source| source.fresh));
    sim.hear(Seen::nothing_new(SOL)).unwrap();
    assert!(best(&sim).is_some(), "it spoke again");
    sim.lose(SOL).unwrap();
    assert_eq!(best(&sim), None);
}

/// Reports are commands: the log brings back the same state to the last bit.
#[test]
fn what_a_source_said_is_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let config = priced(Prices::Live { patience: Duration::from_secs(5) });
    let mut sim = Sim::create(&path, config, anchor()).unwrap();
    for (second, price) in [(1, 101_000), (2, 100_500), (9, 102_000)] {
        at(&mut sim, second);
        sim.hear(seen(price, price - 50, price + 50)).unwrap();
    }
    order(&mut sim, LONG, Side::Buy, 101_000, 500).unwrap();
    sim.lose(SOL).unwrap();
    let before = sim.state_hash();
    drop(sim);
    let (sim, _) = Sim::open(&path).unwrap();
    assert_eq!(sim.state_hash(), before);
    drop(sim);

    let path = dir.path().join("recorded");
    let text = "at,market,price\n0,SOL,100\n700,SOL,110\n";
    let recording = Recording::parse(text, AtEnd::Loop, &markets()).unwrap();
    let mut sim = Sim::create(&path, priced(Prices::Recorded(recording)), anchor()).unwrap();
    at(&mut sim, 30);
    order(&mut sim, LONG, Side::Buy, 90_000, 500).unwrap();
    let before = sim.state_hash();
    drop(sim);
    assert_eq!(Sim::open(&path).unwrap().0.state_hash(), before);
}

/// A mishap is an outside input like any other: the log brings it back, spent or not.
#[test]
fn mishaps_are_replayed_from_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let mut sim = Sim::create(&path, config(WorldSpec::default(), 7, 1_000), anchor()).unwrap();
    let rule = MishapRule::next(Mishap::Refuse { code: 21601, nonce_used: true });
    sim.arm(&MishapRule { account: Some(SHORT), ..rule.clone() }).unwrap();
    sim.disarm().unwrap();
    sim.arm(&MishapRule { account: Some(SHORT), times: 3, ..rule }).unwrap();
    sim.advance(START.after(Duration::from_secs(5))).unwrap();
    sim.deposit(LONG, Usdc::whole(1)).unwrap();
    let (again, _) = Sim::open(&path).unwrap();
    assert_eq!(again.state_hash(), sim.state_hash());
    assert_eq!(again.exchange().armed(), sim.exchange().armed());
    assert_eq!(again.exchange().armed().len(), 1);
}
