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
use crate::rt::Mutant;
use crate::tx::l1::Address;

/// The venue's smallest secure withdrawal (rules.md §11).
const MINIMUM: Usdc = Usdc::whole(1);
/// The venue's smallest fast withdrawal. The second deployment takes less; there, up to this much stays behind.
const FAST_MINIMUM: Usdc = Usdc::whole(4);
/// How often the history is read.
const POLL: Duration = Duration::from_secs(10);
/// How long a venue that does not answer is asked once more after the time to verify.
const LAST_LOOK: Duration = Duration::from_secs(60);
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
        Some(LegWithdrawal::Sent { .. }) if Mutant::WithdrawnTwice.is_planted() => start(work, side),
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
        && work.fits_the_minute(1)
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
        && work.fits_the_minute(1)
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
    let minimum = minimum.to_decimal().normalize();
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
            if given_up(work, side) && !leg.withdrawal.as_ref().is_some_and(LegWithdrawal::is_done) =>
        {
            let summary =
                format!("flat, but the withdrawal of {amount} USDC from account {account} is not confirmed");
            Some(PairEnd { code: codes::UNKNOWN, summary })
        }
        _ => None,
    }
}

/// Returns whether the time to verify is over, and the venue was asked after it: a machine that slept past the deadline
/// (F-14) would call a withdrawal unconfirmed that has long arrived.
fn given_up(work: &Work<'_>, side: LegSide) -> bool {
    let due = deadline(work);
    let view = work.view.leg(side);
    let asked = view.withdrawals_at.is_some_and(|at| at >= due);
    let silent = view.withdrawals_failing.is_some_and(|since| work.now() >= since.max(due).after(LAST_LOOK));
    work.now() >= due && (asked || silent)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::decide;
    use crate::engine::entry::{Checked, CheckedLeg};
    use crate::engine::event::{Decision, Event, LegView, View};
    use crate::engine::spec::PairSpec;
    use crate::engine::state::Pair;
    use crate::model::{
        AccountIndex, ApiKeyIndex, MarginView, Market, Nonce, Price, Size, WithdrawStatus, Withdrawal,
    };
    use crate::tx::{Transfer, Tx};
    use crate::venue::FastTerms;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const OWNER: &str = "0xdAC17F958D2ee523a2206206994597C13D831ec7";

    /// A flat pair that has come to its withdrawal.
    fn pair() -> Pair {
        let leg = |account| CheckedLeg {
            account: AccountIndex::new(account),
            l1_address: OWNER.to_owned(),
            margin: MarginView::default(),
            keys: vec![(ApiKeyIndex::new(4), Nonce::new(9))],
            set_leverage: false,
            funding_paid: Usdc::ZERO,
            tier: "standard".to_owned(),
        };
        let checked = Checked {
            market: Market::example(),
            buy: Price::from_ticks(1),
            sell: Price::from_ticks(2),
            size: Size::LOT,
            tolerance: Size::LOT,
            same_owner: false,
            at: NOW,
            legs: [leg(1001), leg(1002)],
        };
        let mut pair = Pair::default();
        pair.evolve(&Entry::Checked(Box::new(checked))).unwrap();
        pair.evolve(&Entry::Step { to: Step::Withdraw, at: NOW }).unwrap();
        pair
    }

    fn view(available: &str, terms: Option<FastTerms>) -> View {
        let available = Usdc::exact(available.parse().unwrap()).unwrap();
        let leg = LegView {
            synced: true,
            nonces_known: true,
            synced_at: Some(NOW),
            live: true,
            margin: Some(MarginView { available, ..MarginView::default() }),
            fast_terms: terms,
            ..LegView::default()
        };
        View { now: NOW, long: leg.clone(), short: leg, ..View::default() }
    }

    fn terms(max: i64) -> Option<FastTerms> {
        Some(FastTerms { bridge: AccountIndex::new(2), max: Usdc::whole(max), fee: Usdc::whole(1) })
    }

    fn end(decision: &Decision) -> Option<PairEnd> {
        decision.entries.iter().find_map(|entry| match entry {
            Entry::Step { to: Step::Done(end), .. } => Some(end.clone()),
            _ => None,
        })
    }

    #[test]
    fn the_terms_are_asked_for_first() {
        let decision = decide(&pair(), &PairSpec::example(), &view("100", None), &Event::Tick);
        assert!(decision.proposals.is_empty());
        for side in LegSide::BOTH {
            assert!(decision.effects.contains(&Effect::AskFastTerms(side)), "{:?}", decision.effects);
        }
    }

    #[test]
    fn fee_and_amount_make_what_is_available() {
        let decision = decide(&pair(), &PairSpec::example(), &view("100", terms(1_000)), &Event::Tick);
        assert_eq!(decision.proposals.len(), 2);
        for proposal in &decision.proposals {
            let (amount, fee) = (Usdc::whole(99), Usdc::whole(1));
            assert_eq!(proposal.purpose, Purpose::FastWithdraw { amount, fee });
            let Tx::Transfer(Transfer { to_account_index, amount, usdc_fee, memo, .. }) = &proposal.tx else {
                panic!("{:?}", proposal.tx)
            };
            assert_eq!((*to_account_index, *amount, *usdc_fee), (2, 99_000_000, 1_000_000));
            assert_eq!(hex::encode(memo), format!("{}{}", OWNER[2..].to_lowercase(), "0".repeat(24)));
        }
    }

    #[test]
    fn under_the_minimum_nothing_is_sent() {
        let decision = decide(&pair(), &PairSpec::example(), &view("4.999999", terms(1_000)), &Event::Tick);
        assert!(decision.proposals.is_empty());
        assert!(end(&decision).unwrap().summary.contains("under the venue's minimum of 4 USDC"));
        assert_eq!(
            decide(&pair(), &PairSpec::example(), &view("5", terms(1_000)), &Event::Tick).proposals.len(),
            2
        );
    }

    /// Less than what the plan hands back is the operator's decision; a remainder that nothing could carry is none.
    #[test]
    fn a_bridge_that_takes_less_is_handed_over() {
        let decision = decide(&pair(), &PairSpec::example(), &view("100", terms(50)), &Event::Tick);
        assert!(decision.proposals.is_empty());
        let end = end(&decision).unwrap();
        assert_eq!(end.code, codes::FAILED_FLAT);
        assert!(
            end.summary.contains("takes at most 50.000000 of the 99.000000 USDC of account 1001"),
            "{}",
            end.summary
        );
        let decision = decide(&pair(), &PairSpec::example(), &view("99.9", terms(98)), &Event::Tick);
        let purpose = decision.proposals[0].purpose;
        assert_eq!(purpose, Purpose::FastWithdraw { amount: Usdc::whole(98), fee: Usdc::whole(1) });
    }

    /// a refused fast withdrawal becomes no secure one.
    #[test]
    fn r_26_a_refusal_is_handed_over_with_its_reason() {
        let mut pair = pair();
        let long = Arc::make_mut(&mut pair.long);
        long.withdrawal_refusals = REFUSALS_MAX;
        long.last_refusal = Some((Some(21_504), "invalid L1 signature".to_owned()));
        let decision = decide(&pair, &PairSpec::example(), &view("100", terms(1_000)), &Event::Tick);
        assert!(decision.proposals.is_empty());
        let end = end(&decision).unwrap();
        assert_eq!(end.code, codes::FAILED_FLAT);
        assert!(end.summary.contains("invalid L1 signature"), "{}", end.summary);
    }

    #[test]
    fn a_secure_withdrawal_of_the_same_amount_is_another_one() {
        let mut pair = pair();
        let long = Arc::make_mut(&mut pair.long);
        long.withdrawal = Some(LegWithdrawal::Sent { amount: Usdc::whole(99), at: NOW });
        long.fast_fee = Some(Usdc::whole(1));
        let row = |secure| Withdrawal {
            id: "7".to_owned(),
            amount: Usdc::whole(99),
            at: NOW,
            status: WithdrawStatus::Completed,
            secure,
            l1_tx_hash: None,
        };
        let seen = |secure| {
            let event = Event::Withdrawals(LegSide::Long, vec![row(secure)], Usdc::ZERO);
            let decision = decide(&pair, &PairSpec::example(), &view("0", terms(1_000)), &event);
            decision.entries.iter().any(|entry| matches!(entry, Entry::Withdrawal { .. }))
        };
        assert_eq!((seen(true), seen(false)), (false, true));
    }
}
