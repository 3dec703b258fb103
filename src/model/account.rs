//! Accounts, positions and withdrawals as the venue reports them, in our units.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{AccountIndex, ApiKeyIndex, MarketId, Nonce};
use super::market::MarginMode;
use super::money::{Position, Usdc};
use super::time::Timestamp;

/// One position of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of http.md §5, in our units")]
pub struct PositionView {
    pub market: MarketId,
    /// Signed size; the wire has `sign` and an unsigned `position`.
    pub position: Position,
    pub avg_entry_price: Decimal,
    pub position_value: Usdc,
    pub unrealized_pnl: Usdc,
    pub realized_pnl: Usdc,
    /// `None` when the venue says 0.
    pub liquidation_price: Option<Decimal>,
    pub margin_mode: MarginMode,
    /// Initial margin fraction in use, in 1/10000 (the wire has percent here).
    pub initial_margin_fraction: u16,
    /// Whether leverage was set explicitly.
    pub margin_set: bool,
    pub allocated_margin: Usdc,
    /// Positive = paid.
    pub funding_paid: Usdc,
    pub open_order_count: u32,
}

/// The margin summary of an account, as `user_stats` and `account` give it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MarginView {
    /// Collateral without unrealised PnL.
    pub collateral: Usdc,
    /// What a withdrawal or a new order may use.
    pub available: Usdc,
    /// Equity: collateral with unrealised PnL.
    pub equity: Usdc,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountView {
    /// The account.
    pub index: AccountIndex,
    /// Its owner's L1 address, as the venue prints it.
    pub l1_address: String,
    /// Collateral, available balance and equity.
    pub margin: MarginView,
    /// Open and pending orders in all markets.
    pub total_order_count: u32,
    /// When the dead man's switch fires; `None` when it is not set.
    pub cancel_all_at: Option<Timestamp>,
    /// Positions, flat rows included.
    pub positions: Vec<PositionView>,
}

impl AccountView {
    /// Returns the row of `market`, if the account ever touched it.
    pub fn position(&self, market: MarketId) -> Option<&PositionView> {
        self.positions.iter().find(|row| row.market == market)
    }
}

/// One registered API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyView {
    /// Its slot.
    pub index: ApiKeyIndex,
    /// 80 lower-case hexadecimal digits; zeros when revoked.
    pub public_key: String,
    /// The next nonce of the slot.
    pub nonce: Nonce,
}

/// Where a withdrawal stands (http.md §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the venue's")]
pub enum WithdrawStatus {
    Failed,
    Pending,
    Claimable,
    Refunded,
    Completed,
}

/// One row of the withdrawal history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Withdrawal {
    /// The venue's id.
    pub id: String,
    /// How much.
    pub amount: Usdc,
    /// When it was asked for.
    pub at: Timestamp,
    /// Where it stands.
    pub status: WithdrawStatus,
    /// Whether it took the secure route (the other is fast).
    pub secure: bool,
    /// The L1 transaction, once there is one.
    pub l1_tx_hash: Option<String>,
}
