//! Orders and trades as the venue reports them, in our units.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{AccountIndex, ClientOrderIndex, MarketId, OrderIndex, TradeId};
use super::money::{Price, Size, Usdc};
use super::time::Timestamp;

/// Buy or sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// A bid.
    Buy,
    /// An ask.
    Sell,
}

impl Side {
    /// Returns the other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// Returns the wire's `IsAsk`.
    pub const fn is_ask(self) -> bool {
        matches!(self, Self::Sell)
    }

    /// Returns the side of the wire's `IsAsk`.
    pub const fn from_is_ask(is_ask: bool) -> Self {
        if is_ask { Self::Sell } else { Self::Buy }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        })
    }
}

/// The venue's order types (transactions.md §12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the venue's")]
pub enum OrderKind {
    Limit,
    Market,
    StopLoss,
    StopLossLimit,
    TakeProfit,
    TakeProfitLimit,
    Twap,
    TwapSub,
    Liquidation,
}

/// The venue's times in force (transactions.md §12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the venue's")]
pub enum TimeInForce {
    ImmediateOrCancel,
    GoodTillTime,
    PostOnly,
}

/// The venue's order statuses (rules.md §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the venue's")]
pub enum OrderStatus {
    InProgress,
    Pending,
    Open,
    Filled,
    Canceled,
    CanceledPostOnly,
    CanceledReduceOnly,
    CanceledPositionNotAllowed,
    CanceledMarginNotAllowed,
    CanceledTooMuchSlippage,
    CanceledNotEnoughLiquidity,
    CanceledSelfTrade,
    CanceledExpired,
    CanceledOco,
    CanceledChild,
    CanceledLiquidation,
    CanceledInvalidBalance,
}

impl OrderStatus {
    /// Returns whether the order can change no more.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::InProgress | Self::Pending | Self::Open)
    }
}

/// One order as the venue shows it to its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of http.md §6, in our units")]
pub struct Order {
    pub market: MarketId,
    pub owner: AccountIndex,
    pub order_index: OrderIndex,
    /// `None` when the wire says 0.
    pub client_order_index: Option<ClientOrderIndex>,
    pub side: Side,
    pub kind: OrderKind,
    pub time_in_force: TimeInForce,
    pub reduce_only: bool,
    pub price: Price,
    pub trigger_price: Option<Price>,
    pub initial: Size,
    pub remaining: Size,
    pub filled: Size,
    pub filled_quote: Usdc,
    pub status: OrderStatus,
    /// When it expires; the epoch when it has no expiry.
    pub expiry: Timestamp,
    /// When the venue last changed it.
    pub updated_at: Timestamp,
    /// What only the venue has a use for; a client leaves it empty.
    #[serde(default)]
    pub details: OrderDetails,
}

/// What an order waits for (rules.md §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the venue's")]
pub enum TriggerStatus {
    #[default]
    Na,
    Ready,
    MarkPrice,
    Twap,
    ParentOrder,
}

/// The rest of an order's record (http.md §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderDetails {
    /// When it was created.
    pub created_at: Timestamp,
    /// What it waits for.
    pub trigger_status: TriggerStatus,
    /// When its trigger fired; `None` before, and without one.
    pub triggered_at: Option<Timestamp>,
    /// Its time priority in the book, as a counter of its market.
    pub priority: u64,
    /// Version that the last modify with attribute 8 gave it; 0 without one.
    pub version: u64,
    /// The order that must end with a fill before this one wakes.
    pub parent: Option<OrderIndex>,
    /// The orders that wake when this one ends with a fill.
    pub to_trigger: [Option<OrderIndex>; 2],
    /// The order that is cancelled when this one triggers.
    pub to_cancel: Option<OrderIndex>,
}

/// What made a trade (http.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the venue's")]
pub enum TradeKind {
    Trade,
    Liquidation,
    Deleverage,
    MarketSettlement,
}

/// One trade, with both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of http.md §6, in our units")]
pub struct Trade {
    pub id: TradeId,
    pub market: MarketId,
    pub kind: TradeKind,
    pub price: Price,
    pub size: Size,
    /// Notional.
    pub quote: Usdc,
    pub ask_account: AccountIndex,
    pub bid_account: AccountIndex,
    pub ask_order: OrderIndex,
    pub bid_order: OrderIndex,
    /// `None` when the wire says 0.
    pub ask_client: Option<ClientOrderIndex>,
    /// `None` when the wire says 0.
    pub bid_client: Option<ClientOrderIndex>,
    pub is_maker_ask: bool,
    /// Fee of the taker, in millionths of notional.
    pub taker_fee: u32,
    /// Fee of the maker, in millionths of notional.
    pub maker_fee: u32,
    pub timestamp: Timestamp,
    /// The taker's transaction, as the venue prints it (structured ids of internal orders included).
    pub tx_hash: String,
}

impl Trade {
    /// Returns the side on which `account` took part; `None` when it did not. Buy when it is on both sides.
    pub fn side_of(&self, account: AccountIndex) -> Option<Side> {
        if self.bid_account == account {
            Some(Side::Buy)
        } else if self.ask_account == account {
            Some(Side::Sell)
        } else {
            None
        }
    }

    /// Returns the account's own order on `side`: its venue index and, if it has one, its client index.
    pub const fn order_on(&self, side: Side) -> (OrderIndex, Option<ClientOrderIndex>) {
        match side {
            Side::Buy => (self.bid_order, self.bid_client),
            Side::Sell => (self.ask_order, self.ask_client),
        }
    }

    /// Returns the fee rate of `side`, in millionths of notional.
    pub const fn fee_on(&self, side: Side) -> u32 {
        if self.is_maker_ask == side.is_ask() { self.maker_fee } else { self.taker_fee }
    }
}

/// One price level of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BookLevel {
    /// Price of the level.
    pub price: Price,
    /// Size resting there, own orders included.
    pub size: Size,
}

/// The first levels of a book, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BookTop {
    /// Bids, highest first.
    pub bids: Vec<BookLevel>,
    /// Asks, lowest first.
    pub asks: Vec<BookLevel>,
}

impl BookTop {
    /// Returns the levels that a taker on `side` meets, best first.
    pub fn facing(&self, side: Side) -> &[BookLevel] {
        match side {
            Side::Buy => &self.asks,
            Side::Sell => &self.bids,
        }
    }

    /// Returns how much a taker on `side` finds at `bound` or better.
    pub fn depth_within(&self, side: Side, bound: Price) -> Size {
        let inside = |level: &&BookLevel| match side {
            Side::Buy => level.price <= bound,
            Side::Sell => level.price >= bound,
        };
        self.facing(side).iter().take_while(inside).fold(Size::ZERO, |sum, level| sum.plus(level.size))
    }

    /// Returns the best bid and ask, when both sides have one.
    pub fn best(&self) -> Option<(Price, Price)> {
        Some((self.bids.first()?.price, self.asks.first()?.price))
    }
}
