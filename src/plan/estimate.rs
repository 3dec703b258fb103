//! What a plan will take in the worst case, before anything is sent: margin, liquidation, messages, network.

use std::time::Duration;

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

/// Returns how many messages it takes to leave: two cancels, every hedge attempt, two exits, two switches cleared; with
/// `protect`, two stops placed anew and four taken away.
pub fn messages_to_close(pair: &PairPlan) -> u32 {
    let stops = if pair.protect.is_some() { 6 } else { 0 };
    pair.hedge.attempts.saturating_add(6 + stops)
}

/// Subscriptions that a process makes in a minute. The venue allows 200 messages from an address; the rest is for books
/// and pings.
const SUBSCRIPTIONS_PER_MINUTE: u32 = 160;

/// Streams of a pair: orders, fills, positions, margin, transactions and notifications of two accounts.
const STREAMS_PER_PAIR: u32 = 12;

/// Reads of a pair's check: account, keys and tier of each leg, and both accounts again once leverage is set.
const CHECK_REQUESTS: u32 = 8;

/// What they weigh: twice 300 + 150 + 300, and twice 300.
const CHECK_WEIGHT: u32 = 2_100;

/// What reads may use a minute of a Standard account's 60 requests and a Premium account's 24,000 weight: the rest is
/// kept for what trades.
const READS_A_MINUTE: (u32, u32) = (36, 14_400);

/// How long it takes by the venue's limits until pairs that start together can quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartUp {
    /// Until the streams of all accounts are up, whatever the tier.
    pub streams: Duration,
    /// Until the last can quote, with a Standard account.
    pub standard: Duration,
    /// The same with a Premium account.
    pub premium: Duration,
}

/// Returns how long `pairs` take to start. The limits count over a sliding minute, so a minute's worth goes at once.
pub fn start_up(pairs: u32) -> StartUp {
    let minutes = |needed: u32, a_minute: u32| {
        Duration::from_secs(u64::from(pairs.saturating_mul(needed).saturating_sub(1) / a_minute) * 60)
    };
    let streams = minutes(STREAMS_PER_PAIR, SUBSCRIPTIONS_PER_MINUTE);
    StartUp {
        streams,
        standard: streams.max(minutes(CHECK_REQUESTS, READS_A_MINUTE.0)),
        premium: streams.max(minutes(CHECK_WEIGHT, READS_A_MINUTE.1)),
    }
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
    fn a_hundred_pairs_start_in_minutes() {
        let minutes = |pairs| {
            let StartUp { streams, standard, premium } = start_up(pairs);
            [streams, standard, premium].map(|time| time.as_secs() / 60)
        };
        assert_eq!(minutes(0), [0, 0, 0]);
        assert_eq!(minutes(4), [0, 0, 0]);
        assert_eq!(minutes(30), [2, 6, 4]);
        assert_eq!(minutes(100), [7, 22, 14]);
    }

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
