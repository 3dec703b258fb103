//! What is counted of one run, whatever host played it.

use std::time::Duration;

use super::full::{FullRun, play_full};
use super::host::Run;
use super::scenario::Scenario;
use super::sweep;
use super::tally::Outcome;
use super::violation::Violation;
use super::watch::Watch;
use crate::engine::{Pair, PairSpec, codes};

/// What plays a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Host {
    /// Engine and exchange core, without sockets and signatures.
    #[default]
    Direct,
    /// Client, server and signatures too, over a network in memory.
    Full,
}

impl Host {
    /// Plays a scenario once; when something does not hold, again with a trace.
    ///
    /// # Errors
    ///
    /// What did not hold.
    pub fn play(self, scenario: &Scenario) -> Result<Played, Box<Violation>> {
        match self {
            Self::Direct => sweep::play(scenario).map(|run| Played::of(&run)),
            Self::Full => sweep::play_with(scenario, play_full).map(|run| Played::of_full(scenario, &run)),
        }
    }
}

/// One run that was sound.
#[derive(Clone, Debug)]
pub struct Played {
    /// How it ended.
    pub outcome: Outcome,
    /// With which exit code.
    pub code: u8,
    /// How many processes it took.
    pub lives: u32,
    /// Points passed at which a process may die.
    pub kill_points: u32,
    /// The longest time that the legs differed by more than the tolerance.
    pub worst_naked: Duration,
    /// What both accounts have more at the end, in 10⁻¹² USDC.
    pub result: i128,
}

impl Played {
    pub(crate) fn of(run: &Run) -> Self {
        Self::new(&run.scenario.spec, run.outcome.as_ref(), (run.lives, run.kill_points), &run.watch)
    }

    /// Of several pairs, what was worst of any; their results together.
    fn of_full(scenario: &Scenario, run: &FullRun) -> Self {
        let counts = (run.lives, run.kill_points);
        let first = Self::new(&scenario.spec, Some(&run.outcome), counts, &run.watch);
        let others = scenario.beside.iter().zip(&run.beside);
        others.fold(first, |whole, (beside, (pair, watch))| {
            let part = Self::new(&beside.spec, Some(pair), counts, watch);
            Self {
                outcome: whole.outcome.max(part.outcome),
                code: codes::worst([whole.code, part.code]),
                worst_naked: whole.worst_naked.max(part.worst_naked),
                result: whole.result + part.result,
                ..whole
            }
        })
    }

    fn new(spec: &PairSpec, pair: Option<&Pair>, (lives, kill_points): (u32, u32), watch: &Watch) -> Self {
        Self {
            outcome: Outcome::of(spec, pair),
            code: pair.and_then(Pair::end).map_or(21, |end| end.code),
            lives,
            kill_points,
            worst_naked: watch.worst_naked,
            result: watch.result,
        }
    }
}
