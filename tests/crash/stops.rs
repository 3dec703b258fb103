//! Signals and locks: a run that is stopped, left at once, or wanted by two.

use std::time::Duration;

use lighter_plan::engine::{Entry, LegSide};
use rustix::process::Signal;

use crate::case::Slot;
use crate::process::{Ended, Process};
use crate::proof;
use crate::stage::{Host, Kill, LIMIT, Scene, Stage};
use crate::{Failure, ensure};

/// Stopped on request and within policy.
const STOPPED: Ended = Ended::Code(21);
/// Left with exposure beyond policy or an order open.
const EXPOSED: Ended = Ended::Code(23);
/// Somebody else holds the lock.
const LOCKED: Ended = Ended::Code(25);

/// What a run says when it has come to a place where a signal is interesting.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Both entry orders rest, nothing is filled.
    Resting,
    /// Both legs are held.
    Holding,
    /// The exit is on its way.
    Leaving,
    /// The withdrawals are on their way.
    Withdrawing,
}

impl Place {
    const ALL: [Self; 4] = [Self::Resting, Self::Holding, Self::Leaving, Self::Withdrawing];

    const fn words(self) -> &'static str {
        match self {
            Self::Resting => "order open",
            Self::Holding => "dead man's switch cleared",
            Self::Leaving => "→ exit",
            Self::Withdrawing => ": withdraw ",
        }
    }
}

/// Starts a run and waits until it is at `place`.
fn started(stage: &Stage, place: Place) -> Result<Process, Failure> {
    let process = stage.apply(&[])?;
    ensure!(process.says(place.words(), LIMIT), "the run never came to {place:?}");
    Ok(process)
}

/// Runs `play` on a stage of its own and tells all there is to know when it fails.
fn prove(name: &str, play: impl FnOnce(&Stage) -> Result<(), Failure>) {
    let _slot = Slot::take();
    let stage = Stage::new(Host::Apart, Scene::BothFill).unwrap();
    if let Err(failure) = play(&stage) {
        panic!("{name}: {failure}\n{}", stage.tails());
    }
}

/// One signal: what is under way is settled, nothing is naked, no order is left (`on_stop: cancel_open`), and nothing is
/// withdrawn; resuming finishes the run.
fn one_signal(stage: &Stage, place: Place, signal: Signal) -> Result<(), Failure> {
    let mut process = started(stage, place)?;
    process.signal(signal)?;
    let ended = process.wait(LIMIT)?;
    // The end may come before the signal is heard; then there is nothing to stop.
    ensure!(ended == STOPPED || ended == Ended::Code(0), "a stop at {place:?} ended with {ended:?}");
    let evidence = proof::sound(stage)?;
    if ended == STOPPED {
        ensure!(evidence.journal.run.status == "stopped", "the status is {}", evidence.journal.run.status);
        ensure!(
            evidence.journal.has(|entry| matches!(entry, Entry::Stopped { .. })),
            "no stop in the journal"
        );
        ensure!(!evidence.journal.pair.is_naked(), "naked after a stop at {place:?}");
        for (side, account) in LegSide::BOTH.into_iter().zip(&evidence.accounts) {
            let unsettled = &evidence.journal.pair.leg(side).unsettled;
            ensure!(unsettled.is_empty(), "{} leg stopped in doubt: {unsettled:?}", side.name());
            let live = account.live_orders();
            ensure!(live.is_empty(), "{} leg: open after a stop: {live:?}", side.name());
            // A stop never starts a withdrawal.
            let early = !matches!(place, Place::Withdrawing) && !account.withdrawals.is_empty();
            ensure!(!early, "{} leg: a stop withdrew", side.name());
        }
    }
    finish(stage, &[0])
}

/// Goes on until the run ends with one of `codes`, and proves the end.
fn finish(stage: &Stage, codes: &[i32]) -> Result<(), Failure> {
    let Some(run) = stage.run_id() else { return Err("the run is not in the journal".to_owned()) };
    match stage.resume(Some(&run), &[])?.wait(LIMIT)? {
        Ended::Code(code) if codes.contains(&code) => proof::finished(stage, code).map(drop),
        other => Err(format!("the resumed run ended with {other:?}")),
    }
}

/// the first SIGINT stops within policy, wherever the run is, and `resume` finishes it.
#[test]
fn one_interrupt_stops_within_policy() {
    for place in Place::ALL {
        prove(&format!("SIGINT at {place:?}"), |stage| one_signal(stage, place, Signal::INT));
    }
}

/// SIGTERM is the same request.
#[test]
fn one_termination_stops_within_policy() {
    prove("SIGTERM", |stage| one_signal(stage, Place::Resting, Signal::TERM));
}

/// Two signals at once: the process leaves, says whether it leaves exposure, and `resume` finishes the run.
#[test]
fn two_interrupts_leave_at_once() {
    for place in Place::ALL {
        prove(&format!("SIGINT twice at {place:?}"), |stage| {
            let mut process = started(stage, place)?;
            process.signal(Signal::INT)?;
            // The second one must find the first one heard: two that are pending at once are one.
            ensure!(process.says("once more to leave at once", LIMIT), "the first signal is not heard");
            process.signal(Signal::INT)?;
            let ended = process.wait(Duration::from_secs(20))?;
            ensure!([STOPPED, EXPOSED, Ended::Code(0)].contains(&ended), "left with {ended:?} at {place:?}");
            finish(stage, &[0])
        });
    }
}

/// While a run is live, its keys are locked: neither a second `apply` nor a `resume` gets near the exchange.
#[test]
fn a_live_run_locks_others_out() {
    prove("locked", |stage| {
        let mut live = started(stage, Place::Resting)?;
        let second = stage.apply(&[])?.wait(LIMIT)?;
        ensure!(second == LOCKED, "a second apply ended with {second:?}");
        let run = stage.run_id().ok_or("no run")?;
        let resumed = stage.resume(Some(&run), &[])?.wait(LIMIT)?;
        ensure!(resumed == LOCKED, "a resume of the live run ended with {resumed:?}");
        let ended = live.wait(LIMIT)?;
        ensure!(ended == Ended::Code(0), "the live run ended with {ended:?}");
        proof::finished(stage, 0).map(drop)
    });
}

/// Of two that resume a killed run at the same time, one goes on and the other is told 25.
#[test]
fn of_two_resumes_one_goes_on() {
    prove("two resumes", |stage| {
        let ended = stage.go(&Kill::Point("send.after:5".to_owned()))?;
        ensure!(ended == Ended::Killed, "the first process ended with {ended:?}");
        let run = stage.run_id().ok_or("no run")?;
        let (mut one, mut two) = (stage.resume(Some(&run), &[])?, stage.resume(Some(&run), &[])?);
        let mut ends = [one.wait(LIMIT)?, two.wait(LIMIT)?];
        ends.sort_by_key(|end| *end == LOCKED);
        ensure!(ends == [Ended::Code(0), LOCKED], "two resumes ended with {ends:?}");
        proof::finished(stage, 0).map(drop)
    });
}
