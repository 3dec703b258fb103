//! Processes that sleep past their deadlines.

use std::time::Duration;

use lighter_plan::engine::Entry;
use rustix::process::Signal;

use crate::case::Slot;
use crate::process::Ended;
use crate::proof;
use crate::stage::{Host, LIMIT, Scene, Stage};
use crate::{Failure, ensure};

/// Sleeps for `span` of venue time once the run has said `words`, and ends as the plan says.
fn asleep(stage: &Stage, words: &str, span: Duration) -> Result<i32, Failure> {
    let mut process = stage.apply(&[])?;
    ensure!(process.says(words, LIMIT), "the run never said `{words}`");
    process.signal(Signal::STOP)?;
    stage.let_pass(span)?;
    process.signal(Signal::CONT)?;
    match process.wait(LIMIT)? {
        Ended::Code(code) => proof::finished(stage, code).map(|_| code),
        other => Err(format!("after {span:?} asleep at `{words}` the run ended with {other:?}")),
    }
}

fn prove(scene: Scene, words: &str, span: Duration) -> Stage {
    let _slot = Slot::take();
    let stage = Stage::new(Host::Apart, scene).unwrap_or_else(|failure| panic!("{failure}"));
    match asleep(&stage, words, span) {
        Ok(code) => eprintln!("{scene:?}: asleep at `{words}` for {span:?}: ended with {code}"),
        Err(failure) => panic!("{failure}\n{}", stage.tails()),
    }
    stage
}

/// F-14: asleep past the time to hold, past every socket's patience and past the deadlines of signed bytes; awake again,
/// the run looks first and then ends as planned.
#[test]
fn asleep_past_the_deadlines_the_run_ends_as_planned() {
    for words in ["order open", "dead man's switch cleared", ": withdraw "] {
        prove(Scene::BothFill, words, Duration::from_secs(60));
    }
}

/// F-14: one leg fills while the process sleeps past `hedge.wait` and `max_naked`; awake again, nothing stays naked.
#[test]
fn asleep_past_the_hedge_deadline_nothing_stays_naked() {
    let stage = prove(Scene::LongFills, "order open", Duration::from_secs(200));
    let evidence = proof::sound(&stage).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(evidence.journal.has(|entry| matches!(entry, Entry::NakedTo { .. })), "it never was naked");
}
