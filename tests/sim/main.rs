//! The engine against the exchange core in virtual time: seeded runs with everything going wrong that can.

mod host;
mod link;
mod scenario;
mod venue;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use host::Run;
use scenario::Scenario;

/// Runs of the default test run.
const SEEDS: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `LIGHTER_PLAN_SEEDS=N` runs N seeds, `LIGHTER_PLAN_SEED=S` the one seed S.
#[test]
fn seeds() {
    if let Some(seed) = number("LIGHTER_PLAN_SEED") {
        Run::new(Scenario::random(seed)).go();
        return;
    }
    let seeds = number("LIGHTER_PLAN_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(1);
    let failures = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        return;
                    }
                    let run = AssertUnwindSafe(|| Run::new(Scenario::random(seed)).go());
                    if catch_unwind(run).is_err() {
                        failures.lock().expect("no one panics with it").push(seed);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("all threads are done");
    assert!(failures.is_empty(), "seeds {failures:?} of {seeds} failed; LIGHTER_PLAN_SEED=S runs one");
}

/// Nothing goes wrong: the pair enters, holds, leaves and withdraws.
#[test]
fn a_calm_run_ends_with_0() {
    let run = Run::new(Scenario::calm(1)).go();
    let pair = run.outcome.expect("it ended");
    assert_eq!(pair.end().map(|end| end.code), Some(0), "{:?}", pair.end());
    assert_eq!(run.watch.emergencies, 0);
}
