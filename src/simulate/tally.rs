//! What many runs came to.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::link::Fate;
use super::played::Played;
use super::violation::Violation;
use crate::engine::{Pair, PairSpec};
use crate::plan::WithdrawWhen;

/// Broken runs that are kept whole; of the others only the number is known.
const KEPT: usize = 10;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Flat, and the USDC went back.
    Withdrawn,
    /// Flat.
    Flat,
    /// Stopped with what the plan's `on_stop` leaves.
    Held,
    /// Ended with what is left listed for the operator.
    HandedOver,
}

impl Outcome {
    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::Flat => "flat",
            Self::Held => "held",
            Self::HandedOver => "handed over",
        }
    }

    pub(super) fn of(spec: &PairSpec, pair: Option<&Pair>) -> Self {
        let Some(pair) = pair else { return Self::HandedOver };
        let bare = pair.is_flat() && !pair.has_live_orders();
        match pair.end() {
            None if bare => Self::Flat,
            None => Self::Held,
            Some(end) if end.code == 0 && spec.plan.withdraw.when == WithdrawWhen::OnExit => Self::Withdrawn,
            // Somebody else's hand, an order still open, money on its way: listed in the summary.
            Some(end) if [23, 24, 25, 27].contains(&end.code) || !bare => Self::HandedOver,
            Some(_) => Self::Flat,
        }
    }
}

/// A process that dies at one point, or at two, while the answers to what is in doubt there go one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrashAt {
    /// The kill point, from 1.
    pub point: u32,
    /// What becomes of every sending of the intents that are in doubt there.
    pub answer: Fate,
    /// A second kill point, in the life after the first.
    pub second: Option<u32>,
}

impl fmt::Display for CrashAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.point)?;
        if self.answer != Fate::Clean {
            write!(f, ":{}", self.answer.name())?;
        }
        self.second.map_or(Ok(()), |second| write!(f, "+{second}"))
    }
}

impl FromStr for CrashAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a crash such as `57`, `57:late` or `57+63`");
        let (first, second) = match text.split_once('+') {
            Some((first, second)) => (first, Some(second.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let (point, answer) = match first.split_once(':') {
            Some((point, name)) => {
                let answer = Fate::ALL.into_iter().find(|fate| fate.name() == name);
                (point, answer.ok_or_else(wrong)?)
            }
            None => (first, Fate::Clean),
        };
        Ok(Self { point: point.parse().map_err(|_| wrong())?, answer, second })
    }
}

/// Which run of a sweep; enough to play it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// The seed.
    pub seed: u64,
    /// Where the process dies, when the sweep decides on that.
    pub crash: Option<CrashAt>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--seed {}", self.seed)?;
        self.crash.map_or(Ok(()), |crash| write!(f, " --at {crash}"))
    }
}

/// The runs of one outcome and exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// How many.
    pub runs: u64,
    /// The longest time that the legs differed by more than the tolerance, and where.
    pub naked: (Duration, Case),
    /// The largest loss of both accounts, in 10⁻¹² USDC, and where; negative when all gained.
    pub loss: (i128, Case),
}

/// What many runs came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By outcome and exit code.
    pub cells: BTreeMap<(Outcome, u8), Cell>,
    /// Processes that they took.
    pub lives: u64,
    /// Runs in which an invariant did not hold.
    pub broken: u64,
    /// The first of them, in order.
    pub violations: Vec<(Case, Violation)>,
}

impl Tally {
    /// Counts a run.
    pub(crate) fn add(&mut self, case: Case, played: Result<&Played, Violation>) {
        let run = match played {
            Ok(run) => run,
            Err(violation) => {
                self.broken += 1;
                if self.violations.len() < KEPT {
                    self.violations.push((case, violation));
                }
                return;
            }
        };
        self.lives += u64::from(run.lives);
        let cell = Cell { runs: 1, naked: (run.worst_naked, case), loss: (-run.result, case) };
        self.count((run.outcome, run.code), cell);
    }

    fn count(&mut self, key: (Outcome, u8), cell: Cell) {
        let Some(known) = self.cells.get_mut(&key) else {
            self.cells.insert(key, cell);
            return;
        };
        known.runs += cell.runs;
        // The first of equals stays, so that the order of the work does not show.
        if cell.naked.0 > known.naked.0 {
            known.naked = cell.naked;
        }
        if cell.loss.0 > known.loss.0 {
            known.loss = cell.loss;
        }
    }

    /// Adds what later runs came to.
    pub fn add_all(&mut self, later: Self) {
        for (key, cell) in later.cells {
            self.count(key, cell);
        }
        self.lives += later.lives;
        self.broken += later.broken;
        let room = KEPT.saturating_sub(self.violations.len());
        self.violations.extend(later.violations.into_iter().take(room));
    }

    /// Returns the number of runs, broken ones included.
    pub fn runs(&self) -> u64 {
        self.cells.values().map(|cell| cell.runs).sum::<u64>() + self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_read_as_it_is_told() {
        for text in ["57", "57:late", "57+63", "7:reply-lost+9"] {
            assert_eq!(text.parse::<CrashAt>().map(|crash| crash.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "x", "5:", "5:never", "5+"] {
            assert!(text.parse::<CrashAt>().is_err(), "{text}");
        }
    }
}
