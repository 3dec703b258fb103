//! What the exchange core tells its server.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    AccountIndex, ApiKeyIndex, ClientOrderIndex, MarginMode, Market, MarketId, Nonce, Order, OrderIndex,
    Position, Price, Side, Size, Timestamp, Trade, TxHash, Usdc, WithdrawStatus,
};

/// Fees, delays and limits of an account (rules.md §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// No fees; takers, cancels and modifies wait 300 ms, makers nothing.
    Standard,
    /// 0.40 / 2.80 bps, less with staked LIT; takers wait 200 ms, makers and cancels nothing.
    Premium,
    /// 0.50 / 0.50 bps; makers and cancels wait 200 ms, takers 300 ms.
    Plus,
}

/// What an exchange is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExchangeConfig {
    /// Chain id of signatures: 304 on loopback.
    pub chain_id: u32,
    /// Its markets.
    pub markets: Vec<Market>,
    /// Tier of new accounts.
    pub tier: Tier,
    /// How long a secure withdrawal stays pending.
    pub withdrawal_delay: Duration,
    /// How long it then stays claimable before it is completed.
    pub claim_delay: Duration,
    /// Venue time at the start.
    pub start: Timestamp,
}

/// A refusal at the API stage: the nonce is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The venue's code (rules.md §10).
    pub code: i64,
    /// The venue's text.
    pub message: String,
}

/// Taken in; it executes at `executes_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its hash.
    pub hash: TxHash,
    /// When the sequencer runs it: now plus the tier's delay.
    pub executes_at: Timestamp,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxOutcome {
    /// Waits for its delay.
    Pending,
    /// Done.
    Executed,
    /// The sequencer refused it (`ae`). The nonce is used, unless `nonce_used` says otherwise.
    Failed {
        /// The venue's code and text.
        error: ApiError,
        /// Whether the nonce was used.
        nonce_used: bool,
    },
}

/// A transaction with everything the API shows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of http.md §4")]
pub struct TxRecord {
    pub hash: TxHash,
    pub tx_type: u8,
    pub info: String,
    pub account: AccountIndex,
    pub api_key_index: ApiKeyIndex,
    pub nonce: Nonce,
    pub expire_at: Timestamp,
    pub queued_at: Timestamp,
    pub executed_at: Option<Timestamp>,
    pub sequence: u64,
    pub outcome: TxOutcome,
    /// The order that a cancel took away, with its client order index.
    pub cancelled: Option<(OrderIndex, Option<ClientOrderIndex>)>,
}

/// A trade with what the wire adds to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of http.md §6")]
pub struct TradeRecord {
    pub trade: Trade,
    pub taker_position_before: Position,
    pub taker_entry_quote_before: Usdc,
    pub taker_imf_before: u16,
    pub taker_sign_changed: bool,
    pub maker_position_before: Position,
    pub maker_entry_quote_before: Usdc,
    pub maker_imf_before: u16,
    pub maker_sign_changed: bool,
    /// Realised PnL of the ask side and of the bid side.
    pub ask_pnl: Usdc,
    pub bid_pnl: Usdc,
    /// Who got how many millionths on top of the taker's and the maker's fee.
    pub taker_integrator: Option<(AccountIndex, u32)>,
    pub maker_integrator: Option<(AccountIndex, u32)>,
}

/// One position of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of http.md §5, raw")]
pub struct PositionRecord {
    pub market: MarketId,
    pub position: Position,
    /// Unsigned, in 1e-6 USDC.
    pub entry_quote: i128,
    /// In 1e-12 USDC.
    pub realized_pnl: i128,
    /// In 1e-12 USDC, positive = paid.
    pub funding_paid: i128,
    pub margin_mode: MarginMode,
    pub initial_margin_fraction: u16,
    pub margin_set: bool,
    /// In 1e-12 USDC, isolated only.
    pub allocated_margin: i128,
    pub open_order_count: u32,
    pub pending_order_count: u32,
    pub liquidation_price: Option<rust_decimal::Decimal>,
    /// In 1e-6 USDC at mark.
    pub unrealized_pnl: i128,
    /// In 1e-6 USDC at mark.
    pub position_value: i128,
}

/// One account, with its margin as of now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of http.md §5, raw; amounts in 1e-12 USDC")]
pub struct AccountRecord {
    pub index: AccountIndex,
    pub l1_address: String,
    pub tier: Tier,
    pub cancel_all_at: Option<Timestamp>,
    pub total_order_count: u32,
    pub pending_order_count: u32,
    pub collateral: i128,
    pub available: i128,
    pub total_value: i128,
    pub cross_value: i128,
    pub cross_initial: i128,
    pub cross_maintenance: i128,
    pub positions: Vec<PositionRecord>,
    /// (slot, 40-byte public key, next nonce), ascending.
    pub keys: Vec<(ApiKeyIndex, Vec<u8>, Nonce)>,
    pub maker_fee: u32,
    pub taker_fee: u32,
    pub transaction_time_us: i64,
    /// Itself, unless it is a sub-account.
    pub master: AccountIndex,
    /// Whole LIT staked; lowers premium fees.
    pub lit_stake: u64,
    /// When the tier was changed last.
    pub tier_changed_at: Option<Timestamp>,
    pub trading_mode: TradingMode,
    pub integrators: Vec<IntegratorRecord>,
    /// Slots that may only make, as in force now, ascending.
    pub maker_only_keys: Vec<ApiKeyIndex>,
    /// Close-out requirement of the cross pot.
    pub cross_closeout: i128,
    /// Orders of markets in isolated mode.
    pub isolated_order_count: u32,
    /// Notional traded, in 1e-6 USDC.
    pub volume: i128,
}

/// What counts as collateral (transaction type 41).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TradingMode {
    /// USDC in the perps account only.
    #[default]
    Classic,
    /// Spot assets that are switched on as well; nobody holds any here.
    Unified,
}

impl TradingMode {
    /// Returns the venue's number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Classic => 0,
            Self::Unified => 1,
        }
    }
}

/// An approved integrator (transaction type 45).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of http.md §5; fees in millionths")]
pub struct IntegratorRecord {
    pub account: AccountIndex,
    pub max_perps_taker_fee: u32,
    pub max_perps_maker_fee: u32,
    pub max_spot_taker_fee: u32,
    pub max_spot_maker_fee: u32,
    pub expiry: Timestamp,
}

/// A deposit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of http.md §8")]
pub struct DepositRecord {
    pub id: u64,
    pub account: AccountIndex,
    pub amount: Usdc,
    pub at: Timestamp,
    pub l1_tx_hash: String,
}

/// What the fast route offers an account at the moment (http.md §8, `fastwithdraw/info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastWithdrawalTerms {
    /// Where the transfer goes to.
    pub to: AccountIndex,
    /// Largest amount of one withdrawal.
    pub limit: Usdc,
    /// Largest amount that this account can withdraw now.
    pub max: Usdc,
}

/// One hourly funding of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketFundingRecord {
    /// When it was paid.
    pub at: Timestamp,
    /// In millionths per hour; positive: longs pay.
    pub rate: i64,
    /// What a long of one lot pays, in 1e-12 USDC: index × rate.
    pub per_lot: i128,
}

/// Value and requirements of one pot, in 1e-12 USDC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskRecord {
    /// The isolated market; `None` for the cross pot.
    pub market: Option<MarketId>,
    /// Collateral with unsettled funding.
    pub collateral: i128,
    /// Collateral with unrealised PnL.
    pub value: i128,
    /// Initial requirement.
    pub initial: i128,
    /// Maintenance requirement.
    pub maintenance: i128,
    /// Close-out requirement.
    pub closeout: i128,
}

/// One resting order as the public book shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of http.md §7")]
pub struct RestingOrder {
    pub order_index: OrderIndex,
    pub owner: AccountIndex,
    pub initial: Size,
    pub remaining: Size,
    pub price: Price,
    pub expiry: Timestamp,
}

/// A withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of http.md §8")]
pub struct WithdrawalRecord {
    pub id: u64,
    pub account: AccountIndex,
    pub amount: Usdc,
    pub at: Timestamp,
    pub status: WithdrawStatus,
    pub secure: bool,
    pub l1_tx_hash: Option<String>,
}

/// A transfer between accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of http.md §8")]
pub struct TransferRecord {
    pub id: u64,
    pub from: AccountIndex,
    pub to: AccountIndex,
    pub amount: Usdc,
    pub fee: Usdc,
    pub at: Timestamp,
    pub hash: TxHash,
}

/// A liquidation step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of http.md §5")]
pub struct LiquidationRecord {
    pub id: u64,
    pub account: AccountIndex,
    pub market: MarketId,
    /// Whether the position was taken over rather than sold in the book.
    pub deleverage: bool,
    pub price: Price,
    pub size: Size,
    pub fee: Usdc,
    pub at: Timestamp,
    /// The account's side of the trade.
    pub side: Side,
    /// The other side.
    pub counterparty: AccountIndex,
    /// Liquidation fee in millionths of notional.
    pub taker_fee: u32,
    /// The pots of the account before and after the step; the cross pot comes first.
    pub before: Vec<RiskRecord>,
    pub after: Vec<RiskRecord>,
    /// Mark prices of the account's markets at the step.
    pub marks: Vec<(MarketId, Price)>,
    /// The account's positions before the step.
    pub positions: Vec<PositionRecord>,
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of websocket.md §4")]
pub struct NoticeRecord {
    pub id: String,
    pub account: AccountIndex,
    /// `liquidation` or `deleverage`.
    pub kind: String,
    pub market: MarketId,
    pub is_ask: bool,
    pub size: Size,
    pub price: Price,
    pub usdc: Usdc,
    pub at: Timestamp,
}

/// What changed, in order; the server turns it into frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeEvent {
    /// The book of a market changed; read it anew.
    Book(MarketId),
    /// Mark, index or last price of a market changed.
    Stats(MarketId),
    /// An order changed (also one that ended at once).
    Order(Order),
    /// A trade.
    Trade(TradeRecord),
    /// Collateral, positions or limits of an account changed; read it anew.
    Account(AccountIndex),
    /// A transaction got on.
    Tx(TxRecord),
    /// A notification.
    Notice(NoticeRecord),
    /// A withdrawal got on.
    Withdrawal(WithdrawalRecord),
}

/// Live prices and daily-free statistics of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketStats {
    /// Mark price.
    pub mark: Option<Price>,
    /// Index price.
    pub index: Option<Price>,
    /// Price of the last trade.
    pub last: Option<Price>,
    /// Best bid.
    pub best_bid: Option<Price>,
    /// Best ask.
    pub best_ask: Option<Price>,
    /// Lots traded since the start.
    pub volume_lots: i128,
    /// Notional traded since the start, in millionths of a USDC.
    pub volume_quote: i128,
    /// Number of trades since the start.
    pub trades_count: u64,
    /// Lots held long (as many are held short).
    pub open_interest_lots: i128,
    /// Lowest trade price since the start.
    pub low: Option<Price>,
    /// Highest trade price since the start.
    pub high: Option<Price>,
    /// Rate of the last hourly funding, in millionths; positive: longs paid.
    pub funding_rate: i64,
    /// Estimated rate of the running hour, in millionths.
    pub estimated_funding_rate: i64,
    /// When the last funding was paid.
    pub funding_at: Option<Timestamp>,
}

/// Which trades to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeFilter {
    /// Only those in which this account took part.
    pub account: Option<AccountIndex>,
    /// Only those of this market.
    pub market: Option<MarketId>,
    /// Only those after this one.
    pub after: Option<crate::model::TradeId>,
}

/// One hourly funding payment of one position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of positionFunding in http.md §5")]
pub struct FundingRecord {
    pub id: u64,
    pub account: AccountIndex,
    pub market: MarketId,
    pub at: Timestamp,
    /// In millionths per hour; positive: longs pay.
    pub rate: i64,
    pub position: Position,
    /// What the account paid, in 1e-12 USDC; negative when it received.
    pub paid: i128,
}

/// Where all money is, in 1e-12 USDC. [`Conservation::residue`] is zero at all times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conservation {
    /// Collateral of all accounts but the insurance fund's, isolated pots and unsettled funding included.
    pub collateral: i128,
    /// Unrealised PnL of all positions at mark.
    pub unrealized: i128,
    /// Trading fees taken.
    pub fees: i128,
    /// Collateral of the insurance fund's account: what it started with, liquidation fees, and what take-overs made.
    pub insurance: i128,
    /// Withdrawn and not failed.
    pub withdrawn: i128,
    /// Deposited.
    pub deposited: i128,
    /// Sum of all positions in all markets, in lots; zero when each market's positions add up to nothing.
    pub unbalanced_lots: i128,
}

impl Conservation {
    /// Returns what is missing or too much; zero unless the exchange made or lost money.
    pub const fn residue(&self) -> i128 {
        self.collateral + self.unrealized + self.fees + self.insurance + self.withdrawn - self.deposited
    }
}
