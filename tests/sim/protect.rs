//! Plans with `protect`: stops that wait at the venue, through fills in part, hedges, crashes and everything else.

use std::time::Duration;

use lighter_plan::engine::{Entry, ExitReason, LegSide, OrderState, OwnOrder, Pair, PairEnd, Purpose, Step};
use lighter_plan::model::Side;
use lighter_plan::paper::world::{Action, Duration as Span, MarketSpec, ScriptEntry, TakerSide};
use lighter_plan::plan::{HedgePreference, PegReference, PriceSpec, ProtectPlan};
use lighter_plan::rt::processors;
use lighter_plan::simulate::{Faults, Run, SYMBOL, Scenario, Sweep, Tally, near};
use rust_decimal::Decimal;

use super::sweeps::base;
use super::{number, sound};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn sweep(base: &Scenario, faults: &Faults, work: impl Fn(&Sweep<'_>) -> Tally) -> Tally {
    let tally = work(&Sweep { base, faults, jobs: processors(), done: &|_| {} });
    if let Some((case, violation)) = tally.violations.first() {
        panic!("{} of {} runs are broken; {case}: {violation}", tally.broken, tally.runs());
    }
    tally
}

fn entries(run: &Run) -> Vec<Entry> {
    run.journal().map(|row| serde_json::from_str(row).expect("an entry reads back")).collect()
}

fn last(run: &Run) -> &Pair {
    run.outcome.as_ref().expect("it ended or was stopped")
}

fn end(run: &Run) -> PairEnd {
    last(run).end().expect("it ended").clone()
}

fn stops(pair: &Pair, side: LegSide) -> Vec<&OwnOrder> {
    pair.leg(side).orders.values().filter(|order| order.purpose == Purpose::Protect).collect()
}

fn script(at: u64, action: Action) -> ScriptEntry {
    ScriptEntry { at: Span(secs(at)), market: Some(SYMBOL.to_owned()), every: None, action }
}

fn quiet() -> MarketSpec {
    MarketSpec {
        market: SYMBOL.to_owned(),
        price: None,
        volatility_bps: Some(2),
        depth_percent: None,
        makers: None,
        takers: Some(false),
    }
}

/// A pair with stops 2 % away in a market that stands still until it is told to move.
pub(crate) fn protected(seed: u64) -> Scenario {
    let mut run = Scenario::calm(seed);
    run.spec.plan.protect = Some(ProtectPlan { stop_bps: 200, limit_bps: 100 });
    run.spec.plan.watch.max_hold = secs(120);
    run.world.markets = vec![quiet()];
    let take = |side| Action::Take { side, size: Decimal::from(2_000), limit: None };
    run.world.script = vec![script(8, take(TakerSide::Sell)), script(9, take(TakerSide::Buy))];
    run
}

/// The price goes through the stop of the leg that loses when it moves by `bps`.
pub(crate) fn moved(mut run: Scenario, at: u64, bps: i64) -> Scenario {
    let price = near(&run.market, bps);
    run.world.script.push(script(at, Action::MoveTo { price, over: Span(secs(2)) }));
    run
}

/// One leg fills, of the other `lots`; the rest is completed by a hedge.
pub(crate) fn completed(seed: u64, lots: i64) -> Scenario {
    let mut run = protected(seed);
    let take = |side, size| Action::Take { side, size, limit: None };
    run.world.script = vec![
        script(8, take(TakerSide::Sell, Decimal::from(2_000))),
        script(12, Action::Depth { percent: 1 }),
        script(13, take(TakerSide::Buy, Decimal::new(lots, 3))),
    ];
    run.spec.plan.hedge.prefer = HedgePreference::Complete;
    run
}

/// `LIGHTER_PLAN_SWEEP=N` plays N seeds with everything that can go wrong.
#[test]
fn the_protected_plan_bears_everything() {
    let base = base("protected-pair.yaml");
    let seeds = number("LIGHTER_PLAN_SWEEP").unwrap_or(300);
    sweep(&base, &Faults::all(), |sweep| sweep.seeds(1, seeds));
}

/// The same seeds as of plans without stops, each with stops: pegs, thin markets, liquidations, halts.
#[test]
fn random_plans_bear_everything_with_stops() {
    let seeds = number("LIGHTER_PLAN_SEEDS").unwrap_or(150);
    for seed in 1..=seeds {
        let mut run = Scenario::random(seed);
        let stop_bps = [15, 40, 150, 300][usize::try_from(seed % 4).unwrap_or(0)];
        run.spec.plan.protect = Some(ProtectPlan { stop_bps, limit_bps: 60 });
        run.spec.plan.watch.max_hold += secs(seed % 3 * 40);
        sound(run);
    }
}

/// The process dies at every point of a run with stops, with every answer to what is in doubt there.
#[test]
fn every_crash_point_with_stops() {
    let base = base("protected-pair.yaml");
    let tally = sweep(&base, &Faults::none(), |sweep| sweep.single_crashes(1));
    assert!(tally.runs() > 300, "{} runs", tally.runs());
}

/// Nothing happens: both legs are held under one stop each, over all that they hold, and both are gone at the end.
#[test]
fn a_calm_pair_is_held_under_stops() {
    let run = sound(protected(1));
    assert_eq!(end(&run).code, 0, "{:?}", end(&run));
    assert!(last(&run).held_since.is_some());
    for side in LegSide::BOTH {
        let stops = stops(last(&run), side);
        // The one of the entry expires with it, ten minutes after; the one that stands in for it outlives the hold.
        assert_eq!(stops.len(), 2, "{side:?}: {stops:?}");
        assert!(stops.iter().all(|stop| matches!(stop.state, OrderState::Ended(Some(_)))), "{stops:?}");
        assert!(stops.iter().all(|stop| stop.terms.side != side.entry_side() && stop.terms.reduce_only));
    }
}

/// A stop that acts while the process is there: the other leg is closed at once, and that is an exit rule of the plan.
#[test]
fn a_stop_that_acts_closes_the_pair() {
    for (bps, side) in [(-260, LegSide::Long), (260, LegSide::Short)] {
        let run = sound(moved(protected(1), 40, bps));
        let left = entries(&run).into_iter().any(
            |entry| matches!(entry, Entry::Step { to: Step::Exit(ExitReason::Protected(of)), .. } if of == side),
        );
        assert!(left, "{side:?}: {:?}", end(&run));
        assert_eq!(end(&run).code, 0, "{side:?}: {:?}", end(&run));
        assert!(last(&run).is_flat());
        assert!(stops(last(&run), side).iter().any(|stop| !stop.traded.is_zero()), "{side:?}");
        assert!(last(&run).foreign.is_none());
    }
}

/// The price goes through the stops while the process is dead, whenever that died: what is resumed ends flat, and the leg
/// that lost has lost no more than stop and limit allow, with what the other leg's way out cost.
#[test]
fn a_stop_acts_while_the_process_is_dead() {
    let mut acted = 0;
    let points = sound(protected(1)).kill_points;
    for point in (points / 3..points).step_by(67) {
        let mut run = moved(protected(1), 45, -280);
        run.name = format!("dead from point {point}");
        run.crashes = vec![(point, secs(100))];
        let run = sound(run);
        assert!(last(&run).is_flat(), "{point}: {:?}", end(&run));
        let sold = stops(last(&run), LegSide::Long).iter().map(|stop| stop.traded.lots()).sum::<i64>();
        if sold == 2_500 {
            acted += 1;
            let (entry, size) = (near(&run.scenario.market, -6), Decimal::new(2_500, 3));
            let (lost, most) = (-last(&run).long.cash.to_decimal(), entry * size * Decimal::new(3, 2));
            assert!(lost <= most, "{point}: the long leg lost {lost}, at most {most}");
        }
    }
    assert!(acted > 5, "{acted} stops acted while nobody was there");
}

/// One leg fills in part and the rest is completed by a hedge: what both hold in the end stands under one stop each, over
/// all of it; the watch holds it against the venue's own orders.
#[test]
fn stops_follow_fills_in_part_and_hedges() {
    for (seed, lots) in [(1, 900), (2, 1_700), (3, 400)] {
        let run = sound(completed(seed, lots));
        let pair = last(&run);
        assert!(pair.held_since.is_some() && pair.is_flat(), "{seed}: {:?}", end(&run));
        let hedged = entries(&run).iter().any(
            |entry| matches!(entry, Entry::Intent(intent) if intent.purpose == Purpose::Hedge && intent.adds_risk()),
        );
        assert!(hedged, "{seed}: nothing was completed");
        for side in LegSide::BOTH {
            let alone = stops(pair, side).into_iter().filter(|stop| stop.parent.is_none()).count();
            assert!(alone >= 1, "{seed} {side:?}: {:?}", stops(pair, side));
        }
    }
}

/// Quotes that follow the market take their stops along.
#[test]
fn quotes_that_move_take_their_stops_along() {
    for seed in 1..=10 {
        let mut run = protected(seed);
        let peg = |offset_bps| PriceSpec::Peg { reference: PegReference::Mid, offset_bps, reprice_bps: 4 };
        (run.spec.plan.buy, run.spec.plan.sell) = (peg(-6), peg(6));
        run.world.markets = vec![MarketSpec { volatility_bps: Some(12), takers: None, ..quiet() }];
        let run = sound(run);
        for entry in entries(&run) {
            let Entry::Intent(intent) = entry else { continue };
            assert_eq!(intent.child.is_some(), intent.purpose == Purpose::Entry, "{intent:?}");
            let opposite = |child: &lighter_plan::engine::Child| {
                (child.order.side == Side::Sell) == (intent.leg == LegSide::Long)
            };
            assert!(intent.child.iter().all(opposite));
        }
    }
}
