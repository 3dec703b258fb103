//! Markets, books, candles, funding rates, and what the exchange says of itself.

use rust_decimal::Decimal;

use super::{Params, ok};
use crate::model::{Market, MarketId, MarketKind, Timestamp};
use crate::paper::server::actor::View;
use crate::paper::server::error::Refusal;
use crate::paper::server::history::resolution_ms;
use crate::paper::server::json::{Json, object};
use crate::paper::server::wire;

/// Answers the public reads.
pub(super) fn read(view: &View<'_>, endpoint: &str, params: &Params) -> Result<Json, Refusal> {
    match endpoint {
        "orderBooks" => order_books(view, params),
        "orderBookDetails" => details(view, params),
        "orderBookOrders" => book_orders(view, params),
        "candles" => candles(view, params),
        "fundings" => fundings(view, params),
        "funding-rates" => Ok(funding_rates(view)),
        "exchangeStats" => Ok(exchange_stats(view)),
        "assetDetails" => Ok(ok().put("asset_details", &[wire::asset_details()]).json()),
        "systemConfig" => Ok(wire::system_config()),
        "announcement" => Ok(ok().put("announcements", &[(); 0]).json()),
        "currentHeight" => Ok(ok().put("height", &wire::height(view.now())).json()),
        _ => Err(Refusal::NoSuchPath),
    }
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

fn order_books(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (perps, spot) = selected(view, params)?;
    let rows: Vec<Json> =
        perps.into_iter().chain(spot).map(|market| wire::book_summary(&view.market_view(market))).collect();
    Ok(ok().put("order_books", &rows).json())
}

fn details(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
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

fn book_orders(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
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

fn candles(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let market = named(view, params)?;
    let resolution = params.required("resolution")?;
    let span = resolution_ms(resolution).ok_or_else(|| Refusal::param("resolution"))?;
    let time = |name| params.required_int(name).map(Timestamp::from_millis);
    let (from, to) = (time("start_timestamp")?, time("end_timestamp")?);
    let count: usize = params.required_int("count_back")?;
    let mut candles = view.history.candles(market.id, span, from, to);
    // At most 500 a call, the latest ones; 0 asks for the whole range.
    let wanted = if count == 0 { 500 } else { count.min(500) };
    candles.drain(..candles.len().saturating_sub(wanted));
    let rows: Vec<Json> = candles.iter().map(|candle| candle.json(market)).collect();
    Ok(ok().put("r", resolution).put("c", &rows).json())
}

fn fundings(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let market = named(view, params)?;
    let resolution = params.required("resolution")?;
    if !matches!(resolution, "1h" | "1d") {
        return Err(Refusal::param("resolution"));
    }
    // Only the last payment is kept per market; each account's own list is in `positionFunding`.
    let stats = view.exchange.stats(market.id);
    let row = stats.and_then(|stats| {
        let at = stats.funding_at?;
        let percent = Decimal::new(stats.funding_rate, 4);
        let mark = stats.mark?.to_decimal(market);
        Some(wire::funding(at, mark * percent / Decimal::ONE_HUNDRED, percent))
    });
    let rows: Vec<Json> = row.into_iter().collect();
    Ok(ok().put("resolution", resolution).put("fundings", &rows).json())
}

fn funding_rates(view: &View<'_>) -> Json {
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

fn exchange_stats(view: &View<'_>) -> Json {
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
