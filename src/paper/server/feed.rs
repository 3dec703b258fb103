//! The public book of one market as its subscribers know it.

use std::collections::BTreeMap;

use super::actor::View;
use super::channel::Channel;
use super::json::{Json, Object, fields, object};
use super::wire;
use crate::model::{BookLevel, Market, MarketId, Price, Size, Timestamp};

type Levels = BTreeMap<Price, Size>;

/// What was published last. A snapshot shows this, not the present, so that the next update fits onto it.
#[derive(Clone, Debug)]
pub(crate) struct BookFeed {
    bids: Levels,
    asks: Levels,
    nonce: u64,
    offset: u64,
    at: Timestamp,
}

impl BookFeed {
    /// Starts from the present book.
    pub(crate) fn start(view: &View<'_>, market: MarketId) -> Self {
        let (bids, asks) = view.exchange.book(market, usize::MAX);
        Self {
            bids: levels(&bids),
            asks: levels(&asks),
            nonce: view.exchange.book_nonce(market),
            offset: 1,
            at: view.now(),
        }
    }

    /// Returns the whole book as a `subscribed` frame.
    pub(crate) fn snapshot(&self, market: &Market) -> Json {
        let bids: Vec<BookLevel> = self.bids.iter().rev().map(level).collect();
        let asks: Vec<BookLevel> = self.asks.iter().map(level).collect();
        self.frame("subscribed/order_book", market, &bids, &asks, 0)
    }

    /// Catches up with the exchange and returns the difference, or `None` when no level changed.
    pub(crate) fn update(&mut self, view: &View<'_>, market: &Market) -> Option<Json> {
        let (bids, asks) = view.exchange.book(market.id, usize::MAX);
        let (bids, asks) = (levels(&bids), levels(&asks));
        let (bid_changes, ask_changes) = (difference(&self.bids, &bids), difference(&self.asks, &asks));
        if bid_changes.is_empty() && ask_changes.is_empty() {
            return None;
        }
        let begin = self.nonce;
        // The exchange's nonce moves with every change of the book, so it is past `begin` here.
        *self = Self {
            bids,
            asks,
            nonce: view.exchange.book_nonce(market.id).max(begin + 1),
            offset: self.offset + 1,
            at: view.now(),
        };
        Some(self.frame("update/order_book", market, &bid_changes, &ask_changes, begin))
    }

    fn frame(
        &self,
        kind: &str,
        market: &Market,
        bids: &[BookLevel],
        asks: &[BookLevel],
        begin_nonce: u64,
    ) -> Json {
        let at = wire::us(self.at);
        let book = object! {
            "code": 0,
            "asks": wire::book_levels(asks, market),
            "bids": wire::book_levels(bids, market),
            "offset": self.offset,
            "nonce": self.nonce,
            "last_updated_at": at,
            "begin_nonce": begin_nonce,
        };
        object! {
            "channel": Channel::OrderBook(market.id).frame_name(),
            "last_updated_at": at,
            "offset": self.offset,
            "order_book": book,
            "timestamp": self.at,
            "type": kind,
        }
    }
}

fn levels(book: &[BookLevel]) -> Levels {
    book.iter().map(|level| (level.price, level.size)).collect()
}

fn level((price, size): (&Price, &Size)) -> BookLevel {
    BookLevel { price: *price, size: *size }
}

/// Returns the new size of every level that differs; zero for one that is gone.
fn difference(old: &Levels, new: &Levels) -> Vec<BookLevel> {
    let gone = old.keys().filter(|price| !new.contains_key(price));
    let gone = gone.map(|price| BookLevel { price: *price, size: Size::ZERO });
    let changed = new.iter().filter(|(price, size)| old.get(price) != Some(size)).map(level);
    changed.chain(gone).collect()
}

/// The best bid and ask as published last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticker {
    bid: Option<BookLevel>,
    ask: Option<BookLevel>,
}

impl Ticker {
    /// Reads the present top of the book.
    pub(crate) fn read(view: &View<'_>, market: MarketId) -> Self {
        let (bids, asks) = view.exchange.book(market, 1);
        Self { bid: bids.first().copied(), ask: asks.first().copied() }
    }

    /// Returns the frame.
    pub(crate) fn frame(&self, view: &View<'_>, market: &Market, kind: &str) -> Json {
        let at = wire::us(view.now());
        let side = |level: Option<BookLevel>| match level {
            Some(level) => wire::book_levels(&[level], market).remove(0),
            None => object! { "price": "", "size": "" },
        };
        let ticker = object! {
            "s": market.symbol,
            "a": side(self.ask),
            "b": side(self.bid),
            "last_updated_at": at,
        };
        let start: Object = fields! { "channel": Channel::Ticker(market.id).frame_name() };
        start
            .put("last_updated_at", &at)
            .put("nonce", &view.exchange.book_nonce(market.id))
            .put("ticker", &ticker)
            .put("timestamp", &view.now())
            .put("type", kind)
            .json()
    }
}
