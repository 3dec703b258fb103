//! The simulation of an operator's plan: the same bytes twice, the same table on any number of workers, every crash
//! point, broken disks and wrong clocks, and what a failure is told as.

use std::path::Path;
use std::time::Duration;

use lighter_plan::lint::check;
use lighter_plan::model::{Market, find_market, snapshot_markets};
use lighter_plan::paper::world::{Pace, WorldSpec};
use lighter_plan::plan::{LoadOptions, PairPlan, Plan, SourceFile};
use lighter_plan::rt::processors;
use lighter_plan::simulate::{
    DiskFault, Fault, Faults, Invariant, Outcome, Run, Scenario, Sweep, Tally, play, shrink,
};

use super::{number, sound};

/// A plan of `plans/` and its world.
fn plan(name: &str) -> (Plan, WorldSpec) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(name);
    let source = SourceFile::read(&path).expect("a plan");
    let plan = check(&source, &LoadOptions::default(), snapshot_markets()).plan.expect("a sound plan");
    let world = WorldSpec::load(&plan.paper.as_ref().expect("on paper").world).expect("a world");
    (plan, world)
}

fn market(pair: &PairPlan) -> &'static Market {
    find_market(snapshot_markets(), &pair.market).expect("a listed market")
}

/// The first pair of a plan of `plans/`.
pub(crate) fn base(name: &str) -> Scenario {
    let (plan, world) = plan(name);
    Scenario::of_pair(&plan, &plan.pairs[0], market(&plan.pairs[0]), &world)
}

/// All pairs of a plan of `plans/` in one run.
pub(crate) fn together(name: &str) -> Scenario {
    let (plan, world) = plan(name);
    let pairs: Vec<_> = plan.pairs.iter().map(|pair| (pair, market(pair))).collect();
    Scenario::of_pairs(&plan, &pairs, &world)
}

fn sweep<T>(base: &Scenario, faults: &Faults, jobs: usize, work: impl Fn(&Sweep<'_>) -> T) -> T {
    work(&Sweep { base, faults, jobs, done: &|_| {} })
}

fn all_sound(tally: &Tally) {
    if let Some((case, violation)) = tally.violations.first() {
        panic!("{} of {} runs are broken; {case}: {violation}", tally.broken, tally.runs());
    }
}

/// The same seed gives the same bytes: journal, trace and exchange.
#[test]
fn a_seed_gives_the_same_bytes_twice() {
    let quick = base("quick-pair.yaml");
    for seed in 1..=12 {
        let planned = Scenario { trace: usize::MAX, ..quick.with_seed(seed, &Faults::all()) };
        for scenario in [Scenario::random(seed), planned] {
            let [first, second] = [(); 2].map(|()| sound(scenario.clone()));
            assert_eq!(first.digest(), second.digest(), "seed {seed}");
            assert!(first.journal().eq(second.journal()), "seed {seed}");
            assert!(!first.watch.trace().is_empty());
        }
    }
}

/// A trace is looked at and changes nothing.
#[test]
fn a_run_is_the_same_with_and_without_a_trace() {
    let quick = base("quick-pair.yaml");
    for seed in 1..=12 {
        let silent = sound(quick.with_seed(seed, &Faults::all()));
        let traced = sound(Scenario { trace: 50, ..quick.with_seed(seed, &Faults::all()) });
        assert!(silent.journal().eq(traced.journal()), "seed {seed}");
    }
}

#[test]
fn the_number_of_workers_does_not_show() {
    let quick = base("quick-pair.yaml");
    let faults = Faults::all();
    let [one, three] = [1, 3].map(|jobs| sweep(&quick, &faults, jobs, |sweep| sweep.seeds(1, 90)));
    assert_eq!(one, three);
    all_sound(&one);
    assert_eq!(one.runs(), 90);
    // What never happens proves nothing.
    for outcome in [Outcome::Withdrawn, Outcome::Flat] {
        assert!(one.cells.keys().any(|(known, _)| *known == outcome), "no run ends as {}", outcome.name());
    }
}

/// R-02, F-02, F-03, F-04, F-06: the process dies at every point of a run, with every answer to what is in doubt there.
/// `LIGHTER_PLAN_CRASH_SEEDS=N` does it for N seeds, and with a second crash at the points of the resume.
#[test]
fn r_02_every_crash_point_with_every_answer() {
    let quick = base("quick-pair.yaml");
    let none = Faults::none();
    let twice = number("LIGHTER_PLAN_CRASH_SEEDS");
    for seed in 1..=twice.unwrap_or(1) {
        let tally = sweep(&quick, &none, processors(), |sweep| match twice {
            Some(_) => sweep.crashes(seed),
            None => sweep.single_crashes(seed),
        });
        all_sound(&tally);
        assert!(tally.runs() > 300, "{} runs", tally.runs());
        assert!(tally.cells.keys().any(|(outcome, code)| (*outcome, *code) == (Outcome::Withdrawn, 0)));
    }
}

/// `LIGHTER_PLAN_SWEEP=N` plays N seeds of the quick plan with everything that can go wrong.
#[test]
fn the_quick_plan_bears_everything() {
    let quick = base("quick-pair.yaml");
    let seeds = number("LIGHTER_PLAN_SWEEP").unwrap_or(400);
    all_sound(&sweep(&quick, &Faults::all(), processors(), |sweep| sweep.seeds(1, seeds)));
}

/// F-18, F-19, U-26: whatever happens to whichever commit, nothing that was sent is forgotten.
#[test]
fn f_18_f_19_every_commit_torn_lost_or_refused() {
    let mut gone = 0;
    for kind in DiskFault::ALL {
        for commit in 1..=30 {
            let mut scenario = Scenario::calm(2);
            scenario.name = format!("{kind:?} at commit {commit}");
            scenario.pace = Pace::Brisk;
            scenario.disk = vec![(commit, kind, Duration::from_millis(u64::from(commit) * 431 % 5_000))];
            let run = sound(scenario);
            gone += run.lives - 1;
            let code = run.outcome.as_ref().and_then(|pair| pair.end()).map(|end| end.code);
            assert!([Some(0), Some(22), Some(28)].contains(&code), "{kind:?} at commit {commit}: {code:?}");
        }
    }
    assert!(gone > 100, "{gone} processes ended by it");
}

/// F-20: on a full disk nothing new starts, and what is open is brought home.
#[test]
fn f_20_a_full_disk_starts_nothing() {
    let mut scenario = Scenario::calm(2);
    scenario.disk_full = Some((Duration::ZERO, Duration::from_secs(600)));
    let run = sound(scenario);
    assert!(!run.journal().any(|row| row.contains("\"entry\"")), "an entry was placed");
    let mut scenario = Scenario::calm(2);
    scenario.disk_full = Some((Duration::from_secs(12), Duration::from_secs(600)));
    let run = sound(scenario);
    assert_eq!(run.outcome.as_ref().and_then(|pair| pair.end()).map(|end| end.code), Some(0));
}

/// F-13: a clock that is off by less than the limit is borne, and with one beyond it no process starts.
#[test]
fn f_13_wrong_clocks() {
    for skew_ms in [-900, -400, 400, 900, 3_000, -3_000, 600_000, -600_000] {
        let mut scenario = Scenario::calm(2);
        scenario.name = format!("skew {skew_ms} ms");
        scenario.skew_ms = skew_ms;
        let jump = if skew_ms > 0 { -600_000 } else { 600_000 };
        scenario.clock_jumps = vec![(Duration::from_secs(15), jump)];
        scenario.crashes = vec![(70, Duration::from_secs(1))];
        sound(scenario);
    }
}

/// F-14: the machine sleeps at every moment of a run, past its deadlines.
#[test]
fn f_14_a_machine_that_sleeps() {
    for at in 1..=30 {
        let mut scenario = Scenario::calm(2);
        scenario.name = format!("asleep after {at} s");
        scenario.suspends = vec![(Duration::from_secs(at), Duration::from_secs(at * 7 % 100 + 2))];
        sound(scenario);
    }
}

/// What breaks without any fault is told without any: the search takes everything away that does not matter.
#[test]
fn a_failure_is_shrunk_to_what_matters() {
    let mut scenario = base("quick-pair.yaml").with_seed(7, &Faults::all());
    scenario.outages.push((
        Duration::from_secs(1),
        Duration::from_secs(2),
        lighter_plan::simulate::Streams::All,
    ));
    scenario.end_by = Duration::from_secs(2);
    let violation = *play(&scenario).err().expect("no run ends in two seconds");
    assert_eq!(violation.invariant, Invariant::ComesToRest);
    assert!(!violation.trace.is_empty(), "a failure has its log");
    let (smallest, shown) = shrink(&scenario, violation);
    assert_eq!(shown.invariant, Invariant::ComesToRest);
    assert_eq!(smallest.schedule(), "");
}

/// A crash that alone breaks it stays, and nothing else does.
#[test]
fn what_breaks_it_stays() {
    let mut scenario = base("quick-pair.yaml").with_seed(3, &Faults::none());
    let whole = sound(scenario.clone());
    let lasted = Duration::from_secs(90);
    drop(whole);
    scenario.end_by = lasted;
    assert!(play(&scenario).is_ok(), "undisturbed it ends in time");
    scenario.crashes = vec![(20, Duration::from_secs(1)), (40, Duration::from_secs(300))];
    scenario.tx_lag_ms = 100;
    scenario.skew_ms = 50;
    let violation = *play(&scenario).err().expect("it comes back too late");
    let (smallest, _) = shrink(&scenario, violation);
    assert_eq!(smallest.schedule().lines().count(), 1, "{}", smallest.schedule());
    assert!(smallest.schedule().contains("back in 300s"), "{}", smallest.schedule());
}

/// Every fault that has a name is drawn by some seed, and by none when it is not chosen.
#[test]
fn chosen_faults_are_drawn() {
    let quick = base("quick-pair.yaml");
    let calm = quick.schedule();
    for fault in Fault::ALL {
        let only: Faults = fault.name().parse().expect("a name");
        let drawn = |faults: &Faults| {
            (1..=400).filter(|seed| quick.with_seed(*seed, faults).schedule() != calm).count()
        };
        assert!(drawn(&only) > 3, "{} is drawn {} times", fault.name(), drawn(&only));
        assert_eq!(drawn(&Faults::none()), 0);
    }
}

/// Nothing is watched that is never seen: the runs of the quick plan are whole ones.
#[test]
fn an_undisturbed_quick_run_goes_all_the_way() {
    let run: Run = sound(base("quick-pair.yaml").with_seed(1, &Faults::none()));
    let pair = run.outcome.as_ref().expect("it ended");
    assert_eq!(pair.end().map(|end| end.code), Some(0), "{:?}", pair.end());
    assert!(run.kill_points > 60, "{}", run.kill_points);
}
