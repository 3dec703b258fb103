//! One market of the world: a price that swings, makers on a grid around it, takers of both sides.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::seen::{Followed, Seen};
use super::spec::{MarketSpec, WorldError, WorldSpec};
use super::{MAKER, Pace, TAKER};
use crate::model::{
    Market, MarketId, MarketKind, MarketStatus, OrderIndex, Price, Side, Size, TimeInForce, Timestamp,
};
use crate::paper::exchange::Exchange;
use crate::rt::SplitMix64;

/// Price is kept in 1/1024 of a tick, so that small swings of coarse markets are not lost.
const FINE: i64 = 1_024;
/// Levels that makers quote on each side.
const LEVELS: i64 = 10;
/// A deviation from the anchor fades by this part per step: a mean life of 6 s.
const FADE: i64 = 60;
/// Period of the slow swing, in ms: both legs of a plan near the touch get their turn within a minute.
const SWING_MS: i64 = 24_000;
/// Height of the slow swing, in halves of the volatility.
const SWING_HALVES: i64 = 5;
/// Typical deviation from the anchor, in basis points, when the scenario does not say.
const VOLATILITY_BPS: i64 = 12;
/// Takers come once in this many steps.
const TAKER_EVERY: u64 = 8;
/// A consumed level comes back once in this many steps.
const REFILL_EVERY: u64 = 4;

/// A straight move of the anchor.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Move {
    from: i64,
    to: i64,
    begun: Duration,
    over: Duration,
}

/// A maker's quote at one point of the grid.
#[derive(Clone, Copy, Debug, Serialize)]
struct Quote {
    order: OrderIndex,
    side: Side,
}

/// The state of one market.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MarketWorld {
    pub(super) id: MarketId,
    pub(super) symbol: String,
    quote_multiplier: i64,
    /// Where the price returns to, in 1/1024 ticks.
    anchor: i64,
    /// Distance from it.
    deviation: i64,
    volatility_bps: i64,
    half_spread: i64,
    /// Distance of two quotes, in ticks.
    gap: i64,
    pub(super) depth_percent: i64,
    pub(super) makers: bool,
    pub(super) takers: bool,
    moving: Option<Move>,
    quotes: BTreeMap<i64, Quote>,
    /// Where the prices come from, when they are not drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    followed: Option<Followed>,
}

/// Makes the worlds of all perps that have a price.
pub(super) fn build(spec: &WorldSpec, exchange: &Exchange) -> Result<Vec<MarketWorld>, WorldError> {
    let listed = |symbol: &str| exchange.markets().iter().any(|market| market.symbol == symbol);
    if let Some(unknown) = spec.markets.iter().find(|row| !listed(&row.market)) {
        return Err(WorldError::UnknownMarket(unknown.market.clone()));
    }
    let mut worlds = Vec::new();
    for market in exchange.markets().iter().filter(|market| market.kind == MarketKind::Perp) {
        let row = spec.markets.iter().find(|row| row.market == market.symbol);
        let price = row.and_then(|row| row.price).or(market.mark_price);
        let Some(price) = price else { continue };
        worlds.push(MarketWorld::new(market, Price::on_grid(price, market)?, row));
    }
    Ok(worlds)
}

impl MarketWorld {
    fn new(market: &Market, price: Price, row: Option<&MarketSpec>) -> Self {
        let bps = |tenths: i64| (price.ticks() * tenths / 100_000).max(1);
        Self {
            id: market.id,
            symbol: market.symbol.clone(),
            quote_multiplier: market.quote_multiplier,
            anchor: price.ticks() * FINE,
            deviation: 0,
            volatility_bps: row.and_then(|row| row.volatility_bps).map_or(VOLATILITY_BPS, i64::from),
            half_spread: bps(10),
            gap: bps(15),
            depth_percent: row.and_then(|row| row.depth_percent).map_or(100, i64::from),
            makers: row.and_then(|row| row.makers).unwrap_or(true),
            takers: row.and_then(|row| row.takers).unwrap_or(true),
            moving: None,
            quotes: BTreeMap::new(),
            followed: None,
        }
    }

    /// Takes the prices from a source from now on.
    pub(super) fn follow(&mut self, followed: Followed) {
        self.followed = Some(followed);
    }

    /// Returns the source, if there is one.
    pub(super) const fn source(&self) -> Option<&Followed> {
        self.followed.as_ref()
    }

    /// Takes in what the source says; a market without one does not listen.
    pub(super) fn hear(&mut self, exchange: &mut Exchange, seen: &Seen, now: Timestamp) {
        let quoting = self.makers && self.is_active(exchange);
        if let Some(followed) = &mut self.followed {
            followed.hear(exchange, seen, now, quoting);
        }
    }

    /// The source is gone: every quote that rests on it goes, too.
    pub(super) fn lose(&mut self, exchange: &mut Exchange) {
        if let Some(followed) = &mut self.followed {
            followed.lose(exchange);
            self.withdraw_quotes(exchange);
        }
    }

    fn is_active(&self, exchange: &Exchange) -> bool {
        exchange.market(self.id).is_some_and(|market| market.status == MarketStatus::Active)
    }

    /// Moves the anchor there, in a straight line or at once.
    pub(super) fn go_to(&mut self, price: Price, now: Duration, over: Duration) {
        self.moving = Some(Move { from: self.anchor, to: price.ticks() * FINE, begun: now, over });
    }

    /// Makes one step: price, quotes, takers. The exchange stands at its time.
    pub(super) fn step(
        &mut self,
        exchange: &mut Exchange,
        rng: &mut SplitMix64,
        passed: Duration,
        pace: Pace,
    ) {
        let Some(mid) = self.next_mid(exchange, rng, passed, pace) else {
            self.withdraw_quotes(exchange);
            return;
        };
        let (active, mirrored) = (self.is_active(exchange), self.is_mirrored());
        if self.makers && active {
            match &mut self.followed {
                Some(followed) if mirrored => followed.requote(exchange, self.id),
                _ => self.quote(exchange, rng, mid, pace),
            }
        } else {
            self.withdraw_quotes(exchange);
        }
        // A mirrored book has its source's takers, and no others.
        let takers = self.takers && active && !mirrored;
        if takers && (pace != Pace::Fine || rng.below(TAKER_EVERY) == 0) {
            self.take(exchange, rng, mid);
        }
    }

    /// Returns the price that makers quote around; `None` when nobody may, because its source is silent.
    fn next_mid(
        &mut self,
        exchange: &mut Exchange,
        rng: &mut SplitMix64,
        passed: Duration,
        pace: Pace,
    ) -> Option<Price> {
        if let Some(followed) = &mut self.followed {
            followed.expire(exchange, exchange.now());
            return followed.is_fresh().then(|| followed.mark()).flatten();
        }
        self.follow_move(passed);
        let mid = self.next_price(rng, passed, pace);
        exchange.set_prices(self.id, mid, mid);
        Some(mid)
    }

    fn is_mirrored(&self) -> bool {
        self.followed.as_ref().is_some_and(Followed::has_book)
    }

    fn follow_move(&mut self, passed: Duration) {
        let Some(Move { from, to, begun, over }) = self.moving else { return };
        let (done, whole) = (passed.saturating_sub(begun).as_millis(), over.as_millis());
        if done >= whole {
            (self.anchor, self.moving) = (to, None);
            return;
        }
        let part =
            i128::from(to - from) * i128::try_from(done).unwrap_or(0) / i128::try_from(whole).unwrap_or(1);
        self.anchor = from + i64::try_from(part).unwrap_or(0);
    }

    /// Anchor + slow swing + fading noise.
    fn next_price(&mut self, rng: &mut SplitMix64, passed: Duration, pace: Pace) -> Price {
        let spread = self.anchor / 10_000 * self.volatility_bps;
        // Two uniform draws of half-width w have a deviation of 0.816 w; the noise per step that makes the faded sum
        // deviate by `spread` is spread / √(FADE / 2), which makes w = spread / 4.47.
        let width = match pace {
            Pace::Fine => spread * 100 / 447,
            // Ten steps at once: what fades in one is ten times as much.
            Pace::Brisk => spread * 71 / 100,
            Pace::Coarse => spread * 122 / 100,
        };
        let kept = match pace {
            Pace::Fine => self.deviation - self.deviation / FADE,
            Pace::Brisk => self.deviation - self.deviation * 10 / FADE,
            Pace::Coarse => 0,
        };
        self.deviation = kept + rng.between(-width, width) + rng.between(-width, width);
        let ticks = (self.anchor + self.deviation + swing(passed, spread * SWING_HALVES / 2)) / FINE;
        Price::from_ticks(ticks.clamp(1, Price::MAX.ticks()))
    }

    /// Brings the quotes in line with the price: only what left the range or was consumed is touched.
    fn quote(&mut self, exchange: &mut Exchange, rng: &mut SplitMix64, mid: Price, pace: Pace) {
        let best_bid = (mid.ticks() - self.half_spread).div_euclid(self.gap);
        let best_ask = (mid.ticks() + self.half_spread + self.gap - 1).div_euclid(self.gap);
        let side_of = |point: i64| {
            if (best_bid - LEVELS + 1..=best_bid).contains(&point) {
                Some(Side::Buy)
            } else if (best_ask..best_ask + LEVELS).contains(&point) {
                Some(Side::Sell)
            } else {
                None
            }
        };
        self.quotes.retain(|point, quote| {
            let stays = side_of(*point) == Some(quote.side);
            if !stays {
                exchange.world_cancel(MAKER, quote.order);
            }
            stays && !exchange.world_remaining(quote.order).is_zero()
        });
        let (lowest, highest) = (best_bid - LEVELS + 1, best_ask + LEVELS);
        for point in lowest..highest {
            let Some(side) = side_of(point) else { continue };
            let is_gone = point > 0 && !self.quotes.contains_key(&point);
            if is_gone && (pace == Pace::Brisk || rng.below(REFILL_EVERY) == 0) {
                self.place(exchange, rng, point, side);
            }
        }
    }

    fn place(&mut self, exchange: &mut Exchange, rng: &mut SplitMix64, point: i64, side: Side) {
        let price = Price::from_ticks((point * self.gap).clamp(1, Price::MAX.ticks()));
        let usdc = rng.between(200, 3_000) * self.depth_percent / 100;
        let size = self.lots_of(usdc, price);
        let placed = exchange.world_place(MAKER, self.id, side, price, size, TimeInForce::GoodTillTime);
        if let Some(order) = placed {
            self.quotes.insert(point, Quote { order, side });
        }
    }

    pub(super) fn withdraw_quotes(&mut self, exchange: &mut Exchange) {
        if let Some(followed) = &mut self.followed {
            followed.withdraw(exchange);
        }
        for quote in std::mem::take(&mut self.quotes).into_values() {
            exchange.world_cancel(MAKER, quote.order);
        }
    }

    fn take(&self, exchange: &mut Exchange, rng: &mut SplitMix64, mid: Price) {
        let side = if rng.below(2) == 0 { Side::Buy } else { Side::Sell };
        let usdc = rng.between(100, 1_500);
        let bound = mid.worsened(side, 20);
        let size = self.lots_of(usdc, mid);
        exchange.world_place(TAKER, self.id, side, bound, size, TimeInForce::ImmediateOrCancel);
    }

    /// Returns the lots worth `usdc`, at least one.
    fn lots_of(&self, usdc: i64, price: Price) -> Size {
        let unit = price.ticks().saturating_mul(self.quote_multiplier).max(1);
        Size::from_lots((usdc.saturating_mul(1_000_000) / unit).max(1))
    }
}

/// Returns the slow swing: a triangle between −`height` and `height`.
fn swing(passed: Duration, height: i64) -> i64 {
    let quarter = SWING_MS / 4;
    let phase = i64::try_from(passed.as_millis() % 24_000).unwrap_or(0);
    let up = if phase <= quarter {
        phase
    } else if phase <= 3 * quarter {
        2 * quarter - phase
    } else {
        phase - 4 * quarter
    };
    height / quarter * up + height % quarter * up / quarter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_swing_is_a_triangle() {
        let at = |ms| swing(Duration::from_millis(ms), 1_000);
        assert_eq!([at(0), at(6_000), at(12_000), at(18_000), at(24_000)], [0, 1_000, 0, -1_000, 0]);
    }
}
