//! From the wire to the model. Pure: no I/O, no clock.
//!
//! Invariant: what cannot be read is an error, never an empty list, a flat position or a zero balance. Unknown enum
//! values take the reading that makes the engine look again (a live order, a pending withdrawal) and are counted.

mod account;
mod market;
mod order;

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

pub(super) use account::{
    account, api_keys, fast_terms, limits, notices, positions, tx, txs, user_stats, withdrawals,
};
pub(super) use market::{levels, market_data, markets};
pub(super) use order::{orders, trades};

use super::Oddities;
use super::wire::Text;
use crate::model::{Market, MarketId, Price, Rounding, Size, Timestamp, Usdc};

/// The rules of all markets, without which no price or size can be read.
pub(super) type Markets = BTreeMap<MarketId, Market>;

/// Why an answer is not what its endpoint answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParseError {
    /// Not JSON, or not of the right shape.
    #[error("{0}")]
    Json(String),
    /// A field that is no number of its kind.
    #[error("`{field}` is `{text}`: {why}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What it said.
        text: String,
        /// What is wrong with that.
        why: String,
    },
    /// A row in a market whose rules are not known.
    #[error("market {0} is not listed")]
    UnknownMarket(MarketId),
    /// The answer speaks of something else.
    #[error("asked for {asked}, the answer has {got}")]
    Mismatch {
        /// What was asked for.
        asked: String,
        /// What came.
        got: String,
    },
}

impl From<serde_json::Error> for ParseError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

/// What every conversion needs.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) markets: &'a Markets,
    pub(super) oddities: &'a Oddities,
}

impl<'a> Context<'a> {
    fn market(&self, id: i64) -> Result<&'a Market, ParseError> {
        let id = MarketId::new(id);
        self.markets.get(&id).ok_or(ParseError::UnknownMarket(id))
    }
}

fn field(field: &'static str, text: &Text, why: impl ToString) -> ParseError {
    ParseError::Field { field, text: text.0.clone(), why: why.to_string() }
}

/// Reads a decimal exactly, from text as the venue wrote it.
fn decimal(name: &'static str, text: &Text) -> Result<Decimal, ParseError> {
    let parsed = if text.0.contains(['e', 'E']) {
        Decimal::from_scientific(&text.0)
    } else {
        Decimal::from_str_exact(&text.0)
    };
    parsed.map_err(|error| field(name, text, error))
}

/// Reads a decimal that may be missing or empty: then it is 0.
fn decimal_or_zero(name: &'static str, text: &Text) -> Result<Decimal, ParseError> {
    if text.0.is_empty() { Ok(Decimal::ZERO) } else { decimal(name, text) }
}

/// Reads an amount; what is finer than a millionth is rounded down, in the operator's disfavour.
fn usdc(name: &'static str, text: &Text) -> Result<Usdc, ParseError> {
    Usdc::rounded(decimal(name, text)?, Rounding::Down).map_err(|error| field(name, text, error))
}

/// Reads an amount that may be missing or empty: then it is 0.
fn usdc_or_zero(name: &'static str, text: &Text) -> Result<Usdc, ParseError> {
    if text.0.is_empty() { Ok(Usdc::ZERO) } else { usdc(name, text) }
}

fn size(name: &'static str, text: &Text, market: &Market) -> Result<Size, ParseError> {
    Size::on_grid(decimal(name, text)?, market).map_err(|error| field(name, text, error))
}

fn price(name: &'static str, text: &Text, market: &Market) -> Result<Price, ParseError> {
    Price::on_grid(decimal(name, text)?, market).map_err(|error| field(name, text, error))
}

/// Reads a price that may be missing, empty or zero: then there is none. Off the grid it is rounded: marks and
/// averages need not lie on it.
fn price_if_any(name: &'static str, text: &Text, market: &Market) -> Result<Option<Price>, ParseError> {
    let value = decimal_or_zero(name, text)?;
    if value.is_zero() {
        return Ok(None);
    }
    Price::rounded(value, market, Rounding::Down).map(Some).map_err(|error| field(name, text, error))
}

/// Reads a time by its magnitude: the venue's own documents disagree on seconds and milliseconds for orders.
fn time(value: i64) -> Timestamp {
    const SECONDS: i64 = 100_000_000_000;
    const MILLIS: i64 = 100_000_000_000_000;
    Timestamp::from_millis(match value {
        ..=0 => 0,
        1..SECONDS => value * 1_000,
        SECONDS..MILLIS => value,
        MILLIS.. => value / 1_000,
    })
}
