//! What comes from outside without an L2 signature: the API's account changes, and the operator's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Exchange;
use super::api::{ApiError, Tier};
use crate::model::{AccountIndex, ApiKeyIndex, MarketId, Size, Usdc};

/// A change that is no transaction. It goes through the command log, as transactions do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// `changeAccountTier`.
    ChangeTier {
        /// Whose.
        account: AccountIndex,
        /// To which.
        tier: Tier,
    },
    /// `setMakerOnlyApiKeys`: replaces the list.
    MakerOnlyKeys {
        /// Whose.
        account: AccountIndex,
        /// The new list.
        keys: Vec<ApiKeyIndex>,
    },
    /// Sets how much LIT an account has staked; staking itself is not modelled.
    Stake {
        /// Who.
        account: AccountIndex,
        /// Whole LIT.
        lit: u64,
    },
    /// Revokes a key, as its owner or the venue may at any time.
    RevokeKey {
        /// Whose.
        account: AccountIndex,
        /// Which slot.
        slot: ApiKeyIndex,
    },
    /// Sets how long new withdrawals stay pending, and then claimable.
    WithdrawalDelays {
        /// Pending, in milliseconds, with nothing else under way.
        pending_ms: u64,
        /// Claimable, in milliseconds.
        claimable_ms: u64,
    },
    /// Sets trading rules of a market anew; what is not named stays. The integers of orders and positions stay as they
    /// are, whatever a grid makes of them.
    MarketRules {
        /// Which.
        market: MarketId,
        /// Smallest size that may rest, in lots.
        #[serde(default)]
        min_base: Option<Size>,
        /// Smallest notional that may rest, in millionths of a USDC.
        #[serde(default)]
        min_quote: Option<Usdc>,
        /// Decimal places of a size.
        #[serde(default)]
        size_decimals: Option<u32>,
        /// Decimal places of a price.
        #[serde(default)]
        price_decimals: Option<u32>,
    },
}

impl Exchange {
    /// Carries a request out, or refuses it and changes nothing.
    ///
    /// # Errors
    ///
    /// The venue's code and text (rules.md §10).
    pub fn request(&mut self, request: &Request) -> Result<(), ApiError> {
        match request {
            Request::ChangeTier { account, tier } => self.change_tier(*account, *tier),
            Request::MakerOnlyKeys { account, keys } => self.set_maker_only(*account, keys.clone()),
            Request::Stake { account, lit } => {
                let row = self.accounts.get_mut(account).ok_or_else(|| ApiError::of(21100))?;
                row.lit_stake = *lit;
                self.changed(*account);
                Ok(())
            }
            Request::RevokeKey { account, slot } => {
                let row = self.accounts.get_mut(account).ok_or_else(|| ApiError::of(21100))?;
                let key = row.keys.get_mut(slot).ok_or_else(|| ApiError::of(21109))?;
                // Zeros are how the venue shows a revoked slot (http.md §4).
                key.public = vec![0; 40];
                self.changed(*account);
                Ok(())
            }
            Request::WithdrawalDelays { pending_ms, claimable_ms } => {
                let ms = Duration::from_millis;
                self.set_withdrawal_delays(ms(*pending_ms), ms(*claimable_ms));
                Ok(())
            }
            Request::MarketRules { market, min_base, min_quote, size_decimals, price_decimals } => {
                let rules = self.market(*market).cloned();
                let mut rules = rules.ok_or_else(|| ApiError::of(21602))?;
                rules.min_base = min_base.unwrap_or(rules.min_base);
                rules.min_quote = min_quote.unwrap_or(rules.min_quote);
                rules.size_decimals = size_decimals.unwrap_or(rules.size_decimals);
                rules.price_decimals = price_decimals.unwrap_or(rules.price_decimals);
                self.set_market_rules(rules);
                Ok(())
            }
        }
    }
}
