//! What a price source says of a market, and what the world makes of it: mark, index, and the makers' quotes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAKER, STEP, TAKER};
use crate::model::{MarketId, OrderIndex, Price, Side, Size, TimeInForce, Timestamp};
use crate::paper::exchange::Exchange;

/// Levels a side that are mirrored: more is deeper than a plan's orders reach, and every level is an order.
pub const MIRRORED_LEVELS: usize = 20;

/// What a source says of one market at one moment. What is absent has not changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Where.
    pub market: MarketId,
    /// Mark price; a source without one has the middle of its book for it, or its last trade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Price>,
    /// Index price; a source without one has its mark for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Price>,
    /// The whole book, as deep as the source tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book: Option<Levels>,
    /// Trades that happened since, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trades: Vec<Print>,
}

impl Seen {
    /// Returns a report that says only that the source is there.
    pub const fn nothing_new(market: MarketId) -> Self {
        Self { market, mark: None, index: None, book: None, trades: Vec::new() }
    }
}

/// Both sides of a book, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Bids, highest first.
    pub bids: Vec<(Price, Size)>,
    /// Asks, lowest first.
    pub asks: Vec<(Price, Size)>,
}

impl Levels {
    fn middle(&self) -> Option<Price> {
        let (bid, ask) = (self.bids.first()?.0.ticks(), self.asks.first()?.0.ticks());
        Some(Price::from_ticks(i64::midpoint(bid, ask)))
    }

    /// Returns what is quoted on a side.
    fn wanted(&self, side: Side) -> BTreeMap<Price, Size> {
        let levels = match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        };
        levels.iter().filter(|(_, size)| !size.is_zero()).take(MIRRORED_LEVELS).copied().collect()
    }
}

/// A trade of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Print {
    /// The taker's side.
    pub side: Side,
    /// Price.
    pub price: Price,
    /// Size.
    pub size: Size,
}

/// A mirrored level.
#[derive(Clone, Copy, Debug, Serialize)]
struct Level {
    /// Size that the source shows. What takers took of ours stays taken until the source's level changes.
    size: Size,
    /// Our order; `None` when it was taken at once.
    order: Option<OrderIndex>,
}

/// A market whose prices come from a source.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Followed {
    mark: Option<Price>,
    index: Option<Price>,
    last: Option<Price>,
    book: Option<Levels>,
    /// When the source last said anything.
    heard: Option<Timestamp>,
    /// How long it may say nothing; a recording may be silent for as long as it likes.
    patience: Option<Duration>,
    /// It was lost, or silent for too long, and has said nothing since.
    stale: bool,
    bids: BTreeMap<Price, Level>,
    asks: BTreeMap<Price, Level>,
}

impl Followed {
    /// A market that a recording plays.
    pub(super) fn recorded() -> Self {
        Self::default()
    }

    /// A market that follows a live source; it is stale until the source speaks.
    pub(super) fn live(patience: Duration) -> Self {
        Self { patience: Some(patience), stale: true, ..Self::default() }
    }

    /// Takes in what the source says.
    pub(super) fn hear(&mut self, exchange: &mut Exchange, seen: &Seen, now: Timestamp, quoting: bool) {
        self.heard = Some(now);
        self.stale = false;
        self.mark = seen.mark.or(self.mark);
        self.index = seen.index.or(self.index);
        if let Some(book) = &seen.book {
            self.book = Some(book.clone());
        }
        // Trades first: the book that comes with them is the one they left.
        for print in &seen.trades {
            self.last = Some(print.price);
            exchange.world_place(
                TAKER,
                seen.market,
                print.side,
                print.price,
                print.size,
                TimeInForce::ImmediateOrCancel,
            );
        }
        if let Some(mark) = self.mark() {
            exchange.set_prices(seen.market, mark, self.index.unwrap_or(mark));
        }
        if quoting {
            self.requote(exchange, seen.market);
        }
    }

    /// The source is gone: nobody quotes on what it said before.
    pub(super) fn lose(&mut self, exchange: &mut Exchange) {
        self.stale = true;
        self.withdraw(exchange);
    }

    /// Looks at the clock. Called every step, so the limit counts one step less: at no moment a quote stands that is
    /// older than the source's patience.
    pub(super) fn expire(&mut self, exchange: &mut Exchange, now: Timestamp) {
        let Some(patience) = self.patience else { return };
        let silent = self.heard.is_none_or(|heard| now.since(heard) + STEP >= patience);
        if silent && !self.stale {
            self.lose(exchange);
        }
    }

    /// Returns whether the prices may be traded on.
    pub(super) const fn is_fresh(&self) -> bool {
        !self.stale && self.heard.is_some()
    }

    /// Returns when the source last spoke.
    pub(super) const fn heard(&self) -> Option<Timestamp> {
        self.heard
    }

    /// Returns whether the source told a book: its levels are quoted then, and no others.
    pub(super) const fn has_book(&self) -> bool {
        self.book.is_some()
    }

    /// Returns the mark price, once there is one.
    pub(super) fn mark(&self) -> Option<Price> {
        self.mark.or_else(|| self.book.as_ref()?.middle()).or(self.last)
    }

    /// Brings the quotes in line with the source's book.
    pub(super) fn requote(&mut self, exchange: &mut Exchange, market: MarketId) {
        let Some(book) = &self.book else { return };
        let sides = [(Side::Buy, &mut self.bids), (Side::Sell, &mut self.asks)];
        let mut sides = sides.map(|(side, levels)| (side, levels, book.wanted(side)));
        // What goes, goes first, or a moved book would meet its own old side.
        for (_, levels, wanted) in &mut sides {
            levels.retain(|price, level| {
                let stays = wanted.get(price) == Some(&level.size);
                if let Some(order) = level.order.filter(|_| !stays) {
                    exchange.world_cancel(MAKER, order);
                }
                stays
            });
        }
        for (side, levels, wanted) in sides {
            for (price, size) in wanted {
                levels.entry(price).or_insert_with(|| {
                    let tif = TimeInForce::GoodTillTime;
                    Level { size, order: exchange.world_place(MAKER, market, side, price, size, tif) }
                });
            }
        }
    }

    /// Takes all quotes off the book.
    pub(super) fn withdraw(&mut self, exchange: &mut Exchange) {
        let sides = [std::mem::take(&mut self.bids), std::mem::take(&mut self.asks)];
        for order in sides.iter().flat_map(BTreeMap::values).filter_map(|level| level.order) {
            exchange.world_cancel(MAKER, order);
        }
    }
}
