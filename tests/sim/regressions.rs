//! Seeds that once found a bug stay sound.

use lighter_plan::simulate::Scenario;

use super::sound;

/// Returns the seeds that are kept, each with what it found.
fn kept() -> impl Iterator<Item = (u64, &'static str)> {
    let rows = include_str!("regressions.txt").lines().filter(|row| !row.starts_with('#'));
    rows.map(|row| {
        let (seed, rest) = row.split_once(char::is_whitespace).expect("seed, since, what");
        (seed.parse().expect("a seed"), rest.trim())
    })
}

#[test]
fn seeds_that_found_a_bug() {
    assert!(kept().count() >= 5);
    for (seed, what) in kept() {
        eprintln!("seed {seed}: {what}");
        sound(Scenario::random(seed));
    }
}
