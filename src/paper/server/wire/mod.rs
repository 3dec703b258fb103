//! Records of the exchange as the venue's JSON: zero-padded decimal strings, the venue's names and units.

mod account;
mod book;
mod liquidation;
mod market;
mod money;
mod order;
mod trade;
mod transaction;

use rust_decimal::Decimal;

use crate::model::{Market, MarketKind, Position, Price, Size, Timestamp, Usdc};

pub(crate) use account::{
    account, account_limits, account_metadata, asset, position, positions, sub_account, user_stats,
};
pub(crate) use book::{book_levels, resting_order};
pub(crate) use liquidation::liquidation;
pub(crate) use market::{
    asset_details, book_summary, exchange_stats_row, funding, market_details, market_stats, system_config,
};
pub(crate) use money::{deposit, notice, transfer, withdrawal};
pub(crate) use order::order;
pub(crate) use trade::trade;
pub(crate) use transaction::{transaction, transaction_row};

/// Returns a price padded to its market's decimals.
pub(crate) fn price(value: Price, market: &Market) -> String {
    value.to_decimal(market).to_string()
}

/// Returns a size padded to its market's decimals.
pub(crate) fn size(value: Size, market: &Market) -> String {
    value.to_decimal(market).to_string()
}

/// Returns a signed size padded to its market's decimals.
pub(crate) fn signed_size(value: Position, market: &Market) -> String {
    value.to_decimal(market).to_string()
}

/// Returns an amount with six decimals.
pub(crate) fn usdc(value: Usdc) -> String {
    value.to_decimal().to_string()
}

/// Returns an amount given in millionths with six decimals.
pub(crate) fn micros(value: i128) -> String {
    scaled(value, 6)
}

/// Returns an amount given in 1e-12 USDC with six decimals, cut off toward zero as the venue does.
pub(crate) fn e12(value: i128) -> String {
    scaled(value / 1_000_000, 6)
}

/// Returns `value` · 10^−`decimals`, padded. Amounts beyond 96 bits, which no account reaches, print as zero.
pub(crate) fn scaled(value: i128, decimals: u32) -> String {
    Decimal::try_from_i128_with_scale(value, decimals).unwrap_or_default().to_string()
}

/// Returns a fraction given in 1/10000 as percent with two decimals.
pub(crate) fn percent(fraction: u16) -> String {
    Decimal::new(i64::from(fraction), 2).to_string()
}

/// Returns the `market_kind` of orders and trades.
pub(crate) const fn market_kind(market: &Market) -> &'static str {
    match market.kind {
        MarketKind::Perp => "perps",
        MarketKind::Spot => "spot",
        MarketKind::Other => "bo",
    }
}

/// Returns microseconds since the epoch, as every `transaction_time` has them.
pub(crate) const fn us(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1_000)
}

/// Returns seconds since the epoch.
pub(crate) const fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1_000)
}

/// Returns the block height at `at`: a block every half second, as the venue's `height` channel ticks.
pub(crate) const fn height(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(500) - 3_200_000_000
}

/// The address of a contract that does not exist.
pub(crate) const NO_ADDRESS: &str = "0x0000000000000000000000000000000000000000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_padded_and_cut() {
        let market = Market::example();
        assert_eq!(price(Price::from_ticks(100_950), &market), "100.950");
        assert_eq!(size(Size::ZERO, &market), "0.000");
        assert_eq!(e12(1_234_567_999_999), "1.234567");
        assert_eq!(e12(-1_999_999), "-0.000001");
        assert_eq!(percent(666), "6.66");
    }
}
