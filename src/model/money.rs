//! Prices, sizes and amounts as whole numbers on a grid. No floating point anywhere.

use std::fmt;
use std::ops::Neg;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::market::Market;
use super::order::Side;

/// Why a decimal is no price, size or amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// Finer than the grid: has more than `decimals` places.
    #[error("`{value}` is off the grid: {what} of this market has {decimals} decimal places")]
    OffGrid {
        /// The offending value.
        value: Decimal,
        /// `price`, `size` or `USDC`.
        what: &'static str,
        /// Decimal places of the grid.
        decimals: u32,
    },
    /// Outside what the venue's integers hold, or not positive where it must be.
    #[error("`{value}` is out of range for a {what}")]
    OutOfRange {
        /// The offending value.
        value: Decimal,
        /// `price`, `size` or `USDC`.
        what: &'static str,
    },
}

/// Which way a value is rounded onto the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Toward negative infinity: what a buy price takes.
    Down,
    /// Toward positive infinity: what a sell price takes.
    Up,
}

/// Scales `value` to an integer with `decimals` places; `rounding: None` refuses what is off the grid.
fn to_grid(
    value: Decimal,
    decimals: u32,
    what: &'static str,
    rounding: Option<Rounding>,
) -> Result<i64, GridError> {
    let out_of_range = || GridError::OutOfRange { value, what };
    let scale = Decimal::from(10_i64.checked_pow(decimals).ok_or_else(out_of_range)?);
    let scaled = value.checked_mul(scale).ok_or_else(out_of_range)?;
    let whole = match rounding {
        None if scaled.fract().is_zero() => scaled,
        None => return Err(GridError::OffGrid { value, what, decimals }),
        Some(Rounding::Down) => scaled.floor(),
        Some(Rounding::Up) => scaled.ceil(),
    };
    i64::try_from(whole).map_err(|_| out_of_range())
}

/// A price as a whole number of ticks of one market; a tick is 10^−`price_decimals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Price(i64);

impl Price {
    /// The largest price that the venue's 32-bit field holds.
    pub const MAX: Self = Self(u32::MAX as i64);
    /// The smallest price: one tick.
    pub const MIN: Self = Self(1);

    /// Wraps a number of ticks.
    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    /// Returns the number of ticks.
    pub const fn ticks(self) -> i64 {
        self.0
    }

    /// Returns the price on `market`'s grid, or an error when it is off the grid or not in 1 ..= 2^32 − 1 ticks.
    pub fn on_grid(value: Decimal, market: &Market) -> Result<Self, GridError> {
        Self::checked(to_grid(value, market.price_decimals, "price", None)?, value)
    }

    /// Returns the price rounded onto `market`'s grid.
    pub fn rounded(value: Decimal, market: &Market, rounding: Rounding) -> Result<Self, GridError> {
        Self::checked(to_grid(value, market.price_decimals, "price", Some(rounding))?, value)
    }

    fn checked(ticks: i64, value: Decimal) -> Result<Self, GridError> {
        if (Self::MIN.0..=Self::MAX.0).contains(&ticks) {
            Ok(Self(ticks))
        } else {
            Err(GridError::OutOfRange { value, what: "price" })
        }
    }

    /// Returns the price in quote units.
    pub fn to_decimal(self, market: &Market) -> Decimal {
        Decimal::new(self.0, market.price_decimals)
    }

    /// Returns the price moved by `bps` basis points *against* the taker on `side` (a buyer pays more, a seller gets
    /// less), rounded toward the milder side so that the bound is never exceeded.
    #[must_use]
    pub fn worsened(self, side: Side, bps: u32) -> Self {
        let part = i128::from(self.0) * i128::from(bps) / 10_000;
        let ticks = match side {
            Side::Buy => i128::from(self.0) + part,
            Side::Sell => i128::from(self.0) - part,
        };
        Self(i64::try_from(ticks.clamp(1, i128::from(u32::MAX))).unwrap_or(1))
    }

    /// Returns the price moved by `bps` basis points against whoever closes on `side`, as [`Price::worsened`] does, but
    /// rounded so that it is never nearer than asked.
    #[must_use]
    pub fn beyond(self, side: Side, bps: u32) -> Self {
        let part = (i128::from(self.0) * i128::from(bps) + 9_999) / 10_000;
        let ticks = match side {
            Side::Buy => i128::from(self.0) + part,
            Side::Sell => i128::from(self.0) - part,
        };
        Self(i64::try_from(ticks.clamp(1, i128::from(u32::MAX))).unwrap_or(1))
    }
}

/// An unsigned size as a whole number of lots of one market; a lot is 10^−`size_decimals`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Size(i64);

impl Size {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The smallest size: one lot.
    pub const LOT: Self = Self(1);

    /// Wraps a number of lots.
    ///
    /// # Panics
    ///
    /// When `lots` is negative: a size has no side, [`Position`] has.
    pub const fn from_lots(lots: i64) -> Self {
        assert!(lots >= 0, "a size is never negative");
        Self(lots)
    }

    /// Returns the number of lots.
    pub const fn lots(self) -> i64 {
        self.0
    }

    /// Returns whether this is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Returns the size on `market`'s grid, or an error when it is off the grid or not in 0 ..= 2^48 − 1 lots.
    pub fn on_grid(value: Decimal, market: &Market) -> Result<Self, GridError> {
        Self::checked(to_grid(value, market.size_decimals, "size", None)?, value)
    }

    /// Returns the size rounded onto `market`'s grid.
    pub fn rounded(value: Decimal, market: &Market, rounding: Rounding) -> Result<Self, GridError> {
        Self::checked(to_grid(value, market.size_decimals, "size", Some(rounding))?, value)
    }

    fn checked(lots: i64, value: Decimal) -> Result<Self, GridError> {
        if (0..1 << 48).contains(&lots) {
            Ok(Self(lots))
        } else {
            Err(GridError::OutOfRange { value, what: "size" })
        }
    }

    /// Returns the size in base units.
    pub fn to_decimal(self, market: &Market) -> Decimal {
        Decimal::new(self.0, market.size_decimals)
    }

    /// Returns `self − other`, or zero when `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(if self.0 > other.0 { self.0 - other.0 } else { 0 })
    }

    /// Returns the sum; saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the position that buying or selling this size makes.
    pub const fn signed(self, side: Side) -> Position {
        match side {
            Side::Buy => Position(self.0),
            Side::Sell => Position(-self.0),
        }
    }
}

/// A signed position in lots: positive long, negative short.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Position(i64);

impl Position {
    /// No position.
    pub const FLAT: Self = Self(0);

    /// Wraps a signed number of lots.
    pub const fn from_lots(lots: i64) -> Self {
        Self(lots)
    }

    /// Returns the signed number of lots.
    pub const fn lots(self) -> i64 {
        self.0
    }

    /// Returns whether there is no position.
    pub const fn is_flat(self) -> bool {
        self.0 == 0
    }

    /// Returns the unsigned size.
    pub const fn size(self) -> Size {
        Size(self.0.saturating_abs())
    }

    /// Returns the side that opened the position: buy for long. `None` when flat.
    pub const fn side(self) -> Option<Side> {
        match self.0 {
            0 => None,
            lots if lots > 0 => Some(Side::Buy),
            _ => Some(Side::Sell),
        }
    }

    /// Returns the sum; saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the signed size in base units.
    pub fn to_decimal(self, market: &Market) -> Decimal {
        Decimal::new(self.0, market.size_decimals)
    }
}

impl Neg for Position {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// A signed amount in millionths of a USDC, the venue's quote unit.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Usdc(i64);

impl Usdc {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Decimal places.
    pub const DECIMALS: u32 = 6;

    /// Wraps millionths of a USDC.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns millionths of a USDC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns a whole number of USDC.
    pub const fn whole(usdc: i64) -> Self {
        Self(usdc.saturating_mul(1_000_000))
    }

    /// Returns the amount, or an error when it has more than six places or is out of range.
    pub fn exact(value: Decimal) -> Result<Self, GridError> {
        to_grid(value, Self::DECIMALS, "USDC", None).map(Self)
    }

    /// Returns the amount rounded to millionths.
    pub fn rounded(value: Decimal, rounding: Rounding) -> Result<Self, GridError> {
        to_grid(value, Self::DECIMALS, "USDC", Some(rounding)).map(Self)
    }

    /// Returns the notional of `size` at `price`; saturates.
    pub fn notional(size: Size, price: Price, market: &Market) -> Self {
        let micros =
            i128::from(size.lots()) * i128::from(price.ticks()) * i128::from(market.quote_multiplier);
        Self(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// Returns the amount in USDC.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, Self::DECIMALS)
    }

    /// Returns the sum; saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the difference; saturates.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Returns the amount without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

impl fmt::Display for Usdc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_decimal().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// sizes and prices are integers end to end, and reading back what was written gives the same integer.
    #[test]
    fn r_13_grid_round_trips_per_market() {
        proptest!(|(ticks in 1..=i64::from(u32::MAX), lots in 0..1_i64 << 48, size_decimals in 0_u32..=6)| {
            let market = Market { size_decimals, price_decimals: 6 - size_decimals, ..Market::example() };
            let (price, size) = (Price::from_ticks(ticks), Size::from_lots(lots));
            prop_assert_eq!(Price::on_grid(price.to_decimal(&market), &market), Ok(price));
            prop_assert_eq!(Size::on_grid(size.to_decimal(&market), &market), Ok(size));
            let text = size.to_decimal(&market).to_string();
            prop_assert_eq!(Size::on_grid(text.parse().unwrap(), &market), Ok(size));
        });
    }

    #[test]
    fn off_grid_and_out_of_range_are_told_apart() {
        let market = Market::example();
        assert!(matches!(
            Price::on_grid("100.9505".parse().unwrap(), &market),
            Err(GridError::OffGrid { decimals: 3, .. })
        ));
        assert!(matches!(Price::on_grid(Decimal::ZERO, &market), Err(GridError::OutOfRange { .. })));
        assert!(matches!(Size::on_grid(Decimal::MAX, &market), Err(GridError::OutOfRange { .. })));
        assert!(matches!(Size::on_grid("-1".parse().unwrap(), &market), Err(GridError::OutOfRange { .. })));
    }

    #[test]
    fn rounding_never_crosses() {
        let market = Market::example();
        let value = "100.9505".parse().unwrap();
        assert_eq!(Price::rounded(value, &market, Rounding::Down), Ok(Price::from_ticks(100_950)));
        assert_eq!(Price::rounded(value, &market, Rounding::Up), Ok(Price::from_ticks(100_951)));
    }

    #[test]
    fn a_slippage_bound_is_never_exceeded() {
        assert_eq!(Price::from_ticks(100_001).worsened(Side::Buy, 50), Price::from_ticks(100_501));
        assert_eq!(Price::from_ticks(100_001).worsened(Side::Sell, 50), Price::from_ticks(99_501));
        assert_eq!(Price::from_ticks(1).worsened(Side::Sell, 20_000), Price::MIN);
    }

    #[test]
    fn a_stop_is_never_nearer_than_asked() {
        assert_eq!(Price::from_ticks(100_001).beyond(Side::Buy, 50), Price::from_ticks(100_502));
        assert_eq!(Price::from_ticks(100_001).beyond(Side::Sell, 50), Price::from_ticks(99_500));
        assert_eq!(Price::from_ticks(10_000).beyond(Side::Sell, 50), Price::from_ticks(9_950));
        assert_eq!(Price::from_ticks(1).beyond(Side::Sell, 20_000), Price::MIN);
    }

    #[test]
    fn notional_is_exact() {
        let market = Market::example();
        let notional = Usdc::notional(Size::from_lots(2_500), Price::from_ticks(100_950), &market);
        assert_eq!(notional.to_string(), "252.375000");
    }
}
