//! The sequencer's stage of what is not an order: leverage, margin, money, keys.

use super::Exchange;
use super::account::{Account, Key};
use super::api::TransferRecord;
use super::checks_money::mode_of;
use super::execute::{Failure, refuse};
use super::withdraw::FAST_WITHDRAWAL;
use crate::model::margin::{E12_PER_MICRO, Health};
use crate::model::{AccountIndex, ApiKeyIndex, MarginMode, MarketId, TxHash, Usdc};
use crate::tx::{
    ChangePubKey, Transfer, UpdateAccountAssetConfig, UpdateAccountConfig, UpdateLeverage, UpdateMargin,
    Withdraw,
};

/// Sub-accounts count down from just below the liquidity pool.
const FIRST_SUB_ACCOUNT: i64 = (1 << 48) - 3;

impl Exchange {
    pub(super) fn update_leverage(
        &mut self,
        account: AccountIndex,
        body: &UpdateLeverage,
    ) -> Result<(), Failure> {
        let market = MarketId::new(i64::from(body.market_index));
        let row = self.accounts.get(&account).ok_or_else(|| refuse(21100))?;
        let mode = match body.margin_mode {
            0 => MarginMode::Cross,
            1 => MarginMode::Isolated,
            _ => return Err(refuse(21613)),
        };
        if row.liquidation_at.is_some() {
            return Err(refuse(21112));
        }
        let mut state = row.position(market);
        let (open, waiting) = self.order_counts(row, market);
        if state.mode != mode && (!state.position.is_flat() || open + waiting > 0) {
            return Err(refuse(21132));
        }
        (state.mode, state.fraction) = (mode, Some(body.initial_margin_fraction));
        let after = match mode {
            MarginMode::Cross => self.cross_margin_with(row, row.collateral, market, &state),
            MarginMode::Isolated => self.isolated_margin(market, &state),
        };
        let before = self.pot(row, market, &self.cross_margin(row));
        if after.health() < Health::Healthy && after.initial > before.initial {
            return Err(refuse(21133));
        }
        if let Some(row) = self.accounts.get_mut(&account) {
            row.positions.insert(market, state);
        }
        Ok(())
    }

    /// Moves margin between cross and an isolated position.
    pub(super) fn update_margin(
        &mut self,
        account: AccountIndex,
        body: &UpdateMargin,
    ) -> Result<(), Failure> {
        let market = MarketId::new(i64::from(body.market_index));
        let row = self.accounts.get(&account).ok_or_else(|| refuse(21100))?;
        let mut state = row.position(market);
        if state.mode != MarginMode::Isolated || state.position.is_flat() {
            return Err(refuse(21614));
        }
        let amount = i128::from(body.usdc_amount) * E12_PER_MICRO;
        let moved = match body.direction {
            0 => -amount,
            1 if amount <= self.cross_margin(row).available() => amount,
            1 => return Err(refuse(21301)),
            _ => return Err(refuse(21615)),
        };
        state.allocated += moved;
        if moved < 0 && self.isolated_margin(market, &state).health() < Health::Healthy {
            return Err(refuse(21133));
        }
        if let Some(row) = self.accounts.get_mut(&account) {
            row.collateral -= moved;
            row.positions.insert(market, state);
        }
        self.settle_funding(account);
        Ok(())
    }

    pub(super) fn set_trading_mode(
        &mut self,
        account: AccountIndex,
        body: &UpdateAccountConfig,
    ) -> Result<(), Failure> {
        self.check_trading_mode(account, body)?;
        if let Some(row) = self.accounts.get_mut(&account) {
            row.trading_mode = mode_of(body);
        }
        Ok(())
    }

    /// Records whether an asset counts as margin. It changes nothing: USDC always counts, and nobody holds the others.
    pub(super) fn set_asset_mode(&mut self, account: AccountIndex, body: &UpdateAccountAssetConfig) {
        if let Some(row) = self.accounts.get_mut(&account) {
            row.asset_modes.insert(body.asset_index, body.asset_margin_mode == 1);
        }
    }

    pub(super) fn withdraw(&mut self, account: AccountIndex, body: &Withdraw) -> Result<(), Failure> {
        let micros = i64::try_from(body.amount).map_err(|_| refuse(21117))?;
        self.check_money_health(account)?;
        if !self.can_pay(account, micros) {
            return Err(refuse(21301));
        }
        self.settle_funding(account);
        self.start_withdrawal(account, Usdc::from_micros(micros));
        Ok(())
    }

    pub(super) fn transfer(
        &mut self,
        from: AccountIndex,
        body: &Transfer,
        hash: &str,
    ) -> Result<(), Failure> {
        let to = AccountIndex::new(body.to_account_index);
        self.check_money_health(from)?;
        if !self.can_pay(from, body.amount.saturating_add(body.usdc_fee)) {
            return Err(refuse(21301));
        }
        let (amount, fee) =
            (i128::from(body.amount) * E12_PER_MICRO, i128::from(body.usdc_fee) * E12_PER_MICRO);
        self.settle_funding(from);
        let record = TransferRecord {
            id: self.record_id(),
            from,
            to,
            amount: Usdc::from_micros(body.amount),
            fee: Usdc::from_micros(body.usdc_fee),
            at: self.now,
            hash: hash.parse().unwrap_or(TxHash::new([0; 40])),
        };
        self.fees += fee;
        for (account, change) in [(from, -amount - fee), (to, amount)] {
            if let Some(row) = self.accounts.get_mut(&account) {
                row.collateral += change;
                if !row.house {
                    row.transfers.push(record.clone());
                }
            }
            self.changed(account);
        }
        if to == FAST_WITHDRAWAL {
            self.start_payout(from, record.amount);
        }
        Ok(())
    }

    /// Writes a key slot; its nonce goes on counting.
    pub(super) fn change_key(&mut self, account: AccountIndex, body: &ChangePubKey) {
        if let Some(row) = self.accounts.get_mut(&account) {
            let slot = row.keys.entry(ApiKeyIndex::new(body.api_key_index));
            slot.or_insert_with(|| Key { public: Vec::new(), nonce: 0 }).public = body.pub_key.to_vec();
        }
    }

    pub(super) fn create_sub_account(&mut self, master: AccountIndex) {
        let Some((l1_address, tier, master)) =
            self.accounts.get(&master).map(|row| (row.l1_address.clone(), row.tier, row.master))
        else {
            return;
        };
        let mut index = FIRST_SUB_ACCOUNT;
        while self.accounts.contains_key(&AccountIndex::new(index)) {
            index -= 1;
        }
        let mut account = Account::new(AccountIndex::new(index), l1_address, tier);
        account.master = master;
        self.accounts.insert(account.index, account);
        self.changed(AccountIndex::new(index));
    }
}
