//! Money that comes and leaves: deposits, secure and fast withdrawals and their states (rules.md §11).

use std::time::Duration;

use serde::Serialize;

use super::Exchange;
use super::api::{DepositRecord, ExchangeEvent, FastWithdrawalTerms, WithdrawalRecord};
use crate::model::margin::E12_PER_MICRO;
use crate::model::{AccountIndex, Timestamp, Usdc, WithdrawStatus};

/// How often a withdrawal that is held up looks whether it may go on.
const HELD_UP_EVERY: Duration = Duration::from_secs(1);
/// The bridge of the fast route: who transfers to it is paid out on L1.
pub(crate) const FAST_WITHDRAWAL: AccountIndex = AccountIndex::new(2);
/// Smallest fast withdrawal.
pub(super) const FAST_MIN: Usdc = Usdc::whole(4);
/// Largest fast withdrawal; the venue's depends on the bridge's money and is asked for.
pub(super) const FAST_MAX: Usdc = Usdc::whole(100_000);
/// How long the bridge takes at most.
const FAST_DELAY: Duration = Duration::from_mins(2);
/// Every such sum that waits to leave adds the delay once more: the venue's grows with its load, from minutes to hours.
const LOAD_MICROS: i64 = 250_000 * 1_000_000;
/// Bound of the factor.
const LOAD_MAX: u32 = 24;

/// Withdrawals under way and the totals.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MoneyState {
    pub(crate) delay: Duration,
    pub(crate) claim_delay: Duration,
    /// What the next step of a withdrawal will be: (when, account, position in its list).
    pub(crate) due: std::collections::BTreeSet<(Timestamp, AccountIndex, usize)>,
    pub(crate) behaviour: WithdrawBehaviour,
    /// Sum of the secure withdrawals that are pending, in millionths of a USDC.
    pub(crate) waiting: i64,
    /// In 1e-12 USDC.
    pub(crate) withdrawn: i128,
    /// In 1e-12 USDC.
    pub(crate) deposited: i128,
}

/// How withdrawals end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithdrawBehaviour {
    /// Claimable after the delay, completed after the claim delay.
    #[default]
    Normal,
    /// They stay pending.
    Stuck,
    /// They fail after the delay and the money comes back.
    Fail,
    /// They are refunded after the delay: the money comes back.
    Refund,
    /// They stay claimable.
    Unclaimed,
}

impl MoneyState {
    pub(crate) const fn new(delay: Duration, claim_delay: Duration) -> Self {
        Self {
            delay,
            claim_delay,
            due: std::collections::BTreeSet::new(),
            behaviour: WithdrawBehaviour::Normal,
            waiting: 0,
            withdrawn: 0,
            deposited: 0,
        }
    }

    /// Returns how long a withdrawal that starts now stays pending.
    fn current_delay(&self) -> Duration {
        let load = u32::try_from(self.waiting / LOAD_MICROS).unwrap_or(LOAD_MAX);
        self.delay.saturating_mul(load.saturating_add(1).min(LOAD_MAX))
    }

    /// Returns what follows `status`, if anything does. The fast route has nothing to claim.
    fn after(&self, status: WithdrawStatus, secure: bool) -> Option<WithdrawStatus> {
        match (status, self.behaviour) {
            (WithdrawStatus::Pending, WithdrawBehaviour::Stuck)
            | (WithdrawStatus::Claimable, WithdrawBehaviour::Unclaimed) => None,
            (WithdrawStatus::Pending, WithdrawBehaviour::Fail) => Some(WithdrawStatus::Failed),
            (WithdrawStatus::Pending, WithdrawBehaviour::Refund) => Some(WithdrawStatus::Refunded),
            (WithdrawStatus::Pending, _) if secure => Some(WithdrawStatus::Claimable),
            (WithdrawStatus::Pending, _) => Some(WithdrawStatus::Completed),
            (WithdrawStatus::Claimable, _) => Some(WithdrawStatus::Completed),
            (WithdrawStatus::Failed | WithdrawStatus::Refunded | WithdrawStatus::Completed, _) => None,
        }
    }
}

impl Exchange {
    /// Sets how long new withdrawals stay pending and then claimable.
    pub const fn set_withdrawal_delays(&mut self, delay: Duration, claim_delay: Duration) {
        (self.money.delay, self.money.claim_delay) = (delay, claim_delay);
    }

    /// Sets how withdrawals end from now on.
    pub const fn set_withdraw_behaviour(&mut self, behaviour: WithdrawBehaviour) {
        self.money.behaviour = behaviour;
    }

    /// Returns how long a secure withdrawal that starts now would stay pending.
    pub fn withdrawal_delay(&self) -> Duration {
        self.money.current_delay()
    }

    /// Returns what the fast route offers an account; `None` for an unknown one.
    pub fn fast_withdrawal_terms(&self, account: AccountIndex) -> Option<FastWithdrawalTerms> {
        self.accounts.get(&account)?;
        let fee = self.transfer_fee(account, Some(FAST_WITHDRAWAL));
        let available = i64::try_from(self.available_of(account) / E12_PER_MICRO).unwrap_or(i64::MAX);
        let max = Usdc::from_micros((available - fee).clamp(0, FAST_MAX.micros()));
        Some(FastWithdrawalTerms { to: FAST_WITHDRAWAL, limit: FAST_MAX, max })
    }

    /// Credits `amount` to an account's collateral, and remembers it as a deposit unless it takes something away.
    pub fn deposit(&mut self, account: AccountIndex, amount: Usdc) {
        let (id, at) = (self.record_id(), self.now);
        let Some(row) = self.accounts.get_mut(&account) else { return };
        let e12 = i128::from(amount.micros()) * E12_PER_MICRO;
        row.collateral += e12;
        self.money.deposited += e12;
        if amount > Usdc::ZERO && !row.house {
            row.deposits.push(DepositRecord { id, account, amount, at, l1_tx_hash: l1_hash(id) });
        }
        self.changed(account);
    }

    /// Debits a secure withdrawal and starts it.
    pub(super) fn start_withdrawal(&mut self, account: AccountIndex, amount: Usdc) {
        let delay = self.money.current_delay();
        let e12 = i128::from(amount.micros()) * E12_PER_MICRO;
        let Some(row) = self.accounts.get_mut(&account) else { return };
        row.collateral -= e12;
        self.money.withdrawn += e12;
        self.money.waiting = self.money.waiting.saturating_add(amount.micros());
        self.enter(account, amount, true, delay);
    }

    /// Starts what the bridge pays out for a transfer that it got; the money is its own until then.
    pub(super) fn start_payout(&mut self, account: AccountIndex, amount: Usdc) {
        let delay = FAST_DELAY.min(self.money.delay);
        self.enter(account, amount, false, delay);
    }

    fn enter(&mut self, account: AccountIndex, amount: Usdc, secure: bool, delay: Duration) {
        let (id, at) = (self.record_id(), self.now);
        let Some(row) = self.accounts.get_mut(&account) else { return };
        let status = WithdrawStatus::Pending;
        let record = WithdrawalRecord { id, account, amount, at, status, secure, l1_tx_hash: None };
        row.withdrawals.push(record.clone());
        self.money.due.insert((at.after(delay), account, row.withdrawals.len() - 1));
        self.events.push(ExchangeEvent::Withdrawal(record));
        self.changed(account);
    }

    /// Moves the withdrawals on that are due.
    pub(super) fn run_withdrawals(&mut self) {
        while let Some(&(at, account, row)) = self.money.due.first() {
            if at > self.now {
                return;
            }
            self.money.due.pop_first();
            self.move_on(account, row);
        }
    }

    fn move_on(&mut self, account: AccountIndex, row: usize) {
        let claim_at = self.now.after(self.money.claim_delay);
        let Some(owner) = self.accounts.get_mut(&account) else { return };
        let Some(record) = owner.withdrawals.get_mut(row) else { return };
        let Some(next) = self.money.after(record.status, record.secure) else {
            // Held up: it goes on when the behaviour is set back.
            self.money.due.insert((self.now.after(HELD_UP_EVERY), account, row));
            return;
        };
        if record.status == WithdrawStatus::Pending && record.secure {
            self.money.waiting = self.money.waiting.saturating_sub(record.amount.micros());
        }
        record.status = next;
        match next {
            WithdrawStatus::Claimable => {
                self.money.due.insert((claim_at, account, row));
            }
            WithdrawStatus::Completed => record.l1_tx_hash = Some(l1_hash(record.id)),
            WithdrawStatus::Pending | WithdrawStatus::Failed | WithdrawStatus::Refunded => {}
        }
        let record = record.clone();
        self.move_money(&record);
        self.events.push(ExchangeEvent::Withdrawal(record));
        self.changed(account);
    }

    /// Books what the new status of a withdrawal means: a secure one left at its start, a fast one is still the
    /// bridge's.
    fn move_money(&mut self, record: &WithdrawalRecord) {
        let e12 = i128::from(record.amount.micros()) * E12_PER_MICRO;
        let (left, returned) = match (record.status, record.secure) {
            (WithdrawStatus::Failed | WithdrawStatus::Refunded, true) => (-e12, e12),
            (WithdrawStatus::Failed | WithdrawStatus::Refunded, false) => (0, e12),
            (WithdrawStatus::Completed, false) => (e12, 0),
            _ => return,
        };
        self.money.withdrawn += left;
        if let Some(owner) = self.accounts.get_mut(&record.account) {
            owner.collateral += returned;
        }
        if let Some(bridge) = self.accounts.get_mut(&FAST_WITHDRAWAL).filter(|_| !record.secure) {
            bridge.collateral -= e12;
        }
    }
}

/// Returns the made-up L1 transaction of a record.
fn l1_hash(id: u64) -> String {
    format!("0x{id:064x}")
}
