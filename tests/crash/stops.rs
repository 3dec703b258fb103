//! Runs that are stopped, left at once, wanted by two, or away while the exchange goes on.

use std::time::Duration;

use lighter_plan::engine::{Entry, LegSide, Purpose};
use rustix::process::Signal;

use crate::case::Slot;
use crate::process::{Ended, Process, until};
use crate::proof;
use crate::record::Journaled;
use crate::stage::{Host, Kill, LIMIT, Scene, Stage};
use crate::venue::Account;
use crate::{Failure, ensure};

/// Stopped on request and within policy.
pub(crate) const STOPPED: Ended = Ended::Code(21);
/// Left with exposure beyond policy or an order open.
const EXPOSED: Ended = Ended::Code(23);
/// Somebody else holds the lock.
const LOCKED: Ended = Ended::Code(25);

/// What a run says when it has come to a place where a signal is interesting.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The check asks, and the exchange does not answer yet.
    Checking,
    /// Both entry orders rest, nothing is filled.
    Resting,
    /// One leg has filled, and the other one's hedge is due.
    Hedging,
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
            Self::Checking => "started; `lighter-plan resume",
            Self::Resting => "order open",
            Self::Hedging => "→ hedge",
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
    ensure!(process.catches(Signal::TERM, LIMIT), "the run listens to no signal");
    Ok(process)
}

/// Runs `play` on a stage of its own and tells all there is to know when it fails.
pub(crate) fn prove(name: &str, scene: Scene, play: impl FnOnce(&Stage) -> Result<(), Failure>) {
    let _slot = Slot::take();
    let stage = Stage::new(Host::Apart, scene).unwrap_or_else(|failure| panic!("{name}: {failure}"));
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
pub(crate) fn finish(stage: &Stage, codes: &[i32]) -> Result<(), Failure> {
    let Some(run) = stage.run_id() else { return Err("the run is not in the journal".to_owned()) };
    match stage.resume(Some(&run), &[])?.wait(LIMIT)? {
        Ended::Code(code) if codes.contains(&code) => proof::finished(stage, code).map(drop),
        other => Err(format!("the resumed run ended with {other:?}")),
    }
}

/// U-08: a signal that comes while the program still waits for the venue to answer its first questions ends it in order:
/// nothing was sent, and no run is left behind. A run that was to be resumed stays as it was.
#[test]
fn u_08_a_signal_before_the_run_is_taken_up_leaves_everything_as_it_was() {
    prove("early signal", Scene::BothFill, |stage| {
        let early = |mut process: Process| -> Result<(), Failure> {
            ensure!(process.catches(Signal::TERM, LIMIT), "it listens to no signal");
            process.signal(Signal::TERM)?;
            let ended = process.wait(LIMIT)?;
            ensure!(ended == STOPPED, "an early signal ended it with {ended:?}");
            Ok(())
        };
        stage.signal_exchange(Signal::STOP)?;
        early(stage.apply(&[])?)?;
        ensure!(stage.run_id().is_none(), "a run is left behind");
        stage.signal_exchange(Signal::CONT)?;
        started(stage, Place::Resting)?.kill();
        stage.signal_exchange(Signal::STOP)?;
        let before = Journaled::read(stage)?.run.head_hash;
        early(stage.resume(None, &[])?)?;
        ensure!(Journaled::read(stage)?.run.head_hash == before, "something was written");
        stage.signal_exchange(Signal::CONT)?;
        finish(stage, &[0, 22])
    });
}

/// U-08, U-16: the first SIGINT stops within policy, wherever the run is, and `resume` finishes it.
#[test]
fn one_interrupt_stops_within_policy() {
    for place in Place::ALL {
        prove(&format!("SIGINT at {place:?}"), Scene::BothFill, |stage| {
            one_signal(stage, place, Signal::INT)
        });
    }
}

/// SIGTERM is the same request, and so it is when it finds a hedge under way.
#[test]
fn one_termination_stops_within_policy() {
    for place in Place::ALL {
        prove(&format!("SIGTERM at {place:?}"), Scene::BothFill, |stage| {
            one_signal(stage, place, Signal::TERM)
        });
    }
    prove("SIGTERM at a hedge", Scene::LongFills, |stage| one_signal(stage, Place::Hedging, Signal::TERM));
}

/// Starts a run and stops the exchange in the middle of the check; what it asked comes to nothing until the exchange goes on.
fn checking(stage: &Stage) -> Result<Process, Failure> {
    let process = started(stage, Place::Checking)?;
    stage.signal_exchange(Signal::STOP)?;
    Ok(process)
}

/// U-08: a stop that comes while the check still asks is heard at once; nothing was placed, and `resume` begins anew.
#[test]
fn one_termination_stops_in_the_check() {
    prove("SIGTERM in the check", Scene::BothFill, |stage| {
        let mut process = checking(stage)?;
        process.signal(Signal::TERM)?;
        ensure!(process.says("once more to leave at once", LIMIT), "the signal is not heard");
        stage.signal_exchange(Signal::CONT)?;
        let ended = process.wait(LIMIT)?;
        ensure!(ended == STOPPED, "a stop in the check ended with {ended:?}");
        let evidence = proof::sound(stage)?;
        let placed = evidence.accounts.iter().any(|account| !account.orders.is_empty());
        ensure!(!placed, "something was placed after a stop in the check");
        finish(stage, &[0])
    });
}

/// Twice in the check: the process leaves although the exchange does not answer, and `resume` finishes the run.
#[test]
fn two_terminations_leave_the_check() {
    prove("SIGTERM twice in the check", Scene::BothFill, |stage| {
        let mut process = checking(stage)?;
        twice(&mut process)?;
        let ended = process.wait(Duration::from_secs(20))?;
        ensure!(ended == STOPPED, "left the check with {ended:?}");
        stage.signal_exchange(Signal::CONT)?;
        finish(stage, &[0])
    });
}

/// Sends SIGTERM, and once more when the first is heard: two that are pending at once are one.
fn twice(process: &mut Process) -> Result<(), Failure> {
    process.signal(Signal::TERM)?;
    ensure!(process.says("once more to leave at once", LIMIT), "the first signal is not heard");
    process.signal(Signal::TERM)
}

/// Two terminations leave at once wherever the run is, in a hedge too, and `resume` finishes the run.
#[test]
fn two_terminations_leave_at_once() {
    let all = Place::ALL.map(|place| (place, Scene::BothFill)).into_iter();
    for (place, scene) in all.chain([(Place::Hedging, Scene::LongFills)]) {
        prove(&format!("SIGTERM twice at {place:?}"), scene, |stage| {
            let mut process = started(stage, place)?;
            twice(&mut process)?;
            let ended = process.wait(Duration::from_secs(20))?;
            ensure!([STOPPED, EXPOSED, Ended::Code(0)].contains(&ended), "left with {ended:?} at {place:?}");
            finish(stage, &[0])
        });
    }
}

/// Two signals at once: the process leaves, says whether it leaves exposure, and `resume` finishes the run.
#[test]
fn two_interrupts_leave_at_once() {
    for place in Place::ALL {
        prove(&format!("SIGINT twice at {place:?}"), Scene::BothFill, |stage| {
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

/// U-03: while a run is live, its keys are locked: neither a second `apply` nor a `resume` gets near the exchange.
#[test]
fn a_live_run_locks_others_out() {
    prove("locked", Scene::BothFill, |stage| {
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

/// U-13: of two that resume a killed run at the same time, one goes on and the other is told 25.
#[test]
fn of_two_resumes_one_goes_on() {
    prove("two resumes", Scene::BothFill, |stage| {
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

/// Waits until the exchange's record is as `wanted`, however long the market takes.
fn exchange_shows(stage: &Stage, wanted: impl Fn(&[Account]) -> bool) -> Result<(), Failure> {
    let mut failure = None;
    let shown = until(LIMIT, || match stage.accounts() {
        Ok(accounts) => wanted(&accounts),
        Err(error) => {
            failure = Some(error);
            true
        }
    });
    failure.map_or(Ok(()), Err)?;
    ensure!(shown, "the exchange never came to what was waited for");
    Ok(())
}

/// F-10, R-04: the long leg fills while nobody runs; the resumed run counts it and hedges what was really filled.
#[test]
fn what_filled_while_away_is_hedged() {
    prove("filled while away", Scene::LongFills, |stage| {
        // Both entries are accepted, and nobody has heard of a fill.
        let ended = stage.go(&Kill::Point("send.after:4".to_owned()))?;
        ensure!(ended == Ended::Killed, "the first process ended with {ended:?}");
        exchange_shows(stage, |accounts| !accounts[0].position.is_zero())?;
        finish(stage, &[0])?;
        let evidence = proof::sound(stage)?;
        let hedged = evidence.journal.intents().values().any(|intent| intent.purpose == Purpose::Hedge);
        ensure!(hedged, "nothing was hedged");
        Ok(())
    });
}

/// F-12, R-26: a withdrawal that completes while nobody runs is found, not repeated.
#[test]
fn what_was_withdrawn_while_away_is_not_withdrawn_again() {
    prove("withdrawn while away", Scene::BothFill, |stage| {
        let mut process = started(stage, Place::Withdrawing)?;
        exchange_shows(stage, |accounts| accounts.iter().any(|account| !account.withdrawals.is_empty()))?;
        process.kill();
        let came_through =
            |account: &Account| account.withdrawals.iter().all(|row| row.status == "completed");
        exchange_shows(stage, |accounts| accounts.iter().all(came_through))?;
        finish(stage, &[0])
    });
}

/// F-06: a transaction was journaled, never sent, and died of age while nobody ran. It holds up its key's nonces only until
/// that is proved, is not counted against anything that comes after it, and the run ends as if nothing had been.
#[test]
fn what_died_while_away_holds_nothing_up() {
    // The seventh is the cancel before the hedge, or near it; its bytes live for 8 s.
    for send in [7, 8, 9] {
        prove(&format!("died while away, send {send}"), Scene::LongFills, |stage| {
            let ended = stage.go(&Kill::Point(format!("send.before:{send}")))?;
            ensure!(ended == Ended::Killed, "the first process ended with {ended:?}");
            stage.let_pass(Duration::from_secs(9))?;
            finish(stage, &[0])
        });
    }
}
