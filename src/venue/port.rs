//! What the engine needs of an exchange.

use std::future::Future;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::VenueError;
use crate::model::{
    AccountIndex, AccountView, ApiKeyIndex, ApiKeyView, BookTop, MarginView, Market, MarketId, Nonce, Order,
    PositionView, Price, Timestamp, Trade, TxHash, Usdc, Withdrawal,
};
use crate::tx::SignedTx;

/// Which traffic goes first when the request budget is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Ordinary reads.
    Read,
    /// Orders that add exposure.
    Place,
    /// Orders that reduce it, withdrawals, leverage.
    Hedge,
    /// Cancels.
    Cancel,
    /// What an emergency needs; its share is never spent by the others.
    Emergency,
}

/// The venue took a transaction in; it has not executed it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Hash as the venue names it; must equal ours.
    pub hash: TxHash,
    /// When the venue expects to execute it.
    pub predicted_execution: Timestamp,
}

/// What became of a transaction (http.md §4; `ae` counts as failure whatever `status` says).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TxStatus {
    /// Taken in, not executed.
    Pending,
    /// Executed.
    Executed,
    /// Executed as a failure; the nonce is used.
    Failed {
        /// The venue's code, when it gave one.
        code: Option<i64>,
        /// The venue's text.
        message: String,
    },
}

/// A transaction as the venue knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxView {
    /// Its hash; `None` for internal transactions with a structured id.
    pub hash: Option<TxHash>,
    /// Its type number.
    pub tx_type: u8,
    /// Whose it is.
    pub account: AccountIndex,
    /// The slot that signed it.
    pub api_key_index: ApiKeyIndex,
    /// Its nonce.
    pub nonce: Nonce,
    /// What became of it.
    pub status: TxStatus,
}

/// An account's limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The tier as the venue spells it: `standard`, `premium`, ….
    pub tier: String,
    /// Maker fee in millionths.
    pub maker_fee: u32,
    /// Taker fee in millionths.
    pub taker_fee: u32,
}

/// What the fast route offers an account at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FastTerms {
    /// The venue's bridge: who transfers to it is paid out on L1.
    pub bridge: AccountIndex,
    /// The most that it takes of this account.
    pub max: Usdc,
    /// What it costs, on top of the amount.
    pub fee: Usdc,
}

/// Mark, index and last price of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketData {
    /// Mark price.
    pub mark: Option<Price>,
    /// Index price.
    pub index: Option<Price>,
    /// Last trade.
    pub last: Option<Price>,
    /// Funding rate of the running hour in percent, as the venue gives it.
    pub funding_rate: Option<Decimal>,
}

/// What a notification says (websocket.md §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// Part of a position was closed by the venue.
    Liquidation,
    /// Part of a position was taken to close somebody else's.
    Deleverage,
    /// Anything else.
    Other(String),
}

/// A notification to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The venue's id; a repeated one is the same notification.
    pub id: String,
    /// What it says.
    pub kind: NoticeKind,
    /// The market it speaks of.
    pub market: Option<MarketId>,
}

/// One stream of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feed {
    /// Order book of a market.
    Book(MarketId),
    /// Mark, index and last price of a market.
    Stats(MarketId),
    /// Orders of an account, in all markets.
    Orders(AccountIndex),
    /// Fills of an account.
    Trades(AccountIndex),
    /// Positions of an account.
    Positions(AccountIndex),
    /// Margin summary of an account.
    Margin(AccountIndex),
    /// Transactions of an account with their results.
    Txs(AccountIndex),
    /// Notifications of an account.
    Notices(AccountIndex),
}

impl Feed {
    /// Returns the account that it is about; `None` when it is about a market.
    pub const fn account(self) -> Option<AccountIndex> {
        match self {
            Self::Book(_) | Self::Stats(_) => None,
            Self::Orders(account)
            | Self::Trades(account)
            | Self::Positions(account)
            | Self::Margin(account)
            | Self::Txs(account)
            | Self::Notices(account) => Some(account),
        }
    }

    /// Returns the market that it is about; `None` when it is about an account.
    pub const fn market(self) -> Option<MarketId> {
        match self {
            Self::Book(market) | Self::Stats(market) => Some(market),
            _ => None,
        }
    }
}

/// What a stream said. Between feeds there is no order; within one there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VenueEvent {
    /// A feed delivers: its snapshot has arrived (also after every reconnect).
    Up(Feed),
    /// A feed is silent for too long, broken or disconnected: what it said last is stale.
    Down(Feed, String),
    /// The book as it stands now.
    Book(MarketId, BookTop),
    /// Prices as they stand now.
    Stats(MarketId, MarketData),
    /// Orders that changed; with `true`, all live orders of the account (a snapshot).
    Orders(AccountIndex, Vec<Order>, bool),
    /// Fills, oldest first; may repeat after a reconnect.
    Trades(AccountIndex, Vec<Trade>),
    /// Positions that the frame named.
    Positions(AccountIndex, Vec<PositionView>),
    /// Margin summary.
    Margin(AccountIndex, MarginView),
    /// Transactions with their results; may repeat as a status advances.
    Txs(AccountIndex, Vec<TxView>),
    /// Notifications; may repeat.
    Notices(AccountIndex, Vec<Notice>),
}

impl VenueEvent {
    /// Returns the feed that said it.
    pub const fn feed(&self) -> Feed {
        match self {
            Self::Up(feed) | Self::Down(feed, _) => *feed,
            Self::Book(market, _) => Feed::Book(*market),
            Self::Stats(market, _) => Feed::Stats(*market),
            Self::Orders(account, ..) => Feed::Orders(*account),
            Self::Trades(account, _) => Feed::Trades(*account),
            Self::Positions(account, _) => Feed::Positions(*account),
            Self::Margin(account, _) => Feed::Margin(*account),
            Self::Txs(account, _) => Feed::Txs(*account),
            Self::Notices(account, _) => Feed::Notices(*account),
        }
    }
}

/// What to stream.
#[derive(Clone, Debug, Default)]
pub struct Subscription {
    /// Books and prices of these markets.
    pub markets: Vec<MarketId>,
    /// Orders, fills, positions, margin, transactions and notifications of these accounts.
    pub accounts: Vec<AccountIndex>,
}

/// An exchange. Reads are safe to repeat; `send` may be repeated with the same bytes only.
pub trait Venue: Send + Sync + 'static {
    /// Returns a handle to the same exchange whose reads go with `class`; those of the first handle are ordinary ones.
    /// The look-ups of [`Venue::transaction`] and [`Venue::next_nonce`] never go below [`Class::Hedge`], because a
    /// hedge may be waiting for them.
    fn reading(&self, class: Class) -> Self
    where
        Self: Sized;
    /// Returns the venue's clock (second resolution on the wire) and the chain id it reports.
    fn status(&self) -> impl Future<Output = Result<(Timestamp, u32), VenueError>> + Send;
    /// Returns the rules of all markets, perps and spot.
    fn markets(&self) -> impl Future<Output = Result<Vec<Market>, VenueError>> + Send;
    /// Returns an account.
    fn account(&self, account: AccountIndex) -> impl Future<Output = Result<AccountView, VenueError>> + Send;
    /// Returns the registered keys of an account with their next nonces.
    fn api_keys(
        &self,
        account: AccountIndex,
    ) -> impl Future<Output = Result<Vec<ApiKeyView>, VenueError>> + Send;
    /// Returns tier and fees of an account (needs its token).
    fn limits(&self, account: AccountIndex) -> impl Future<Output = Result<Limits, VenueError>> + Send;
    /// Returns the next nonce as far as the sequencer has executed.
    fn next_nonce(
        &self,
        account: AccountIndex,
        key: ApiKeyIndex,
    ) -> impl Future<Output = Result<Nonce, VenueError>> + Send;
    /// Returns live orders of an account in a market (needs its token).
    fn active_orders(
        &self,
        account: AccountIndex,
        market: MarketId,
    ) -> impl Future<Output = Result<Vec<Order>, VenueError>> + Send;
    /// Returns up to 100 of the latest ended orders of an account in a market, newest first (needs its token).
    fn inactive_orders(
        &self,
        account: AccountIndex,
        market: MarketId,
    ) -> impl Future<Output = Result<Vec<Order>, VenueError>> + Send;
    /// Returns all trades of an account in a market at or after `since`, oldest first (needs its token; pages as needed).
    fn trades_since(
        &self,
        account: AccountIndex,
        market: MarketId,
        since: Timestamp,
    ) -> impl Future<Output = Result<Vec<Trade>, VenueError>> + Send;
    /// Returns a transaction; `None` when the venue has never seen the hash (21500).
    fn transaction(&self, hash: TxHash) -> impl Future<Output = Result<Option<TxView>, VenueError>> + Send;
    /// Returns the withdrawal history, newest first (needs the account's token).
    fn withdrawals(
        &self,
        account: AccountIndex,
    ) -> impl Future<Output = Result<Vec<Withdrawal>, VenueError>> + Send;
    /// Returns how long a secure withdrawal takes at the moment.
    fn withdrawal_delay(&self) -> impl Future<Output = Result<Duration, VenueError>> + Send;
    /// Returns bridge, limit and fee of the fast route (needs the account's token).
    fn fast_terms(&self, account: AccountIndex)
    -> impl Future<Output = Result<FastTerms, VenueError>> + Send;
    /// Sends signed bytes. `Ok` means taken in, not executed.
    fn send(&self, tx: &SignedTx, class: Class) -> impl Future<Output = Result<Accepted, VenueError>> + Send;
    /// Sends a signed transfer to the bridge, which pays out to the address in its memo (needs the account's token).
    /// `Ok` means taken in, not executed.
    fn send_fast_withdrawal(
        &self,
        tx: &SignedTx,
        class: Class,
    ) -> impl Future<Output = Result<Accepted, VenueError>> + Send;
    /// Opens the streams of `what`; they reconnect by themselves until the receiver is dropped.
    fn subscribe(&self, what: Subscription) -> mpsc::Receiver<VenueEvent>;
}
