//! `protect:`, the stops that rest at the venue while nobody is there.

use std::time::Duration;

use lighter_plan::engine::{ExitReason, LegSide, OrderState, OwnOrder, Pair, Purpose, StopMode};
use lighter_plan::model::{OrderStatus, Size};
use lighter_plan::paper::world::WorldSpec;
use lighter_plan::plan::ProtectPlan;
use lighter_plan::rt::in_parallel;
use lighter_plan::simulate::{Run, Scenario};

use super::sound;

/// Seeds of the default test run.
const SEEDS: usize = 200;
/// 10⁻¹² USDC.
const USDC: i128 = 1_000_000_000_000;

/// Only the long leg is filled; then the market falls by a tenth and stays there.
const FALL: &str = "name: fall
markets: [{ market: SOL, price: '101.118', volatility_bps: 0, takers: false }]
script:
  - { at: 12s, market: SOL, action: { do: take, side: sell, size: '4000', limit: '101.057' } }
  - { at: 20s, market: SOL, action: { do: move_to, price: '91.000', over: 20s } }
";

/// Only the long leg is filled, while the market leaps; it comes back after five minutes.
const FAR_AND_BACK: &str = "name: far and back
markets: [{ market: SOL, price: '101.118', volatility_bps: 0, takers: false }]
script:
  - { at: 12s, market: SOL, action: { do: take, side: sell, size: '4000', limit: '101.057' } }
  - { at: 12s, market: SOL, action: { do: set_price, price: '103.200' } }
  - { at: 312s, market: SOL, action: { do: move_to, price: '101.000', over: 10s } }
";

pub(crate) const fn protected(stop_bps: u32) -> Option<ProtectPlan> {
    Some(ProtectPlan { stop_bps, limit_bps: 100 })
}

/// Whatever goes wrong in the seeded runs, it may go wrong beside stops near and far.
#[test]
fn every_invariant_holds_with_stops() {
    let fired = in_parallel(SEEDS, |index| {
        let mut scenario = Scenario::random(index as u64 + 1);
        scenario.spec.plan.protect = protected([8, 20, 80, 300][index % 4]);
        let run = sound(scenario);
        let reason = run.outcome.as_ref().and_then(|pair| pair.exit_reason.clone());
        matches!(reason, Some(ExitReason::StopFired(_)))
    });
    let fired = fired.into_iter().filter(|fired| *fired).count();
    assert!(fired > SEEDS / 50, "only {fired} of {SEEDS} pairs left because a stop fired");
}

pub(crate) fn falling(protect: Option<ProtectPlan>) -> Scenario {
    let mut scenario = Scenario::calm(3);
    scenario.world = WorldSpec::parse(FALL).expect("a world");
    scenario.spec.plan.protect = protect;
    scenario.end_by = Duration::from_secs(3_000);
    scenario
}

/// The process dies at a point of the run, and nobody starts another one while the market falls.
fn abandoned(protect: Option<ProtectPlan>, point: usize) -> Run {
    let mut scenario = falling(protect);
    scenario.name = format!("dead at point {point}");
    scenario.crashes = vec![(u32::try_from(point).expect("few points"), Duration::from_secs(200))];
    sound(scenario)
}

/// A leg that filled alone, before its process died, loses what its stop allows; without one it loses the whole fall. And
/// the process that comes back takes the pair to flat.
#[test]
fn a_leg_that_nobody_watches_loses_what_its_stop_allows() {
    let points = || (30..=120).step_by(3).collect::<Vec<usize>>();
    let worst = |protect: Option<ProtectPlan>| {
        let points = points();
        let results = in_parallel(points.len(), |index| {
            let run = abandoned(protect, points[index]);
            let pair = run.outcome.expect("it ended");
            assert!(pair.is_flat(), "dead at point {}: {:?}", points[index], pair.end());
            run.watch.result
        });
        results.into_iter().min().expect("some points")
    };
    let (with, without) = (worst(protected(300)), worst(None));
    // 2.5 SOL at 101: a stop at 3 % that trades at most 1 % beyond loses a little more than 10 USDC, the fall 25.
    assert!(with >= -11 * USDC, "with a stop the worst run lost {with}");
    assert!(without < -20 * USDC, "without one the worst run lost {without}: the control proves nothing");
}

/// After a hedge, in a market that does not fall, each leg has a stop for all that it holds: the child of the filled quote covers that alone.
#[test]
fn after_a_hedge_each_leg_has_a_stop_for_its_whole_position() {
    let mut scenario = falling(protected(300));
    scenario.world.script.truncate(1);
    scenario.spec.plan.watch.max_hold = Duration::from_secs(60);
    let run = sound(scenario);
    let pair = run.outcome.expect("it ended");
    for side in LegSide::BOTH {
        let stops = pair.leg(side).orders.values().filter(|order| order.purpose == Purpose::Protect);
        let whole: Vec<_> = stops.filter(|order| order.parent.is_none()).collect();
        let [stop] = whole[..] else { panic!("{} leg: {whole:?}", side.name()) };
        assert_eq!(stop.terms.size, Size::from_lots(2_500), "{} leg", side.name());
        // It stood at the venue until the exit took it away.
        assert_eq!(stop.state, OrderState::Ended(Some(OrderStatus::Canceled)), "{} leg", side.name());
    }
    assert!(pair.is_flat() && !pair.has_live_orders(), "{:?}", pair.end());
}

/// The market goes so far in the long leg's favour that the venue refuses its stop as too far from the price.
fn refused() -> Scenario {
    let mut scenario = falling(protected(300));
    scenario.world = WorldSpec::parse(FAR_AND_BACK).expect("a world");
    scenario.spec.plan.watch.max_hold = Duration::from_secs(1_200);
    scenario.spec.plan.watch.take_profit = None;
    scenario
}

/// Returns the long leg's stops for its whole position: those that were refused, and the others.
fn whole_stops(pair: &Pair) -> (Vec<&OwnOrder>, Vec<&OwnOrder>) {
    let orders = pair.leg(LegSide::Long).orders.values();
    let stops = orders.filter(|order| order.purpose == Purpose::Protect && order.parent.is_none());
    stops.partition(|order| order.state == OrderState::Ended(None))
}

/// It is tried again, ever more rarely, and stands once the market has come back.
#[test]
fn a_stop_that_the_venue_refuses_is_tried_again() {
    let run = sound(refused());
    let pair = run.outcome.expect("it ended");
    let (refused, stood) = whole_stops(&pair);
    let [stop] = stood[..] else { panic!("{stood:?}") };
    assert_eq!(stop.state, OrderState::Ended(Some(OrderStatus::Canceled)), "the exit took it away");
    let mut tries: Vec<_> = refused.iter().copied().chain([stop]).collect();
    tries.sort_by_key(|order| order.placed_at);
    let pauses = tries.windows(2).map(|two| two[1].placed_at.since(two[0].changed_at).as_secs());
    // The market is back after five minutes, in the pause of four.
    assert_eq!(pauses.collect::<Vec<_>>(), [0, 0, 30, 60, 120, 240]);
    assert!(pair.is_flat() && !pair.has_live_orders(), "{:?}", pair.end());
}

/// A stop that waits for its next try holds up nobody who wants the run to stop.
#[test]
fn a_stop_that_the_venue_refuses_holds_up_no_operator() {
    let mut scenario = refused();
    scenario.stop = Some((Duration::from_secs(50), StopMode::Hold));
    let pair = sound(scenario).outcome.expect("it stopped");
    let (refused, stood) = whole_stops(&pair);
    // Three at once and one after 30 s: the process was gone before the next, a minute later.
    assert_eq!((refused.len(), stood.len()), (4, 0));
    assert!(!pair.is_flat(), "{:?}", pair.end());
}
