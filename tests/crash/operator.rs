//! What operators do from another terminal: stop, flatten, another plan file, a saved plan.

use std::time::Duration;

use lighter_plan::engine::{Entry, LegSide, StopMode};
use lighter_plan::journal::{StateDir, Store};

use crate::process::{Ended, Process};
use crate::proof::{self, Evidence};
use crate::stage::{LIMIT, Scene, Stage};
use crate::stops::{STOPPED, prove};
use crate::{Failure, ensure};

/// The plan changed, or cannot become what the file says.
const CHANGED: Ended = Ended::Code(26);

/// Both legs are held, and go on being held for longer than any command takes.
fn holding(stage: &Stage) -> Result<Process, Failure> {
    edit(stage, "plan.yaml", &[("max_hold: 8s", "max_hold: 20m")])?;
    let process = stage.apply(&[])?;
    ensure!(process.says("dead man's switch cleared", LIMIT), "the pair was never held");
    Ok(process)
}

/// Writes the plan under another name, or its own, with `edits`.
fn edit(stage: &Stage, name: &str, edits: &[(&str, &str)]) -> Result<String, Failure> {
    let failed = |error: std::io::Error| format!("plan: {error}");
    let mut text = std::fs::read_to_string(stage.directory().join("plan.yaml")).map_err(failed)?;
    for (from, to) in edits {
        ensure!(text.contains(from), "the plan has no `{from}`");
        text = text.replace(from, to);
    }
    let path = stage.directory().join(name);
    std::fs::write(&path, text).map_err(failed)?;
    Ok(path.display().to_string())
}

/// Runs a command to its end.
fn command(stage: &Stage, arguments: &[&str]) -> Result<Ended, Failure> {
    stage.start(arguments, &[])?.wait(LIMIT)
}

/// Returns what all processes have said so far.
fn said(stage: &Stage) -> String {
    std::fs::read_to_string(stage.output()).unwrap_or_default()
}

/// Fails unless nothing is left at the exchange, and nothing was withdrawn.
fn is_flat(evidence: &Evidence) -> Result<(), Failure> {
    for (side, account) in LegSide::BOTH.into_iter().zip(&evidence.accounts) {
        let (who, live) = (side.name(), account.live_orders());
        ensure!(account.position.is_zero(), "{who} leg: {} is left after a flatten", account.position);
        ensure!(live.is_empty(), "{who} leg: open after a flatten: {live:?}");
        ensure!(account.withdrawals.is_empty(), "{who} leg: a flatten withdrew");
    }
    Ok(())
}

fn resume_to_the_end(stage: &Stage) -> Result<(), Failure> {
    let run = stage.run_id().ok_or("no run")?;
    let ended = stage.resume(Some(&run), &[])?.wait(LIMIT)?;
    ensure!(ended == Ended::Code(0), "the resumed run ended with {ended:?}");
    proof::finished(stage, 0).map(drop)
}

/// A live run is told to flatten over its socket, and a `stop` that follows takes nothing of that back.
#[test]
fn a_live_run_is_flattened_and_a_stop_takes_nothing_back() {
    prove("flatten alive", Scene::BothFill, |stage| {
        let mut live = holding(stage)?;
        let told = command(stage, &["flatten"])?;
        ensure!(told == Ended::Code(0), "flatten of a live run ended with {told:?}");
        // The run may be about to end (1), on its way out with its lock (25), or gone; then it is stopped already.
        let stopped = command(stage, &["stop"])?;
        let fair = [Ended::Code(0), Ended::Code(1), Ended::Code(25), STOPPED];
        ensure!(fair.contains(&stopped), "stop ended with {stopped:?}");
        let ended = live.wait(LIMIT)?;
        ensure!(ended == STOPPED, "the flattened run ended with {ended:?}");
        is_flat(&proof::sound(stage)?)?;
        resume_to_the_end(stage)
    });
}

/// A run whose process is dead: `stop` applies `on_stop` and keeps the position; `flatten` goes further; both need only the
/// keys, and `resume` ends the run.
#[test]
fn a_dead_run_is_stopped_and_then_flattened() {
    prove("flatten dead", Scene::BothFill, |stage| {
        let mut live = holding(stage)?;
        live.kill();
        // The plan file is gone: what a stop needs is in the journal.
        std::fs::remove_file(stage.directory().join("plan.yaml")).map_err(|error| error.to_string())?;
        let stopped = command(stage, &["stop"])?;
        ensure!(stopped == STOPPED, "stop of a dead run ended with {stopped:?}");
        let evidence = proof::sound(stage)?;
        let held = evidence.accounts.iter().all(|account| !account.position.is_zero());
        ensure!(held, "`on_stop: cancel_open` closed a position");
        let flattened = command(stage, &["flatten"])?;
        ensure!(flattened == STOPPED, "flatten of a dead run ended with {flattened:?}");
        let evidence = proof::sound(stage)?;
        is_flat(&evidence)?;
        let modes: Vec<StopMode> = evidence.journal.entries.iter().filter_map(stop_mode).collect();
        ensure!(modes == [StopMode::Policy, StopMode::Flatten], "the journal has {modes:?}");
        resume_to_the_end(stage)
    });
}

const fn stop_mode(entry: &Entry) -> Option<StopMode> {
    match entry {
        Entry::Stop { mode, .. } => Some(*mode),
        _ => None,
    }
}

/// One leg has filled and the process is dead: `flatten` leaves nothing of either leg.
#[test]
fn a_dead_and_naked_run_is_flattened() {
    prove("flatten naked", Scene::LongFills, |stage| {
        let mut live = stage.apply(&[])?;
        ensure!(live.says("the naked clock runs", LIMIT), "no leg was ever alone");
        live.kill();
        let flattened = command(stage, &["flatten"])?;
        ensure!(flattened == STOPPED, "flatten of a naked run ended with {flattened:?}");
        is_flat(&proof::sound(stage)?)
    });
}

/// F-23: a run that crashed while both legs were held. Its plan file differs in turn by a step that has started, by more
/// risk, by what makes another run, and by a tighter hedge: only the last is accepted, and kept over a further crash.
#[test]
fn f_23_only_what_has_not_started_may_change_and_only_tighter() {
    prove("accept", Scene::BothFill, |stage| {
        let mut live = holding(stage)?;
        live.kill();
        let refused: [(&str, &str, &str); 6] = [
            ("max_hold: 20m", "max_hold: 10m", "watch.max_hold: 20m → 10m: step alpha/watch has started"),
            ("size: 2.5", "size: 2.4", "size: 2.5 → 2.4: step alpha/place.long has started"),
            ("max_drawdown_usdc: 150", "max_drawdown_usdc: 90", "150 → 90: step alpha/check has started"),
            ("max_naked: 180s", "max_naked: 200s", "hedge.max_naked: 3m → 3m20s: that is more risk"),
            ("account: 1001", "account: 1009", "long.account: 1001 → 1009: that is another run"),
            ("id: alpha", "id: beta", "pairs: alpha → beta: that is another run"),
        ];
        for (from, to, told) in refused {
            let file = edit(stage, "other.yaml", &[(from, to)])?;
            let ended = command(stage, &["resume", "--plan", &file, "--accept-change"])?;
            ensure!(ended == CHANGED, "`{to}` ended with {ended:?}");
            ensure!(said(stage).contains(told), "`{to}` is not told as `{told}`");
        }
        accepted_change(stage)
    });
}

fn accepted_change(stage: &Stage) -> Result<(), Failure> {
    let tighter = edit(stage, "tighter.yaml", &[("max_naked: 180s", "max_naked: 170s")])?;
    let ended = command(stage, &["resume", "--plan", &tighter])?;
    ensure!(ended == CHANGED, "a changed file without --accept-change ended with {ended:?}");
    ensure!(said(stage).contains("`--accept-change` goes on with it"), "the way on is not told");
    ensure!(said(stage).contains("    step alpha/hedge: "), "the step and its hashes are not told");
    ensure!(accepted(stage)? == 0, "a refused file is in the journal");
    let mut run = stage.start(&["resume", "--plan", &tighter, "--accept-change"], &[])?;
    ensure!(run.says("accepted: alpha: hedge.max_naked: 3m → 2m50s", LIMIT), "the change is not told");
    ensure!(run.says("resumed", LIMIT), "the run does not go on");
    run.kill();
    ensure!(accepted(stage)? == 1, "the accepted plan is not in the journal");
    // The first file is more risk by now, and the second one is no change.
    let first = stage.directory().join("plan.yaml").display().to_string();
    let ended = command(stage, &["resume", "--plan", &first, "--accept-change"])?;
    ensure!(ended == CHANGED, "the first file ended with {ended:?}");
    let mut run = stage.start(&["resume", "--plan", &tighter], &[])?;
    if let Some(ended) = run.wait_within(Duration::from_secs(2))? {
        return Err(format!("the accepted file ended with {ended:?}"));
    }
    let told = command(stage, &["flatten"])?;
    ensure!(told == Ended::Code(0), "flatten ended with {told:?}");
    ensure!(run.wait(LIMIT)? == STOPPED, "the flattened run did not stop");
    is_flat(&proof::sound(stage)?)?;
    ensure!(accepted(stage)? == 1, "one acceptance is two in the journal");
    resume_to_the_end(stage)
}

/// Returns how many accepted plans the journal holds, its chain verified by `proof`.
fn accepted(stage: &Stage) -> Result<usize, Failure> {
    let failed = |error: &dyn std::fmt::Display| format!("journal: {error}");
    let store = StateDir::open(&stage.state()).map_err(|error| failed(&error))?;
    let store = store.reader().map_err(|error| failed(&error))?;
    let run = stage.run_id().ok_or("no run")?;
    let events = store.events(&run, 1).map_err(|error| failed(&error))?;
    Ok(events.iter().filter(|event| event.kind == "plan.accepted").count())
}

/// A saved plan runs like its file, with the file gone.
#[test]
fn a_saved_plan_runs_to_its_end() {
    prove("saved", Scene::BothFill, |stage| {
        let (plan, saved) = (stage.directory().join("plan.yaml"), stage.directory().join("saved.lplan"));
        let (plan, saved) = (plan.display().to_string(), saved.display().to_string());
        let written = command(stage, &["plan", &plan, "--out", &saved])?;
        ensure!(written == Ended::Code(0), "plan --out ended with {written:?}");
        std::fs::remove_file(&plan).map_err(|error| error.to_string())?;
        let ended = command(stage, &["apply", &saved, "--auto-approve"])?;
        ensure!(ended == Ended::Code(0), "the saved plan ended with {ended:?}");
        proof::finished(stage, 0).map(drop)
    });
}
