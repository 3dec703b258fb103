//! The order book of one market: price-time priority over live orders.

use std::collections::BTreeMap;

use crate::model::{BookLevel, OrderIndex, Price, Side, Size};

/// Sort key on one side: bids carry the negated price, so that the first key is always the best order.
type Key = (i64, u64);

/// Resting orders of one market, best first on both sides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    bids: BTreeMap<Key, OrderIndex>,
    asks: BTreeMap<Key, OrderIndex>,
    /// Counts every change; what the wire calls the book's nonce.
    nonce: u64,
}

const fn key(side: Side, price: Price, priority: u64) -> Key {
    match side {
        Side::Buy => (-price.ticks(), priority),
        Side::Sell => (price.ticks(), priority),
    }
}

impl Book {
    const fn side(&self, side: Side) -> &BTreeMap<Key, OrderIndex> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Key, OrderIndex> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Puts an order on the book.
    pub(crate) fn insert(&mut self, side: Side, price: Price, priority: u64, order: OrderIndex) {
        self.nonce += 1;
        self.side_mut(side).insert(key(side, price, priority), order);
    }

    /// Takes an order off the book.
    pub(crate) fn remove(&mut self, side: Side, price: Price, priority: u64) {
        if self.side_mut(side).remove(&key(side, price, priority)).is_some() {
            self.nonce += 1;
        }
    }

    /// Notes that the size of a resting order changed.
    pub(crate) const fn touch(&mut self) {
        self.nonce += 1;
    }

    /// Returns the best order of `side` with its price.
    pub(crate) fn best(&self, side: Side) -> Option<(Price, OrderIndex)> {
        self.side(side).first_key_value().map(|(key, order)| (Price::from_ticks(key.0.abs()), *order))
    }

    /// Returns the best price of `side`.
    pub(crate) fn best_price(&self, side: Side) -> Option<Price> {
        self.best(side).map(|(price, _)| price)
    }

    /// Returns the orders of `side`, best first.
    pub(crate) fn orders(&self, side: Side) -> impl Iterator<Item = (Price, OrderIndex)> + '_ {
        self.side(side).iter().map(|(key, order)| (Price::from_ticks(key.0.abs()), *order))
    }

    /// Returns the change counter.
    pub(crate) const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Adds up the first `depth` levels of `side`, with `size_of` telling what is left of an order.
    pub(crate) fn levels(
        &self,
        side: Side,
        depth: usize,
        size_of: impl Fn(OrderIndex) -> Size,
    ) -> Vec<BookLevel> {
        let mut levels: Vec<BookLevel> = Vec::new();
        for (price, order) in self.orders(side) {
            let size = size_of(order);
            let full = levels.len() == depth;
            match levels.last_mut() {
                Some(level) if level.price == price => level.size = level.size.plus(size),
                _ if full => break,
                _ => levels.push(BookLevel { price, size }),
            }
        }
        levels
    }
}
