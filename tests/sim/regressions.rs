//! Seeds that once found a bug stay sound.

use lighter_plan::simulate::{Faults, Scenario, play_full};

use super::cases::two_pairs;
use super::sound;
use super::sweeps::base;

/// Returns the runs that are kept: what is played, the seed, and what it found.
fn kept() -> impl Iterator<Item = (&'static str, u64, &'static str)> {
    let rows = include_str!("regressions.txt").lines().filter(|row| !row.starts_with('#'));
    rows.map(|row| {
        let (source, rest) = row.split_once(char::is_whitespace).expect("source, seed, since, what");
        let (seed, rest) = rest.trim().split_once(char::is_whitespace).expect("seed, since, what");
        (source, seed.parse().expect("a seed"), rest.trim())
    })
}

#[test]
fn seeds_that_found_a_bug() {
    assert!(kept().count() >= 17);
    for (source, seed, what) in kept() {
        eprintln!("{source} {seed}: {what}");
        match source {
            "random" => drop(sound(Scenario::random(seed))),
            "full" => {
                if let Err(violation) = play_full(&Scenario::random(seed)) {
                    panic!("{violation}");
                }
            }
            "two" => {
                if let Err(violation) = play_full(&two_pairs(seed)) {
                    panic!("{violation}");
                }
            }
            plan => drop(sound(base(&format!("{plan}.yaml")).with_seed(seed, &Faults::all()))),
        }
    }
}
