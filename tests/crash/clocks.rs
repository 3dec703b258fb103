//! Wall clocks that are off, or step while a process runs or while none does.

use crate::case::Slot;
use crate::process::{Ended, Process};
use crate::proof;
use crate::stage::{Host, Kill, LIMIT, Scene, Stage};
use crate::venue::Exchange;
use crate::{Failure, ensure};

/// Ten minutes.
const STEP_MS: i64 = 600_000;
/// The program refuses.
const REFUSED: Ended = Ended::Code(28);

fn prove(name: &str, host: Host, play: impl FnOnce(&Stage) -> Result<(), Failure>) {
    let _slot = Slot::take();
    let stage = Stage::new(host, Scene::BothFill).unwrap_or_else(|failure| panic!("{name}: {failure}"));
    if let Err(failure) = play(&stage) {
        panic!("{name}: {failure}\n{}", stage.tails());
    }
}

/// Returns what makes a process read the wall clock with the step that `step` last set.
fn seam(stage: &Stage) -> Vec<(String, String)> {
    vec![("LIGHTER_PLAN_CLOCK_STEP".to_owned(), stage.directory().join("step").display().to_string())]
}

/// Puts the wall clock of all processes of the stage `ms` beside the true time, from now on.
fn step(stage: &Stage, ms: i64) -> Result<(), Failure> {
    let (new, file) = (stage.directory().join("step.new"), stage.directory().join("step"));
    std::fs::write(&new, ms.to_string())
        .and_then(|()| std::fs::rename(&new, &file))
        .map_err(|error| format!("cannot step the clock: {error}"))
}

/// Waits for the planned end and proves it.
fn ends_as_planned(stage: &Stage, process: &mut Process) -> Result<(), Failure> {
    let ended = process.wait(LIMIT)?;
    ensure!(ended == Ended::Code(0), "the run ended with {ended:?}");
    proof::finished(stage, 0).map(drop)
}

/// F-13: the wall clock jumps back and forth while a run lives: its time is monotonic, and it ends as planned.
#[test]
fn f_13_a_clock_that_steps_under_a_run_moves_nothing() {
    for first in [-STEP_MS, STEP_MS] {
        prove(&format!("stepped by {first} ms"), Host::Apart, |stage| {
            let mut process = stage.apply(&seam(stage))?;
            ensure!(process.says("→ place", LIMIT), "nothing was placed");
            step(stage, first)?;
            ensure!(process.says("dead man's switch cleared", LIMIT), "nothing was held");
            step(stage, -first)?;
            ends_as_planned(stage, &mut process)
        });
    }
}

/// F-13: killed, and resumed by a process whose wall clock is ten minutes off, either way: the venue's clock counts where
/// there is one; an exchange that lives in the process goes on from the time that its log ends with.
#[test]
fn f_13_a_clock_that_steps_while_nobody_runs_moves_nothing() {
    for (host, ms) in [(Host::Apart, -STEP_MS), (Host::Apart, STEP_MS), (Host::Embedded, -STEP_MS)] {
        prove(&format!("{host:?}, resumed {ms} ms off"), host, |stage| {
            let ended = stage.go(&Kill::Point("send.after:4".to_owned()))?;
            ensure!(ended == Ended::Killed, "the first process ended with {ended:?}");
            step(stage, ms)?;
            ends_as_planned(stage, &mut stage.resume(None, &seam(stage))?)
        });
    }
}

/// F-13: against an exchange that runs in real time, a clock ten minutes off is refused before anything is sent, either
/// way; one that is a few seconds off is set right.
#[test]
fn f_13_a_clock_ten_minutes_off_is_refused() {
    prove("refused", Host::Apart, |stage| {
        let world = Scene::BothFill.world();
        let real_time = ["--no-rate-limit", "--seed", "7", "--usdc", "10000", "--world", &world];
        let exchange = Exchange::start(stage.directory(), &real_time)?;
        stage.edit_plan(stage.authority()?, exchange.http.trim_start_matches("http://"))?;
        stage.edit_plan("time_scale: 20", "time_scale: 1")?;
        for ms in [-STEP_MS, STEP_MS] {
            step(stage, ms)?;
            let ended = stage.apply(&seam(stage))?.wait(LIMIT)?;
            ensure!(ended == REFUSED, "{ms} ms off the run ended with {ended:?}");
            let quiet = exchange.accounts()?.iter().all(|account| account.transactions.is_empty());
            ensure!(quiet, "{ms} ms off something was sent");
        }
        step(stage, 3_000)?;
        let process = stage.apply(&seam(stage))?;
        ensure!(process.says("check passed", LIMIT), "three seconds off the check did not pass");
        Ok(())
    });
}
