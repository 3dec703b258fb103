//! The trading rules of a market.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::MarketId;
use super::money::{Price, Size, Usdc};

/// What a market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MarketKind {
    /// Perpetual future.
    Perp,
    /// Spot.
    Spot,
    /// Anything newer than this program.
    Other,
}

/// Whether a market takes orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MarketStatus {
    /// Takes orders.
    Active,
    /// Every other status: takes none.
    Inactive,
}

/// Cross margin shares the account's collateral; an isolated position has its own pot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MarginMode {
    /// The account's collateral backs the position.
    #[default]
    Cross,
    /// The position has its own collateral.
    Isolated,
}

/// Trading rules of one market, as `orderBookDetails` gives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Market {
    /// The venue's id.
    pub id: MarketId,
    /// Symbol, such as `SOL`.
    pub symbol: String,
    /// What it trades.
    pub kind: MarketKind,
    /// Whether it takes orders.
    pub status: MarketStatus,
    /// Decimal places of a size; a lot is 10^−`size_decimals`.
    pub size_decimals: u32,
    /// Decimal places of a price; a tick is 10^−`price_decimals`.
    pub price_decimals: u32,
    /// Quote in millionths = lots × ticks × this; 1 for every listed perp.
    pub quote_multiplier: i64,
    /// Smallest size of an order that may rest.
    pub min_base: Size,
    /// Smallest notional of an order that may rest.
    pub min_quote: Usdc,
    /// Largest notional of an order.
    pub order_quote_limit: Usdc,
    /// Initial margin fraction of an account that never set leverage, in 1/10000.
    pub default_initial_margin_fraction: u16,
    /// Smallest initial margin fraction an account may set, in 1/10000.
    pub min_initial_margin_fraction: u16,
    /// Maintenance margin fraction, in 1/10000.
    pub maintenance_margin_fraction: u16,
    /// Close-out margin fraction, in 1/10000.
    pub closeout_margin_fraction: u16,
    /// Largest liquidation fee, in millionths of notional (10000 = 1 %).
    pub liquidation_fee: u32,
    /// Whether only reduce-only orders pass.
    pub force_reduce_only: bool,
    /// Most that may be held long, as a notional at mark; `None`: no limit.
    #[serde(default)]
    pub open_interest_limit: Option<Usdc>,
    /// Mark price when the rules were read, if any.
    pub mark_price: Option<Decimal>,
    /// Index price when the rules were read, if any.
    pub index_price: Option<Decimal>,
}

impl Market {
    /// Returns the largest leverage, rounded down; 0 when the market has no margin.
    pub const fn max_leverage(&self) -> u16 {
        match 10_000_u16.checked_div(self.min_initial_margin_fraction) {
            Some(leverage) => leverage,
            None => 0,
        }
    }

    /// Returns the smallest size that may rest at `price`: the larger of `min_base` and the lots that `min_quote` needs.
    pub fn min_size_at(&self, price: Price) -> Size {
        let per_lot = i128::from(price.ticks()) * i128::from(self.quote_multiplier);
        let needed = (i128::from(self.min_quote.micros()) + per_lot - 1) / per_lot.max(1);
        Size::from_lots(i64::try_from(needed).unwrap_or(i64::MAX)).max(self.min_base)
    }

    /// Returns SOL as listed in October 2026, for tests and examples.
    pub fn example() -> Self {
        Self {
            id: MarketId::new(2),
            symbol: "SOL".to_owned(),
            kind: MarketKind::Perp,
            status: MarketStatus::Active,
            size_decimals: 3,
            price_decimals: 3,
            quote_multiplier: 1,
            min_base: Size::from_lots(55),
            min_quote: Usdc::whole(10),
            order_quote_limit: Usdc::from_micros(281_474_976_710_655),
            default_initial_margin_fraction: 666,
            min_initial_margin_fraction: 400,
            maintenance_margin_fraction: 240,
            closeout_margin_fraction: 160,
            liquidation_fee: 10_000,
            force_reduce_only: false,
            open_interest_limit: None,
            mark_price: Some(Decimal::new(101_118, 3)),
            index_price: Some(Decimal::new(101_136, 3)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_order_is_the_larger_of_both_minimums() {
        let sol = Market::example();
        assert_eq!(sol.min_size_at(Price::from_ticks(101_000)), Size::from_lots(100));
        assert_eq!(sol.min_size_at(Price::from_ticks(1_000_000)), Size::from_lots(55));
        assert_eq!(sol.max_leverage(), 25);
    }
}
