//! The venue's margin arithmetic (rules.md §6), in one place for lint, plan, engine and exchange.
//!
//! Collateral counts in 1e-12 USDC as on the venue; margin fractions in 1/10000.

use rust_decimal::Decimal;

use super::market::Market;
use super::money::{Position, Price};

/// Units of collateral per millionth of a USDC.
pub const E12_PER_MICRO: i128 = 1_000_000;

/// A position with what its margin depends on.
#[derive(Clone, Copy, Debug)]
pub struct MarginPosition<'a> {
    /// Rules of its market.
    pub market: &'a Market,
    /// Signed size.
    pub position: Position,
    /// Unsigned entry notional, in millionths of a USDC.
    pub entry_quote: i128,
    /// Mark price.
    pub mark: Price,
    /// Initial margin fraction in use, in 1/10000.
    pub initial_margin_fraction: u16,
}

impl MarginPosition<'_> {
    /// Returns the notional at mark, in millionths of a USDC.
    pub fn notional(&self) -> i128 {
        i128::from(self.position.size().lots())
            * i128::from(self.mark.ticks())
            * i128::from(self.market.quote_multiplier)
    }

    /// Returns the unrealised PnL, in millionths of a USDC.
    pub fn unrealized(&self) -> i128 {
        let gain = self.notional() - self.entry_quote;
        if self.position.lots() < 0 { -gain } else { gain }
    }
}

/// Account value and margin requirements of one pot (cross, or one isolated position), in 1e-12 USDC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Margin {
    /// Total account value: collateral with unrealised PnL.
    pub value: i128,
    /// Initial requirement.
    pub initial: i128,
    /// Maintenance requirement.
    pub maintenance: i128,
    /// Close-out requirement.
    pub closeout: i128,
    /// Collateral without unrealised PnL.
    pub collateral: i128,
}

/// How healthy a pot is (rules.md §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Value below zero.
    Bankrupt,
    /// Below the close-out requirement.
    FullLiquidation,
    /// Below maintenance.
    PartialLiquidation,
    /// Below initial: only changes that help.
    PreLiquidation,
    /// At or above initial.
    Healthy,
}

impl Margin {
    /// Sums up a pot of `collateral` (1e-12 USDC) and its positions.
    pub fn of<'a>(collateral: i128, positions: impl IntoIterator<Item = MarginPosition<'a>>) -> Self {
        let mut sum = Self { value: collateral, collateral, ..Self::default() };
        for row in positions {
            // notional (1e-6) × fraction (1e-4) × 100 = 1e-12 USDC
            let part = |fraction: u16| row.notional() * i128::from(fraction) * 100;
            sum.value += row.unrealized() * E12_PER_MICRO;
            sum.initial += part(row.initial_margin_fraction.max(row.market.min_initial_margin_fraction));
            sum.maintenance += part(row.market.maintenance_margin_fraction);
            sum.closeout += part(row.market.closeout_margin_fraction);
        }
        sum
    }

    /// Returns how healthy the pot is.
    pub const fn health(&self) -> Health {
        if self.value < 0 {
            Health::Bankrupt
        } else if self.value < self.closeout {
            Health::FullLiquidation
        } else if self.value < self.maintenance {
            Health::PartialLiquidation
        } else if self.value < self.initial {
            Health::PreLiquidation
        } else {
            Health::Healthy
        }
    }

    /// Returns the available balance in 1e-12 USDC: min(value − initial, collateral), not below 0.
    pub fn available(&self) -> i128 {
        (self.value - self.initial).min(self.collateral).max(0)
    }

    /// Returns the mark price at which `row` brings the pot to its maintenance requirement, other things fixed;
    /// `None` when no positive price does (the venue prints `0`).
    pub fn liquidation_price(&self, row: &MarginPosition<'_>) -> Option<Decimal> {
        let sign = i64::from(row.position.side()?.sign());
        let spare = Decimal::try_from_i128_with_scale(self.value - self.maintenance, 12).ok()?;
        let size = row.position.size().to_decimal(row.market) * Decimal::from(row.market.quote_multiplier);
        let fraction =
            Decimal::new(i64::from(row.market.maintenance_margin_fraction), 4) - Decimal::from(sign);
        let price = row.mark.to_decimal(row.market) + spare.checked_div(size.checked_mul(fraction)?)?;
        (price > Decimal::ZERO).then_some(price)
    }
}

impl super::order::Side {
    /// Returns 1 for buy (long), −1 for sell (short).
    pub const fn sign(self) -> i8 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(market: &Market, lots: i64, entry_ticks: i64, mark: i64) -> MarginPosition<'_> {
        MarginPosition {
            market,
            position: Position::from_lots(lots),
            entry_quote: i128::from(lots.abs()) * i128::from(entry_ticks),
            mark: Price::from_ticks(mark),
            initial_margin_fraction: 2_000,
        }
    }

    #[test]
    fn at_its_liquidation_price_a_pot_is_exactly_at_maintenance() {
        let market = Market::example();
        for lots in [10_000, -10_000] {
            let collateral = 250 * 1_000_000 * E12_PER_MICRO;
            let now = row(&market, lots, 100_000, 101_000);
            let price = Margin::of(collateral, [now]).liquidation_price(&now).unwrap();
            let there = row(
                &market,
                lots,
                100_000,
                Price::rounded(price, &market, crate::model::Rounding::Down).unwrap().ticks(),
            );
            let margin = Margin::of(collateral, [there]);
            let tick = i128::from(lots.abs()) * E12_PER_MICRO;
            assert!((margin.value - margin.maintenance).abs() <= tick, "{price} {margin:?}");
        }
    }

    #[test]
    fn health_falls_in_order() {
        let market = Market::example();
        let health = |usdc: i128| {
            Margin::of(usdc * 1_000_000 * E12_PER_MICRO, [row(&market, 10_000, 100_000, 100_000)]).health()
        };
        assert_eq!(health(200), Health::Healthy);
        assert_eq!(health(199), Health::PreLiquidation);
        assert_eq!(health(23), Health::PartialLiquidation);
        assert_eq!(health(15), Health::FullLiquidation);
        assert_eq!(health(-1), Health::Bankrupt);
    }

    #[test]
    fn available_is_capped_by_collateral() {
        let market = Market::example();
        let margin = Margin::of(300 * 1_000_000 * E12_PER_MICRO, [row(&market, 10_000, 90_000, 100_000)]);
        assert_eq!(margin.available(), 200 * 1_000_000 * E12_PER_MICRO);
    }
}
