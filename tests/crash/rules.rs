//! Market rules that change: before a run, between its check and its entry, and while it lies stopped or dead.

use std::time::Duration;

use lighter_plan::engine::Entry;
use rustix::process::Signal;

use crate::process::{Ended, Process, until};
use crate::proof;
use crate::record::Journaled;
use crate::stage::{LIMIT, Scene, Stage};
use crate::stops::{STOPPED, prove};
use crate::{Failure, ensure};

/// A check or risk rule stopped it while flat.
const RULE_STOPPED: Ended = Ended::Code(28);
/// How long rules count as young on a stage: 60 s and twenty answers of half a real second each, in venue time.
const YOUNG: Duration = Duration::from_secs(260);

/// Gives SOL other rules, as the venue does between two reads.
fn change(stage: &Stage, rules: &str) -> Result<(), Failure> {
    stage.control("/paper/request", &format!("{{\"market_rules\": {{\"market\": 2, {rules}}}}}"))
}

fn take(stage: &Stage, side: &str, size: &str) -> Result<(), Failure> {
    let action = format!("{{\"do\": \"take\", \"side\": \"{side}\", \"size\": \"{size}\"}}");
    stage.control("/paper/act", &format!("{{\"market\": \"SOL\", \"action\": {action}}}"))
}

/// Makes both quotes follow the market, each in front of the makers': what is taken away is placed anew by a resume.
fn pegged(stage: &Stage) -> Result<(), Failure> {
    stage.edit_plan(
        "prices: { buy: 99.920, sell: 100.080 }",
        "prices: { buy: { peg: best_ask, offset_bps: -2, reprice_bps: 500 }, \
                   sell: { peg: best_bid, offset_bps: 1, reprice_bps: 500 } }",
    )
}

/// Starts a run and waits until both quotes rest.
fn resting(stage: &Stage) -> Result<Process, Failure> {
    let process = stage.apply(&[])?;
    let both = || {
        let live =
            |accounts: Vec<crate::venue::Account>| accounts.iter().all(|row| !row.live_orders().is_empty());
        stage.accounts().is_ok_and(live)
    };
    ensure!(until(LIMIT, both), "both quotes never rested");
    Ok(process)
}

fn stopped(process: &mut Process) -> Result<(), Failure> {
    process.signal(Signal::TERM)?;
    let ended = process.wait(LIMIT)?;
    ensure!(ended == STOPPED, "the stop ended with {ended:?}");
    Ok(())
}

/// How many orders the exchange has ever seen of both accounts.
fn orders(stage: &Stage) -> Result<usize, Failure> {
    Ok(stage.accounts()?.iter().map(|account| account.orders.len()).sum())
}

fn sent(stage: &Stage) -> Result<usize, Failure> {
    Ok(stage.accounts()?.iter().map(|account| account.transactions.len()).sum())
}

/// Resumes the run, which must end with `code` and say every one of `words`.
fn resumed(stage: &Stage, code: Ended, words: &[&str]) -> Result<(), Failure> {
    let mut process = stage.resume(None, &[])?;
    let ended = process.wait(LIMIT)?;
    ensure!(ended == code, "the resumed run ended with {ended:?}");
    for words in words {
        ensure!(process.says(words, Duration::ZERO), "it never said `{words}`");
    }
    Ok(())
}

/// F-24: the venue's rules are not those that the plan was compiled with: the check says which, and nothing is sent.
#[test]
fn f_24_rules_that_changed_before_the_run_are_named() {
    prove("rules changed before the run", Scene::Still, |stage| {
        change(stage, "\"min_base\": 5000")?;
        let mut process = stage.apply(&[])?;
        let ended = process.wait(LIMIT)?;
        ensure!(ended == RULE_STOPPED, "the run ended with {ended:?}");
        let named = process.says("smallest size 0.055 → 5.000", Duration::ZERO);
        ensure!(named, "the change is not named");
        ensure!(sent(stage)? == 0, "something was sent");
        Ok(())
    });
}

/// F-24: the rules change between check and place: before the entry goes out they are read again, and it does not.
#[test]
fn f_24_rules_that_change_between_check_and_place_stop_the_entry() {
    prove("rules changed before the entry", Scene::Still, |stage| {
        // A post-only bid above the ask: its moment has not come.
        stage
            .edit_plan("prices: { buy: 99.920, sell: 100.080 }", "prices: { buy: 100.300, sell: 100.600 }")?;
        let mut process = stage.apply(&[])?;
        ensure!(process.says("→ place", LIMIT), "the check does not pass");
        change(stage, "\"min_base\": 5000")?;
        let before = sent(stage)?;
        stage.let_pass(YOUNG)?;
        let price = "{\"do\": \"set_price\", \"price\": \"100.450\"}";
        stage.control("/paper/act", &format!("{{\"market\": \"SOL\", \"action\": {price}}}"))?;
        let ended = process.wait(LIMIT)?;
        ensure!(ended == RULE_STOPPED, "the run ended with {ended:?}");
        for words in ["smallest size 0.055 → 5.000", "nothing was placed"] {
            ensure!(process.says(words, Duration::ZERO), "it never said `{words}`");
        }
        ensure!(sent(stage)? == before && orders(stage)? == 0, "an entry was sent");
        Ok(())
    });
}

/// F-24: a run that is stopped flat finds that its quotes are too small now: it ends with 28, and no order is made.
#[test]
fn f_24_rules_that_change_while_stopped_end_a_flat_pair() {
    prove("rules changed while stopped", Scene::Still, |stage| {
        pegged(stage)?;
        stopped(&mut resting(stage)?)?;
        change(stage, "\"min_quote\": 500000000")?;
        let before = orders(stage)?;
        resumed(stage, RULE_STOPPED, &["smallest notional 10.000000 USDC → 500.000000 USDC"])?;
        ensure!(orders(stage)? == before, "an order was made that does not fit");
        let evidence = proof::sound(stage)?;
        ensure!(evidence.journal.pair.is_flat() && !evidence.journal.pair.has_live_orders(), "not flat");
        Ok(())
    });
}

/// F-24: the process is killed while its quotes rest, with part of them filled: the rest cannot be placed any more, and
/// what is held only shrinks.
#[test]
fn f_24_rules_that_change_while_something_is_held_only_reduce() {
    prove("rules changed while held", Scene::Still, |stage| {
        pegged(stage)?;
        let mut process = resting(stage)?;
        take(stage, "sell", "1.0")?;
        take(stage, "buy", "1.0")?;
        stopped(&mut process)?;
        let held = Journaled::read(stage)?;
        let lots = [held.pair.long.position.lots(), held.pair.short.position.lots()];
        ensure!(lots == [1_000, -1_000], "the pair holds {lots:?}");
        change(stage, "\"min_base\": 2000")?;
        resumed(stage, RULE_STOPPED, &["smallest size 0.055 → 2.000"])?;
        let evidence = proof::sound(stage)?;
        ensure!(evidence.journal.pair.is_flat(), "the pair is not flat");
        let after = evidence.journal.entries.iter().skip(held.entries.len());
        let adds = |entry: &&Entry| matches!(entry, Entry::Intent(intent) if intent.adds_risk());
        let adding: Vec<_> = after.filter(adds).collect();
        ensure!(adding.is_empty(), "exposure was added: {adding:?}");
        Ok(())
    });
}

/// F-24: on another grid the journal's integers mean something else: nothing is sent, whatever is open is told, and looking
/// counts nothing.
#[test]
fn f_24_on_another_grid_nothing_is_sent() {
    let grid = "price decimals 3 → 2";
    prove("another grid, flat", Scene::Still, |stage| {
        pegged(stage)?;
        stopped(&mut resting(stage)?)?;
        change(stage, "\"price_decimals\": 2")?;
        let before = sent(stage)?;
        resumed(stage, Ended::Code(26), &[grid, "nothing is open"])?;
        ensure!(sent(stage)? == before, "something was sent");
        Ok(())
    });
    prove("another grid, quotes open", Scene::Still, |stage| {
        pegged(stage)?;
        resting(stage)?.kill();
        change(stage, "\"price_decimals\": 2")?;
        let before = sent(stage)?;
        let entries = Journaled::read(stage)?.entries.len();
        let look = stage.start(&["resume", "--reconcile-only"], &[])?.wait(LIMIT)?;
        ensure!(look == Ended::Code(23), "the look ended with {look:?}");
        ensure!(Journaled::read(stage)?.entries.len() == entries, "a look counted something");
        resumed(stage, Ended::Code(23), &[grid, "close by hand: long 0.000, short 0.000, 2 orders"])?;
        ensure!(sent(stage)? == before, "something was sent");
        Ok(())
    });
}
