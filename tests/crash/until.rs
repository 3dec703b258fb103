//! `apply --until STEP`: runs that stop where they were told to.

use lighter_plan::engine::{Entry, StopMode};

use crate::process::{Ended, Process};
use crate::proof::{self, Evidence};
use crate::stage::{LIMIT, Scene, Stage};
use crate::stops::{STOPPED, finish, prove};
use crate::{Failure, ensure};

fn apply(stage: &Stage, until: &str) -> Result<Process, Failure> {
    let plan = stage.directory().join("plan.yaml").display().to_string();
    stage.start(&["apply", &plan, "--auto-approve", "--until", until], &[])
}

/// Runs until `step` is finished; returns what the records say then.
fn stopped_after(stage: &Stage, step: &str) -> Result<Evidence, Failure> {
    let ended = apply(stage, step)?.wait(LIMIT)?;
    ensure!(ended == STOPPED, "`--until {step}` ended with {ended:?}");
    let evidence = proof::sound(stage)?;
    let journal = &evidence.journal;
    ensure!(journal.run.status == "stopped", "the status is `{}`", journal.run.status);
    ensure!(
        journal.has(|entry| matches!(entry, Entry::Stop { mode: StopMode::Hold, .. })),
        "no stop was journaled"
    );
    ensure!(!journal.pair.is_naked(), "naked after `--until {step}`");
    let withdrawn = evidence.accounts.iter().any(|account| !account.withdrawals.is_empty());
    ensure!(!withdrawn, "USDC was withdrawn before the stop");
    Ok(evidence)
}

/// After the check nothing was placed; `resume` begins anew and ends the run.
#[test]
fn until_check_places_nothing() {
    prove("until check", Scene::BothFill, |stage| {
        let evidence = stopped_after(stage, "check")?;
        let orders: usize = evidence.accounts.iter().map(|account| account.orders.len()).sum();
        ensure!(orders == 0, "{orders} orders were placed");
        let ended = stage.start(&["resume", "--until", "hedge"], &[])?.wait(LIMIT)?;
        ensure!(ended == STOPPED, "`resume --until hedge` ended with {ended:?}");
        finish(stage, &[0])
    });
}

/// After the placing both quotes have been on the book, and rest as `on_stop: leave` says; `resume` trades on with them.
#[test]
fn until_place_leaves_the_quotes_as_on_stop_says() {
    for (on_stop, live) in [("leave", 1), ("cancel_open", 0), ("flatten", 0)] {
        prove(&format!("until place, {on_stop}"), Scene::Still, |stage| {
            stage.edit_plan("withdraw: {", &format!("on_stop: {on_stop}\nwithdraw: {{"))?;
            let evidence = stopped_after(stage, "alpha/place")?;
            for account in &evidence.accounts {
                ensure!(account.orders.len() == 1, "account {}: {:?}", account.index, account.orders);
                let open = account.live_orders().len();
                ensure!(open == live, "account {}: {open} orders are open", account.index);
            }
            Ok(())
        });
    }
}

/// After the hedge, which is the way to flat, the pair is flat and nothing is withdrawn before `resume`.
#[test]
fn until_hedge_ends_flat_and_keeps_the_money_there() {
    for scene in [Scene::BothFill, Scene::LongFills] {
        prove(&format!("until hedge, {scene:?}"), scene, |stage| {
            let evidence = stopped_after(stage, "hedge")?;
            let pair = &evidence.journal.pair;
            ensure!(pair.is_flat() || scene == Scene::LongFills, "not flat after the exit");
            ensure!(!pair.long.trades.is_empty() && !pair.short.trades.is_empty(), "nothing was traded");
            finish(stage, &[0])
        });
    }
}

/// A step that is none is told with what was meant, before anything is made.
#[test]
fn until_a_step_that_is_none_is_a_usage_error() {
    prove("until nothing", Scene::BothFill, |stage| {
        for (wrong, meant) in [("wacth", "did you mean `watch`?"), ("alpa/hedge", "did you mean `alpha`?")] {
            let mut process = apply(stage, wrong)?;
            let ended = process.wait(LIMIT)?;
            ensure!(ended == Ended::Code(2), "`--until {wrong}` ended with {ended:?}");
            ensure!(process.says(meant, std::time::Duration::ZERO), "it never said `{meant}`");
        }
        ensure!(stage.run_id().is_none(), "a run was made");
        Ok(())
    });
}
