//! Rows of the fault catalogue.

use std::time::Duration;

use lighter_plan::engine::IntentId;
use lighter_plan::engine::PairEnd;
use lighter_plan::model::Timestamp;
use lighter_plan::simulate::{Fate, Scenario};

use super::sound;

/// The entry intents of a calm run: after one leverage transaction per leg.
const ENTRIES: [IntentId; 2] = [IntentId(3), IntentId(4)];

/// Runs with the given fates of the two entry sendings, every repetition included, and returns how it ended.
fn with_fates(seed: u64, fates: [Fate; 2]) -> PairEnd {
    let mut scenario = Scenario::calm(seed);
    scenario.fates = ENTRIES.into_iter().zip(fates).collect();
    let run = sound(scenario);
    let pair = run.outcome.as_ref().expect("it ended");
    assert!(pair.placed_at > Some(Timestamp::default()), "{fates:?}: nothing was placed");
    pair.end().expect("nobody asked it to stop").clone()
}

/// F-03: (done / not / unknown)² of the two entry sendings; unknown in both ways, arrived or not.
/// The watch checks that no leg stays alone and that journal and venue agree.
#[test]
fn r_06_every_pair_of_entry_outcomes() {
    let fates = [Fate::Clean, Fate::Refused, Fate::ReplyLost, Fate::Lost];
    for long in fates {
        for short in fates {
            for seed in 1..=3 {
                let end = with_fates(seed, [long, short]);
                let code = end.code;
                let refused = [long, short].contains(&Fate::Refused);
                let dead = [long, short].contains(&Fate::Lost);
                // The market may have moved between decision and execution: the venue then cancels the quote.
                let moved = end.summary.contains("CanceledPostOnly");
                assert!(
                    code == 0 || ((refused || dead || moved) && code == 22),
                    "{long:?} {short:?} {seed}: {end:?}"
                );
            }
        }
    }
}

/// F-06: an entry that is accepted and then silently dropped is dead after its deadline, and the other leg is unwound.
#[test]
fn f_06_an_accepted_entry_that_never_executes() {
    for seed in 1..=3 {
        for fates in [[Fate::BlackHole, Fate::Clean], [Fate::Clean, Fate::BlackHole], [Fate::BlackHole; 2]] {
            let end = with_fates(seed, fates);
            assert!([0, 22].contains(&end.code), "{fates:?} {seed}: {end:?}");
        }
    }
}

/// R-02, F-02, F-04, F-10, F-12: the process dies at every point of a run once, and the run ends all the same.
#[test]
fn r_02_a_crash_at_every_point() {
    for point in (1..=180).step_by(3) {
        let mut scenario = Scenario::calm(2);
        scenario.name = format!("crash at point {point}");
        let down = Duration::from_millis(u64::from(point) * 37 % 4_000);
        scenario.crashes = vec![(point, down)];
        let pair = sound(scenario).outcome.expect("it ended");
        // The market moves on while nobody is there: the entry may come too late or be refused.
        let fine = pair.end().is_some_and(|end| [0, 22, 28].contains(&end.code));
        assert!(fine, "crash at point {point}: {:?}", pair.end());
    }
}
