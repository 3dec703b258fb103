//! SIGKILL at every journal commit, before and after every send, and at seeded random moments.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use lighter_plan::engine::Purpose;
use lighter_plan::rt::{Clock, SplitMix64};

use crate::case::{Case, Slot, Tally, run_all};
use crate::process::Ended;
use crate::proof;
use crate::stage::{Host, Kill, Scene, Stage};

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
fn whole(host: Host, scene: Scene) -> &'static Whole {
    static WHOLE: [OnceLock<Whole>; 4] = [const { OnceLock::new() }; 4];
    let place = 2 * usize::from(host == Host::Embedded) + usize::from(scene == Scene::LongFills);
    WHOLE[place].get_or_init(|| {
        let _slot = Slot::take();
        let stage = Stage::new(host, scene).unwrap_or_else(|failure| panic!("{failure}"));
        let clock = Clock::system();
        let result = stage.go(&Kill::None).and_then(|ended| {
            let took = clock.elapsed();
            crate::ensure!(ended == Ended::Code(0), "the run ended with {ended:?}");
            let journal = proof::finished(&stage, 0)?.journal;
            let hedged = journal.intents().values().any(|intent| intent.purpose == Purpose::Hedge);
            crate::ensure!(hedged == (scene == Scene::LongFills), "{scene:?}: hedged: {hedged}");
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
fn at_points(host: Host, scene: Scene, share: usize) -> Vec<Case> {
    let mut rng = SplitMix64::new(seed());
    let count = whole(host, scene).points.len();
    let every = if everything() { 1 } else { (count / share).max(1) };
    let first = usize::try_from(rng.below(every as u64)).unwrap_or(0);
    (first..count)
        .step_by(every)
        .enumerate()
        .map(|(number, point)| Case {
            name: format!("{host:?} {scene:?} point {} of {count}", point + 1),
            host,
            scene,
            kills: with_second(&mut rng, number, Kill::Point(format!("*:{}", point + 1))),
        })
        .collect()
}

/// Returns kills at random moments of a run.
fn at_moments(host: Host, scene: Scene, count: usize) -> Vec<Case> {
    let mut rng = SplitMix64::new(seed() ^ 0x5eed);
    let took = u64::try_from(whole(host, scene).took.as_millis()).unwrap_or(u64::MAX);
    (0..count)
        .map(|number| {
            let moment = Duration::from_millis(rng.below(took));
            Case {
                name: format!("{host:?} {scene:?} moment {number}"),
                host,
                scene,
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
    // A run has fewer points, or takes less time, than the one they were counted in; on a busy machine much less.
    assert!(killed * 2 >= tallies.len(), "only {killed} of {} runs were killed", tallies.len());
}

/// The points are there: two of every commit and of every send.
#[test]
fn every_commit_and_every_send_is_a_kill_point() {
    for host in [Host::Apart, Host::Embedded] {
        let points = &whole(host, Scene::BothFill).points;
        let count = |name: &str| points.iter().filter(|point| *point == name).count();
        for name in NAMES {
            assert!(count(name) >= 8, "{host:?}: {name} was passed {} times", count(name));
        }
        assert_eq!(count(NAMES[0]), count(NAMES[1]), "{host:?}");
        assert_eq!(count(NAMES[2]), count(NAMES[3]), "{host:?}");
        assert!(points.iter().all(|point| NAMES.contains(&point.as_str())), "{host:?}: {points:?}");
    }
}

/// F-01, F-02, F-04, U-01, U-02: killed at every commit and around every send, the exchange lives on.
#[test]
fn killed_at_a_point_the_exchange_lives_on() {
    prove(at_points(Host::Apart, Scene::BothFill, 16));
}

/// killed at every commit and around every send, the exchange dies too.
#[test]
fn killed_at_a_point_the_exchange_dies_too() {
    prove(at_points(Host::Embedded, Scene::BothFill, 6));
}

/// U-01: killed at random moments, the exchange lives on.
#[test]
fn killed_at_a_random_moment_the_exchange_lives_on() {
    prove(at_moments(Host::Apart, Scene::BothFill, if everything() { MOMENTS } else { 8 }));
}

/// Killed at random moments, the exchange dies too.
#[test]
fn killed_at_a_random_moment_the_exchange_dies_too() {
    prove(at_moments(Host::Embedded, Scene::BothFill, if everything() { MOMENTS / 3 } else { 4 }));
}

/// F-28: killed in the middle of a hedge, no naked leg is left, and nothing is hedged twice.
#[test]
fn killed_around_a_hedge() {
    let mut cases = at_points(Host::Apart, Scene::LongFills, 10);
    cases.extend(at_moments(Host::Embedded, Scene::LongFills, if everything() { MOMENTS / 3 } else { 4 }));
    prove(cases);
}
