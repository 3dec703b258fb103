//! What a plan will take in the worst case, before anything is sent: margin, liquidation, messages, network.

use rust_decimal::Decimal;

use super::resolved::{Network, PairPlan};
use crate::model::margin::{E12_PER_MICRO, Margin, MarginPosition};
use crate::model::{MarginMode, Market, Price, Side, Size, Usdc};

/// Where a leg would be liquidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidation {
    /// The mark price at which liquidation starts.
    pub price: Decimal,
    /// Its distance from the entry price, in percent of it.
    pub distance_pct: Decimal,
}

/// Returns the initial margin of a leg of `size` at `price`, rounded up to the millionth.
pub fn initial_margin(pair: &PairPlan, market: &Market, price: Price, size: Size) -> Usdc {
    let fraction = pair.initial_margin_fraction().max(market.min_initial_margin_fraction);
    let micros = i128::from(Usdc::notional(size, price, market).micros()) * i128::from(fraction);
    Usdc::from_micros(i64::try_from((micros + 9_999) / 10_000).unwrap_or(i64::MAX))
}

/// Returns where a leg that was filled at `price` is liquidated, when its wallet holds just `minimum_usdc` (its initial
/// margin, when isolated) and nothing else; `None` when no positive price does it.
pub fn liquidation(
    pair: &PairPlan,
    market: &Market,
    side: Side,
    price: Price,
    size: Size,
) -> Option<Liquidation> {
    let pot = match pair.margin_mode {
        MarginMode::Cross => pair.minimum_usdc,
        MarginMode::Isolated => initial_margin(pair, market, price, size),
    };
    let position = MarginPosition {
        market,
        position: size.signed(side),
        entry_quote: i128::from(Usdc::notional(size, price, market).micros()),
        mark: price,
        initial_margin_fraction: pair.initial_margin_fraction(),
    };
    let margin = Margin::of(i128::from(pot.micros()) * E12_PER_MICRO, [position]);
    let liquidation = margin.liquidation_price(&position)?;
    let entry = price.to_decimal(market);
    let away = liquidation.checked_sub(entry)?;
    // A wallet below maintenance would be liquidated at once: the distance is negative, not large.
    let safe_side = match side {
        Side::Buy => -away,
        Side::Sell => away,
    };
    let distance_pct = safe_side.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(entry)?;
    Some(Liquidation { price: liquidation, distance_pct })
}

/// Returns how many messages the worst minute of a pair takes: leverage, entry and dead man's switch of both legs, and
/// all that it takes to leave again.
pub fn messages_in_worst_minute(pair: &PairPlan) -> u32 {
    messages_to_close(pair).saturating_add(6)
}

/// Returns how many messages it takes to leave: two cancels, every hedge attempt, two exits, two switches cleared.
pub fn messages_to_close(pair: &PairPlan) -> u32 {
    pair.hedge.attempts.saturating_add(6)
}

/// Returns whether a URL's host is this machine.
pub fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // Credentials come before the host: `http://localhost@elsewhere` is elsewhere.
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Network {
    /// Returns whether real money is at stake, or may be: mainnet, and every custom network that is not on loopback.
    /// Paper signs with the chain id of mainnet, so a signature made for the one is good on the other.
    pub fn counts_as_mainnet(&self) -> bool {
        match self {
            Self::Mainnet | Self::Robinhood => true,
            Self::Paper | Self::Testnet | Self::RobinhoodTestnet => false,
            Self::Custom { http, ws, .. } => !(is_loopback(http) && is_loopback(ws)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_not_fooled() {
        for url in ["http://localhost:1", "ws://127.0.0.1:8010/stream", "http://[::1]:9", "http://127.9.9.9"]
        {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "http://localhost.example.com",
            "http://localhost@example.com",
            "http://10.0.0.1",
            "http://128.0.0.1",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
