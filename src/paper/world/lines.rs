//! Lines of a recording, in the three forms of `docs/worlds.md`, into what was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::frames::{Frame, Frames};
use super::recording::LineError;
use super::seen::{Levels, Print, Seen};
use crate::model::{Market, Price, Rounding, Side, Size};

/// The columns of a table, by their place.
#[derive(Debug)]
struct Columns {
    count: usize,
    at: usize,
    market: usize,
    mark: usize,
    index: Option<usize>,
}

/// One line of JSON that a person or a script wrote.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    #[serde(borrow)]
    at: &'a RawValue,
    market: String,
    #[serde(borrow, alias = "price")]
    mark: Option<&'a RawValue>,
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    bids: Option<Vec<(&'a RawValue, &'a RawValue)>>,
    #[serde(borrow)]
    asks: Option<Vec<(&'a RawValue, &'a RawValue)>>,
    #[serde(borrow, default)]
    trades: Vec<PrintRow<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrintRow<'a> {
    side: Side,
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    size: &'a RawValue,
}

/// Reads line after line; what it was told before decides what a line means.
pub(super) struct Reader<'a> {
    markets: &'a [Market],
    columns: Option<Columns>,
    frames: Frames,
    skipped: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(markets: &'a [Market]) -> Self {
        Self { markets, columns: None, frames: Frames::default(), skipped: BTreeSet::new() }
    }

    /// Returns the markets that lines spoke of without being listed.
    pub(super) fn into_skipped(self) -> Vec<String> {
        self.skipped.into_iter().collect()
    }

    /// Returns what a line says and when, in ms of any origin; `None` when it says nothing of a listed market.
    pub(super) fn line(&mut self, line: &str) -> Result<Option<(i64, Seen)>, LineError> {
        if line.starts_with('{') {
            return self.json(line);
        }
        match &self.columns {
            Some(columns) => {
                let cells = cells(line, columns)?;
                self.table(cells)
            }
            None => {
                self.columns = Some(header(line)?);
                Ok(None)
            }
        }
    }

    fn json(&mut self, line: &str) -> Result<Option<(i64, Seen)>, LineError> {
        let any: BTreeMap<&str, &RawValue> = read(line)?;
        if any.contains_key("type") {
            let frame: Frame<'_> = read(line)?;
            return self.frames.take(&frame, self.markets, &mut self.skipped);
        }
        let row: Row<'_> = read(line)?;
        let Some(market) = self.listed(&row.market) else { return Ok(None) };
        let seen = Seen {
            market: market.id,
            mark: row.mark.map(|mark| price(mark.get(), "mark", market, Rounding::Down)).transpose()?,
            index: row.index.map(|index| price(index.get(), "index", market, Rounding::Down)).transpose()?,
            book: book(row.bids.as_deref(), row.asks.as_deref(), market)?,
            trades: row.trades.iter().map(|row| print(row, market)).collect::<Result<_, _>>()?,
        };
        Ok(Some((milliseconds(row.at.get())?, seen)))
    }

    fn table(&mut self, cells: Cells<'_>) -> Result<Option<(i64, Seen)>, LineError> {
        let Some(market) = self.listed(cells.market) else { return Ok(None) };
        let mark = Some(price(cells.mark, "mark", market, Rounding::Down)?);
        let index = cells.index.filter(|text| !text.is_empty());
        let index = index.map(|text| price(text, "index", market, Rounding::Down)).transpose()?;
        let seen = Seen { mark, index, ..Seen::nothing_new(market.id) };
        Ok(Some((milliseconds(cells.at)?, seen)))
    }

    fn listed(&mut self, symbol: &str) -> Option<&'a Market> {
        let market = self.markets.iter().find(|market| market.symbol == symbol);
        if market.is_none() {
            self.skipped.insert(symbol.to_owned());
        }
        market
    }
}

fn read<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, LineError> {
    serde_json::from_str(line).map_err(|error| LineError::Json(error.to_string()))
}

fn header(line: &str) -> Result<Columns, LineError> {
    let names: Vec<&str> = line.split(',').map(str::trim).collect();
    let wrong = || LineError::Header(line.chars().take(80).collect());
    let place = |wanted: &[&str]| names.iter().position(|name| wanted.contains(name));
    let columns = Columns {
        count: names.len(),
        at: place(&["at"]).ok_or_else(wrong)?,
        market: place(&["market"]).ok_or_else(wrong)?,
        mark: place(&["mark", "price"]).ok_or_else(wrong)?,
        index: place(&["index"]),
    };
    let known = 3 + usize::from(columns.index.is_some());
    if names.len() == known { Ok(columns) } else { Err(wrong()) }
}

/// What a line of a table says.
struct Cells<'a> {
    at: &'a str,
    market: &'a str,
    mark: &'a str,
    index: Option<&'a str>,
}

fn cells<'a>(line: &'a str, columns: &Columns) -> Result<Cells<'a>, LineError> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    if cells.len() != columns.count {
        return Err(LineError::Columns { found: cells.len(), expected: columns.count });
    }
    Ok(Cells {
        at: cells[columns.at],
        market: cells[columns.market],
        mark: cells[columns.mark],
        index: columns.index.map(|place| cells[place]),
    })
}

fn milliseconds(text: &str) -> Result<i64, LineError> {
    text.parse().map_err(|_| LineError::Number { what: "at", text: text.to_owned() })
}

/// Reads a number from its text, quoted or not: money never passes through a float.
fn decimal(text: &str, what: &'static str) -> Result<Decimal, LineError> {
    let digits = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    Decimal::from_str(digits).map_err(|_| LineError::Number { what, text: text.to_owned() })
}

/// Reads a price onto the market's grid. A source may have a finer one.
pub(super) fn price(
    text: &str,
    what: &'static str,
    market: &Market,
    rounding: Rounding,
) -> Result<Price, LineError> {
    Ok(Price::rounded(decimal(text, what)?, market, rounding)?)
}

/// Reads a size onto the market's grid, rounded down.
pub(super) fn size(text: &str, market: &Market) -> Result<Size, LineError> {
    Ok(Size::rounded(decimal(text, "size")?, market, Rounding::Down)?)
}

fn print(row: &PrintRow<'_>, market: &Market) -> Result<Print, LineError> {
    Ok(Print {
        side: row.side,
        price: price(row.price.get(), "price", market, Rounding::Down)?,
        size: size(row.size.get(), market)?,
    })
}

type Rows<'a> = Option<&'a [(&'a RawValue, &'a RawValue)]>;

fn book(bids: Rows<'_>, asks: Rows<'_>, market: &Market) -> Result<Option<Levels>, LineError> {
    if bids.is_none() && asks.is_none() {
        return Ok(None);
    }
    let side = |rows: Rows<'_>, rounding| {
        let rows = rows.unwrap_or_default().iter();
        // Rounded away from the middle, and onto one level what a finer grid has on several.
        let mut levels: BTreeMap<Price, Size> = BTreeMap::new();
        for (at, amount) in rows {
            let level = levels.entry(price(at.get(), "price", market, rounding)?).or_default();
            *level = level.plus(size(amount.get(), market)?);
        }
        Ok::<_, LineError>(levels)
    };
    sides(&side(bids, Rounding::Down)?, &side(asks, Rounding::Up)?).map(Some)
}

/// Puts both sides into order, best first.
pub(super) fn sides(bids: &BTreeMap<Price, Size>, asks: &BTreeMap<Price, Size>) -> Result<Levels, LineError> {
    if let (Some(bid), Some(ask)) = (bids.keys().next_back(), asks.keys().next())
        && bid >= ask
    {
        return Err(LineError::Crossed { bid: bid.ticks(), ask: ask.ticks() });
    }
    let depth = super::MIRRORED_LEVELS;
    Ok(Levels {
        bids: bids.iter().rev().take(depth).map(|(price, size)| (*price, *size)).collect(),
        asks: asks.iter().take(depth).map(|(price, size)| (*price, *size)).collect(),
    })
}
