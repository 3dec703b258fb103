//! Two who want the same run: on one host, on two with a copy of the state each, and one that slept meanwhile.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::case::Slot;
use crate::process::{Ended, Process, until};
use crate::proof;
use crate::record::Journaled;
use crate::stage::{Host, Kill, LIMIT, Scene, Stage};
use crate::{Failure, ensure};

/// Somebody else holds the lock, or signs with the key.
const LOCKED: Ended = Ended::Code(25);
/// Races of the default run; `LIGHTER_PLAN_KILLS=100` for more.
const RACES: usize = 12;

pub(crate) fn prove(name: &str, scene: Scene, play: impl FnOnce(&Stage) -> Result<(), Failure>) {
    let _slot = Slot::take();
    let stage = Stage::new(Host::Apart, scene).unwrap_or_else(|failure| panic!("{name}: {failure}"));
    if let Err(failure) = play(&stage) {
        panic!("{name}: {failure}\n{}", stage.tails());
    }
}

/// Starts a run and waits until it says `words`.
pub(crate) fn started(stage: &Stage, words: &str) -> Result<Process, Failure> {
    let process = stage.apply(&[])?;
    ensure!(process.says(words, LIMIT), "the run never said `{words}`");
    Ok(process)
}

/// How many transactions the exchange has taken in.
fn sent(stage: &Stage) -> Result<usize, Failure> {
    Ok(stage.accounts()?.iter().map(|account| account.transactions.len()).sum())
}

/// Copies the files of a state directory, as a backup or another host has them.
pub(crate) fn copied(stage: &Stage, name: &str) -> Result<PathBuf, Failure> {
    fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::create_dir(to)?;
        for entry in std::fs::read_dir(from)? {
            let path = entry?.path();
            let target = to.join(path.file_name().unwrap_or_default());
            if path.is_dir() {
                copy(&path, &target)?;
            } else if path.is_file() {
                std::fs::copy(&path, &target)?;
            }
        }
        Ok(())
    }
    let to = stage.directory().join(name);
    copy(&stage.state(), &to).map_err(|error| format!("cannot copy the state: {error}"))?;
    Ok(to)
}

/// Resumes from another state directory.
pub(crate) fn resume_in(stage: &Stage, state: &Path, more: &[&str]) -> Result<Process, Failure> {
    let state = state.display().to_string();
    let arguments = [&["--state", &state, "resume"], more].concat();
    Process::start(&stage.output(), &arguments, stage.variables())
}

/// Two resumes at once: one is told 25, the other is killed, so that there is a next race. Returns whether they raced.
fn race(stage: &Stage) -> Result<bool, Failure> {
    let mut racers = [stage.resume(None, &[])?, stage.resume(None, &[])?];
    let mut ends = [None, None];
    let mut failure = None;
    let decided = until(LIMIT, || {
        for (end, racer) in ends.iter_mut().zip(&mut racers) {
            if end.is_none() {
                *end = racer.wait_within(Duration::ZERO).unwrap_or_else(|why| {
                    failure = Some(why);
                    None
                });
            }
        }
        failure.is_some() || ends.iter().any(Option::is_some)
    });
    failure.map_or(Ok(()), Err)?;
    ensure!(decided, "neither of two resumes gave way");
    // 3: the other one has ended the run already, and there is none to go on with.
    let lost = ends.iter().flatten().filter(|end| **end == LOCKED).count();
    let over = ends.iter().flatten().any(|end| matches!(end, Ended::Code(0 | 3 | 22)));
    ensure!(lost <= 1 && (lost == 1 || over), "two resumes ended with {ends:?}");
    racers.iter_mut().for_each(Process::kill);
    Ok(lost == 1)
}

/// F-15, U-13: of two resumes at once, again and again, one goes on and the other is told 25; with
/// `LIGHTER_PLAN_KILLS=100` a hundred times.
#[test]
fn of_two_resumes_one_gives_way_every_time() {
    let set = std::env::var("LIGHTER_PLAN_KILLS").ok().and_then(|text| text.parse().ok());
    let (wanted, mut raced) = (set.unwrap_or(RACES), 0);
    for _ in 0..wanted {
        if raced >= wanted {
            break;
        }
        prove("races", Scene::BothFill, |stage| {
            let ended = stage.go(&Kill::Point("send.after:3".to_owned()))?;
            ensure!(ended == Ended::Killed, "the first process ended with {ended:?}");
            while raced < wanted && race(stage)? {
                raced += 1;
            }
            for _ in 0..3 {
                if let Ended::Code(code @ (0 | 22)) = stage.go(&Kill::None)? {
                    return proof::finished(stage, code).map(drop);
                }
            }
            Err("the raced run does not end".to_owned())
        });
    }
    assert_eq!(raced, wanted, "races");
}

/// F-16, F-22: a copy of the state directory, on another host or from an old backup: its keys' nonces have moved without
/// it, so it sends nothing and says 25.
#[test]
fn an_old_copy_of_the_state_sends_nothing() {
    prove("old copy", Scene::BothFill, |stage| {
        let mut first = started(stage, "order open")?;
        // Stopped, so that the copy is of one moment.
        first.signal(Signal::STOP)?;
        let copy = copied(stage, "copy")?;
        first.signal(Signal::CONT)?;
        let ended = first.wait(LIMIT)?;
        ensure!(ended == Ended::Code(0), "the first host ended with {ended:?}");
        let before = sent(stage)?;
        let second = resume_in(stage, &copy, &[])?.wait(LIMIT)?;
        ensure!(second == LOCKED, "the copy ended with {second:?}");
        ensure!(sent(stage)? == before, "the copy sent something");
        proof::finished(stage, 0).map(drop)
    });
}

/// F-16, F-17: the first host sleeps while a second one finishes the run from a copy; awake again, it lands nothing.
#[test]
fn who_slept_while_another_host_finished_sends_nothing() {
    prove("slept", Scene::BothFill, |stage| {
        let mut sleeper = started(stage, "dead man's switch cleared")?;
        sleeper.signal(Signal::STOP)?;
        let copy = copied(stage, "copy")?;
        let second = resume_in(stage, &copy, &[])?.wait(LIMIT)?;
        ensure!(second == Ended::Code(0), "the second host ended with {second:?}");
        let executed = |stage: &Stage| -> Result<usize, Failure> {
            let count = |rows: &[crate::venue::VenueTx]| rows.iter().filter(|tx| tx.executed).count();
            Ok(stage.accounts()?.iter().map(|account| count(&account.transactions)).sum())
        };
        let before = executed(stage)?;
        sleeper.signal(Signal::CONT)?;
        let woken = sleeper.wait(LIMIT)?;
        ensure!(woken == LOCKED, "the sleeper ended with {woken:?}");
        ensure!(executed(stage)? == before, "the sleeper landed something");
        let flat = stage.accounts()?.iter().all(|account| account.position.is_zero());
        ensure!(flat, "the accounts are not flat");
        Ok(())
    });
}

/// F-22: the state directory is gone while the accounts hold positions: a new run sees what it does not know, and sends
/// nothing.
#[test]
fn without_its_state_a_new_run_sends_nothing() {
    prove("deleted", Scene::BothFill, |stage| {
        let mut process = started(stage, "dead man's switch cleared")?;
        process.kill();
        std::fs::remove_dir_all(stage.state()).map_err(|error| format!("cannot delete: {error}"))?;
        let ended = stage.apply(&[])?.wait(LIMIT)?;
        eprintln!("a new run over foreign positions ended with {ended:?}");
        ensure!(matches!(ended, Ended::Code(25 | 27 | 28)), "the new run ended with {ended:?}");
        // What the dead process had sent may still arrive meanwhile, so the new journal is asked, not the exchange.
        ensure!(Journaled::read(stage)?.intents().is_empty(), "the new run signed something");
        Ok(())
    });
}
