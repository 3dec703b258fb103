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

    /// Returns whether orders that add exposure pass at all.
    pub fn takes_entries(&self) -> bool {
        self.status == MarketStatus::Active && !self.force_reduce_only
    }

    /// Returns whether amounts in lots and ticks mean the same under both rules.
    pub fn has_grid_of(&self, other: &Self) -> bool {
        let grid =
            |market: &Self| (market.id, market.size_decimals, market.price_decimals, market.quote_multiplier);
        grid(self) == grid(other)
    }

    /// Returns what the venue changed since `before`, in words; prices are no rules.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let mut compare = |name: &str, old: String, new: String| {
            if old != new {
                changes.push(format!("{name} was {old}, is {new}"));
            }
        };
        compare("market id", before.id.to_string(), self.id.to_string());
        compare("size decimals", before.size_decimals.to_string(), self.size_decimals.to_string());
        compare("price decimals", before.price_decimals.to_string(), self.price_decimals.to_string());
        compare("quote multiplier", before.quote_multiplier.to_string(), self.quote_multiplier.to_string());
        let size = |market: &Self| market.min_base.to_decimal(market).to_string();
        compare("smallest size", size(before), size(self));
        compare("smallest notional", before.min_quote.to_string(), self.min_quote.to_string());
        let (largest, limit) = (before.order_quote_limit.to_string(), self.order_quote_limit.to_string());
        compare("largest notional", largest, limit);
        let leverage = |market: &Self| market.max_leverage().to_string();
        compare("largest leverage", leverage(before), leverage(self));
        let maintenance = |market: &Self| market.maintenance_margin_fraction.to_string();
        compare("maintenance margin in 1/10000", maintenance(before), maintenance(self));
        let closeout = |market: &Self| market.closeout_margin_fraction.to_string();
        compare("close-out margin in 1/10000", closeout(before), closeout(self));
        compare(
            "liquidation fee in millionths",
            before.liquidation_fee.to_string(),
            self.liquidation_fee.to_string(),
        );
        let takes = |market: &Self| match (market.status, market.takes_entries()) {
            (_, true) => "all",
            (MarketStatus::Active, false) => "reduce-only",
            _ => "none",
        };
        compare("orders that pass", takes(before).to_owned(), takes(self).to_owned());
        changes
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
