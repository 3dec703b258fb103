//! Frames of the venue's public streams, as recorded from a socket, one a line (websocket.md §3).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::lines::{price, sides, size};
use super::recording::LineError;
use super::seen::{Levels, Print, Seen};
use crate::model::{Market, MarketId, Price, Rounding, Side, Size};

/// A frame; what is not named here says nothing about prices.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(borrow)]
    order_book: Option<Book<'a>>,
    #[serde(borrow)]
    ticker: Option<Ticker<'a>>,
    #[serde(borrow)]
    market_stats: Option<Stats<'a>>,
    #[serde(borrow, default)]
    trades: Option<Vec<Trade<'a>>>,
}

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow)]
    bids: Vec<Level<'a>>,
    #[serde(borrow)]
    asks: Vec<Level<'a>>,
    nonce: i64,
    begin_nonce: i64,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    size: &'a RawValue,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    a: Level<'a>,
    #[serde(borrow)]
    b: Level<'a>,
}

#[derive(Deserialize)]
struct Stats<'a> {
    #[serde(borrow)]
    mark_price: Option<&'a RawValue>,
    #[serde(borrow)]
    index_price: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    size: &'a RawValue,
    is_maker_ask: bool,
    timestamp: i64,
}

/// The book of a market as the frames so far leave it.
#[derive(Debug, Default)]
struct Kept {
    bids: BTreeMap<Price, Size>,
    asks: BTreeMap<Price, Size>,
    nonce: i64,
}

/// Reads frame after frame.
#[derive(Debug, Default)]
pub(super) struct Frames {
    books: BTreeMap<MarketId, Kept>,
    /// Time of the last frame: frames of several sockets are written as they come, not as they were made.
    last: i64,
}

impl Frames {
    /// Returns what a frame says and when; `None` when it says nothing of a listed market.
    pub(super) fn take(
        &mut self,
        frame: &Frame<'_>,
        markets: &[Market],
        skipped: &mut BTreeSet<String>,
    ) -> Result<Option<(i64, Seen)>, LineError> {
        let Some((_, id)) = frame.channel.split_once([':', '/']) else { return Ok(None) };
        let Some(id) = id.parse().ok().map(MarketId::new) else { return Ok(None) };
        let Some(market) = markets.iter().find(|market| market.id == id) else {
            skipped.insert(format!("market id {id}"));
            return Ok(None);
        };
        let Some(seen) = self.seen(frame, market)? else { return Ok(None) };
        let traded = frame.trades.iter().flatten().map(|trade| trade.timestamp).max();
        self.last = frame.timestamp.or(traded).unwrap_or(self.last).max(self.last);
        Ok(Some((self.last, seen)))
    }

    fn seen(&mut self, frame: &Frame<'_>, market: &Market) -> Result<Option<Seen>, LineError> {
        let snapshot = frame.kind.starts_with("subscribed/");
        let mut seen = Seen::nothing_new(market.id);
        if let Some(book) = &frame.order_book {
            match self.book(book, market, snapshot)? {
                Some(levels) => seen.book = Some(levels),
                None => return Ok(None),
            }
        } else if let Some(ticker) = &frame.ticker {
            seen.book = top(ticker, market)?;
        } else if let Some(stats) = &frame.market_stats {
            seen.mark = given(stats.mark_price, "mark_price", market)?;
            seen.index = given(stats.index_price, "index_price", market)?;
        } else if let Some(trades) = frame.trades.as_ref().filter(|_| !snapshot) {
            // Newest first on the wire. The trades of a snapshot happened before the recording.
            seen.trades = trades.iter().rev().map(|trade| print(trade, market)).collect::<Result<_, _>>()?;
        } else {
            return Ok(None);
        }
        Ok(Some(seen))
    }

    /// Applies a book frame; `None` before the first snapshot.
    fn book(
        &mut self,
        book: &Book<'_>,
        market: &Market,
        snapshot: bool,
    ) -> Result<Option<Levels>, LineError> {
        if snapshot {
            self.books.insert(market.id, Kept::default());
        }
        let Some(kept) = self.books.get_mut(&market.id) else { return Ok(None) };
        if !snapshot && book.begin_nonce != kept.nonce {
            return Err(LineError::Gap { begin: book.begin_nonce, last: kept.nonce });
        }
        kept.nonce = book.nonce;
        apply(&mut kept.bids, &book.bids, market, Rounding::Down)?;
        apply(&mut kept.asks, &book.asks, market, Rounding::Up)?;
        sides(&kept.bids, &kept.asks).map(Some)
    }
}

fn apply(
    side: &mut BTreeMap<Price, Size>,
    rows: &[Level<'_>],
    market: &Market,
    rounding: Rounding,
) -> Result<(), LineError> {
    for row in rows {
        let (at, amount) = level(row, market, rounding)?;
        if amount.is_zero() {
            side.remove(&at);
        } else {
            side.insert(at, amount);
        }
    }
    Ok(())
}

fn level(row: &Level<'_>, market: &Market, rounding: Rounding) -> Result<(Price, Size), LineError> {
    Ok((price(row.price.get(), "price", market, rounding)?, size(row.size.get(), market)?))
}

/// Best bid and ask alone; an empty side has an empty price.
fn top(ticker: &Ticker<'_>, market: &Market) -> Result<Option<Levels>, LineError> {
    if [&ticker.a, &ticker.b].iter().any(|level| is_absent(level.price)) {
        return Ok(None);
    }
    let bids = BTreeMap::from([level(&ticker.b, market, Rounding::Down)?]);
    let asks = BTreeMap::from([level(&ticker.a, market, Rounding::Up)?]);
    sides(&bids, &asks).map(Some)
}

fn is_absent(value: &RawValue) -> bool {
    matches!(value.get(), "\"\"" | "null")
}

fn given(value: Option<&RawValue>, what: &'static str, market: &Market) -> Result<Option<Price>, LineError> {
    let value = value.filter(|value| !is_absent(value));
    value.map(|value| price(value.get(), what, market, Rounding::Down)).transpose()
}

fn print(trade: &Trade<'_>, market: &Market) -> Result<Print, LineError> {
    Ok(Print {
        // The taker is on the other side of the maker.
        side: Side::from_is_ask(!trade.is_maker_ask),
        price: price(trade.price.get(), "price", market, Rounding::Down)?,
        size: size(trade.size.get(), market)?,
    })
}
