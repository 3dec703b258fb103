//! Markets, books, candles, funding rates, and what the exchange says of itself.

use rust_decimal::Decimal;

use super::{Params, ok};
use crate::model::{Market, MarketId, MarketKind, Timestamp};
use crate::paper::exchange::Tier;
use crate::paper::server::actor::View;
use crate::paper::server::error::Refusal;
use crate::paper::server::history::{CandleKind, resolution_ms};
use crate::paper::server::json::{Json, object};
use crate::paper::server::wire;

/// The one asset there is.
pub(super) fn assets() -> Json {
    ok().put("asset_details", &[wire::asset_details()]).json()
}

pub(super) fn system_config() -> Json {
    wire::system_config()
}

pub(super) fn announcements() -> Json {
    ok().put("announcements", &[(); 0]).json()
}

/// The fee tiers with what staked LIT gives (rules.md §9).
pub(super) fn fee_tiers() -> Json {
    let row = |(level, name, lit): (usize, &str, u64), (maker, taker): (u32, u32)| {
        object! {
            "name": name, "level": level, "maker_fee_ticks": maker, "taker_fee_ticks": taker,
            "required_lit_stakes": lit, "required_volume": 0,
        }
    };
    let tiers = [Tier::Standard, Tier::Premium, Tier::Plus].into_iter().enumerate();
    let users: Vec<Json> = tiers.map(|(level, tier)| row((level, tier.name(), 0), tier.fees(0))).collect();
    let stakes = Tier::stake_levels().enumerate();
    let stakes: Vec<Json> =
        stakes.map(|(level, lit)| row((level, Tier::Premium.name(), lit), Tier::Premium.fees(lit))).collect();
    object! { "user_tiers": users, "bo_tiers": [(); 0], "staking_tiers": stakes }
}

/// Returns the markets that `market_id` and `filter` leave, perps and spot apart.
fn selected<'a>(view: &View<'a>, params: &Params) -> Result<(Vec<&'a Market>, Vec<&'a Market>), Refusal> {
    let wanted = params.market()?;
    let filter = params.text("filter").unwrap_or("all");
    if wanted.is_some_and(|id| view.market(id).is_none()) {
        return Err(Refusal::invalid_market());
    }
    let kept = view.exchange.markets().iter().filter(|market| {
        wanted.is_none_or(|id| id == market.id)
            && match filter {
                "perp" => market.kind == MarketKind::Perp,
                "spot" => market.kind == MarketKind::Spot,
                _ => true,
            }
    });
    Ok(kept.partition(|market| market.kind != MarketKind::Spot))
}

pub(super) fn order_books(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (perps, spot) = selected(view, params)?;
    let rows: Vec<Json> =
        perps.into_iter().chain(spot).map(|market| wire::book_summary(&view.market_view(market))).collect();
    Ok(ok().put("order_books", &rows).json())
}

pub(super) fn details(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (perps, spot) = selected(view, params)?;
    let rows = |markets: Vec<&'_ Market>| -> Vec<Json> {
        markets
            .into_iter()
            .filter_map(|market| view.market(market.id))
            .map(|market| wire::market_details(&view.market_view(market)))
            .collect()
    };
    Ok(ok().put("order_book_details", &rows(perps)).put("spot_order_book_details", &rows(spot)).json())
}

/// Returns the rules of the market that must be named.
pub(super) fn named<'a>(view: &View<'a>, params: &Params) -> Result<&'a Market, Refusal> {
    view.market(MarketId::new(params.required_int("market_id")?)).ok_or_else(Refusal::invalid_market)
}

pub(super) fn book_orders(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (market, limit) = (named(view, params)?, params.limit(250)?);
    let (asks, bids) = view.exchange.resting(market.id, limit);
    let rows = |orders: &[_]| -> Vec<Json> {
        orders.iter().map(|order| wire::resting_order(order, market)).collect()
    };
    Ok(ok()
        .put("total_asks", &asks.len())
        .put("asks", &rows(&asks))
        .put("total_bids", &bids.len())
        .put("bids", &rows(&bids))
        .json())
}

pub(super) fn candles(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    candles_of(view, params, CandleKind::Trades)
}

pub(super) fn mark_candles(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    candles_of(view, params, CandleKind::Marks)
}

fn candles_of(view: &View<'_>, params: &Params, kind: CandleKind) -> Result<Json, Refusal> {
    let market = named(view, params)?;
    let resolution = params.required("resolution")?;
    let span = resolution_ms(resolution).ok_or_else(|| Refusal::param("resolution"))?;
    let time = |name| params.required_int(name).map(Timestamp::from_millis);
    let (from, to) = (time("start_timestamp")?, time("end_timestamp")?);
    let count: usize = params.required_int("count_back")?;
    let mut candles = view.history.candles(kind, market.id, span, from, to);
    // At most 500 a call, the latest ones; 0 asks for the whole range.
    let wanted = if count == 0 { 500 } else { count.min(500) };
    candles.drain(..candles.len().saturating_sub(wanted));
    let rows: Vec<Json> = candles.iter().map(|candle| candle.json(kind, market)).collect();
    Ok(ok().put("r", resolution).put("c", &rows).json())
}

/// Most rows of `fundings`.
const FUNDINGS_MAX: usize = 100;

pub(super) fn fundings(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let market = named(view, params)?;
    let resolution = params.required("resolution")?;
    if !matches!(resolution, "1h" | "1d") {
        return Err(Refusal::param("resolution"));
    }
    let (from, to) = (params.int::<i64>("start_timestamp")?, params.int::<i64>("end_timestamp")?);
    let span = if resolution == "1d" { 86_400_000 } else { 3_600_000 };
    let in_range = |at: i64| from.is_none_or(|from| at >= ms(from)) && to.is_none_or(|to| at <= ms(to));
    // Newest first; the hours of a day add up.
    let mut spans: Vec<(i64, i128, i64)> = Vec::new();
    for row in view.exchange.market_fundings(market.id) {
        let start = row.at.as_millis().div_euclid(span) * span;
        match spans.last_mut().filter(|last| last.0 == start) {
            Some(last) => *last = (start, last.1 + row.per_lot, last.2 + row.rate),
            None => spans.push((start, row.per_lot, row.rate)),
        }
    }
    spans.retain(|row| in_range(row.0));
    let wanted = params.int::<usize>("count_back")?.filter(|count| *count > 0).unwrap_or(FUNDINGS_MAX);
    spans.truncate(wanted.min(FUNDINGS_MAX));
    let rows: Vec<Json> = spans
        .into_iter()
        .rev()
        .map(|(at, per_lot, rate)| {
            // A lot is 10^−decimals of the base: the payment of one base.
            let per_base = Decimal::try_from_i128_with_scale(per_lot, 12).unwrap_or_default()
                * Decimal::from(10_i64.pow(market.size_decimals));
            wire::funding(Timestamp::from_millis(at), per_base, Decimal::new(rate, 4))
        })
        .collect();
    Ok(ok().put("resolution", resolution).put("fundings", &rows).json())
}

/// Reads a time by its magnitude: clients send seconds and milliseconds.
const fn ms(at: i64) -> i64 {
    if at < 100_000_000_000 { at.saturating_mul(1_000) } else { at }
}

pub(super) fn funding_rates(view: &View<'_>) -> Json {
    let rows = view.exchange.markets().iter().filter_map(|market| {
        let rate = view.exchange.stats(market.id)?.estimated_funding_rate;
        Some(object! {
            "market_id": market.id,
            "exchange": "lighter",
            "symbol": market.symbol,
            // A fraction per eight hours, of millionths per hour.
            "rate": Json::number(Decimal::new(rate, 6) * Decimal::from(8)),
        })
    });
    ok().put("funding_rates", &rows.collect::<Vec<_>>()).json()
}

pub(super) fn exchange_stats(view: &View<'_>) -> Json {
    let views: Vec<_> = view.exchange.markets().iter().map(|market| view.market_view(market)).collect();
    let rows: Vec<Json> = views.iter().map(wire::exchange_stats_row).collect();
    let quote: Decimal = views.iter().map(|view| view.day.quote).sum();
    let count: u64 = views.iter().map(|view| view.day.count).sum();
    ok().put("total", &rows.len())
        .put("order_book_stats", &rows)
        .put("daily_usd_volume", &Json::number(quote))
        .put("daily_trades_count", &count)
        .json()
}
