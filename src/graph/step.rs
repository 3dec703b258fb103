//! Steps, edges and the orders they place.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::model::{AccountIndex, MarketId, PairId, Price, Side, Size, TimeInForce, Usdc};
use crate::plan::{Liquidation, OrdersError};

/// What a step does (DESIGN §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the step names")]
pub enum StepKind {
    Check,
    Place(Side),
    Watch,
    Hedge,
    Withdraw(Side),
    Done,
}

impl StepKind {
    /// All steps of a pair, in order.
    pub const ALL: [Self; 8] = [
        Self::Check,
        Self::Place(Side::Buy),
        Self::Place(Side::Sell),
        Self::Watch,
        Self::Hedge,
        Self::Withdraw(Side::Buy),
        Self::Withdraw(Side::Sell),
        Self::Done,
    ];

    /// Edges of a pair's graph. The one cycle is watch ⇄ hedge: a hedge may leave a smaller pair to watch.
    pub const EDGES: [(Self, Self); 11] = [
        (Self::Check, Self::Place(Side::Buy)),
        (Self::Check, Self::Place(Side::Sell)),
        (Self::Place(Side::Buy), Self::Watch),
        (Self::Place(Side::Sell), Self::Watch),
        (Self::Watch, Self::Hedge),
        (Self::Hedge, Self::Watch),
        (Self::Hedge, Self::Withdraw(Side::Buy)),
        (Self::Hedge, Self::Withdraw(Side::Sell)),
        (Self::Withdraw(Side::Buy), Self::Done),
        (Self::Withdraw(Side::Sell), Self::Done),
        (Self::Check, Self::Done),
    ];
}

impl fmt::Display for StepKind {
    /// Writes the stable name: `check`, `place.long`, …
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Check => "check",
            Self::Place(Side::Buy) => "place.long",
            Self::Place(Side::Sell) => "place.short",
            Self::Watch => "watch",
            Self::Hedge => "hedge",
            Self::Withdraw(Side::Buy) => "withdraw.long",
            Self::Withdraw(Side::Sell) => "withdraw.short",
            Self::Done => "done",
        })
    }
}

/// One step of one pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it does.
    #[serde(skip)]
    pub kind: StepKind,
    /// Stable name, such as `alpha/place.long`.
    pub name: String,
    /// SHA-256 of everything that decides what the step does, as 64 hexadecimal digits. Equal hashes mean the same step;
    /// where a plan stands on disk, where its keys come from and how fast a paper market runs are no part of it.
    pub hash: String,
}

/// One entry order, in the venue's integers and in units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryOrder {
    /// The account.
    pub account: AccountIndex,
    /// Buy for the long leg, sell for the short leg.
    pub side: Side,
    /// The venue's market id.
    pub market: MarketId,
    /// Price in ticks; of a pegged price, where it would be at the listed mark.
    pub price: Price,
    /// Size in lots.
    pub size: Size,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Expiry at the venue, from when it is sent.
    pub expires_in: Duration,
    /// Whether the price follows the market.
    pub pegged: bool,
    /// Price in USDC.
    pub price_text: String,
    /// Size in base units.
    pub size_text: String,
    /// The stop that is sent with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopOrder>,
    /// Notional.
    pub notional: Usdc,
    /// Initial margin at that price.
    pub initial_margin: Usdc,
    /// Liquidation of the filled leg, for a wallet that holds just `minimum_usdc`.
    #[serde(skip)]
    pub liquidation: Option<Liquidation>,
    /// Largest fee in USDC on the way in and out: nothing for a Standard account, 2.8 bps a fill for a Premium taker.
    pub fee_at_most: Usdc,
}

/// The stop of an entry order: it closes what that filled, when the mark price reaches `trigger`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StopOrder {
    /// What wakes it, in ticks.
    pub trigger: Price,
    /// The worst price that it takes, in ticks.
    pub limit: Price,
    /// Trigger in USDC.
    pub trigger_text: String,
    /// Limit in USDC.
    pub limit_text: String,
}

/// One pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PairGraph {
    /// Its name.
    pub id: PairId,
    /// Its market's symbol.
    pub market: String,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// The entry orders: long, short.
    pub orders: Vec<EntryOrder>,
    /// What the worst minute sends.
    pub messages_in_worst_minute: u32,
    /// What the plan allows.
    pub max_messages_per_minute: u32,
}

/// A compiled plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepGraph {
    /// The plan's name.
    pub plan: String,
    /// Its pairs.
    pub pairs: Vec<PairGraph>,
    /// Notional of all legs, filled as ordered.
    pub exposure: Usdc,
    /// The tightest `max_exposure_usdc`.
    pub max_exposure: Usdc,
    /// The most that one leg can be naked for before the hedge: its largest order.
    pub largest_leg: Usdc,
    /// SHA-256 over the names and hashes of all steps.
    pub hash: String,
}

/// Why a plan has no graph; `validate` says where.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The market is not listed.
    #[error("pair `{pair}`: the venue lists no market `{market}`")]
    UnknownMarket {
        /// The pair.
        pair: PairId,
        /// The symbol.
        market: String,
    },
    /// The orders do not fit the venue's integers.
    #[error("pair `{pair}` has no orders")]
    Orders {
        /// The pair.
        pair: PairId,
        /// Why.
        source: OrdersError,
    },
}
