//! Ids, prices, sizes, amounts, markets, orders and trades: plain values, no I/O.

mod account;
mod ids;
pub mod margin;
mod market;
mod money;
mod order;
mod prices;
mod snapshot;
mod time;

pub use account::{AccountView, ApiKeyView, MarginView, PositionView, WithdrawStatus, Withdrawal};
pub use ids::{
    AccountIndex, ApiKeyIndex, ClientOrderIndex, IdError, MarketId, Nonce, OrderIndex, PairId, RunId,
    TradeId, TxHash,
};
pub use market::{MarginMode, Market, MarketKind, MarketStatus};
pub use money::{GridError, Position, Price, Rounding, Size, Usdc};
pub use order::{
    BookLevel, BookTop, Order, OrderDetails, OrderKind, OrderStatus, Side, TimeInForce, Trade, TradeKind,
    TriggerStatus,
};
pub use prices::{AtEnd, LiveSource, PriceSource, PriceSourceError};
pub use snapshot::{find_market, snapshot_markets};
pub use time::Timestamp;
