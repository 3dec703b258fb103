//! Scenarios by name: random ones, and those that are made for what random ones meet too rarely.

use std::time::Duration;

use lighter_plan::engine::StopMode;
use lighter_plan::model::Usdc;
use lighter_plan::paper::world::{Action, Duration as Span, MarketSpec, ScriptEntry, TakerSide};
use lighter_plan::plan::{OnStop, PegReference, PriceSpec};
use lighter_plan::simulate::{Faults, SYMBOL, Scenario};
use rust_decimal::Decimal;

use super::stops::{falling, protected};
use super::sweeps::together;

/// What the made ones are called.
pub(crate) const CASES: [&str; 9] = [
    "tight caps",
    "narrow collar",
    "few messages",
    "foreign hand",
    "stopped while naked",
    "two pairs",
    "room for one",
    "held after a hedge",
    "stopped out",
];

/// Returns the scenario called `NAME SEED`.
///
/// # Panics
///
/// When there is none of that name.
pub(crate) fn case(name: &str) -> Scenario {
    let (kind, seed) = name.rsplit_once(' ').expect("a name and a seed");
    let seed = seed.parse().expect("a seed");
    let mut scenario = match kind {
        "seed" => Scenario::random(seed),
        "tight caps" => tight_caps(seed),
        "narrow collar" => narrow_collar(seed),
        "few messages" => few_messages(seed),
        "foreign hand" => foreign_hand(seed),
        "stopped while naked" => stopped_while_naked(seed),
        "two pairs" => two_pairs(seed),
        "room for one" => room_for_one(seed),
        "held after a hedge" => held_after_a_hedge(seed),
        "stopped out" => stopped_out(seed),
        other => panic!("no case is called `{other}`"),
    };
    scenario.trace = 0;
    scenario
}

/// Two pairs of one run in one market, one around the other.
pub(crate) fn two_pairs(seed: u64) -> Scenario {
    together("shared-market.yaml").with_seed(seed, &Faults::all())
}

/// The exposure that the plan allows is enough for one of its two pairs.
fn room_for_one(seed: u64) -> Scenario {
    let mut run = together("shared-market.yaml");
    run.seed = seed;
    run.spec.plan.risk.max_exposure = Usdc::whole(700);
    run.beside.iter_mut().for_each(|beside| beside.spec.plan.risk.max_exposure = Usdc::whole(700));
    run
}

/// One leg fills, the other is completed by a hedge, and both are held for minutes.
fn held_after_a_hedge(seed: u64) -> Scenario {
    let mut run = falling(protected(300));
    run.seed = seed;
    run.world.script.truncate(1);
    run.spec.plan.watch.max_hold = Duration::from_secs(300);
    run
}

/// The market falls through the stop of what is held.
fn stopped_out(seed: u64) -> Scenario {
    let mut run = falling(protected(300));
    run.seed = seed;
    run
}

/// A plan whose order is larger than what it allows itself.
fn tight_caps(seed: u64) -> Scenario {
    let mut run = Scenario::calm(seed);
    run.spec.plan.risk.max_order = Usdc::whole(100);
    run
}

/// Quotes that follow a lively market, `offset_bps` from its middle.
fn pegged(seed: u64, offset_bps: i32, reprice_bps: u32) -> Scenario {
    let mut run = Scenario::calm(seed);
    let peg = |offset_bps| PriceSpec::Peg { reference: PegReference::Mid, offset_bps, reprice_bps };
    (run.spec.plan.buy, run.spec.plan.sell) = (peg(-offset_bps), peg(offset_bps));
    run.world.markets = vec![MarketSpec { volatility_bps: Some(18), ..market() }];
    run
}

/// Quotes almost at the collar: a middle beside the mark brings them beyond it.
fn narrow_collar(seed: u64) -> Scenario {
    let mut run = pegged(seed, 8, 4);
    run.spec.plan.risk.max_price_deviation_bps = 8;
    run
}

/// Quotes that move all the time, on few messages.
fn few_messages(seed: u64) -> Scenario {
    let mut run = pegged(seed, 20, 1);
    run.spec.plan.watch.entry_deadline = Duration::from_secs(50);
    run.spec.plan.risk.max_messages_per_minute = 24;
    run
}

/// A stop while one leg is filled and the other still rests.
fn stopped_while_naked(seed: u64) -> Scenario {
    let mut run = Scenario::calm(seed);
    run.spec.on_stop = OnStop::CancelOpen;
    run.spec.plan.hedge.wait = Duration::from_secs(15);
    run.world.markets = vec![MarketSpec { takers: Some(false), volatility_bps: Some(2), ..market() }];
    run.world.script = vec![ScriptEntry {
        at: Span(Duration::from_secs(8)),
        market: Some(SYMBOL.to_owned()),
        every: None,
        action: Action::Take { side: TakerSide::Sell, size: Decimal::from(2_000), limit: None },
    }];
    run.stop = Some((Duration::from_secs(10 + seed), StopMode::Policy));
    run
}

fn market() -> MarketSpec {
    MarketSpec {
        market: SYMBOL.to_owned(),
        price: None,
        volatility_bps: None,
        depth_percent: None,
        makers: None,
        takers: None,
    }
}

/// Somebody else signs with the long leg's key while the pair holds.
fn foreign_hand(seed: u64) -> Scenario {
    let mut run = Scenario::calm(seed);
    run.spec.plan.watch.max_hold = Duration::from_secs(60);
    run.foreign_at = Some(Duration::from_secs(20 + seed * 3));
    run
}
