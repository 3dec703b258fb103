//! Withdraw: hands back what is available above `keep_usdc`, waits for confirmation and verifies the balance.

use std::time::Duration;

use super::{Flow, close, exit};
use crate::engine::codes;
use crate::engine::entry::{Entry, ExitReason, LegSide, PairEnd, Purpose, Step};
use crate::engine::event::Effect;
use crate::engine::state::LegWithdrawal;
use crate::engine::work::Work;
use crate::model::{Timestamp, Usdc};

/// The venue's smallest withdrawal (rules.md §11).
const MINIMUM: Usdc = Usdc::whole(1);
/// How often the history is read.
const POLL: Duration = Duration::from_secs(10);
/// Refusals before the withdrawal is handed over.
const REFUSALS_MAX: u32 = 3;

pub(crate) fn withdraw(work: &mut Work<'_>) -> Flow {
    if !close::clear_dead_man(work) {
        return Flow::Wait;
    }
    let mut waiting = false;
    for side in LegSide::BOTH {
        if let Some(end) = hand_over(work, side) {
            return work.go(Step::Done(end));
        }
        waiting |= !drive(work, side);
    }
    if waiting {
        return Flow::Wait;
    }
    let reason = work.pair.exit_reason.clone().unwrap_or(ExitReason::MaxHold);
    let end = exit::end(work, &reason, &receipts(work));
    work.go(Step::Done(end))
}

/// Takes one leg's withdrawal on; returns whether it is done.
fn drive(work: &mut Work<'_>, side: LegSide) -> bool {
    match work.pair.leg(side).withdrawal.clone() {
        None => start(work, side),
        Some(LegWithdrawal::Skipped(_)) => true,
        Some(done) if done.is_done() => true,
        Some(LegWithdrawal::Sent { .. } | LegWithdrawal::Seen { .. }) => {
            work.out.effect(Effect::PollWithdrawals(side));
            let again = work.now().after(POLL);
            work.out.wake_at(again);
            false
        }
    }
}

fn start(work: &mut Work<'_>, side: LegSide) -> bool {
    let view = work.view.leg(side);
    let fresh = view.synced_at.is_some_and(|at| at >= work.pair.step_since);
    let Some(margin) = view.margin.filter(|_| fresh) else {
        work.out.effect(Effect::Reconcile(side));
        let again = work.now().after(Duration::from_secs(2));
        work.out.wake_at(again);
        return false;
    };
    let amount = margin.available.minus(work.spec.plan.withdraw.keep);
    let at = work.now();
    if amount < MINIMUM {
        let reason =
            format!("{} USDC above keep_usdc is under the venue's minimum of 1 USDC", amount.max(Usdc::ZERO));
        work.record(Entry::WithdrawSkipped { leg: side, reason, at });
        return true;
    }
    let purpose = Purpose::Withdraw(amount);
    if work.can_send(side, &purpose)
        && let Some(origin) = work.origin(side, &purpose)
    {
        work.propose(side, purpose, origin.withdraw(amount), None);
    }
    false
}

/// Returns the end when a withdrawal cannot be finished by waiting.
fn hand_over(work: &Work<'_>, side: LegSide) -> Option<PairEnd> {
    let leg = work.pair.leg(side);
    let account = work.spec.leg(side).account;
    if leg.withdrawal.is_none() && leg.withdrawal_refusals >= REFUSALS_MAX {
        let why = leg.last_refusal.as_ref().map_or("", |(_, text)| text.as_str());
        let summary = format!("flat, but the venue refuses the withdrawal from account {account}: {why}");
        return Some(PairEnd { code: codes::FAILED_FLAT, summary });
    }
    match leg.withdrawal.as_ref()? {
        seen @ LegWithdrawal::Seen { id, amount, status, .. } if seen.failed() => {
            let summary = format!(
                "flat, but withdrawal {id} of {amount} USDC from account {account} ended as {status:?}"
            );
            Some(PairEnd { code: codes::FAILED_FLAT, summary })
        }
        LegWithdrawal::Sent { amount, .. } | LegWithdrawal::Seen { amount, .. }
            if work.now() >= deadline(work)
                && !leg.withdrawal.as_ref().is_some_and(LegWithdrawal::is_done) =>
        {
            let summary =
                format!("flat, but the withdrawal of {amount} USDC from account {account} is not confirmed");
            Some(PairEnd { code: codes::UNKNOWN, summary })
        }
        _ => None,
    }
}

fn deadline(work: &Work<'_>) -> Timestamp {
    if work.spec.continue_missed_withdrawal {
        return Timestamp::from_millis(i64::MAX);
    }
    work.pair.step_since.after(work.spec.plan.withdraw.verify_within)
}

fn receipts(work: &Work<'_>) -> String {
    let parts = LegSide::BOTH.map(|side| match &work.pair.leg(side).withdrawal {
        Some(LegWithdrawal::Seen { id, amount, status, collateral }) => {
            let status = format!("{status:?}").to_lowercase();
            format!("{} withdrew {amount} USDC ({status}, {id}), {collateral} left", side.name())
        }
        Some(LegWithdrawal::Skipped(reason)) => format!("{} withdrew nothing: {reason}", side.name()),
        Some(LegWithdrawal::Sent { .. }) | None => format!("{} withdrew nothing", side.name()),
    });
    parts.join("; ")
}
