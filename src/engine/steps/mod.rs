//! One file per step. Each looks at the state and says what comes next; none remembers anything.

mod check;
mod close;
mod exit;
mod guard;
mod hedge;
mod place;
mod protect;
mod watch;
mod withdraw;

use super::entry::{LegSide, Step};
use super::event::Effect;
use super::risk;
use super::work::Work;

/// Whether the state moved on and another look is due, or something must happen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Look again.
    Again,
    /// Wait for an event.
    Wait,
}

/// Most transitions that one event can cause; more is a loop, and a loop is a bug.
const TRANSITIONS_MAX: usize = 24;

/// Takes every step that is due.
///
/// # Panics
///
/// When the steps do not come to rest.
pub(crate) fn advance(work: &mut Work<'_>) {
    for _ in 0..TRANSITIONS_MAX {
        guard::watch_nakedness(work);
        risk::watch_venue(work);
        risk::watch_stuck(work);
        let flow = match guard::interrupt(work) {
            Some(flow) => flow,
            None => take(work),
        };
        if flow == Flow::Wait || !work.out.proposals.is_empty() {
            guard::ask_about_doubts(work);
            return;
        }
    }
    unreachable!("the steps of a pair come to rest; stuck in `{}`", work.pair.step.name());
}

/// Takes no step, and asks the venue about everything that is not known: `resume --reconcile-only`.
pub(crate) fn look(work: &mut Work<'_>) {
    guard::clock_nakedness(work);
    guard::ask_about_doubts(work);
    if work.pair.step == Step::Withdraw {
        for side in LegSide::BOTH.into_iter().filter(|side| work.view.leg(*side).withdrawals_at.is_none()) {
            work.out.effect(Effect::PollWithdrawals(side));
        }
    }
}

fn take(work: &mut Work<'_>) -> Flow {
    match work.pair.step.clone() {
        Step::Check => check::check(work),
        Step::Place => place::place(work),
        Step::Watch => watch::watch(work),
        Step::Hedge(reason) => hedge::hedge(work, reason),
        Step::Exit(reason) => exit::exit(work, &reason),
        Step::Withdraw => withdraw::withdraw(work),
        Step::Done(_) => Flow::Wait,
    }
}

impl Work<'_> {
    /// Goes on to another step.
    pub(crate) fn go(&mut self, to: Step) -> Flow {
        let at = self.now();
        self.record(super::entry::Entry::Step { to, at });
        Flow::Again
    }
}
