//! Money that leaves: secure withdrawals and their states.

use std::time::Duration;

use serde::Serialize;

use crate::model::{AccountIndex, Timestamp, WithdrawStatus};

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
