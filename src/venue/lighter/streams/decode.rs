//! Frames of a channel into events. Pure, but for the book it keeps.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::book::{Book, BookError, Levels};
use crate::model::{AccountIndex, Market, MarketId};
use crate::venue::lighter::parse::{self, Context, ParseError};
use crate::venue::lighter::wire;
use crate::venue::{Feed, VenueEvent};

/// Why a frame breaks its feed.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// It cannot be read.
    #[error("unreadable frame: {0}")]
    Parse(#[from] ParseError),
    /// The book is broken.
    #[error(transparent)]
    Book(#[from] BookError),
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, FrameError> {
    Ok(serde_json::from_str(text).map_err(ParseError::from)?)
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// The answer to a subscription.
    Snapshot,
    /// What changed.
    Update,
}

/// Reads one frame of `feed`; `None` when it says nothing (an update of a book that waits for its snapshot).
pub(super) fn decode(
    feed: Feed,
    kind: FrameKind,
    text: &str,
    book: &mut Option<Book>,
    context: Context<'_>,
) -> Result<Option<VenueEvent>, FrameError> {
    Ok(Some(match feed {
        Feed::Book(market) => return decode_book(market, kind, text, book, context),
        Feed::Stats(market) => {
            let frame: wire::StatsFrame = read(text)?;
            VenueEvent::Stats(market, parse::market_data(&frame.market_stats, listed(market, context)?)?)
        }
        Feed::Orders(account) => decode_orders(account, kind, text, context)?,
        Feed::Trades(account) => decode_trades(account, text, context)?,
        Feed::Positions(account) => decode_positions(account, text, context)?,
        Feed::Margin(account) => {
            let frame: wire::UserStatsFrame = read(text)?;
            VenueEvent::Margin(account, parse::user_stats(&frame.stats)?)
        }
        Feed::Txs(account) => {
            let frame: wire::TxsFrame = read(text)?;
            VenueEvent::Txs(account, parse::txs(&frame.txs, context.oddities))
        }
        Feed::Notices(account) => {
            let frame: wire::NoticesFrame = read(text)?;
            VenueEvent::Notices(account, parse::notices(&frame.notifs, context.oddities))
        }
    }))
}

fn listed<'a>(market: MarketId, context: Context<'a>) -> Result<&'a Market, FrameError> {
    context.markets.get(&market).ok_or_else(|| ParseError::UnknownMarket(market).into())
}

fn decode_book(
    market: MarketId,
    kind: FrameKind,
    text: &str,
    book: &mut Option<Book>,
    context: Context<'_>,
) -> Result<Option<VenueEvent>, FrameError> {
    let frame: wire::BookFrame = read(text)?;
    let wire = &frame.order_book;
    let levels = Levels {
        bids: parse::levels(&wire.bids, market.get(), context)?,
        asks: parse::levels(&wire.asks, market.get(), context)?,
    };
    match (kind, book.as_mut()) {
        (FrameKind::Snapshot, _) => *book = Some(Book::snapshot(levels, wire.nonce)?),
        (FrameKind::Update, Some(book)) => book.update(levels, wire.begin_nonce, wire.nonce)?,
        // Left over from before a new subscription.
        (FrameKind::Update, None) => return Ok(None),
    }
    Ok(book.as_ref().map(|book| VenueEvent::Book(market, book.top())))
}

/// Rows of markets that were listed after ours were read: no plan of this run trades there.
fn skip_unlisted<T>(rows: Vec<T>, market: impl Fn(&T) -> i64, context: Context<'_>) -> Vec<T> {
    let known = |row: &T| {
        let id = MarketId::new(market(row));
        let known = context.markets.contains_key(&id);
        if !known {
            context.oddities.note("stream", &format!("a row in unlisted market {id}"));
        }
        known
    };
    rows.into_iter().filter(known).collect()
}

fn flatten<T>(map: BTreeMap<String, Option<Vec<T>>>) -> Vec<T> {
    map.into_values().flatten().flatten().collect()
}

fn decode_orders(
    account: AccountIndex,
    kind: FrameKind,
    text: &str,
    context: Context<'_>,
) -> Result<VenueEvent, FrameError> {
    let frame: wire::OrdersFrame = read(text)?;
    let rows = skip_unlisted(flatten(frame.orders), |row| row.market_index, context);
    if let Some(row) = rows.iter().find(|row| row.owner_account_index != account.get()) {
        let (asked, got) = (account.to_string(), row.owner_account_index.to_string());
        return Err(ParseError::Mismatch { asked, got }.into());
    }
    Ok(VenueEvent::Orders(account, parse::orders(&rows, context)?, kind == FrameKind::Snapshot))
}

fn decode_trades(account: AccountIndex, text: &str, context: Context<'_>) -> Result<VenueEvent, FrameError> {
    let frame: wire::TradesFrame = read(text)?;
    let rows = skip_unlisted(flatten(frame.trades), |row| row.market_id, context);
    let mut trades = parse::trades(&rows, context)?;
    // Newest first on the wire, and by market.
    trades.sort_by_key(|trade| trade.id);
    Ok(VenueEvent::Trades(account, trades))
}

fn decode_positions(
    account: AccountIndex,
    text: &str,
    context: Context<'_>,
) -> Result<VenueEvent, FrameError> {
    let frame: wire::PositionsFrame = read(text)?;
    let rows = skip_unlisted(frame.positions.into_values().flatten().collect(), |row| row.market_id, context);
    Ok(VenueEvent::Positions(account, parse::positions(&rows, context)?))
}
