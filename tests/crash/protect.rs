//! Stops that wait at the exchange while no process of the run lives.

use lighter_plan::engine::{LegSide, Purpose};
use rust_decimal::Decimal;

use crate::process::{Ended, until};
use crate::proof;
use crate::stage::{LIMIT, Scene, Stage};
use crate::stops::prove;
use crate::venue::Account;
use crate::{Failure, ensure};

/// Plays until both legs are held, each under one stop that was placed alone, and kills the process there.
fn held_and_killed(stage: &Stage) -> Result<(), Failure> {
    stage.edit_plan("max_hold: 8s", "max_hold: 20m")?;
    stage.edit_plan("hedge: {", "protect: { stop_bps: 60, limit_bps: 60 }\nhedge: {")?;
    let mut process = stage.apply(&[])?;
    ensure!(process.says("long: stop at mark", LIMIT), "no stop of the long leg was placed alone");
    let under_one = |account: &Account| {
        // What went out with the entry is gone, what stands in for it waits.
        !account.position.is_zero() && account.live_orders().len() == 1 && account.orders.len() == 3
    };
    let held = until(LIMIT, || stage.accounts().is_ok_and(|accounts| accounts.iter().all(under_one)));
    process.kill();
    ensure!(held, "the legs never came to stand under one stop each");
    Ok(())
}

/// The price goes through a stop while nobody runs: the exchange closes that leg, and who resumes closes the other one.
#[test]
fn a_stop_acts_while_nobody_runs() {
    for (price, side, stopped) in [("99.200", LegSide::Long, 0), ("100.800", LegSide::Short, 1)] {
        prove(&format!("stop of the {} leg while nobody runs", side.name()), Scene::BothFill, |stage| {
            held_and_killed(stage)?;
            stage.set_price(price)?;
            let gone = |accounts: &[Account]| accounts[stopped].position.is_zero();
            let acted = until(LIMIT, || stage.accounts().is_ok_and(|accounts| gone(&accounts)));
            ensure!(acted, "the stop never acted");
            let run = stage.run_id().ok_or("no run")?;
            // It was naked from the stop on; for longer than `max_naked`, that is an emergency.
            let code = match stage.resume(Some(&run), &[])?.wait(LIMIT)? {
                Ended::Code(code @ (0 | 22)) => code,
                other => return Err(format!("the resumed run ended with {other:?}")),
            };
            let evidence = proof::finished(stage, code)?;
            let leg = evidence.journal.pair.leg(side);
            let sold: i64 = leg
                .orders
                .values()
                .filter(|order| order.purpose == Purpose::Protect)
                .map(|order| order.traded.lots())
                .sum();
            ensure!(sold == 2_500, "the stop traded {sold} lots");
            let worst = Decimal::from(250) * Decimal::new(13, 3);
            ensure!(leg.cash.to_decimal() >= -worst, "the {} leg lost {}", side.name(), leg.cash);
            ensure!(evidence.journal.pair.foreign.is_none(), "a stop counts as somebody else's");
            Ok(())
        });
    }
}

/// `flatten` of a run whose process is dead takes the stops along.
#[test]
fn flatten_takes_the_stops_of_a_dead_run() {
    prove("flatten under stops", Scene::BothFill, |stage| {
        held_and_killed(stage)?;
        let run = stage.run_id().ok_or("no run")?.to_string();
        let ended = stage.start(&["flatten", &run], &[])?.wait(LIMIT)?;
        ensure!(matches!(ended, Ended::Code(0 | 21)), "flatten ended with {ended:?}");
        let evidence = proof::sound(stage)?;
        for account in &evidence.accounts {
            ensure!(account.position.is_zero(), "account {} holds {}", account.index, account.position);
            ensure!(account.live_orders().is_empty(), "open: {:?}", account.live_orders());
        }
        Ok(())
    });
}
