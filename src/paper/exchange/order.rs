//! A live order inside the exchange.

use serde::{Deserialize, Serialize};

use crate::model::{
    AccountIndex, ClientOrderIndex, MarketId, Order, OrderDetails, OrderIndex, OrderKind, OrderStatus, Price,
    Side, Size, TimeInForce, Timestamp, TriggerStatus, TxHash, Usdc,
};

/// What happens when an order meets another one of its owner (rules.md §3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SelfTrade {
    /// The resting order is cancelled.
    #[default]
    ExpireMaker,
    /// The incoming order is cancelled.
    ExpireTaker,
    /// Both are cancelled.
    CancelBoth,
    /// Both shrink by the smaller size, without a trade.
    Reduce,
}

impl SelfTrade {
    /// Returns the behaviour of attribute 6.
    pub(crate) const fn of(mode: i64) -> Self {
        match mode {
            1 => Self::ExpireTaker,
            2 => Self::CancelBoth,
            3 => Self::Reduce,
            _ => Self::ExpireMaker,
        }
    }
}

/// Who counts as oneself (attribute 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SelfScope {
    /// The same account index.
    #[default]
    Account,
    /// Every account of the same master.
    Master,
}

/// Links of a grouped order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Links {
    /// The order that must end before this one wakes.
    pub(crate) parent: Option<OrderIndex>,
    /// Orders that wake when this one ends.
    pub(crate) children: Vec<OrderIndex>,
    /// The order that dies when this one triggers or fills.
    pub(crate) sibling: Option<OrderIndex>,
}

/// An order that rests, waits or is being matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveOrder {
    pub(crate) index: OrderIndex,
    pub(crate) owner: AccountIndex,
    pub(crate) market: MarketId,
    pub(crate) client: Option<ClientOrderIndex>,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    pub(crate) tif: TimeInForce,
    pub(crate) reduce_only: bool,
    pub(crate) price: Price,
    pub(crate) trigger: Option<Price>,
    pub(crate) initial: Size,
    pub(crate) remaining: Size,
    pub(crate) filled: Size,
    /// In millionths of a USDC.
    pub(crate) filled_quote: i128,
    pub(crate) status: OrderStatus,
    /// `None`: never.
    pub(crate) expiry: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) triggered_at: Option<Timestamp>,
    /// Time priority: the market's counter at creation, trigger and modify.
    pub(crate) priority: u64,
    pub(crate) self_trade: SelfTrade,
    pub(crate) self_scope: SelfScope,
    pub(crate) version: u64,
    /// `None` for an order outside every group.
    pub(crate) links: Option<Box<Links>>,
    /// Slices of a TWAP order that are still to come.
    pub(crate) slices: u32,
    /// Transaction that last gave it a priority; `None` for the exchange's own orders.
    pub(crate) tx_hash: Option<TxHash>,
}

/// What every order is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Basics {
    pub(crate) owner: AccountIndex,
    pub(crate) market: MarketId,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    pub(crate) tif: TimeInForce,
    pub(crate) price: Price,
    pub(crate) size: Size,
}

impl LiveOrder {
    /// Makes an order with the defaults of one that the exchange makes itself.
    pub(crate) const fn new(basics: Basics, index: OrderIndex, priority: u64, now: Timestamp) -> Self {
        let Basics { owner, market, side, kind, tif, price, size } = basics;
        Self {
            index,
            owner,
            market,
            client: None,
            side,
            kind,
            tif,
            reduce_only: false,
            price,
            trigger: None,
            initial: size,
            remaining: size,
            filled: Size::ZERO,
            filled_quote: 0,
            status: OrderStatus::InProgress,
            expiry: None,
            created_at: now,
            updated_at: now,
            triggered_at: None,
            priority,
            self_trade: SelfTrade::ExpireMaker,
            self_scope: SelfScope::Account,
            version: 0,
            links: None,
            slices: 0,
            tx_hash: None,
        }
    }

    /// Returns what the API shows.
    pub(crate) fn view(&self) -> Order {
        Order {
            market: self.market,
            owner: self.owner,
            order_index: self.index,
            client_order_index: self.client,
            side: self.side,
            kind: self.kind,
            time_in_force: self.tif,
            reduce_only: self.reduce_only,
            price: self.price,
            trigger_price: self.trigger,
            initial: self.initial,
            remaining: self.remaining,
            filled: self.filled,
            filled_quote: Usdc::from_micros(i64::try_from(self.filled_quote).unwrap_or(i64::MAX)),
            status: self.status,
            expiry: self.expiry.unwrap_or_default(),
            updated_at: self.updated_at,
            details: self.details(),
        }
    }

    fn details(&self) -> OrderDetails {
        let links = self.links.as_deref();
        let child = |n: usize| links.and_then(|links| links.children.get(n).copied());
        OrderDetails {
            created_at: self.created_at,
            trigger_status: self.trigger_status(),
            triggered_at: self.triggered_at,
            priority: self.priority,
            version: self.version,
            parent: self.parent(),
            to_trigger: [child(0), child(1)],
            to_cancel: links.and_then(|links| links.sibling),
        }
    }

    fn trigger_status(&self) -> TriggerStatus {
        match self.status {
            OrderStatus::Pending if self.kind == OrderKind::Twap => TriggerStatus::Twap,
            OrderStatus::Pending if self.parent().is_some() => TriggerStatus::ParentOrder,
            OrderStatus::Pending => TriggerStatus::MarkPrice,
            OrderStatus::InProgress => TriggerStatus::Ready,
            _ => TriggerStatus::Na,
        }
    }

    /// Returns the order that must end before this one wakes.
    pub(crate) fn parent(&self) -> Option<OrderIndex> {
        self.links.as_deref().and_then(|links| links.parent)
    }

    /// Returns the orders that wake when this one ends.
    pub(crate) fn children(&self) -> &[OrderIndex] {
        self.links.as_deref().map_or(&[], |links| &links.children)
    }

    /// Returns whether `Price` bounds the average of all fills instead of each one.
    pub(crate) const fn bounds_average(&self) -> bool {
        matches!(
            self.kind,
            OrderKind::Market | OrderKind::StopLoss | OrderKind::TakeProfit | OrderKind::TwapSub
        )
    }

    /// Returns whether it waits for a trigger or a parent.
    pub(crate) const fn waits(&self) -> bool {
        matches!(self.status, OrderStatus::Pending)
    }

    /// Returns whether the API's estimate of margin counts it: plain resting orders only (rules.md §6.3).
    pub(crate) const fn locks_margin(&self) -> bool {
        matches!((self.status, self.kind), (OrderStatus::Open, OrderKind::Limit)) && !self.reduce_only
    }

    /// Returns whether the order may fill against a resting one at `price`.
    pub(crate) fn crosses(&self, price: Price) -> bool {
        // A bound on the average is judged per fill in matching; such an order meets any price.
        self.bounds_average()
            || match self.side {
                Side::Buy => price <= self.price,
                Side::Sell => price >= self.price,
            }
    }

    /// Returns whether its expiry has come.
    pub(crate) fn expired(&self, now: Timestamp) -> bool {
        self.expiry.is_some_and(|at| at <= now)
    }
}
