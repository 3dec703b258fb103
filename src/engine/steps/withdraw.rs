//! Withdraw: hands back what is available above `keep_usdc`, waits for confirmation and verifies the balance.
//!
//! The plan's route is the only one taken. A fast withdrawal that the venue refuses is handed over with the reason and
//! never turned into a secure one: that would tie the money up for hours when the plan says minutes, and the operator,
//! whose account is flat and whose money is still there, can choose.

use std::time::Duration;

use super::{Flow, close, exit};
use crate::engine::codes;
use crate::engine::entry::{Entry, ExitReason, LegSide, PairEnd, Purpose, Step};
use crate::engine::event::Effect;
use crate::engine::state::LegWithdrawal;
use crate::engine::work::Work;
use crate::model::{Timestamp, Usdc};
use crate::plan::WithdrawRoute;
use crate::tx::l1::Address;

/// The venue's smallest secure withdrawal (rules.md §11).
const MINIMUM: Usdc = Usdc::whole(1);
/// The venue's smallest fast withdrawal. The second deployment takes less; there, up to this much stays behind.
const FAST_MINIMUM: Usdc = Usdc::whole(4);
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
    let available = margin.available.minus(work.spec.plan.withdraw.keep);
    match work.spec.plan.withdraw.route {
        WithdrawRoute::Secure => start_secure(work, side, available),
        WithdrawRoute::Fast => start_fast(work, side, available),
    }
}

fn start_secure(work: &mut Work<'_>, side: LegSide, amount: Usdc) -> bool {
    if amount < MINIMUM {
        return skip(work, side, amount, MINIMUM);
    }
    let purpose = Purpose::Withdraw(amount);
    if work.can_send(side, &purpose)
        && let Some(origin) = work.origin(side, &purpose)
    {
        work.propose(side, purpose, origin.withdraw(amount), None);
    }
    false
}

/// The fee comes out of what is available; what is left of that is paid out.
fn start_fast(work: &mut Work<'_>, side: LegSide, available: Usdc) -> bool {
    let Some(terms) = work.view.leg(side).fast_terms else {
        work.out.effect(Effect::AskFastTerms(side));
        let again = work.now().after(Duration::from_secs(2));
        work.out.wake_at(again);
        return false;
    };
    let wanted = available.minus(terms.fee);
    if wanted < FAST_MINIMUM {
        return skip(work, side, wanted, FAST_MINIMUM);
    }
    let purpose = Purpose::FastWithdraw { amount: wanted.min(terms.max), fee: terms.fee };
    if work.can_send(side, &purpose)
        && let Some(origin) = work.origin(side, &purpose)
        && let Some(owner) = owner(work, side)
    {
        let tx = origin.fast_withdraw(&terms, wanted.min(terms.max), owner);
        work.propose(side, purpose, tx, None);
    }
    false
}

/// Returns whose account it is, as the check found it.
fn owner(work: &Work<'_>, side: LegSide) -> Option<Address> {
    let [long, short] = &work.pair.checked.as_ref()?.legs;
    let leg = match side {
        LegSide::Long => long,
        LegSide::Short => short,
    };
    leg.l1_address.parse().ok()
}

/// Records that there is too little to withdraw; that is done, then.
fn skip(work: &mut Work<'_>, side: LegSide, amount: Usdc, minimum: Usdc) -> bool {
    let (amount, at) = (amount.max(Usdc::ZERO), work.now());
    let reason = format!("{amount} USDC above keep_usdc is under the venue's minimum of {minimum} USDC");
    work.record(Entry::WithdrawSkipped { leg: side, reason, at });
    true
}

/// Returns the end when the bridge takes less than the plan hands back. A remainder that no withdrawal could carry is
/// none; for more, the operator decides before anything is sent.
fn beyond_the_bridge(work: &Work<'_>, side: LegSide) -> Option<PairEnd> {
    let view = work.view.leg(side);
    let terms = view.fast_terms.filter(|_| work.pair.leg(side).withdrawal.is_none())?;
    let fresh = view.synced_at.is_some_and(|at| at >= work.pair.step_since);
    let margin = view.margin.filter(|_| fresh)?;
    let wanted = margin.available.minus(work.spec.plan.withdraw.keep).minus(terms.fee);
    if wanted < FAST_MINIMUM || (wanted.minus(terms.max) < MINIMUM && terms.max >= FAST_MINIMUM) {
        return None;
    }
    let account = work.spec.leg(side).account;
    let summary = format!(
        "flat, but the fast route takes at most {} of the {wanted} USDC of account {account} at the moment",
        terms.max
    );
    Some(PairEnd { code: codes::FAILED_FLAT, summary })
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
    if let Some(end) = beyond_the_bridge(work, side) {
        return Some(end);
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
            let route = work.pair.leg(side).withdrawal_route();
            format!("{} withdrew {amount} USDC ({route}; {status}, {id}), {collateral} left", side.name())
        }
        Some(LegWithdrawal::Skipped(reason)) => format!("{} withdrew nothing: {reason}", side.name()),
        Some(LegWithdrawal::Sent { .. }) | None => format!("{} withdrew nothing", side.name()),
    });
    parts.join("; ")
}
