//! The full host: client, server and signatures over a network in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use lighter_plan::paper::server::Fault;
use lighter_plan::rt::in_parallel;
use lighter_plan::simulate::{FullRun, Scenario, TRACE, play_full};

use crate::cases::two_pairs;
use crate::number;

/// Runs of the default test run.
const RUNS: u64 = 24;
/// Runs of two pairs together.
const TOGETHER: u64 = 8;

fn sound(scenario: &Scenario) -> FullRun {
    play_full(scenario).unwrap_or_else(|violation| panic!("{violation}"))
}

/// Nothing goes wrong, but for latency: the pair enters, holds, leaves and withdraws.
#[test]
fn a_calm_full_run_ends_with_0() {
    let run = sound(&Scenario::calm(1));
    assert_eq!(
        run.outcome.end().map(|end| end.code),
        Some(0),
        "{:?}\n{}",
        run.outcome.end(),
        run.watch.trace()
    );
    assert_eq!((run.lives, run.watch.emergencies), (1, 0));
}

/// U-11: a proxy sends every request twice, and the answer is that of the second copy: the nonce is used. The first was
/// taken in all the same.
#[test]
fn u_11_a_used_nonce_is_no_proof_that_the_bytes_are_dead() {
    let mut scenario = Scenario::calm(1);
    scenario.rates.twice = 1_000;
    scenario.faults_until = std::time::Duration::from_secs(600);
    let run = sound(&scenario);
    let copies = run.struck.iter().filter(|(_, fault)| *fault == Fault::DuplicateRequest).count();
    assert!(copies >= 2, "{:?}", run.struck);
    assert_eq!(
        run.outcome.end().map(|end| end.code),
        Some(0),
        "{:?}\n{}",
        run.outcome.end(),
        run.watch.trace()
    );
}

/// The same seed gives the same journal, log and exchange, to the byte.
#[test]
fn a_full_run_repeats() {
    for seed in 1..=4 {
        let scenario = Scenario::random(seed);
        let (first, second) = (sound(&scenario), sound(&scenario));
        assert_eq!(first.watch.trace(), second.watch.trace(), "seed {seed}");
        assert_eq!(first.struck, second.struck, "seed {seed}");
        assert_eq!(first.digest, second.digest, "seed {seed}");
    }
}

/// Two pairs of one run, whose quotes and takers could meet, with everything going wrong.
#[test]
fn pairs_of_one_run_do_not_meet() {
    let runs = number("LIGHTER_PLAN_TOGETHER_RUNS").unwrap_or(TOGETHER);
    let ends = in_parallel(usize::try_from(runs).expect("a few"), |index| {
        let run = sound(&two_pairs(index as u64 + 1));
        let ends = run.beside.iter().map(|(pair, _)| pair).chain([&run.outcome]);
        ends.map(|pair| pair.end().map_or(21, |end| end.code)).collect::<Vec<_>>()
    });
    let withdrawn = ends.iter().flatten().filter(|code| **code == 0).count();
    assert!(withdrawn > 0, "no pair of {runs} runs came to its end: {ends:?}");
}

/// `LIGHTER_PLAN_FULL_RUNS=N` plays N seeds from `LIGHTER_PLAN_FULL_FROM` on; `LIGHTER_PLAN_FULL_SEED=S` the one seed S,
/// with its log.
#[test]
fn full_seeds() {
    if let Some(seed) = number("LIGHTER_PLAN_FULL_SEED") {
        // `RUST_LOG=lighter_plan=debug` shows what client and server have to say.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().without_time().with_env_filter(filter).with_writer(std::io::stderr).init();
        let run = play_full(&Scenario { trace: usize::MAX, ..Scenario::random(seed) });
        match run {
            Ok(run) => eprintln!("{}\n{:?} {} lives", run.watch.trace(), run.outcome.end(), run.lives),
            Err(violation) => panic!("{violation}"),
        }
        return;
    }
    let runs = number("LIGHTER_PLAN_FULL_RUNS").unwrap_or(RUNS);
    let from = number("LIGHTER_PLAN_FULL_FROM").unwrap_or(1);
    let jobs = number("LIGHTER_PLAN_FULL_JOBS").unwrap_or(2);
    let next = AtomicU64::new(from);
    let failures = std::sync::Mutex::new(BTreeMap::new());
    let counts = std::sync::Mutex::new(BTreeMap::<String, u64>::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + runs {
                        return;
                    }
                    let scenario = Scenario { trace: 0, ..Scenario::random(seed) };
                    match play_full(&scenario) {
                        Ok(run) => count(&mut counts.lock().expect("no one panics with it"), &scenario, &run),
                        Err(_) => {
                            let told = play_full(&Scenario { trace: TRACE, ..scenario });
                            let text =
                                told.err().map_or_else(|| "not again".to_owned(), |error| error.to_string());
                            let first = text.lines().next().unwrap_or_default();
                            eprintln!("{first}");
                            failures.lock().expect("no one panics with it").insert(seed, text);
                        }
                    }
                }
            });
        }
    });
    if std::env::var_os("LIGHTER_PLAN_COUNTS").is_some() {
        eprintln!("{:#?}", counts.lock().expect("all threads are done"));
    }
    let failures = failures.into_inner().expect("all threads are done");
    if let Some((seed, text)) = failures.iter().next() {
        let seeds: Vec<_> = failures.keys().collect();
        panic!("seeds {seeds:?} of {runs} failed; LIGHTER_PLAN_FULL_SEED={seed} plays the first:\n{text}");
    }
}

/// What happened in all runs: a simulation that never meets a thing proves nothing about it.
fn count(counts: &mut BTreeMap<String, u64>, scenario: &Scenario, run: &FullRun) {
    let end = run.outcome.end();
    let code = end.map_or(21, |end| end.code);
    let mut add = |key: String, by: u64| *counts.entry(key).or_default() += by;
    add(format!("{} ends with {code}", scenario.name), 1);
    add(format!("ends with {code}"), 1);
    add("lives".to_owned(), run.lives.into());
    add("kill points".to_owned(), run.kill_points.into());
    for (place, fault) in &run.struck {
        let text = format!("{fault:?}");
        add(format!("fault {place} {}", text.split(' ').next().unwrap_or_default()), 1);
    }
}
