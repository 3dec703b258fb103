//! A pair's entry orders on its market's grid: buy prices round down, sell prices up, sizes down.

use rust_decimal::Decimal;

use super::resolved::{PairPlan, PriceSpec, SizeSpec};
use crate::model::{GridError, Market, Price, Rounding, Side, Size};

/// Why a pair has no entry orders.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrdersError {
    /// The price follows the market, and there is no market price to follow.
    #[error("the {side} price is pegged, and `{market}` has no price to follow")]
    Pegged {
        /// Which price.
        side: Side,
        /// The market.
        market: String,
    },
    /// A value does not fit the venue's integers.
    #[error(transparent)]
    Grid(#[from] GridError),
}

/// Returns (buy price, sell price, size of each leg) of a pair with fixed prices, in the venue's integers.
///
/// # Errors
///
/// When a price is pegged ([`orders_at`] takes what it follows), or a value is outside the venue's range.
pub fn orders_of(pair: &PairPlan, market: &Market) -> Result<(Price, Price, Size), OrdersError> {
    orders_at(pair, market, None)
}

/// Returns (buy price, sell price, size of each leg), with pegged prices taken at `reference`.
///
/// # Errors
///
/// When a price is pegged and there is no reference, or a value is outside the venue's range.
pub fn orders_at(
    pair: &PairPlan,
    market: &Market,
    reference: Option<Decimal>,
) -> Result<(Price, Price, Size), OrdersError> {
    let buy = price_at(pair.buy, Side::Buy, market, reference)?;
    let sell = price_at(pair.sell, Side::Sell, market, reference)?;
    Ok((buy, sell, size_at(pair.size, market, sell)?))
}

/// Returns one price on the grid; a pegged one is `reference` plus its offset.
///
/// # Errors
///
/// When it is pegged and there is no reference, or it is outside the venue's range.
pub fn price_at(
    spec: PriceSpec,
    side: Side,
    market: &Market,
    reference: Option<Decimal>,
) -> Result<Price, OrdersError> {
    let wanted = match (spec, reference) {
        (PriceSpec::Fixed(price), _) => price,
        (PriceSpec::Peg { offset_bps, .. }, Some(reference)) => {
            let factor = Decimal::new(10_000 + i64::from(offset_bps), 4);
            let out_of_range = GridError::OutOfRange { value: reference, what: "price" };
            reference.checked_mul(factor).ok_or(out_of_range)?
        }
        (PriceSpec::Peg { .. }, None) => {
            return Err(OrdersError::Pegged { side, market: market.symbol.clone() });
        }
    };
    let rounding = match side {
        Side::Buy => Rounding::Down,
        Side::Sell => Rounding::Up,
    };
    Ok(Price::rounded(wanted, market, rounding)?)
}

/// Returns the size of each leg in lots, rounded down; a notional is divided by `sell`.
///
/// # Errors
///
/// When it is outside the venue's range.
pub fn size_at(spec: SizeSpec, market: &Market, sell: Price) -> Result<Size, GridError> {
    let base = match spec {
        SizeSpec::Base(base) => base,
        SizeSpec::NotionalUsdc(notional) => notional
            .checked_div(sell.to_decimal(market))
            .ok_or(GridError::OutOfRange { value: notional, what: "size" })?,
    };
    Size::rounded(base, market, Rounding::Down)
}
