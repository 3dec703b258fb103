//! F-24: the venue changes a market's rules while no process of the run is there.

use crate::hosts::{prove, started};
use crate::process::Ended;
use crate::proof;
use crate::record::Journaled;
use crate::stage::{LIMIT, Scene, Stage};
use crate::{Failure, ensure};
use lighter_plan::engine::Entry;

/// From now on nothing as small as the plan's 2.5 SOL may rest.
const LARGER: &str = r#"{"do":"rules","min_base":"5"}"#;

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
        ensure!(ended == Ended::Code(28), "the run ended with {ended:?}");
        let said = std::fs::read_to_string(stage.output()).unwrap_or_default();
        let reason = "size 2.500 is under the market's smallest order of 5.000";
        ensure!(said.contains(reason), "it does not say why");
        ensure!(orders(stage)? == 0, "an order reached the exchange");
        Ok(())
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
        ensure!(ended == Ended::Code(0), "the run ended with {ended:?}");
        proof::finished(stage, 0)?;
        let journal = Journaled::read(stage)?;
        let told = journal.entries.iter().filter_map(|entry| match entry {
            Entry::Rules { changes, .. } => Some(changes.join("; ")),
            _ => None,
        });
        let told: Vec<_> = told.collect();
        ensure!(told == ["smallest size was 0.055, is 5.000"], "the journal has {told:?}");
        Ok(())
    });
}
