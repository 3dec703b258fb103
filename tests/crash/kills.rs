//! SIGKILL at every journal commit, before and after every send, and at seeded random moments.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use lighter_plan::rt::{Clock, SplitMix64};

use crate::case::{Case, Slot, Tally, run_all};
use crate::process::Ended;
use crate::proof;
use crate::stage::{Host, Kill, Stage};

/// Kill points that a run has at least: two of every commit and every send.
const NAMES: [&str; 4] = ["journal.before_commit", "journal.after_commit", "send.before", "send.after"];
/// Random moments of the whole.
const MOMENTS: usize = 50;
/// The default seed.
const SEED: u64 = 7;

/// A run that nothing killed.
#[derive(Debug)]
struct Whole {
    /// The points that it passed, in order.
    points: Vec<String>,
    /// How long it took.
    took: Duration,
}

/// Runs the plan without a crash and proves it by the same rules.
fn whole(host: Host) -> &'static Whole {
    static WHOLE: [OnceLock<Whole>; 2] = [OnceLock::new(), OnceLock::new()];
    WHOLE[usize::from(host == Host::Embedded)].get_or_init(|| {
        let _slot = Slot::take();
        let stage = Stage::new(host, |plan| plan).unwrap();
        let clock = Clock::system();
        let result = stage.go(&Kill::None).and_then(|ended| {
            let took = clock.elapsed();
            crate::ensure!(ended == Ended::Code(0), "the run ended with {ended:?}");
            proof::finished(&stage, 0)?;
            let points = std::fs::read_to_string(stage.points()).map_err(|error| error.to_string())?;
            Ok(Whole { points: points.lines().map(str::to_owned).collect(), took })
        });
        result.unwrap_or_else(|failure| panic!("without a crash: {failure}\n{}", stage.tails()))
    })
}

fn seed() -> u64 {
    std::env::var("LIGHTER_PLAN_CRASH_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED)
}

/// Returns whether everything is wanted, or the part that CI has time for.
fn everything() -> bool {
    std::env::var("LIGHTER_PLAN_CRASH").is_ok_and(|wanted| wanted == "all")
}

/// In a third of the cases the resume is killed, too, early enough to hit it.
fn with_second(rng: &mut SplitMix64, number: usize, first: Kill) -> Vec<Kill> {
    match number % 3 {
        0 => vec![first, Kill::Point(format!("*:{}", 1 + rng.below(16)))],
        _ => vec![first],
    }
}

/// Returns a kill at `share` of all points, evenly spread from a seeded start; at each of them when everything is wanted.
fn at_points(host: Host, share: usize) -> Vec<Case> {
    let mut rng = SplitMix64::new(seed());
    let count = whole(host).points.len();
    let every = if everything() { 1 } else { (count / share).max(1) };
    let first = usize::try_from(rng.below(every as u64)).unwrap_or(0);
    (first..count)
        .step_by(every)
        .enumerate()
        .map(|(number, point)| Case {
            name: format!("{host:?} point {} of {count}", point + 1),
            host,
            kills: with_second(&mut rng, number, Kill::Point(format!("*:{}", point + 1))),
        })
        .collect()
}

/// Returns kills at random moments of a run.
fn at_moments(host: Host, count: usize) -> Vec<Case> {
    let mut rng = SplitMix64::new(seed() ^ 0x5eed);
    let took = u64::try_from(whole(host).took.as_millis()).unwrap_or(u64::MAX);
    (0..count)
        .map(|number| {
            let moment = Duration::from_millis(rng.below(took));
            Case {
                name: format!("{host:?} moment {number}"),
                host,
                kills: with_second(&mut rng, number, Kill::After(moment)),
            }
        })
        .collect()
}

/// Runs the cases; most of them must really have been killed, or they prove nothing.
fn prove(cases: Vec<Case>) {
    let count = cases.len();
    let tallies = run_all(seed(), cases);
    let killed = tallies.iter().filter(|tally: &&Tally| tally.killed > 0).count();
    let mut codes: BTreeMap<i32, usize> = BTreeMap::new();
    for tally in &tallies {
        *codes.entry(tally.code).or_default() += 1;
    }
    eprintln!("{count} cases, {killed} killed, exit codes {codes:?}");
    // A run has a few points and milliseconds more or less than the one they were counted in.
    assert!(killed * 5 >= tallies.len() * 4, "only {killed} of {} runs were killed", tallies.len());
}

/// The points are there: two of every commit and of every send.
#[test]
fn every_commit_and_every_send_is_a_kill_point() {
    for host in [Host::Apart, Host::Embedded] {
        let points = &whole(host).points;
        let count = |name: &str| points.iter().filter(|point| *point == name).count();
        for name in NAMES {
            assert!(count(name) >= 8, "{host:?}: {name} was passed {} times", count(name));
        }
        assert_eq!(count(NAMES[0]), count(NAMES[1]), "{host:?}");
        assert_eq!(count(NAMES[2]), count(NAMES[3]), "{host:?}");
        assert!(points.iter().all(|point| NAMES.contains(&point.as_str())), "{host:?}: {points:?}");
    }
}

/// Killed at every commit and around every send, the exchange lives on.
#[test]
fn killed_at_a_point_the_exchange_lives_on() {
    prove(at_points(Host::Apart, 20));
}

/// Killed at every commit and around every send, the exchange dies too.
#[test]
fn killed_at_a_point_the_exchange_dies_too() {
    prove(at_points(Host::Embedded, 8));
}

/// Killed at random moments, the exchange lives on.
#[test]
fn killed_at_a_random_moment_the_exchange_lives_on() {
    prove(at_moments(Host::Apart, if everything() { MOMENTS } else { 10 }));
}

/// Killed at random moments, the exchange dies too.
#[test]
fn killed_at_a_random_moment_the_exchange_dies_too() {
    prove(at_moments(Host::Embedded, if everything() { MOMENTS / 3 } else { 5 }));
}
