//! Money that leaves: secure withdrawals and their states.

use std::time::Duration;

use serde::Serialize;

use super::Exchange;
use super::api::{ExchangeEvent, WithdrawalRecord};
use crate::model::margin::E12_PER_MICRO;
use crate::model::{AccountIndex, Timestamp, Usdc, WithdrawStatus};

/// How often a withdrawal that is held up looks whether it may go on.
const HELD_UP_EVERY: Duration = Duration::from_secs(1);

/// Withdrawals under way and the totals.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MoneyState {
    pub(crate) delay: Duration,
    pub(crate) claim_delay: Duration,
    /// What the next step of a withdrawal will be: (when, account, position in its list).
    pub(crate) due: std::collections::BTreeSet<(Timestamp, AccountIndex, usize)>,
    pub(crate) behaviour: WithdrawBehaviour,
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
            withdrawn: 0,
            deposited: 0,
        }
    }

    /// Returns what follows `status`, if anything does.
    pub(crate) const fn after(&self, status: WithdrawStatus) -> Option<WithdrawStatus> {
        match (status, self.behaviour) {
            (WithdrawStatus::Pending, WithdrawBehaviour::Stuck)
            | (WithdrawStatus::Claimable, WithdrawBehaviour::Unclaimed) => None,
            (WithdrawStatus::Pending, WithdrawBehaviour::Fail) => Some(WithdrawStatus::Failed),
            (WithdrawStatus::Pending, _) => Some(WithdrawStatus::Claimable),
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

    /// Debits a withdrawal and starts it.
    pub(super) fn start_withdrawal(&mut self, account: AccountIndex, amount: Usdc, secure: bool) {
        let id = self.record_id();
        let at = self.now;
        let due = at.after(self.money.delay);
        let e12 = i128::from(amount.micros()) * E12_PER_MICRO;
        let Some(row) = self.accounts.get_mut(&account) else { return };
        row.collateral -= e12;
        self.money.withdrawn += e12;
        let record = WithdrawalRecord {
            id,
            account,
            amount,
            at,
            status: WithdrawStatus::Pending,
            secure,
            l1_tx_hash: None,
        };
        row.withdrawals.push(record.clone());
        self.money.due.insert((due, account, row.withdrawals.len() - 1));
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
        let Some(next) = self.money.after(record.status) else {
            // Held up: it goes on when the behaviour is set back.
            self.money.due.insert((self.now.after(HELD_UP_EVERY), account, row));
            return;
        };
        record.status = next;
        match next {
            WithdrawStatus::Claimable => {
                self.money.due.insert((claim_at, account, row));
            }
            WithdrawStatus::Completed => record.l1_tx_hash = Some(format!("0x{:064x}", record.id)),
            WithdrawStatus::Failed | WithdrawStatus::Refunded => {
                let e12 = i128::from(record.amount.micros()) * E12_PER_MICRO;
                owner.collateral += e12;
                self.money.withdrawn -= e12;
            }
            WithdrawStatus::Pending => {}
        }
        let record = record.clone();
        self.events.push(ExchangeEvent::Withdrawal(record));
        self.changed(account);
    }
}
