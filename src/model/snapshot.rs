//! The market rules shipped in the binary, so that plans can be checked offline.

use std::sync::LazyLock;

use super::market::Market;

/// All markets as listed in October 2026, one per line: facts of the venue's `orderBookDetails`, reduced to [`Market`].
const SNAPSHOT: &str = include_str!("markets.snapshot.json");

static MARKETS: LazyLock<Vec<Market>> =
    LazyLock::new(|| serde_json::from_str(SNAPSHOT).expect("the shipped snapshot is valid, a test reads it"));

/// Returns the rules of all markets as listed when this program was built, ascending by id.
pub fn snapshot_markets() -> &'static [Market] {
    &MARKETS
}

/// Returns the market with this symbol (exact, upper case as the venue prints it).
pub fn find_market<'a>(markets: &'a [Market], symbol: &str) -> Option<&'a Market> {
    markets.iter().find(|market| market.symbol == symbol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MarketKind, MarketStatus};

    #[test]
    fn the_snapshot_is_whole_and_sorted() {
        let markets = snapshot_markets();
        assert_eq!(markets.len(), 252);
        assert!(markets.is_sorted_by(|a, b| a.id < b.id));
        assert_eq!(find_market(markets, "SOL"), Some(&Market::example()));
        assert_eq!(find_market(markets, "sol"), None);
    }

    #[test]
    fn an_active_perp_has_margin_fractions_and_a_mark() {
        let perps =
            |market: &&Market| market.kind == MarketKind::Perp && market.status == MarketStatus::Active;
        for market in snapshot_markets().iter().filter(perps) {
            assert!(market.max_leverage() > 0, "{}", market.symbol);
            assert!(market.maintenance_margin_fraction > 0, "{}", market.symbol);
            assert!(market.mark_price.is_some(), "{}", market.symbol);
            assert_eq!(market.size_decimals + market.price_decimals, 6, "{}", market.symbol);
        }
    }
}
