//! Integrators: approval (type 45) and the fees that their orders pay on top (transactions.md §5).

use serde::{Deserialize, Serialize};

use super::Exchange;
use super::api::{ApiError, IntegratorRecord};
use crate::model::{AccountIndex, OrderIndex, Timestamp};
use crate::tx::{ApproveIntegrator, Attribute, Attributes, Envelope};

/// What an order pays its integrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IntegratorFees {
    pub(crate) account: AccountIndex,
    /// As a taker, in millionths.
    pub(crate) taker: u32,
    /// As a maker, in millionths.
    pub(crate) maker: u32,
}

impl IntegratorFees {
    /// Reads the attributes of an order; `None` when it names no integrator.
    pub(super) fn of(attributes: &Attributes) -> Option<Self> {
        let fee = |attribute| u32::try_from(attributes.get(attribute)).unwrap_or(0);
        attributes.has(Attribute::IntegratorAccountIndex).then(|| Self {
            account: AccountIndex::new(attributes.get(Attribute::IntegratorAccountIndex)),
            taker: fee(Attribute::IntegratorTakerFee),
            maker: fee(Attribute::IntegratorMakerFee),
        })
    }
}

impl Exchange {
    /// Demands an approval that still counts and is high enough.
    pub(super) fn check_integrator(
        &self,
        account: AccountIndex,
        attributes: &Attributes,
    ) -> Result<(), ApiError> {
        let Some(fees) = IntegratorFees::of(attributes) else { return Ok(()) };
        let row = self.accounts.get(&account).ok_or_else(|| ApiError::of(21100))?;
        let approval = row.integrators.get(&fees.account).filter(|approval| approval.expiry > self.now);
        let approval = approval.ok_or_else(|| ApiError::of(21149))?;
        let fits = fees.taker <= approval.max_perps_taker_fee && fees.maker <= approval.max_perps_maker_fee;
        if fits { Ok(()) } else { Err(ApiError::of(21134)) }
    }

    /// The owner signs when there is a fee for somebody else. The integrator need not have an account here: which ones
    /// exist on the real network is nothing a paper run should fail on.
    pub(super) fn check_approval(
        &self,
        account: AccountIndex,
        body: &ApproveIntegrator,
        envelope: &Envelope,
        l1_sig: Option<&str>,
    ) -> Result<(), ApiError> {
        let integrator = AccountIndex::new(body.integrator_account_index);
        if super::is_system(integrator) {
            return Err(ApiError::of(21146));
        }
        let pays = [
            body.max_perps_taker_fee,
            body.max_perps_maker_fee,
            body.max_spot_taker_fee,
            body.max_spot_maker_fee,
        ]
        .iter()
        .any(|fee| *fee > 0);
        if pays && self.master(integrator) != self.master(account) {
            self.check_owner(account, envelope, l1_sig)?;
        }
        Ok(())
    }

    /// Records an approval; a new one replaces the old, and one that has expired at once takes it back.
    pub(super) fn approve_integrator(&mut self, account: AccountIndex, body: &ApproveIntegrator) {
        let now = self.now;
        let Some(row) = self.accounts.get_mut(&account) else { return };
        let approval = IntegratorRecord {
            account: AccountIndex::new(body.integrator_account_index),
            max_perps_taker_fee: body.max_perps_taker_fee,
            max_perps_maker_fee: body.max_perps_maker_fee,
            max_spot_taker_fee: body.max_spot_taker_fee,
            max_spot_maker_fee: body.max_spot_maker_fee,
            expiry: Timestamp::from_millis(body.approval_expiry),
        };
        if approval.expiry > now {
            row.integrators.insert(approval.account, approval);
        } else {
            row.integrators.remove(&approval.account);
        }
    }

    /// Remembers what a live order pays its integrator; the attributes of a modify overwrite the stored ones.
    pub(super) fn keep_integrator(&mut self, order: OrderIndex, attributes: &Attributes) {
        match IntegratorFees::of(attributes) {
            Some(fees) => {
                self.integrator_fees.insert(order, fees);
            }
            None => {
                self.integrator_fees.remove(&order);
            }
        }
    }

    /// Credits an integrator; one without an account here leaves its fee with the exchange.
    pub(super) fn credit_integrator(&mut self, integrator: AccountIndex, fee: i128) {
        match self.accounts.get_mut(&integrator) {
            Some(row) => row.collateral += fee,
            None => self.fees += fee,
        }
        self.changed(integrator);
    }
}
