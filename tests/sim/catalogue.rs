//! Rows of the fault catalogue, shown on what the seeded runs met: each test first asks whether the thing happened at all.

use std::time::Duration;

use lighter_plan::engine::{Entry, Intent, IntentId, LegSide, Outcome, Pair, Purpose, Step, StopMode, fold};
use lighter_plan::model::{Price, Size, Timestamp, Usdc};
use lighter_plan::plan::{HedgePreference, OnStop};
use lighter_plan::simulate::{Run, Scenario, Streams};
use rust_decimal::Decimal;

use super::{Played, play, played, sound};

/// What stood in the journal before an entry, folded.
fn before(run: &Played, index: usize) -> Pair {
    fold(&run.entries[..index]).expect("a prefix of a journal folds")
}

fn intents(run: &Played) -> impl Iterator<Item = (usize, &Intent)> {
    run.entries.iter().enumerate().filter_map(|(index, entry)| match entry {
        Entry::Intent(intent) => Some((index, &**intent)),
        _ => None,
    })
}

fn find(run: &Run, wanted: impl Fn(&Entry) -> bool) -> Option<Entry> {
    let read = |row: &str| serde_json::from_str::<Entry>(row).expect("an entry reads back");
    run.journal().map(read).find(wanted)
}

fn code(run: &Run) -> Option<u8> {
    run.outcome.as_ref().and_then(Pair::end).map(|end| end.code)
}

/// When the first transaction was signed.
fn began(run: &Run) -> Timestamp {
    match find(run, |entry| matches!(entry, Entry::Intent(_))) {
        Some(Entry::Intent(intent)) => intent.at,
        _ => panic!("nothing was sent"),
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// a fill comes in between the decision to cancel and the cancel; it is counted, and the hedge is made for it.
#[test]
fn r_03_a_fill_between_cancel_and_its_end_is_counted() {
    let met = |run: &&Played| {
        let mut cancelled = Vec::new();
        run.entries.iter().any(|entry| match entry {
            Entry::Intent(intent) => {
                if let Purpose::Cancel(index) = intent.purpose {
                    cancelled.push((intent.leg, index));
                }
                false
            }
            Entry::Fill(fill) => {
                fill.client_order_index.is_some_and(|index| cancelled.contains(&(fill.leg, index)))
            }
            _ => false,
        })
    };
    let runs: Vec<_> = played().iter().filter(met).collect();
    assert!(!runs.is_empty(), "no run met a fill after its cancel");
    assert!(runs.iter().all(|run| run.ends_balanced()), "a fill after a cancel was left alone");
}

/// a hedge is for the difference that fills show when both legs' quotes are over, never for what was ordered.
#[test]
fn r_28_hedges_are_sized_by_what_was_filled() {
    let mut smaller = 0;
    for run in played() {
        for (index, intent) in intents(run).filter(|(_, intent)| intent.purpose == Purpose::Hedge) {
            let pair = before(run, index);
            let size = intent.order.expect("a hedge is an order").size;
            let missing = pair.delta().size();
            assert!(size <= missing, "seed {}: hedge of {size:?}, difference {missing:?}", run.seed);
            assert!(pair.orders_settled(), "seed {}: a hedge beside a quote in doubt", run.seed);
            smaller += u32::from(pair.checked.is_some_and(|checked| size < checked.size));
        }
    }
    assert!(smaller > 0, "no run hedged a part");
}

/// R-05, F-11: an order that closes or hedges is refused or dies; another one follows, and no run ends alone with one leg
/// unless it says so with 23.
#[test]
fn f_11_a_refused_hedge_is_tried_again_or_handed_over() {
    let mut met = 0;
    for run in played() {
        let closing: Vec<IntentId> = intents(run)
            .filter(|(_, intent)| matches!(intent.purpose, Purpose::Hedge | Purpose::Exit))
            .map(|(_, intent)| intent.id)
            .collect();
        let failed = |entry: &&Entry| {
            matches!(entry, Entry::Settled { intent, outcome, .. }
                if closing.contains(intent) && *outcome != Outcome::Executed)
        };
        met += run.entries.iter().filter(failed).count();
        assert!(run.ends_balanced(), "seed {}: {:?}", run.seed, run.end);
    }
    assert!(met > 0, "no run had a hedge or an exit refused");
}

/// a hedge that the venue refuses is an alert.
#[test]
fn r_14_a_refused_hedge_is_an_alert() {
    let mut met = 0;
    for run in played() {
        let closing: Vec<IntentId> = intents(run)
            .filter(|(_, intent)| matches!(intent.purpose, Purpose::Hedge | Purpose::Exit))
            .map(|(_, intent)| intent.id)
            .collect();
        for (index, entry) in run.entries.iter().enumerate() {
            let Entry::Settled { intent, outcome, at, .. } = entry else { continue };
            // A nonce that was taken is a matter of routine, and nothing was refused.
            let refused = match outcome {
                Outcome::Failed { .. } => true,
                Outcome::Dead { code, .. } => code.is_some_and(|code| code != 21_104),
                Outcome::Executed => false,
            };
            if refused && closing.contains(intent) {
                met += 1;
                let told = before(run, index).last_alert;
                assert!(
                    told.is_some_and(|told| at.since(told) <= secs(60)),
                    "seed {}: {entry:?} was told to nobody",
                    run.seed
                );
            }
        }
    }
    assert!(met > 0, "no run had a hedge or an exit refused");
}

/// what a partial fill leaves between the legs is less than the dust: it counts as equal, and the run still ends.
#[test]
fn r_15_dust_does_not_hold_up_the_end() {
    // Much counts as dust here, or it would take hundreds of runs to meet some.
    let dusty = |seed| {
        let mut scenario = Scenario::random(seed);
        scenario.spec.plan.hedge.dust = Usdc::whole(60);
        play(scenario)
    };
    let leaves_with_dust = |run: &Played| {
        let leaves = |entry: &Entry| matches!(entry, Entry::Step { to: Step::Exit(_), .. });
        let mut exits = run.entries.iter().enumerate().filter(|(_, entry)| leaves(entry));
        let dust = exits.any(|(index, _)| {
            let pair = before(run, index);
            let apart = pair.delta().size();
            apart > Size::ZERO && pair.checked.as_ref().is_some_and(|checked| apart <= checked.tolerance)
        });
        dust && run.end.as_ref().is_some_and(|end| end.code == 0)
    };
    assert!((1..=120).any(|seed| leaves_with_dust(&dusty(seed))), "no run left with dust between its legs");
}

/// R-07, F-07: a transaction that the sequencer refuses has used its nonce: the next one takes another, and another id.
#[test]
fn f_07_a_failed_transaction_uses_its_nonce() {
    let mut met = 0;
    for run in played() {
        let failed: Vec<IntentId> = run
            .entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Settled { intent, outcome: Outcome::Failed { .. }, .. } => Some(*intent),
                _ => None,
            })
            .collect();
        let freed = run.entries.iter().any(|entry| matches!(entry, Entry::NonceFreed { .. }));
        for id in failed.iter().filter(|_| !freed) {
            let Some((at, first)) = intents(run).find(|(_, intent)| intent.id == *id) else { continue };
            let same_slot = |intent: &Intent| intent.leg == first.leg && intent.key == first.key;
            let next = intents(run).find(|(index, intent)| *index > at && same_slot(intent));
            if let Some((_, next)) = next {
                assert!(next.nonce > first.nonce && next.id > first.id, "seed {}: {next:?}", run.seed);
                met += 1;
            }
        }
    }
    assert!(met > 0, "no run had a transaction refused by the sequencer");
}

/// while one leg stands alone, its account places nothing that would make the difference larger.
#[test]
fn r_29_nothing_is_placed_that_widens_a_difference() {
    let mut alone = 0;
    for run in played() {
        let fills = run.entries.iter().enumerate().filter(|(_, entry)| matches!(entry, Entry::Fill(_)));
        alone += fills.filter(|(index, _)| before(run, index + 1).is_naked()).count();
        for (index, intent) in intents(run).filter(|(_, intent)| intent.purpose == Purpose::Entry) {
            let pair = before(run, index);
            let leads = match pair.delta().lots() {
                lots if lots > 0 => intent.leg == LegSide::Long,
                lots if lots < 0 => intent.leg == LegSide::Short,
                _ => false,
            };
            assert!(!leads || !pair.is_naked(), "seed {}: {intent:?} while it leads", run.seed);
        }
    }
    assert!(alone > 20, "only {alone} fills left a leg alone");
}

/// R-30, U-08: after a stop nothing new is opened, and unless the plan leaves them, no order is open at the end.
#[test]
fn r_30_after_a_stop_only_cancels_and_closing_orders_start() {
    let mut stops = 0;
    for run in played() {
        let Some(at) = run.entries.iter().position(|entry| matches!(entry, Entry::Stop { .. })) else {
            continue;
        };
        let Some(end) = run.entries.iter().skip(at).position(|entry| matches!(entry, Entry::Stopped { .. }))
        else {
            continue;
        };
        stops += 1;
        let opened =
            intents(run).find(|(index, intent)| (at..at + end).contains(index) && intent.adds_risk());
        assert!(opened.is_none(), "seed {}: {opened:?} after a stop", run.seed);
        let left = before(run, at + end).has_live_orders();
        assert!(!left || run.on_stop == OnStop::Leave, "seed {}: an order was left open", run.seed);
    }
    assert!(stops > 0, "no run was stopped");
}

/// at most one hedge of a pair is on its way.
#[test]
fn r_32_one_hedge_at_a_time() {
    let mut hedges = 0;
    for run in played() {
        for (index, intent) in intents(run).filter(|(_, intent)| intent.purpose == Purpose::Hedge) {
            hedges += 1;
            let pair = before(run, index);
            let out =
                LegSide::BOTH.map(|side| pair.leg(side).has_unsettled(|purpose| *purpose == Purpose::Hedge));
            assert_eq!(out, [false, false], "seed {}: {intent:?} beside another", run.seed);
        }
    }
    assert!(hedges > 0, "no run hedged");
}

/// R-10, F-16: somebody else signs with the key of a leg: the pair ends with 25, and names what is left open.
#[test]
fn r_10_a_foreign_signer_ends_the_run_with_25() {
    for seed in 1..=3 {
        let mut scenario = Scenario::calm(seed);
        scenario.spec.plan.watch.max_hold = secs(120);
        scenario.foreign_at = Some(secs(60));
        let run = sound(scenario);
        let end = run.outcome.as_ref().and_then(Pair::end).expect("it ended");
        assert_eq!(end.code, 25, "seed {seed}: {end:?}");
        assert!(end.summary.contains("somebody else signs"), "{}", end.summary);
    }
}

/// the venue is away for minutes while a position is held: nothing is opened, the exit is tried all the time, and
/// when the venue is back the pair ends flat.
#[test]
fn r_27_an_outage_of_the_venue_ends_flat() {
    let mut scenario = Scenario::calm(6);
    scenario.spec.plan.watch.max_hold = secs(60);
    scenario.outages = vec![(secs(45), secs(300), Streams::All)];
    scenario.rates.read = 1_000;
    scenario.rates.lost = 1_000;
    scenario.faults_until = secs(345);
    let run = sound(scenario);
    let opened = |entry: &Entry| matches!(entry, Entry::Intent(intent) if intent.adds_risk() && intent.at.since(began(&run)) > secs(46));
    assert!(find(&run, opened).is_none(), "{:?} while the venue was away", find(&run, opened));
    assert!(matches!(code(&run), Some(0 | 22)), "{:?}", run.outcome.as_ref().and_then(Pair::end));
}

/// the pair's own result is the change of both balances at the exchange, to the last unit.
#[test]
fn r_33_the_result_is_the_change_of_the_balances() {
    let mut traded = 0;
    let ended = played().iter().filter(|run| run.end.is_some() && run.last.is_flat());
    for run in ended.filter(|run| run.entries.iter().any(|entry| matches!(entry, Entry::Fill(_)))) {
        traded += 1;
        let ours = run.last.net_result(Price::from_ticks(1));
        let theirs = Decimal::from_i128_with_scale(run.gained, 12);
        assert_eq!(ours, theirs, "seed {}", run.seed);
    }
    assert!(traded > 20, "{traded} runs of {} traded and ended flat", played().len());
}

/// F-13: with a clock that is minutes off no run starts until it is set; one that jumps while a run goes changes no
/// deadline.
#[test]
fn f_13_clocks_that_are_off_or_jump() {
    for ms in [-600_000, 600_000] {
        let mut scenario = Scenario::calm(7);
        scenario.skew_ms = ms;
        scenario.trace = 10_000;
        let run = sound(scenario);
        assert!(run.watch.trace().contains("no start"), "{ms} ms off: {}", run.watch.trace());
        assert_eq!(code(&run), Some(0), "{ms} ms off: {:?}", run.outcome.as_ref().and_then(Pair::end));
    }
    for ms in [-600_000, -2_000, 2_000, 600_000] {
        let mut scenario = Scenario::calm(7);
        scenario.clock_jumps = vec![(secs(20), ms)];
        let run = sound(scenario);
        // The market may have moved meanwhile, and the venue then refuses the entry.
        assert!(
            matches!(code(&run), Some(0 | 22)),
            "{ms} ms: {:?}",
            run.outcome.as_ref().and_then(Pair::end)
        );
    }
}

/// F-14: the machine sleeps past the deadlines of entry, hedge and hold, at any time; the run goes on as its plan says.
#[test]
fn f_14_a_machine_that_sleeps_past_its_deadlines() {
    for at in [1, 5, 12, 25, 35, 45] {
        let mut scenario = Scenario::calm(8);
        scenario.suspends = vec![(secs(at), secs(400))];
        let run = sound(scenario);
        assert!(matches!(code(&run), Some(0 | 22 | 28)), "asleep at {at} s: {:?}", run.outcome);
    }
}

/// U-12, F-28: the unwind of an entry is killed at every point and resumed; it is finished, once.
#[test]
fn u_12_an_interrupted_unwind_is_finished_once() {
    let unwinding = |crash: Option<u32>| {
        let mut scenario = Scenario::calm(5);
        scenario.spec.plan.hedge.prefer = HedgePreference::Unwind;
        scenario.crashes = crash.map(|point| (point, secs(2))).into_iter().collect();
        sound(scenario)
    };
    let whole = unwinding(None);
    let reduces = |entry: &Entry| matches!(entry, Entry::Intent(intent) if intent.purpose == Purpose::Hedge && !intent.adds_risk());
    assert!(find(&whole, reduces).is_some(), "this run does not unwind");
    for point in (20..whole.kill_points).step_by(2) {
        let run = unwinding(Some(point));
        assert!(matches!(code(&run), Some(0 | 22)), "killed at {point}: {:?}", run.outcome);
    }
}

/// U-14: a run may be stopped, killed and resumed in every step, and every step is left again.
#[test]
fn u_14_every_step_is_left_again() {
    let mut seen = std::collections::BTreeSet::new();
    for run in played() {
        seen.extend(run.entries.iter().filter_map(|entry| match entry {
            Entry::Step { to, .. } => Some(to.name()),
            _ => None,
        }));
        let stopped = run
            .entries
            .iter()
            .any(|entry| matches!(entry, Entry::Stop { mode: StopMode::Policy | StopMode::Flatten, .. }));
        assert!(run.end.is_some() || stopped, "seed {}: it stands still", run.seed);
    }
    for step in [Step::Place.name(), Step::Watch.name(), "hedge", "exit", Step::Withdraw.name(), "done"] {
        assert!(seen.contains(step), "no run was in step {step}");
    }
}
