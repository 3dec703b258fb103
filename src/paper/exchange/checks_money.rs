//! What the API stage checks of transactions that move money or change the account.

use super::api::{ApiError, TradingMode};
use super::withdraw::{FAST_MAX, FAST_MIN, FAST_WITHDRAWAL};
use super::{Account, Exchange};
use crate::model::AccountIndex;
use crate::model::margin::{E12_PER_MICRO, Health};
use crate::tx::{Envelope, Transfer, UpdateAccountConfig, Withdraw};

/// The only asset that anybody holds here.
pub(super) const USDC_ASSET: i16 = 3;
/// Smallest withdrawal and transfer, in millionths of a USDC.
const MONEY_MIN: i64 = 1_000_000;
/// What a transfer to another owner costs, in millionths of a USDC.
const TRANSFER_FEE: i64 = 1_000_000;
/// The last listed asset, and a number between that is free (transactions.md §12).
const LAST_ASSET: i16 = 14;
const FREE_ASSET: i16 = 4;
/// Sub-accounts of a master; the venue publishes no number.
const SUB_ACCOUNTS_MAX: usize = 100;

/// Refuses an asset that is not listed.
pub(super) fn check_asset(asset: i16) -> Result<(), ApiError> {
    let listed = (1..=LAST_ASSET).contains(&asset) && asset != FREE_ASSET;
    if listed { Ok(()) } else { Err(ApiError::of(21801)) }
}

impl Exchange {
    pub(super) fn check_withdraw(&self, account: AccountIndex, body: &Withdraw) -> Result<(), ApiError> {
        if body.asset_index != USDC_ASSET || body.route_type != 0 {
            return Err(ApiError::of(21801));
        }
        let amount = i64::try_from(body.amount).map_err(|_| ApiError::of(21117))?;
        if amount < MONEY_MIN {
            return Err(ApiError::of(21116));
        }
        self.check_money_health(account)?;
        if self.can_pay(account, amount) { Ok(()) } else { Err(ApiError::of(21117)) }
    }

    /// Money may leave a healthy cross pot only (rules.md §6.3); isolated pots do not matter to it.
    pub(super) fn check_money_health(&self, account: AccountIndex) -> Result<(), ApiError> {
        let row = self.accounts.get(&account).ok_or_else(|| ApiError::of(21100))?;
        match self.cross_margin(row).health() {
            Health::Healthy => Ok(()),
            Health::PreLiquidation => Err(ApiError::of(21508)),
            _ if row.liquidation_at.is_some() => Err(ApiError::of(21112)),
            Health::PartialLiquidation | Health::FullLiquidation | Health::Bankrupt => {
                Err(ApiError::of(21507))
            }
        }
    }

    /// Returns whether `micros` USDC may leave the account.
    pub(super) fn can_pay(&self, account: AccountIndex, micros: i64) -> bool {
        i128::from(micros) * E12_PER_MICRO <= self.available_of(account)
    }

    /// Returns what may leave an account, in 1e-12 USDC.
    pub(super) fn available_of(&self, account: AccountIndex) -> i128 {
        self.accounts.get(&account).map_or(0, |row| self.cross_margin(row).available())
    }

    pub(super) fn check_transfer(
        &self,
        account: AccountIndex,
        body: &Transfer,
        envelope: &Envelope,
        l1_sig: Option<&str>,
    ) -> Result<(), ApiError> {
        if body.asset_index != USDC_ASSET || body.from_route_type != 0 || body.to_route_type != 0 {
            return Err(ApiError::of(21801));
        }
        let to = AccountIndex::new(body.to_account_index);
        if !self.accounts.contains_key(&to) || to == account {
            return Err(ApiError::of(21106));
        }
        let (least, most) = if to == FAST_WITHDRAWAL {
            (FAST_MIN.micros(), FAST_MAX.micros())
        } else {
            (MONEY_MIN, i64::MAX)
        };
        if body.amount < least {
            return Err(ApiError::of(21118));
        }
        if body.amount > most {
            return Err(ApiError::of(21119));
        }
        if body.usdc_fee < self.transfer_fee(account, Some(to)) {
            return Err(ApiError::of(21134));
        }
        if self.master(to) != self.master(account) {
            self.check_owner(account, envelope, l1_sig)?;
        }
        self.check_money_health(account)?;
        let needed = body.amount.saturating_add(body.usdc_fee);
        if self.can_pay(account, needed) { Ok(()) } else { Err(ApiError::of(21119)) }
    }

    /// Returns what a transfer costs in millionths of a USDC: nothing between accounts of one owner.
    pub fn transfer_fee(&self, from: AccountIndex, to: Option<AccountIndex>) -> i64 {
        let same = to.is_some_and(|to| self.master(to) == self.master(from));
        if same { 0 } else { TRANSFER_FEE }
    }

    /// Only a master has sub-accounts.
    pub(super) fn check_sub_account(&self, account: AccountIndex) -> Result<(), ApiError> {
        if self.master(account) != Some(account) {
            return Err(ApiError::of(21128));
        }
        let subs = self.accounts.values().filter(|row| row.master == account).count();
        if subs > SUB_ACCOUNTS_MAX { Err(ApiError::of(21129)) } else { Ok(()) }
    }

    pub(super) fn check_trading_mode(
        &self,
        account: AccountIndex,
        body: &UpdateAccountConfig,
    ) -> Result<(), ApiError> {
        let row: &Account = self.accounts.get(&account).ok_or_else(|| ApiError::of(21100))?;
        if row.trading_mode == mode_of(body) { Err(ApiError::of(21142)) } else { Ok(()) }
    }
}

/// Returns the mode that a transaction asks for; the static rules have checked the number.
pub(super) const fn mode_of(body: &UpdateAccountConfig) -> TradingMode {
    match body.account_trading_mode {
        0 => TradingMode::Classic,
        _ => TradingMode::Unified,
    }
}
