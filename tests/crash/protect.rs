//! `protect:`, with nobody there: the process is killed, its stop acts at the exchange, and `resume` closes the other leg.

use lighter_plan::engine::ExitReason;

use crate::ensure;
use crate::hosts::{prove, started};
use crate::process::{Ended, until};
use crate::record::Journaled;
use crate::stage::{LIMIT, Scene};

/// The long leg's stop fires at 3 % below its entry.
const FALL: &str = r#"{"do":"move_to","price":"96.500","over":"2s"}"#;

#[test]
fn a_stop_acts_while_nobody_is_there_and_resume_closes_the_other_leg() {
    prove("protected", Scene::BothFill, |stage| {
        let stops = "protect: { stop_bps: 300, limit_bps: 100 }\nhedge: {";
        stage.edit_plan("hedge: {", stops)?;
        stage.edit_plan("max_hold: 8s", "max_hold: 30m")?;
        let mut process = started(stage, "stop,")?;
        // The child of the entry and the stop for the whole position, on each account.
        let guarded = || {
            stage.accounts().is_ok_and(|accounts| {
                let waiting = |account: &crate::venue::Account| {
                    account.orders.iter().filter(|order| order.status == "pending").count()
                };
                accounts.iter().all(|account| waiting(account) == 2)
            })
        };
        ensure!(until(LIMIT, guarded), "the stops never stood at the exchange");
        process.kill();
        stage.act("SOL", FALL)?;
        let stopped = || stage.accounts().is_ok_and(|accounts| accounts[0].position.is_zero());
        ensure!(until(LIMIT, stopped), "the long leg's stop did nothing");
        ensure!(!stage.accounts()?[1].position.is_zero(), "the short leg is gone as well");
        let ended = stage.resume(None, &[])?.wait(LIMIT)?;
        ensure!(ended == Ended::Code(0), "the run ended with {ended:?}");
        // The usual proof counts on a mark that stands still.
        for account in stage.accounts()? {
            let open = account.live_orders();
            ensure!(account.position.is_zero() && open.is_empty(), "account {} has {open:?}", account.index);
            ensure!(account.withdrawals.len() == 1, "account {} withdrew more than once", account.index);
        }
        let reason = Journaled::read(stage)?.pair.exit_reason;
        ensure!(matches!(reason, Some(ExitReason::StopFired(_))), "it left for {reason:?}");
        Ok(())
    });
}
