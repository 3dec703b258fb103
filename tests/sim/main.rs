//! The engine against the exchange core in virtual time: seeded runs with everything going wrong that can.

#[cfg(feature = "mutants")]
mod cases;
mod catalogue;
mod draft;
mod full;
#[cfg(feature = "mutants")]
mod mutants;
mod named;
mod named_risk;
mod plans;
mod played;
mod protect;
mod regressions;
mod sweeps;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use lighter_plan::engine::{Entry, Outcome};
use lighter_plan::simulate::{Run, Scenario};
use played::{Played, play, played};

/// Runs of the default test run, after those that [`played`] plays.
const SEEDS: u64 = 150;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays a scenario in which every invariant must hold.
fn sound(scenario: Scenario) -> Run {
    Run::new(scenario).go().unwrap_or_else(|violation| panic!("{violation}"))
}

/// `LIGHTER_PLAN_SEEDS=N` runs N seeds, `LIGHTER_PLAN_SEED=S` the one seed S.
#[test]
fn seeds() {
    if let Some(seed) = number("LIGHTER_PLAN_SEED") {
        let run = sound(Scenario::random(seed));
        eprintln!("{}", run.watch.trace());
        return;
    }
    let (first, seeds) = match number("LIGHTER_PLAN_SEEDS") {
        Some(seeds) => (1, seeds),
        None => (played::SEEDS + 1, played::SEEDS + SEEDS),
    };
    let next = AtomicU64::new(first);
    let failures = std::sync::Mutex::new(Vec::new());
    let counts = std::sync::Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        return;
                    }
                    let run = AssertUnwindSafe(|| sound(Scenario::random(seed)));
                    match catch_unwind(run) {
                        Ok(run) => count(&mut counts.lock().expect("no one panics with it"), &run),
                        Err(_) => failures.lock().expect("no one panics with it").push(seed),
                    }
                }
            });
        }
    });
    if std::env::var_os("LIGHTER_PLAN_COUNTS").is_some() {
        eprintln!("{:#?}", counts.lock().expect("all threads are done"));
    }
    let failures = failures.into_inner().expect("all threads are done");
    assert!(failures.is_empty(), "seeds {failures:?} of {seeds} failed; LIGHTER_PLAN_SEED=S runs one");
}

/// What happened in all runs: a simulation that never meets a thing proves nothing about it.
fn count(counts: &mut BTreeMap<String, u32>, run: &Run) {
    let end = run.outcome.as_ref().and_then(|pair| pair.end());
    let (code, why) = end.map_or((21, "stopped"), |end| {
        (end.code, end.summary.split(';').next().unwrap_or_default().split(':').next().unwrap_or_default())
    });
    for key in [format!("{} ends with {code}", run.scenario.name), format!("end {code} {why}")] {
        *counts.entry(key).or_default() += 1;
    }
    for row in run.journal() {
        let entry = serde_json::from_str(row).expect("an entry reads back");
        *counts.entry(format!("entry {}", kind(&entry))).or_default() += 1;
    }
    *counts.entry("lives".to_owned()).or_default() += run.lives;
}

/// Nothing goes wrong: the pair enters, holds, leaves and withdraws.
#[test]
fn a_calm_run_ends_with_0() {
    let run = sound(Scenario::calm(1));
    let pair = run.outcome.expect("it ended");
    assert_eq!(pair.end().map(|end| end.code), Some(0), "{:?}", pair.end());
    assert_eq!(run.watch.emergencies, 0);
}

fn kind(entry: &Entry) -> String {
    match entry {
        Entry::Intent(intent) => {
            let text = format!("{:?}", intent.purpose);
            format!("intent {}", text.split('(').next().unwrap_or_default())
        }
        Entry::Settled { outcome, .. } => match outcome {
            Outcome::Executed => "settled executed".to_owned(),
            Outcome::Failed { code, .. } => format!("settled failed {code:?}"),
            Outcome::Dead { code, .. } => format!("settled dead {code:?}"),
        },
        Entry::Order { status, .. } => format!("order {status:?}"),
        Entry::Step { to, .. } => {
            let text = format!("{to:?}");
            format!("step {}", text.split(['{', '\"']).next().unwrap_or_default())
        }
        other => other.kind().to_owned(),
    }
}
