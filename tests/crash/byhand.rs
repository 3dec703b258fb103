//! What an operator does by hand to a run that lies: look at it, take it over, settle what is in doubt.

use std::time::Duration;

use lighter_plan::engine::Purpose;
use rustix::process::Signal;

use crate::hosts::{copied, prove, resume_in, started};
use crate::process::{Ended, Process, tail};
use crate::proof;
use crate::record::Journaled;
use crate::stage::{Kill, LIMIT, Scene, Stage};
use crate::{Failure, ensure};

/// Number of the transaction that cancels all, which is what a nonce is burnt with.
const CANCEL_ALL: u64 = 16;

/// The hashes of what the exchange has executed.
fn executed(stage: &Stage) -> Result<Vec<(String, u64)>, Failure> {
    let accounts = stage.accounts()?;
    let transactions = accounts.iter().flat_map(|account| &account.transactions);
    Ok(transactions.filter(|tx| tx.executed).map(|tx| (tx.hash.clone(), tx.kind)).collect())
}

fn run(stage: &Stage, arguments: &[&str]) -> Result<Ended, Failure> {
    stage.start(arguments, &[])?.wait(LIMIT)
}

/// F-16, F-17: a process sleeps, another host takes its run over from a copy, and the sleeper wakes while the run goes on
/// there: it lands nothing more, is told 25, and the run comes to its end.
#[test]
fn who_sleeps_through_a_take_over_lands_nothing() {
    prove("taken over", Scene::BothFill, |stage| {
        let mut sleeper = started(stage, "order open")?;
        sleeper.signal(Signal::STOP)?;
        let copy = copied(stage, "copy")?;
        let mut second = resume_in(stage, &copy, &["--take-over"])?;
        ensure!(second.says("nonces burnt", LIMIT), "nothing was taken over");
        sleeper.signal(Signal::CONT)?;
        let woken = sleeper.wait(LIMIT)?;
        ensure!(woken == Ended::Code(25), "the sleeper ended with {woken:?}");
        let ended = second.wait(LIMIT)?;
        ensure!(matches!(ended, Ended::Code(0 | 22)), "the second host ended with {ended:?}");
        let journal = Journaled::read_in(&copy)?;
        let ours = journal.intents();
        let done = executed(stage)?;
        for (hash, _) in &done {
            ensure!(ours.contains_key(hash), "{hash} was executed, and who took over did not sign it");
        }
        ensure!(done.iter().any(|(_, kind)| *kind == CANCEL_ALL), "no nonce was burnt");
        let flat = stage.accounts()?.iter().all(|account| account.position.is_zero());
        ensure!(flat, "the accounts are not flat");
        let act = journal.acts.iter().find(|act| act.detail == "--take-over");
        ensure!(act.is_some_and(|act| act.by.pid != 0), "nobody is named: {:?}", journal.acts);
        Ok(())
    });
}

/// F-17: what a dead process signed and may have sent is dead once its nonce is burnt, and the run goes on.
#[test]
fn signed_bytes_are_buried_by_a_take_over() {
    prove("buried", Scene::BothFill, |stage| {
        let ended = stage.go(&Kill::Point("send.before:4".to_owned()))?;
        ensure!(ended == Ended::Killed, "the first process ended with {ended:?}");
        let left: Vec<_> = Journaled::read(stage)?.pair.long.unsettled.keys().copied().collect();
        let ended = run(stage, &["resume", "--take-over"])?;
        ensure!(
            matches!(ended, Ended::Code(0 | 22)),
            "the run ended with {ended:?} (in doubt were {left:?})"
        );
        // What was buried was an entry: the pair leaves without it.
        let evidence = proof::sound(stage)?;
        let buried = |outcome: &&lighter_plan::engine::Outcome| format!("{outcome:?}").contains("take-over");
        ensure!(evidence.journal.outcomes().values().any(buried), "nothing was buried");
        let flat = evidence.accounts.iter().all(|account| account.position.is_zero());
        ensure!(flat, "the accounts are not flat");
        Ok(())
    });
}

/// A copy from before the run went on cannot be taken over: what it does not know it cannot bury.
#[test]
fn an_old_copy_cannot_take_over() {
    prove("old take-over", Scene::BothFill, |stage| {
        let mut first = started(stage, "order open")?;
        first.signal(Signal::STOP)?;
        let copy = copied(stage, "copy")?;
        first.signal(Signal::CONT)?;
        let ended = first.wait(LIMIT)?;
        ensure!(ended == Ended::Code(0), "the first host ended with {ended:?}");
        let before = executed(stage)?;
        let second = resume_in(stage, &copy, &["--take-over"])?.wait(LIMIT)?;
        ensure!(second == Ended::Code(25), "the copy ended with {second:?}");
        ensure!(executed(stage)? == before, "the copy landed something");
        Ok(())
    });
}

/// to reconcile sends nothing, and twice is once: the second time not one entry of the pair is added.
#[test]
fn r_19_to_look_twice_is_to_look_once() {
    prove("look", Scene::BothFill, |stage| {
        let mut process: Process = started(stage, "order open")?;
        process.kill();
        // The orders fill meanwhile: there is something to learn.
        stage.let_pass(Duration::from_secs(30))?;
        let before = executed(stage)?;
        let first = run(stage, &["resume", "--reconcile-only"])?;
        ensure!(matches!(first, Ended::Code(21 | 23)), "the first look ended with {first:?}");
        let learned = Journaled::read(stage)?;
        ensure!(learned.pair.long.position.lots() > 0, "the first look did not see the fills");
        let second = run(stage, &["resume", "--reconcile-only"])?;
        ensure!(second == first, "the first look ended with {first:?}, the second with {second:?}");
        let again = Journaled::read(stage)?;
        ensure!(
            again.entries.len() == learned.entries.len(),
            "the second look added {:?}",
            &again.entries[learned.entries.len()..]
        );
        ensure!(executed(stage)? == before, "a look sent something");
        let ended = run(stage, &["resume"])?;
        let Ended::Code(code @ (0 | 22)) = ended else { return Err(format!("the run ended with {ended:?}")) };
        proof::finished(stage, code).map(drop)
    });
}

/// U-07: what is in doubt can be settled by hand, with evidence, never against the venue and never before it is over.
#[test]
fn u_07_what_is_in_doubt_is_settled_by_hand() {
    prove("by hand", Scene::BothFill, |stage| {
        // Signed, written down, and never sent: the first of the two entry orders.
        let mut killed = 1;
        let doubt = loop {
            let ended = stage.go(&Kill::Point("send.before:3".to_owned()))?;
            ensure!(ended == Ended::Killed && killed < 8, "no entry order came in doubt");
            killed += 1;
            let journal = Journaled::read(stage)?;
            let intents = journal.pair.long.unsettled.values().chain(journal.pair.short.unsettled.values());
            let entry = intents.clone().find(|intent| intent.purpose == Purpose::Entry);
            if let Some(intent) = entry {
                break format!("alpha.place.{}", intent.leg.name());
            }
        };
        let id = stage.run_id().ok_or("no run")?.to_string();
        ensure!(run(stage, &["resolve", &id])? == Ended::Code(0), "no list");
        ensure!(tail(&stage.output()).contains(&format!("{doubt}#")), "`{doubt}` is not in the list");
        let claim = |claim: &str, step: &str| {
            run(stage, &["resolve", &id, step, "--as", claim, "--evidence", "seen in the venue's own list"])
        };
        let early = claim("not-sent", &doubt)?;
        ensure!(early == Ended::Code(1), "settled while its bytes may land: {early:?}");
        stage.let_pass(Duration::from_secs(60))?;
        ensure!(claim("sent", &doubt)? == Ended::Code(1), "its nonce is free, and yet it is `sent`");
        ensure!(claim("not-sent", "alpha.exit.long")? == Ended::Code(1), "what is not in doubt was settled");
        ensure!(claim("not-sent", &doubt)? == Ended::Code(0), "it was not settled");
        let journal = Journaled::read(stage)?;
        let act = journal.acts.last().ok_or("nobody is named")?;
        ensure!(
            act.command == "resolve" && act.detail.contains("the venue's own list"),
            "the last act is {act:?}"
        );
        let ended = run(stage, &["resume"])?;
        let Ended::Code(code @ (0 | 22)) = ended else { return Err(format!("the run ended with {ended:?}")) };
        proof::finished(stage, code).map(drop)
    });
}
