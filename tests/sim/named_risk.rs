//! Rows of the fault catalogue about what a pair may lose: foreign hands, sight, reconciliation, liquidation, outages.

use std::sync::LazyLock;
use std::time::Duration;

use lighter_plan::engine::{
    Entry, ExitReason, IntentId, LegSide, Pair, PairEnd, Purpose, RiskState, Step, StopMode, fold,
};
use lighter_plan::model::{AccountIndex, OrderStatus, Side, Size, Timestamp, TradeKind, Usdc};
use lighter_plan::paper::world::{Action, Duration as Span, MarketSpec, ScriptEntry, TakerSide};
use lighter_plan::plan::{OnLiquidation, PegReference, PriceSpec, SizeSpec};
use lighter_plan::simulate::{Fate, Hand, LONG, Run, SHORT, SYMBOL, Scenario, Streams, near};
use rust_decimal::Decimal;

use super::sound;

/// Seeds whose calm run holds both legs: elsewhere the market moved, and the venue refused a quote.
fn seeds() -> Vec<u64> {
    static HELD: LazyLock<Vec<u64>> =
        LazyLock::new(|| (1..12).filter(|seed| is_held(&sound(Scenario::calm(*seed)))).take(3).collect());
    HELD.clone()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn entries(run: &Run) -> Vec<Entry> {
    run.journal().map(|row| serde_json::from_str(row).expect("an entry reads back")).collect()
}

fn end(run: &Run) -> PairEnd {
    run.outcome.as_ref().and_then(Pair::end).expect("it ended").clone()
}

fn last(run: &Run) -> &Pair {
    run.outcome.as_ref().expect("it ended or was stopped")
}

fn is_held(run: &Run) -> bool {
    entries(run).iter().any(|entry| matches!(entry, Entry::Step { to: Step::Watch, .. }))
        && last(run).held_since.is_some()
}

fn alerts(run: &Run) -> Vec<String> {
    let text = |entry| match entry {
        Entry::Alert { text, .. } => Some(text),
        _ => None,
    };
    entries(run).into_iter().filter_map(text).collect()
}

/// A pair that holds for two minutes.
fn holding(seed: u64) -> Scenario {
    let mut scenario = Scenario::calm(seed);
    scenario.spec.plan.watch.max_hold = secs(120);
    scenario
}

/// Both legs are open and nothing rests.
const HELD: Duration = Duration::from_secs(60);

/// Ids of the intents of a run that `pick` accepts.
fn intents(run: &Run, pick: impl Fn(&Purpose) -> bool) -> Vec<(IntentId, LegSide, Timestamp)> {
    let row = |entry| match entry {
        Entry::Intent(intent) if pick(&intent.purpose) => Some((intent.id, intent.leg, intent.at)),
        _ => None,
    };
    entries(run).into_iter().filter_map(row).collect()
}

const FATES: [Fate; 4] = [Fate::Clean, Fate::Refused, Fate::ReplyLost, Fate::Lost];

/// (done / not / unknown)² of the two orders that leave a pair together; unknown in both ways, arrived or not.
/// Whatever becomes of them, both legs end flat.
#[test]
fn r_06_every_pair_of_exit_outcomes() {
    for seed in 1..=2 {
        let exits = intents(&sound(Scenario::calm(seed)), |purpose| *purpose == Purpose::Exit);
        let [first, second] = exits[..2] else { panic!("seed {seed}: no exit of both legs") };
        assert!(first.2 == second.2 && first.1 != second.1, "seed {seed}: the first two go together");
        for long in FATES {
            for short in FATES {
                let mut scenario = Scenario::calm(seed);
                scenario.fates = [(first.0, long), (second.0, short)].into();
                let run = sound(scenario);
                assert!(is_held(&run) && last(&run).is_flat(), "{long:?} {short:?} {seed}");
                assert!([0, 22].contains(&end(&run).code), "{long:?} {short:?} {seed}: {:?}", end(&run));
            }
        }
    }
}

fn market(volatility_bps: u32) -> MarketSpec {
    MarketSpec {
        market: SYMBOL.to_owned(),
        price: None,
        volatility_bps: Some(volatility_bps),
        depth_percent: None,
        makers: None,
        takers: None,
    }
}

/// A taker fills the long leg alone; the short one is cancelled and completed by a hedge.
fn one_sided(seed: u64) -> Scenario {
    let mut run = Scenario::calm(seed);
    run.world.markets = vec![MarketSpec { takers: Some(false), ..market(2) }];
    run.world.script = vec![ScriptEntry {
        at: Span(secs(8)),
        market: Some(SYMBOL.to_owned()),
        every: None,
        action: Action::Take { side: TakerSide::Sell, size: Decimal::from(2_000), limit: None },
    }];
    run
}

/// (done / not / unknown)² of the cancel that clears the way and of the hedge that follows it: never two
/// hedges, never one leg alone at the end.
#[test]
fn r_06_every_pair_of_cancel_and_hedge_outcomes() {
    for seed in 1..=2 {
        let clean = sound(one_sided(seed));
        let cancels = intents(&clean, |purpose| matches!(purpose, Purpose::Cancel(_)));
        let hedges = intents(&clean, |purpose| *purpose == Purpose::Hedge);
        let (cancel, hedge) = (cancels.first().expect("a cancel").0, hedges.first().expect("a hedge").0);
        for first in FATES {
            for second in FATES {
                let mut scenario = one_sided(seed);
                scenario.fates = [(cancel, first), (hedge, second)].into();
                let run = sound(scenario);
                assert!(last(&run).is_flat(), "{first:?} {second:?} {seed}: {:?}", last(&run));
                assert!([0, 22].contains(&end(&run).code), "{first:?} {second:?} {seed}: {:?}", end(&run));
            }
        }
    }
}

/// an order that somebody else leaves resting on an account of the run, with a key of his own, is found by the
/// routine look; the operator hears of it and the pair leaves.
#[test]
fn r_12_a_foreign_order_ends_the_pair() {
    for seed in seeds() {
        for leg in LegSide::BOTH {
            let mut scenario = holding(seed);
            let size = Size::from_lots(500);
            scenario.hands = vec![Hand { at: HELD, leg, side: Side::Buy, size, rests: true }];
            let run = sound(scenario);
            let found = entries(&run).into_iter().find_map(|entry| match entry {
                Entry::Foreign { leg, what, at } => Some((leg, what, at)),
                _ => None,
            });
            let (whose, what, _) = found.expect("it was found");
            assert!(whose == leg && what.contains("order"), "seed {seed}: {whose:?} {what}");
            assert_eq!(end(&run).code, 22, "seed {seed}: {:?}", end(&run));
            assert!(alerts(&run).iter().any(|text| text.contains("did not place")), "seed {seed}");
            assert!(last(&run).is_flat(), "seed {seed}: {:?}", last(&run));
        }
    }
}

/// a position that somebody changes by hand, up or down, is told and left: what is ours and what is his can no longer
/// be told apart. Reduce-only orders take the account to flat and never beyond.
#[test]
fn r_12_a_position_changed_by_hand_ends_the_pair() {
    for seed in seeds() {
        for (leg, side) in
            [(LegSide::Long, Side::Buy), (LegSide::Long, Side::Sell), (LegSide::Short, Side::Buy)]
        {
            let mut scenario = holding(seed);
            let size = Size::from_lots(700);
            scenario.hands = vec![Hand { at: HELD, leg, side, size, rests: false }];
            let run = sound(scenario);
            let text = format!("seed {seed} {leg:?} {side:?}: {:?}", end(&run));
            assert_eq!(end(&run).code, 22, "{text}");
            assert!(end(&run).summary.contains("somebody else trades"), "{text}");
            let told = alerts(&run);
            assert!(told.iter().any(|text| text.contains("did not make")), "{text}: {told:?}");
            assert!(last(&run).is_flat(), "{text}: {:?}", last(&run));
        }
    }
}

/// for a minute nothing is heard of a leg that has a position: that is told, and both legs are closed, the other one
/// as soon as it can be.
#[test]
fn r_17_a_leg_out_of_sight_is_left() {
    for seed in seeds() {
        for (account, leg) in [(LONG, LegSide::Long), (SHORT, LegSide::Short)] {
            let mut scenario = holding(seed);
            scenario.spec.plan.watch.max_hold = secs(600);
            scenario.outages = vec![(HELD, secs(200), Streams::Account(account))];
            let run = sound(scenario);
            let (reason, _) = left(&run).expect("it left");
            assert_eq!(reason, ExitReason::LostSight(leg), "seed {seed}");
            assert!(alerts(&run).iter().any(|text| text.contains("out of sight")), "seed {seed}");
            assert_eq!(last(&run).risk, RiskState::Reducing, "seed {seed}");
            assert!(last(&run).is_flat() && end(&run).code == 22, "seed {seed}: {:?}", end(&run));
        }
    }
}

/// streams are up and silent, and no question is answered: nobody knows the margin any more, and after four routine
/// looks in vain the pair leaves.
#[test]
fn r_17_a_margin_that_cannot_be_read_is_a_risk_event() {
    for seed in seeds() {
        let mut scenario = holding(seed);
        scenario.spec.plan.watch.max_hold = secs(1_500);
        scenario.mute = Some((HELD, secs(600)));
        scenario.end_by = secs(2_400);
        let run = sound(scenario);
        let (reason, at) = left(&run).expect("it left");
        assert!(matches!(reason, ExitReason::LostSight(_)), "seed {seed}: {reason:?}");
        let held = last(&run).held_since.expect("it was held");
        assert!(at.since(held) < secs(360), "seed {seed}: it took {:?}", at.since(held));
        assert!(last(&run).is_flat(), "seed {seed}: {:?}", end(&run));
    }
}

/// every reconciliation that a run makes is decided on twice, and the second time brings nothing: no entry and no
/// transaction.
#[test]
fn r_19_a_second_reconciliation_changes_nothing() {
    let mut twice = 0;
    for seed in 1..=60 {
        let run = Run::new(Scenario::random(seed)).reading_twice().go();
        twice += run.unwrap_or_else(|violation| panic!("{violation}")).twice.unwrap_or_default();
    }
    assert!(twice > 300, "only {twice} reconciliations");
}

/// streams that broke and came back are not enough: as long as a leg was not read since, no quote of it is placed.
#[test]
fn r_19_what_cannot_be_reconciled_adds_no_risk() {
    let (mut before, mut after) = (0, 0);
    for seed in seeds() {
        let mut scenario = Scenario::calm(seed);
        let peg = |offset_bps| PriceSpec::Peg { reference: PegReference::Mid, offset_bps, reprice_bps: 8 };
        (scenario.spec.plan.buy, scenario.spec.plan.sell) = (peg(-60), peg(60));
        scenario.spec.plan.watch.entry_deadline = secs(150);
        scenario.world.markets = vec![MarketSpec { takers: Some(false), ..market(18) }];
        scenario.outages = vec![(secs(20), secs(5), Streams::All)];
        scenario.mute = Some((secs(20), secs(40)));
        scenario.trace = 0;
        let run = sound(scenario);
        let entered = intents(&run, |purpose| *purpose == Purpose::Entry);
        let began = entries(&run).into_iter().find_map(|entry| match entry {
            Entry::Checked(checked) => Some(checked.at),
            _ => None,
        });
        let at = |at: &Timestamp| at.since(began.expect("it was checked"));
        // The check takes about a second, and the streams are noticed to be silent after three.
        let blind =
            |entered: &&(IntentId, LegSide, Timestamp)| (secs(24)..secs(58)).contains(&at(&entered.2));
        assert_eq!(entered.iter().find(blind), None, "seed {seed}: placed in between");
        before += entered.iter().filter(|entered| at(&entered.2) < secs(24)).count();
        after += entered.iter().filter(|entered| at(&entered.2) >= secs(58)).count();
    }
    assert!(before > 12 && after > 0, "{before} quotes before, {after} after: this proves nothing");
}

/// When the pair left the watch, and why.
fn left(run: &Run) -> Option<(ExitReason, Timestamp)> {
    entries(run).into_iter().find_map(|entry| match entry {
        Entry::Step { to: Step::Exit(reason), at } => Some((reason, at)),
        _ => None,
    })
}

/// The states that the journal tells, in order.
fn states(run: &Run) -> Vec<(RiskState, String)> {
    let state = |entry| match entry {
        Entry::Risk { to, reason, .. } => Some((to, reason)),
        _ => None,
    };
    entries(run).into_iter().filter_map(state).collect()
}

/// the venue falls silent while both legs stand open: that is told with what is open, the pair may only reduce, and
/// when the venue is back it leaves. Whoever was told is told again while it lasts.
#[test]
fn r_27_a_silent_venue_is_told_and_nothing_is_added() {
    for seed in seeds() {
        let mut scenario = holding(seed);
        scenario.spec.plan.watch.max_hold = secs(2_000);
        scenario.outages = vec![(HELD, secs(900), Streams::All)];
        scenario.mute = Some((HELD, secs(900)));
        scenario.end_by = secs(3_000);
        let run = sound(scenario);
        let down: Vec<_> = entries(&run)
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::VenueDown { since, at } => Some((since, at)),
                _ => None,
            })
            .collect();
        let [(since, at)] = down[..] else { panic!("seed {seed}: {down:?}") };
        assert!(at.since(since) <= secs(32), "seed {seed}: told after {:?}", at.since(since));
        assert!(entries(&run).iter().any(|entry| matches!(entry, Entry::VenueUp { .. })), "seed {seed}");
        let told =
            alerts(&run).into_iter().filter(|text| text.contains("nothing is heard from the venue")).count();
        assert!((2..=5).contains(&told), "seed {seed}: told {told} times");
        assert_eq!(states(&run)[0].0, RiskState::Reducing, "seed {seed}");
        assert!(matches!(left(&run), Some((ExitReason::LostSight(_), _))), "seed {seed}: {:?}", left(&run));
        assert!(last(&run).is_flat(), "seed {seed}: {:?}", end(&run));
    }
}

/// half a minute of silence, and the venue is back before anything is given up: the pair may act again and goes on.
#[test]
fn r_27_a_venue_that_comes_back_soon_is_traded_on() {
    for seed in seeds() {
        let mut scenario = holding(seed);
        scenario.spec.plan.watch.max_hold = secs(200);
        scenario.outages = vec![(HELD, secs(45), Streams::All)];
        scenario.mute = Some((HELD, secs(45)));
        let run = sound(scenario);
        let states: Vec<_> = states(&run).into_iter().map(|(state, _)| state).collect();
        assert_eq!(states, [RiskState::Reducing, RiskState::Active, RiskState::Reducing], "seed {seed}");
        assert_eq!(left(&run).map(|(reason, _)| reason), Some(ExitReason::MaxHold), "seed {seed}");
        assert_eq!(end(&run).code, 0, "seed {seed}: {:?}", end(&run));
    }
}

/// Every change of what a pair may do is journaled with its reason, and folds back: a stop that was carried
/// out makes it HALTED, a resume ACTIVE, and leaving REDUCING.
#[test]
fn states_are_journaled_with_their_reasons() {
    for seed in seeds() {
        let mut scenario = holding(seed);
        scenario.stop = Some((HELD, StopMode::Policy));
        scenario.resume_after = Some(secs(10));
        let run = sound(scenario);
        let states = states(&run);
        let names: Vec<_> = states.iter().map(|(state, _)| state.name()).collect();
        // With nothing to cancel and nothing naked, the stop is carried out in the decision that it is asked in.
        assert_eq!(names, ["HALTED", "ACTIVE", "REDUCING"], "seed {seed}: {states:?}");
        assert!(
            states[0].1.contains("stopped") && states[2].1.contains("max_hold"),
            "seed {seed}: {states:?}"
        );
    }
}

/// F-14: the process sleeps while one leg fills: the time alone counts from the trade, not from its news, and after
/// longer than `max_naked` somebody is told at once.
#[test]
fn f_14_naked_time_counts_from_the_trade() {
    let (mut met, mut emergencies) = (0, 0);
    for seed in 1..=6 {
        let mut scenario = one_sided(seed);
        scenario.suspends = vec![(secs(5), secs(25))];
        let run = sound(scenario);
        let rows = entries(&run);
        let fill = rows.iter().find_map(|entry| match entry {
            Entry::Fill(fill) => Some(fill.at),
            _ => None,
        });
        let from = rows.iter().find_map(|entry| match entry {
            Entry::NakedFrom { at } => Some(*at),
            _ => None,
        });
        let (Some(fill), Some(from)) = (fill, from) else { continue };
        met += 1;
        assert!(
            from <= fill.after(secs(1)),
            "seed {seed}: the clock starts at {from}, the fill was at {fill}"
        );
        assert!(last(&run).naked.worst >= secs(20), "seed {seed}: {:?}", last(&run).naked);
        // Where the other leg filled as well before anybody was awake, nothing is left to be told.
        emergencies += run.watch.emergencies;
    }
    assert!(met > 2 && emergencies > 1, "{met} runs filled while they slept, {emergencies} were told");
}

/// A pair whose accounts are small against its size, so that prices can liquidate them.
fn thin(seed: u64) -> Scenario {
    let mut scenario = holding(seed);
    scenario.spec.plan.size = SizeSpec::Base(Decimal::from(25));
    scenario.spec.plan.leverage = 5;
    for account in &mut scenario.accounts {
        account.3 = Usdc::whole(800);
    }
    scenario
}

fn liquidate(at: Duration, account: AccountIndex) -> ScriptEntry {
    ScriptEntry {
        at: Span(at),
        market: Some(SYMBOL.to_owned()),
        every: None,
        action: Action::Liquidate { account, over: Span(secs(20)) },
    }
}

fn forced_fills(run: &Run, leg: LegSide) -> usize {
    let forced = |entry: &&Entry| matches!(entry, Entry::Fill(fill) if fill.leg == leg && fill.kind != TradeKind::Trade);
    entries(run).iter().filter(forced).count()
}

/// the venue liquidates one leg, in slices; the other one follows it to flat, or to the size that is left.
#[test]
fn r_16_a_leg_is_liquidated_in_slices_and_the_other_follows() {
    let mut met = 0;
    for seed in seeds() {
        for (account, leg) in [(LONG, LegSide::Long), (SHORT, LegSide::Short)] {
            for answer in [OnLiquidation::Flatten, OnLiquidation::Match] {
                let mut scenario = thin(seed);
                scenario.spec.plan.hedge.on_liquidation = answer;
                scenario.spec.plan.risk.min_liquidation_distance_pct = Decimal::ZERO;
                scenario.world.script = vec![liquidate(HELD, account)];
                let run = sound(scenario);
                assert!(last(&run).is_flat(), "seed {seed} {leg:?} {answer:?}: {:?}", end(&run));
                // It may be left before the venue acts, or while it does.
                assert!([0, 22, 28].contains(&end(&run).code), "seed {seed} {leg:?}: {:?}", end(&run));
                if forced_fills(&run, leg) > 0 {
                    met += 1;
                    assert!(
                        alerts(&run).iter().any(|text| text.contains("closed by the venue")),
                        "seed {seed}"
                    );
                }
            }
        }
    }
    assert!(met >= 8, "only {met} runs were liquidated");
}

fn at(at: Duration, action: Action) -> ScriptEntry {
    ScriptEntry { at: Span(at), market: Some(SYMBOL.to_owned()), every: None, action }
}

/// the long leg is filled alone, nobody is there to hedge with, and the venue begins to liquidate it. When there
/// is a market again the rest of it is closed; the short leg opens nothing for a difference that shrinks by itself.
#[test]
fn r_16_a_liquidation_in_the_middle_of_a_hedge() {
    let mut met = 0;
    for seed in 1..=4 {
        let mut scenario = thin(seed);
        scenario.world.markets = one_sided(seed).world.markets;
        scenario.world.script = vec![
            at(secs(8), Action::Take { side: TakerSide::Sell, size: Decimal::from(2_000), limit: None }),
            at(secs(9), Action::PauseMakers {}),
            liquidate(secs(12), LONG),
            at(secs(60), Action::ResumeMakers {}),
        ];
        let run = sound(scenario);
        met += usize::from(forced_fills(&run, LegSide::Long) > 0);
        assert!(last(&run).is_flat(), "seed {seed}: {:?}", end(&run));
        assert!([0, 22].contains(&end(&run).code), "seed {seed}: {:?}", end(&run));
    }
    assert!(met > 0, "no leg was liquidated while it was hedged");
}

/// while nobody can look, the price goes down and takes the long leg, then up and takes the short one. Both are found
/// by the first look, both are told, and nothing is closed that is no longer there.
#[test]
fn r_16_both_legs_are_liquidated() {
    let mut met = 0;
    for seed in seeds() {
        let mut scenario = thin(seed);
        scenario.spec.plan.watch.max_hold = secs(900);
        scenario.outages = vec![(HELD, secs(150), Streams::All)];
        scenario.mute = Some((HELD, secs(150)));
        scenario.world.script = vec![liquidate(secs(65), LONG), liquidate(secs(120), SHORT)];
        let run = sound(scenario);
        let both = LegSide::BOTH.map(|leg| forced_fills(&run, leg) > 0);
        assert!(last(&run).is_flat(), "seed {seed}: {:?}", end(&run));
        if both == [true, true] {
            met += 1;
            let told = alerts(&run);
            for leg in LegSide::BOTH {
                let text = format!("{} leg is being closed by the venue", leg.name());
                assert!(told.iter().any(|told| told.contains(&text)), "seed {seed}: {told:?}");
            }
        }
    }
    assert!(met > 0, "no run lost both legs");
}

/// the streams of the account that is liquidated are dead. The other leg does not wait for them: it is flat soon after
/// the first read that shows what happened.
#[test]
fn r_16_a_liquidation_behind_dead_streams() {
    for seed in seeds() {
        let mut scenario = thin(seed);
        scenario.outages = vec![(HELD, secs(300), Streams::Account(LONG))];
        scenario.world.script = vec![liquidate(secs(62), LONG)];
        let run = sound(scenario);
        let (_, from) = left(&run).expect("it left");
        let closed = entries(&run).into_iter().filter_map(|entry| match entry {
            Entry::Fill(fill) if fill.leg == LegSide::Short && fill.at > from => Some(fill.at),
            _ => None,
        });
        let closed = closed.max().unwrap_or(from);
        assert!(closed.since(from) < secs(60), "seed {seed}: the short leg took {:?}", closed.since(from));
        assert!(last(&run).is_flat(), "seed {seed}: {:?}", end(&run));
    }
}

/// the key of the account that is liquidated is dead: whatever it signs is refused. The other leg is flat soon all the
/// same, and the rest of the hit one goes when the key works again.
#[test]
fn r_16_a_liquidation_with_a_dead_key() {
    for seed in seeds() {
        let mut scenario = thin(seed);
        scenario.spec.plan.watch.max_hold = secs(600);
        scenario.dead_key = Some((HELD, secs(200), LegSide::Long));
        scenario.world.script = vec![liquidate(secs(62), LONG)];
        let run = sound(scenario);
        let (_, from) = left(&run).expect("it left");
        let flat = (0..entries(&run).len()).find_map(|count| {
            let pair = fold(&entries(&run)[..count]).expect("a prefix of a journal folds");
            let is_flat = pair.held_since.is_some() && pair.short.position.is_flat();
            is_flat.then_some(pair.short.orders.values().map(|order| order.changed_at).max()?)
        });
        let took = flat.expect("the short leg was closed").since(from);
        assert!(took < secs(60), "seed {seed}: the short leg took {took:?}");
        assert!(last(&run).is_flat(), "seed {seed}: {:?}", end(&run));
    }
}

/// The marked result of the run falls below the plan's drawdown while one leg is alone: the pair leaves with 28.
#[test]
fn a_drawdown_ends_the_pair() {
    for seed in seeds() {
        let mut scenario = one_sided(seed);
        scenario.spec.plan.hedge.wait = secs(15);
        scenario.spec.plan.hedge.max_naked_loss = Usdc::whole(500);
        scenario.spec.plan.risk.max_drawdown = Usdc::whole(2);
        let price = near(&scenario.market, -200);
        scenario.world.script.push(at(secs(10), Action::MoveTo { price, over: Span(secs(4)) }));
        let run = sound(scenario);
        assert_eq!(left(&run).map(|(reason, _)| reason), Some(ExitReason::Drawdown), "seed {seed}");
        assert_eq!(end(&run).code, 28, "seed {seed}: {:?}", end(&run));
        assert!(last(&run).is_flat(), "seed {seed}: {:?}", end(&run));
    }
}

/// F-14: asleep for longer than a heartbeat with something open, the process says so when it is awake again, and reads both
/// legs.
#[test]
fn f_14_a_process_that_stood_still_looks_and_says_so() {
    for seed in seeds() {
        let mut scenario = holding(seed);
        scenario.suspends = vec![(HELD, secs(30))];
        let run = sound(scenario);
        let told = alerts(&run).into_iter().filter(|text| text.contains("stood still for 30")).count();
        assert_eq!((told, end(&run).code), (1, 0), "seed {seed}: {:?} {:?}", alerts(&run), end(&run));
    }
}

/// The venue's own dead man's switch, set again while quotes rest: the process dies and stays away, and after at most ten
/// minutes the venue cancels what it left. The next process finds that out and goes on with nothing open.
#[test]
fn what_a_dead_process_leaves_resting_is_cancelled_by_the_venue() {
    let mut scenario = one_sided(1);
    scenario.world.script.clear();
    scenario.spec.plan.place.expires_in = secs(7_000);
    scenario.spec.plan.watch.entry_deadline = secs(6_000);
    scenario.end_by = secs(10_000);
    scenario.spec.plan.buy = PriceSpec::Fixed(near(&scenario.market, -100));
    scenario.spec.plan.sell = PriceSpec::Fixed(near(&scenario.market, 100));
    let point = sound(scenario.clone()).kill_points / 2;
    scenario.crashes = vec![(point, secs(900))];
    let run = sound(scenario);
    let rows = entries(&run);
    let back = rows.iter().position(|entry| matches!(entry, Entry::Resumed { .. })).expect("it was resumed");
    let ours = rows[..back]
        .iter()
        .any(|entry| matches!(entry, Entry::Intent(intent) if matches!(intent.purpose, Purpose::Cancel(_))));
    let gone = rows[back..].iter().filter(|entry| {
        matches!(entry, Entry::Order { status: OrderStatus::Canceled, filled, .. } if filled.is_zero())
    });
    assert!(!ours && gone.count() == 2, "{ours} {:?}", &rows[back..]);
    assert!(last(&run).is_flat(), "{:?}", end(&run));
}

/// nobody is there to take what is liquidated, and the venue takes it from those who win: the short leg is closed by
/// auto-deleveraging. The same answer with the legs swapped: what is left of both is closed.
#[test]
fn r_16_the_winner_is_deleveraged() {
    let mut met = 0;
    for seed in seeds() {
        let mut scenario = thin(seed);
        scenario.spec.plan.watch.max_hold = secs(600);
        scenario.world.script = vec![
            at(HELD, Action::PauseMakers {}),
            at(secs(61), Action::SetPrice { price: near(&scenario.market, -4_000) }),
            at(secs(120), Action::ResumeMakers {}),
        ];
        let run = sound(scenario);
        let deleveraged =
            |entry: &Entry| matches!(entry, Entry::Fill(fill) if fill.kind == TradeKind::Deleverage);
        met += usize::from(entries(&run).iter().any(deleveraged));
        assert!(last(&run).is_flat(), "seed {seed}: {:?}", end(&run));
    }
    assert!(met > 0, "nobody was deleveraged");
}

/// the market is halted, and then empty, while the pair has to leave: there is no price to bound an order by, so none
/// is sent. That is told, and when the market is back the pair leaves as planned.
#[test]
fn r_27_a_market_that_is_halted_in_the_middle() {
    for seed in seeds() {
        let mut scenario = holding(seed);
        scenario.spec.plan.watch.max_hold = secs(60);
        scenario.world.script = vec![at(HELD, Action::Halt {}), at(secs(240), Action::Unhalt {})];
        let run = sound(scenario);
        let told = alerts(&run).into_iter().filter(|text| text.contains("nothing could be closed")).count();
        assert_eq!(told, 1, "seed {seed}: {:?}", alerts(&run));
        assert_eq!(end(&run).code, 0, "seed {seed}: {:?}", end(&run));
        assert!(last(&run).is_flat(), "seed {seed}: {:?}", end(&run));
    }
}
