//! Candles and day statistics, kept per minute from the trades as they happen.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::json::{Json, fields};
use super::wire;
use crate::model::{Market, MarketId, Price, Size, Timestamp, Trade, TradeId};
use crate::paper::exchange::MarketStats;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const MAX_MS: i64 = 253_402_300_800_000;

/// Trades of one span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candle {
    /// Start of the span.
    pub(crate) start: Timestamp,
    /// First, highest, lowest and last price.
    pub(crate) open: Price,
    pub(crate) high: Price,
    pub(crate) low: Price,
    pub(crate) close: Price,
    /// Size and notional traded.
    pub(crate) base: i128,
    pub(crate) quote: i128,
    /// The last trade.
    pub(crate) last: TradeId,
    /// Number of trades.
    pub(crate) count: u64,
}

impl Candle {
    fn of(trade: &Trade, start: Timestamp) -> Self {
        Self {
            start,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            base: i128::from(trade.size.lots()),
            quote: i128::from(trade.quote.micros()),
            last: trade.id,
            count: 1,
        }
    }

    /// One price at which nothing was traded.
    fn at(price: Price, start: Timestamp) -> Self {
        Self {
            start,
            open: price,
            high: price,
            low: price,
            close: price,
            base: 0,
            quote: 0,
            last: TradeId::new(0),
            count: 1,
        }
    }

    /// Appends a later candle.
    fn extend(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.base += later.base;
        self.quote += later.quote;
        self.last = later.last;
        self.count += later.count;
    }

    /// Returns the candle in the venue's short keys (http.md §7); numbers, not strings.
    pub(crate) fn json(&self, kind: CandleKind, market: &Market) -> Json {
        let price = |price: Price| Json::number(price.to_decimal(market));
        let head = fields! {
            "t": self.start,
            "o": price(self.open),
            "h": price(self.high),
            "l": price(self.low),
            "c": price(self.close),
        };
        if kind == CandleKind::Marks {
            return head.put("sc", &self.count).json();
        }
        head.put("v", &Json::number(number(self.base, market.size_decimals)))
            .put("V", &Json::number(number(self.quote, 6)))
            .put("i", &self.last)
            .json()
    }
}

fn keep(minutes: &mut Minutes, market: MarketId, minute: i64, candle: &Candle) {
    minutes.entry((market, minute)).and_modify(|present| present.extend(candle)).or_insert(*candle);
}

/// A market's last 24 hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Day {
    /// Number of trades.
    pub(crate) count: u64,
    /// Base and quote volume.
    pub(crate) base: Decimal,
    pub(crate) quote: Decimal,
    /// Lowest and highest price; 0 without trades.
    pub(crate) low: Decimal,
    pub(crate) high: Decimal,
    /// Change of the price in percent.
    pub(crate) change: Decimal,
}

/// Candles of one minute, by market and minute.
type Minutes = BTreeMap<(MarketId, i64), Candle>;

/// The trades and the mark prices of all markets, per minute.
#[derive(Debug, Default)]
pub(crate) struct History {
    minutes: Minutes,
    /// Of mark prices: no volume, and the count is that of the prices seen.
    marks: Minutes,
}

/// What candles are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CandleKind {
    Trades,
    Marks,
}

impl History {
    /// Counts a trade; trades come in order.
    pub(crate) fn add(&mut self, trade: &Trade) {
        let minute = trade.timestamp.as_millis().div_euclid(MINUTE_MS);
        let candle = Candle::of(trade, Timestamp::from_millis(minute * MINUTE_MS));
        keep(&mut self.minutes, trade.market, minute, &candle);
    }

    /// Notes a mark price; they come in order.
    pub(crate) fn mark(&mut self, market: MarketId, price: Price, now: Timestamp) {
        let minute = now.as_millis().div_euclid(MINUTE_MS);
        let candle = Candle::at(price, Timestamp::from_millis(minute * MINUTE_MS));
        keep(&mut self.marks, market, minute, &candle);
    }

    /// Returns the candles of `span_ms` between two times, oldest first; spans without any are left out.
    pub(crate) fn candles(
        &self,
        kind: CandleKind,
        market: MarketId,
        span_ms: i64,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<Candle> {
        // Clients ask for any range at all; before the epoch and after the year 10000 nothing is traded.
        let clamped = |at: Timestamp| at.as_millis().clamp(0, MAX_MS);
        let first = clamped(from).div_euclid(span_ms) * span_ms / MINUTE_MS;
        let last = clamped(to).div_euclid(MINUTE_MS);
        let mut candles: Vec<Candle> = Vec::new();
        if first > last {
            return candles;
        }
        let minutes = match kind {
            CandleKind::Trades => &self.minutes,
            CandleKind::Marks => &self.marks,
        };
        for minute in minutes.range((market, first)..=(market, last)).map(|(_, candle)| candle) {
            let start = Timestamp::from_millis(minute.start.as_millis().div_euclid(span_ms) * span_ms);
            match candles.last_mut() {
                Some(open) if open.start == start => open.extend(minute),
                _ => candles.push(Candle { start, ..*minute }),
            }
        }
        candles
    }

    /// Returns the statistics of the 24 hours before `now`.
    pub(crate) fn day(&self, market: &Market, now: Timestamp) -> Day {
        let from = Timestamp::from_millis(now.as_millis().saturating_sub(DAY_MS));
        let mut hours = self.candles(CandleKind::Trades, market.id, MINUTE_MS, from, now).into_iter();
        let Some(mut sum) = hours.next() else { return Day::default() };
        hours.for_each(|later| sum.extend(&later));
        let (open, close) = (sum.open.to_decimal(market), sum.close.to_decimal(market));
        Day {
            count: sum.count,
            base: number(sum.base, market.size_decimals),
            quote: number(sum.quote, 6),
            low: sum.low.to_decimal(market),
            high: sum.high.to_decimal(market),
            change: ((close - open) * Decimal::ONE_HUNDRED / open).round_dp(6),
        }
    }
}

fn number(value: i128, decimals: u32) -> Decimal {
    Decimal::try_from_i128_with_scale(value, decimals).unwrap_or_default()
}

/// Returns the length of a resolution such as `15m`, or `None` when the venue has none of that name.
pub(crate) fn resolution_ms(name: &str) -> Option<i64> {
    let minutes = match name {
        "1m" => 1,
        "5m" => 5,
        "15m" => 15,
        "30m" => 30,
        "1h" => 60,
        "4h" => 240,
        "12h" => 720,
        "1d" => 1_440,
        "1w" => 10_080,
        _ => return None,
    };
    Some(minutes * MINUTE_MS)
}

/// What is known of a market besides its rules.
#[derive(Clone, Debug)]
pub(crate) struct MarketView<'a> {
    /// Its rules.
    pub(crate) market: &'a Market,
    /// Mark, index and last price.
    pub(crate) mark: Option<Price>,
    pub(crate) index: Option<Price>,
    pub(crate) last: Option<Price>,
    /// Best bid and ask.
    pub(crate) bid: Option<Price>,
    pub(crate) ask: Option<Price>,
    /// One side of it.
    pub(crate) open_interest: Size,
    /// Rate of the running hour and of the last settled one, in percent.
    pub(crate) funding_now: Decimal,
    pub(crate) funding_last: Decimal,
    /// When funding was settled last.
    pub(crate) funding_at: Timestamp,
    /// The premium in percent.
    pub(crate) premium: Decimal,
    /// The last 24 hours.
    pub(crate) day: Day,
}

impl<'a> MarketView<'a> {
    /// Joins a market's rules, prices and day.
    pub(crate) fn new(market: &'a Market, stats: Option<&MarketStats>, day: Day) -> Self {
        let of = |pick: fn(&MarketStats) -> Option<Price>| stats.and_then(pick);
        let (mark, index) = (of(|stats| stats.mark), of(|stats| stats.index));
        // Rates count in millionths; as percent they have four decimals.
        let percent = |millionths: i64| Decimal::new(millionths, 4);
        let lots = stats.map_or(0, |stats| stats.open_interest_lots);
        Self {
            market,
            mark,
            index,
            last: of(|stats| stats.last),
            bid: of(|stats| stats.best_bid),
            ask: of(|stats| stats.best_ask),
            open_interest: Size::from_lots(i64::try_from(lots).unwrap_or(i64::MAX).max(0)),
            funding_now: percent(stats.map_or(0, |stats| stats.estimated_funding_rate)),
            funding_last: percent(stats.map_or(0, |stats| stats.funding_rate)),
            funding_at: stats.and_then(|stats| stats.funding_at).unwrap_or_default(),
            premium: mark.zip(index).map_or(Decimal::ZERO, |(mark, index)| {
                let (mark, index) = (mark.to_decimal(market), index.to_decimal(market));
                ((mark - index) * Decimal::ONE_HUNDRED).checked_div(index).unwrap_or_default()
            }),
            day,
        }
    }

    /// Returns a price as text; empty when there is none.
    pub(crate) fn text(&self, price: Option<Price>) -> String {
        price.map_or_else(String::new, |price| wire::price(price, self.market))
    }

    /// Returns the open interest of one side at mark.
    pub(crate) fn open_interest_usd(&self) -> Decimal {
        let mark = self.mark.map_or(Decimal::ZERO, |mark| mark.to_decimal(self.market));
        (self.open_interest.to_decimal(self.market) * mark).round_dp(6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountIndex, OrderIndex, TradeKind, Usdc};

    fn trade(id: u64, at: i64, ticks: i64, lots: i64) -> Trade {
        let market = Market::example();
        let (price, size) = (Price::from_ticks(ticks), Size::from_lots(lots));
        Trade {
            id: TradeId::new(id),
            market: market.id,
            kind: TradeKind::Trade,
            price,
            size,
            quote: Usdc::notional(size, price, &market),
            ask_account: AccountIndex::new(1),
            bid_account: AccountIndex::new(2),
            ask_order: OrderIndex::new(1),
            bid_order: OrderIndex::new(2),
            ask_client: None,
            bid_client: None,
            is_maker_ask: true,
            taker_fee: 0,
            maker_fee: 0,
            timestamp: Timestamp::from_millis(at),
            tx_hash: String::new(),
        }
    }

    #[test]
    fn minutes_add_up_to_longer_candles() {
        let mut history = History::default();
        let hour = 3_600_000;
        for (id, at, ticks) in [(1, 0, 100), (2, 59_999, 120), (3, 60_000, 90), (4, hour, 110)] {
            history.add(&trade(id, at, ticks, 5));
        }
        let all = |span| {
            let market = MarketId::new(2);
            let (from, to) = (Timestamp::from_millis(0), Timestamp::from_millis(2 * hour));
            history.candles(CandleKind::Trades, market, span, from, to)
        };
        assert_eq!(all(MINUTE_MS).iter().map(|c| c.count).collect::<Vec<_>>(), [2, 1, 1]);
        let hours = all(hour);
        assert_eq!(hours.len(), 2);
        assert_eq!(
            (hours[0].open.ticks(), hours[0].high.ticks(), hours[0].low.ticks(), hours[0].close.ticks()),
            (100, 120, 90, 90)
        );
        assert_eq!(hours[0].base, 15);
        let day = history.day(&Market::example(), Timestamp::from_millis(2 * hour));
        assert_eq!((day.count, day.change), (4, Decimal::TEN));
    }
}
