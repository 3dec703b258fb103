//! F-24: the venue changes a market's rules, while no process of the run is there and under one that runs.

use crate::hosts::{prove, started};
use crate::process::Ended;
use crate::proof;
use crate::record::Journaled;
use crate::stage::{LIMIT, Scene, Stage};
use crate::{Failure, ensure};
use lighter_plan::engine::Entry;

/// From now on nothing as small as the plan's 2.5 SOL may rest.
const LARGER: &str = r#"{"do":"rules","min_base":"5"}"#;
/// From now on the plan's 2,500 lots are 0.25 SOL.
const FINER: &str = r#"{"do":"rules","size_decimals":4}"#;

/// Holds for as long as the rules need to be read again, and longer.
fn hold_longer(stage: &Stage) -> Result<(), Failure> {
    stage.edit_plan("max_hold: 8s", "max_hold: 240s")
}

/// What the journal says that changed.
fn told(stage: &Stage) -> Result<Vec<String>, Failure> {
    let journal = Journaled::read(stage)?;
    let told = journal.entries.iter().filter_map(|entry| match entry {
        Entry::Rules { changes, .. } => Some(changes.join("; ")),
        _ => None,
    });
    Ok(told.collect())
}

/// The run ended because its size is too small now, and nothing was sent.
fn does_not_fit(stage: &Stage, ended: &Ended) -> Result<(), Failure> {
    ensure!(*ended == Ended::Code(28), "the run ended with {ended:?}");
    let said = std::fs::read_to_string(stage.output()).unwrap_or_default();
    let reason = "size 2.500 is under the market's smallest order of 5.000";
    ensure!(said.contains(reason), "it does not say why");
    ensure!(orders(stage)? == 0, "an order reached the exchange");
    Ok(())
}

/// The run came to its end under the larger smallest size, of which its journal tells once.
fn went_on(stage: &Stage, ended: &Ended) -> Result<(), Failure> {
    ensure!(*ended == Ended::Code(0), "the run ended with {ended:?}");
    proof::finished(stage, 0)?;
    let told = told(stage)?;
    ensure!(told == ["smallest size was 0.055, is 5.000"], "the journal has {told:?}");
    Ok(())
}

fn orders(stage: &Stage) -> Result<usize, Failure> {
    Ok(stage.accounts()?.iter().map(|account| account.orders.len()).sum())
}

/// What was checked is checked anew, by the rules of the day: an order that no longer fits is not even sent.
#[test]
fn f_24_an_entry_that_no_longer_fits_is_not_sent() {
    prove("rules before the entry", Scene::BothFill, |stage| {
        // A post-only bid above the offers waits for its moment, so the run is checked and has placed nothing.
        stage.edit_plan("buy: 99.920", "buy: 100.060")?;
        let mut waiting = started(stage, "→ place")?;
        waiting.kill();
        stage.act("SOL", LARGER)?;
        let ended = stage.resume(None, &[])?.wait(LIMIT)?;
        does_not_fit(stage, &ended)
    });
}

/// What the pair already holds is taken to its end under the new rules, which the journal has from then on.
#[test]
fn f_24_what_is_held_goes_on_under_the_rules_of_the_day() {
    prove("rules after the entry", Scene::BothFill, |stage| {
        let mut holding = started(stage, "order open")?;
        holding.kill();
        stage.act("SOL", LARGER)?;
        let ended = stage.resume(None, &[])?.wait(LIMIT)?;
        went_on(stage, &ended)
    });
}

/// A run that waits for its moment hears of it without being started again.
#[test]
fn f_24_a_run_that_waits_checks_anew_when_the_rules_change() {
    prove("rules under a run that waits", Scene::Still, |stage| {
        stage.edit_plan("buy: 99.920", "buy: 100.060")?;
        let mut waiting = started(stage, "→ place")?;
        stage.act("SOL", LARGER)?;
        let ended = waiting.wait(LIMIT)?;
        does_not_fit(stage, &ended)
    });
}

/// A run that holds writes them down and goes on to its end.
#[test]
fn f_24_a_run_that_holds_goes_on_when_the_rules_change() {
    prove("rules under a run that holds", Scene::BothFill, |stage| {
        hold_longer(stage)?;
        let mut holding = started(stage, "order open")?;
        stage.act("SOL", LARGER)?;
        let ended = holding.wait(LIMIT)?;
        went_on(stage, &ended)
    });
}

/// Lots of another grid are not the run's lots: nothing more is sent, by this process or by one that resumes.
#[test]
fn f_24_a_run_whose_lots_mean_something_else_sends_nothing_more() {
    prove("another grid under a run", Scene::BothFill, |stage| {
        hold_longer(stage)?;
        let mut holding = started(stage, "dead man's switch cleared")?;
        stage.act("SOL", FINER)?;
        let ended = holding.wait(LIMIT)?;
        ensure!(ended == Ended::Code(23), "the run ended with {ended:?}");
        let reason = "SOL changed its grid while this run was on its way (size decimals was 3, is 4";
        ensure!(holding.says(reason, std::time::Duration::ZERO), "it does not say why");
        let before = orders(stage)?;
        let mut again = stage.resume(None, &[])?;
        let ended = again.wait(LIMIT)?;
        ensure!(ended == Ended::Code(26), "the resume ended with {ended:?}");
        ensure!(orders(stage)? == before, "it sent an order all the same");
        Ok(())
    });
}
