//! The exit codes, all of them, in one place (DESIGN §2). The output format never changes them.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exit(u8);

impl Exit {
    /// Every pair ended as its plan declares; no findings at or above the floor.
    pub const OK: Self = Self(0);
    /// Findings; or a failure before anything was sent that no other code names.
    pub const FAILED: Self = Self(1);
    /// Usage.
    pub const USAGE: Self = Self(2);
    /// Tool or I/O fault, unreadable input, nothing matched.
    pub const FAULT: Self = Self(3);
    /// The plan has actions (only with `--detailed-exitcode`).
    pub const ACTIONS: Self = Self(10);
    /// The operator declined.
    pub const DECLINED: Self = Self(20);
    /// Stopped on request and within policy, resumable.
    pub const STOPPED: Self = Self(21);
    /// Failed after something was sent; unwound; flat.
    pub const UNWOUND: Self = Self(22);
    /// Ended with exposure beyond policy or an order still open.
    pub const EXPOSED: Self = Self(23);
    /// An outcome is unknown and unresolved.
    pub const UNKNOWN: Self = Self(24);
    /// Lock held, or somebody else signs with the key.
    pub const LOCKED: Self = Self(25);
    /// The plan changed, is stale or is incompatible with the run.
    pub const CHANGED: Self = Self(26);
    /// The journal is corrupt, older than the venue's evidence, or newer than the program.
    pub const JOURNAL: Self = Self(27);
    /// A check or risk rule of the plan stopped it while flat.
    pub const REFUSED: Self = Self(28);

    /// Which of several ends speaks for all, worst first. A tool fault ranks above findings: "no issues" must never be
    /// read out of a broken tool, and below every end that has money in it.
    const WORST_FIRST: [Self; 14] = [
        Self::JOURNAL,
        Self::LOCKED,
        Self::UNKNOWN,
        Self::EXPOSED,
        Self::CHANGED,
        Self::REFUSED,
        Self::UNWOUND,
        Self::STOPPED,
        Self::FAULT,
        Self::USAGE,
        Self::DECLINED,
        Self::FAILED,
        Self::ACTIONS,
        Self::OK,
    ];

    /// Returns the exit of a run from the engine's code.
    pub const fn of_run(code: u8) -> Self {
        Self(code)
    }

    /// Returns the number.
    pub const fn code(self) -> u8 {
        self.0
    }

    fn rank(self) -> usize {
        Self::WORST_FIRST.iter().position(|exit| *exit == self).unwrap_or(0)
    }

    /// Returns the one of both that speaks for both: the worse one.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if self.rank() <= other.rank() { self } else { other }
    }

    /// Returns the worst of all; [`Exit::OK`] when there is none.
    pub fn worst(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::OK, Self::worse)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_pairs_take_the_first_in_the_stated_order() {
        let stated = [27, 25, 24, 23, 26, 28, 22, 21, 1, 0].map(Exit);
        for (i, worse) in stated.iter().enumerate() {
            for milder in &stated[i..] {
                assert_eq!(worse.worse(*milder), *worse);
                assert_eq!(milder.worse(*worse), *worse);
            }
        }
        assert_eq!(Exit::worst([]), Exit::OK);
        assert_eq!(Exit::worst([Exit::FAILED, Exit::EXPOSED, Exit::OK]), Exit::EXPOSED);
    }

    /// U-05: the codes are disjoint, and each has its place in the order of several pairs.
    #[test]
    fn every_code_has_its_rank() {
        let mut codes = Exit::WORST_FIRST.map(Exit::code);
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 2, 3, 10, 20, 21, 22, 23, 24, 25, 26, 27, 28]);
    }
}
