//! The seeded runs that several tests look at, played once.

use std::sync::LazyLock;

use lighter_plan::engine::{Entry, Pair, PairEnd};
use lighter_plan::plan::OnStop;
use lighter_plan::rt::in_parallel;
use lighter_plan::simulate::Scenario;

use super::sound;

/// Seeds that are played. What is rare is met by a few of them.
pub(crate) const SEEDS: u64 = 160;

/// What a run left behind.
pub(crate) struct Played {
    pub(crate) seed: u64,
    pub(crate) on_stop: OnStop,
    pub(crate) entries: Vec<Entry>,
    /// `None` when it was stopped.
    pub(crate) end: Option<PairEnd>,
    pub(crate) last: Pair,
    /// What both accounts have more at the end, funding aside, in 10⁻¹² USDC.
    pub(crate) gained: i128,
}

impl Played {
    /// Returns whether the legs are equal at the end, or the operator was told that they are not.
    pub(crate) fn ends_balanced(&self) -> bool {
        let told = self.end.as_ref().is_some_and(|end| matches!(end.code, 23..=25));
        !self.last.is_naked() || told
    }
}

static PLAYED: LazyLock<Vec<Played>> = LazyLock::new(|| {
    in_parallel(usize::try_from(SEEDS).unwrap_or_default(), |index| play(Scenario::random(index as u64 + 1)))
});

/// Plays a run.
pub(crate) fn play(scenario: Scenario) -> Played {
    let seed = scenario.seed;
    let run = sound(scenario);
    let read = |row| serde_json::from_str(row).expect("an entry reads back");
    let entries = run.journal().map(read).collect();
    let on_stop = run.scenario.spec.on_stop;
    let gained = run.watch.result + run.watch.funding;
    let last = run.outcome.expect("it ended or was stopped");
    Played { seed, on_stop, entries, end: last.end().cloned(), last, gained }
}

/// Returns the runs of the first seeds.
pub(crate) fn played() -> &'static [Played] {
    &PLAYED
}
