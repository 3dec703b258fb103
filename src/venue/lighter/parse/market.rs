//! Markets, books and statistics.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::{Context, Markets, ParseError, decimal, decimal_or_zero, field, price, price_if_any, size, usdc};
use crate::model::{Market, MarketId, MarketKind, MarketStatus, Price, Rounding, Size, Usdc};
use crate::venue::MarketData;
use crate::venue::lighter::{Oddities, wire};

/// Largest number of decimal places that is believed.
const MAX_DECIMALS: u32 = 12;

/// Reads all listings; one that cannot be read is counted and left out, unless none can.
pub(in crate::venue::lighter) fn markets(
    answer: &wire::OrderBookDetails,
    oddities: &Oddities,
) -> Result<Markets, ParseError> {
    let rows: Vec<_> = answer.order_book_details.iter().chain(&answer.spot_order_book_details).collect();
    let mut markets = BTreeMap::new();
    let mut last_error = None;
    for row in &rows {
        match market(row, oddities) {
            Ok(market) => drop(markets.insert(market.id, market)),
            Err(error) => {
                oddities.note("orderBookDetails", &format!("a listing was skipped: {error}"));
                last_error = Some(error);
            }
        }
    }
    match last_error {
        Some(error) if markets.is_empty() => Err(error),
        _ => Ok(markets),
    }
}

fn market(row: &RawValue, oddities: &Oddities) -> Result<Market, ParseError> {
    let row: wire::Market = serde_json::from_str(row.get())?;
    let (size_decimals, price_decimals) = (
        decimals("size_decimals", row.size_decimals.or(row.supported_size_decimals))?,
        decimals("price_decimals", row.price_decimals.or(row.supported_price_decimals))?,
    );
    let mut market = Market {
        id: MarketId::new(row.market_id),
        kind: kind(&row.market_type, oddities),
        status: status(&row.status, oddities),
        size_decimals,
        price_decimals,
        quote_multiplier: row.quote_multiplier.unwrap_or(1),
        min_base: Size::ZERO,
        min_quote: usdc("min_quote_amount", &row.min_quote_amount)?,
        order_quote_limit: quote_limit(&row.order_quote_limit)?,
        default_initial_margin_fraction: row.default_initial_margin_fraction,
        min_initial_margin_fraction: row.min_initial_margin_fraction,
        maintenance_margin_fraction: row.maintenance_margin_fraction,
        closeout_margin_fraction: row.closeout_margin_fraction,
        liquidation_fee: millionths_of_percent("liquidation_fee", &row.liquidation_fee)?,
        force_reduce_only: row.market_config.is_some_and(|config| config.force_reduce_only),
        open_interest_limit: None,
        mark_price: positive(decimal_or_zero("mark_price", &row.mark_price)?),
        index_price: positive(decimal_or_zero("index_price", &row.index_price)?),
        symbol: row.symbol,
    };
    let min_base = decimal("min_base_amount", &row.min_base_amount)?;
    market.min_base = Size::rounded(min_base, &market, Rounding::Up)
        .map_err(|error| field("min_base_amount", &row.min_base_amount, error))?;
    Ok(market)
}

fn decimals(name: &'static str, value: Option<u32>) -> Result<u32, ParseError> {
    match value {
        Some(value @ 0..=MAX_DECIMALS) => Ok(value),
        other => Err(field(
            name,
            &wire::Text(other.map_or_else(String::new, |value| value.to_string())),
            "no usable number of places",
        )),
    }
}

fn kind(text: &str, oddities: &Oddities) -> MarketKind {
    match text {
        "perp" => MarketKind::Perp,
        "spot" => MarketKind::Spot,
        other => {
            oddities.note("market_type", other);
            MarketKind::Other
        }
    }
}

fn status(text: &str, oddities: &Oddities) -> MarketStatus {
    match text {
        "active" => MarketStatus::Active,
        "inactive" => MarketStatus::Inactive,
        other => {
            // Nobody trades where it is not said that trading goes on.
            oddities.note("market.status", other);
            MarketStatus::Inactive
        }
    }
}

fn quote_limit(text: &wire::Text) -> Result<Usdc, ParseError> {
    /// What the venue itself prints for "no limit".
    const NONE: Usdc = Usdc::from_micros((1 << 48) - 1);
    if text.0.is_empty() { Ok(NONE) } else { usdc("order_quote_limit", text) }
}

/// Reads a percent text as millionths: `1.0000` is 10000.
fn millionths_of_percent(name: &'static str, text: &wire::Text) -> Result<u32, ParseError> {
    let value = decimal_or_zero(name, text)? * Decimal::from(10_000);
    u32::try_from(value.ceil()).map_err(|error| field(name, text, error))
}

fn positive(value: Decimal) -> Option<Decimal> {
    (value > Decimal::ZERO).then_some(value)
}

/// Reads the prices of one market.
pub(in crate::venue::lighter) fn market_data(
    stats: &wire::Stats,
    market: &Market,
) -> Result<MarketData, ParseError> {
    let funding = &stats.current_funding_rate;
    Ok(MarketData {
        mark: price_if_any("mark_price", &stats.mark_price, market)?,
        index: price_if_any("index_price", &stats.index_price, market)?,
        last: price_if_any("last_trade_price", &stats.last_trade_price, market)?,
        funding_rate: if funding.0.is_empty() {
            None
        } else {
            Some(decimal("current_funding_rate", funding)?)
        },
    })
}

/// Reads the levels of one side, in the order of the frame; a zero size removes its level.
pub(in crate::venue::lighter) fn levels(
    side: &[wire::Level],
    market: i64,
    context: Context<'_>,
) -> Result<Vec<(Price, Size)>, ParseError> {
    let market = context.market(market)?;
    side.iter()
        .map(|level| Ok((price("price", &level.price, market)?, size("size", &level.size, market)?)))
        .collect()
}
