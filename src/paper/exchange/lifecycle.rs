//! From creation to the end of an order: book, owner's lists, history, links.

use super::api::ExchangeEvent;
use super::order::LiveOrder;
use super::tally::Step;
use super::{Account, Exchange};
use crate::model::{AccountIndex, MarketId, Order, OrderIndex, OrderKind, OrderStatus, Side, Size};

impl Exchange {
    /// Returns the index of the next order on `side` (transactions.md §13: newer bids have smaller ones).
    pub(super) fn take_index(&mut self, market: MarketId, side: Side) -> OrderIndex {
        let base = u64::try_from(market.get()).unwrap_or(0);
        let Some(state) = self.state_mut(market) else { return OrderIndex::new(0) };
        OrderIndex::new(match side {
            Side::Sell => {
                state.next_ask += 1;
                ((base + 1) << 48) + state.next_ask - 1
            }
            Side::Buy => {
                state.next_bid += 1;
                ((base + 2) << 48) - state.next_bid
            }
        })
    }

    /// Enters an order into its owner's lists.
    pub(super) fn register(&mut self, order: &LiveOrder) {
        if let Some(owner) = self.accounts.get_mut(&order.owner) {
            owner.orders.insert(order.index);
            if let Some(client) = order.client {
                owner.clients.insert(client, order.index);
            }
        }
        // A schedule ends with its last slice, which is due at that very time.
        if let Some(at) = order.expiry.filter(|_| order.kind != OrderKind::Twap) {
            self.expiries.insert((at, order.market, order.index));
        }
    }

    /// Puts what is left of an order on the book.
    pub(super) fn rest(&mut self, mut order: LiveOrder) {
        order.status = OrderStatus::Open;
        order.updated_at = self.now;
        self.register(&order);
        self.tally(&order, Step::Enter);
        let (market, index) = (order.market, order.index);
        if let Some(state) = self.state_mut(market) {
            state.book.insert(order.side, order.price, order.priority, index);
            state.orders.insert(index, order);
        }
        self.order_event(index);
        self.book_changed(market);
    }

    /// Keeps an order that waits for a trigger or a parent.
    pub(super) fn hold(&mut self, mut order: LiveOrder) {
        order.status = OrderStatus::Pending;
        order.updated_at = self.now;
        self.register(&order);
        self.tally(&order, Step::Enter);
        let index = order.index;
        if let Some(state) = self.state_mut(order.market) {
            if order.parent().is_none() {
                state.triggers.insert(&order);
            }
            state.orders.insert(index, order);
        }
        self.order_event(index);
    }

    /// Takes `size` off a resting order without a trade; an emptied one is for the caller to end.
    pub(super) fn shrink(&mut self, order: OrderIndex, size: Size) {
        self.take_off(order, size, None);
        self.order_event(order);
        self.book_changed(super::market_of(order));
    }

    /// Takes `size` off a resting order; `traded` is the quote of a trade behind it, in millionths of a USDC.
    pub(super) fn take_off(&mut self, index: OrderIndex, size: Size, traded: Option<i128>) {
        let (now, market) = (self.now, super::market_of(index));
        let Some(state) = self.state_mut(market) else { return };
        state.book.touch();
        let Some(order) = state.orders.get_mut(&index) else { return };
        order.remaining = order.remaining.saturating_sub(size);
        if let Some(quote) = traded {
            order.filled = order.filled.plus(size);
            order.filled_quote += quote;
        }
        order.updated_at = now;
        let (owner, side, price) = (order.owner, order.side, order.price);
        if order.locks_margin() {
            let quote = self.quote(market, size, price);
            self.tally_less(owner, market, side, quote);
        }
    }

    /// Ends a live order with `status`; does nothing when it is gone.
    pub(super) fn cancel_live(&mut self, order: OrderIndex, status: OrderStatus) {
        if let Some(order) = self.unlist(order) {
            self.finish(order, status);
        }
    }

    /// Takes a live order off the book and out of the market; its owner's lists still name it.
    pub(super) fn unlist(&mut self, order: OrderIndex) -> Option<LiveOrder> {
        let market = super::market_of(order);
        let state = self.state_mut(market)?;
        let order = state.orders.remove(&order)?;
        state.triggers.remove(&order);
        if order.status == OrderStatus::Open {
            state.book.remove(order.side, order.price, order.priority);
            self.book_changed(market);
        }
        self.tally(&order, Step::Leave);
        Some(order)
    }

    /// Ends an order that is in no book any more: history, event, and what hangs on it.
    pub(super) fn finish(&mut self, mut order: LiveOrder, status: OrderStatus) {
        order.status = status;
        order.updated_at = self.now;
        self.integrator_fees.remove(&order.index);
        if let Some(at) = order.expiry {
            self.expiries.remove(&(at, order.market, order.index));
        }
        let view = order.view();
        if let Some(owner) = self.accounts.get_mut(&order.owner) {
            owner.orders.remove(&order.index);
            if let Some(client) =
                order.client.filter(|client| owner.clients.get(client) == Some(&order.index))
            {
                owner.clients.remove(&client);
            }
            if !owner.house {
                Account::remember(&mut owner.ended, view.clone());
                self.order_changed(view);
            }
        }
        self.wake_or_drop_children(&order);
    }

    /// The children of an ended parent live on with its filled size, or die with it.
    fn wake_or_drop_children(&mut self, parent: &LiveOrder) {
        for child in parent.children() {
            if parent.filled.is_zero() {
                self.cancel_live(*child, OrderStatus::CanceledChild);
                continue;
            }
            let Some(state) = self.state_mut(parent.market) else { continue };
            if let Some(order) = state.orders.get_mut(child) {
                (order.initial, order.remaining) = (parent.filled, parent.filled);
                if let Some(links) = order.links.as_deref_mut() {
                    links.parent = None;
                }
                state.triggers.insert(order);
            }
            self.order_event(*child);
        }
    }

    /// Announces a live order as it stands.
    pub(super) fn order_event(&mut self, order: OrderIndex) {
        let Some(live) = self.live(order) else { return };
        if self.accounts.get(&live.owner).is_some_and(|owner| !owner.house) {
            let view = live.view();
            self.order_changed(view);
        }
    }

    /// Tells of an order of a real account, and of the account's counts with it.
    pub(super) fn order_changed(&mut self, view: Order) {
        let owner = view.owner;
        self.events.push(ExchangeEvent::Order(view));
        self.events.push(ExchangeEvent::Account(owner));
    }

    /// Cancels what is tied to a position that went flat or changed its side.
    pub(super) fn cancel_tied(&mut self, account: AccountIndex, market: MarketId) {
        let tied = self.orders_where(account, |order| {
            order.market == market
                && order.reduce_only
                && order.kind != OrderKind::Twap
                && order.parent().is_none()
                && order.children().is_empty()
        });
        for order in tied {
            self.cancel_live(order, OrderStatus::CanceledReduceOnly);
        }
    }

    /// Returns the live orders of an account that pass `keep`.
    pub(super) fn orders_where(
        &self,
        account: AccountIndex,
        keep: impl Fn(&LiveOrder) -> bool,
    ) -> Vec<OrderIndex> {
        let Some(account) = self.accounts.get(&account) else { return Vec::new() };
        let live = account.orders.iter().filter_map(|order| self.live(*order));
        live.filter(|order| keep(order)).map(|order| order.index).collect()
    }

    /// Wakes the waiting orders whose trigger the mark price has reached.
    pub(super) fn run_triggers(&mut self, market: MarketId) {
        // Nothing fires while the market takes no orders; it is looked at again when it does.
        if !self.is_active(market) {
            return;
        }
        let Some(state) = self.state(market) else { return };
        let Some(mark) = state.mark else { return };
        let due = state.triggers.reached(mark);
        for order in due {
            self.wake(order);
        }
    }

    fn wake(&mut self, order: OrderIndex) {
        let Some(mut order) = self.unlist(order) else { return };
        order.triggered_at = Some(self.now);
        if let Some(sibling) = order.links.as_deref_mut().and_then(|links| links.sibling.take()) {
            self.cancel_live(sibling, OrderStatus::CanceledOco);
        }
        if order.remaining.is_zero() {
            let whole = self.reducible(order.owner, order.market, order.side);
            (order.initial, order.remaining) = (whole, whole);
            if whole.is_zero() {
                self.finish(order, OrderStatus::CanceledReduceOnly);
                return;
            }
        }
        if let Some(state) = self.state_mut(order.market) {
            order.priority = state.take_priority();
        }
        self.run_taker(order);
    }
}
