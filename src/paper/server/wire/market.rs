//! Markets, their statistics, and what the exchange says of itself.

use rust_decimal::Decimal;

use super::{size, usdc};
use crate::model::{Market, MarketKind, MarketStatus, Timestamp};
use crate::paper::server::history::MarketView;
use crate::paper::server::json::{Json, Object, object};

fn head(view: &MarketView<'_>) -> Object {
    let market = view.market;
    let status = match market.status {
        MarketStatus::Active => "active",
        MarketStatus::Inactive => "inactive",
    };
    Object::new()
        .put("symbol", &market.symbol)
        .put("market_id", &market.id)
        .put("market_type", market_type(market))
        .put("base_asset_id", &0)
        .put("quote_asset_id", &u8::from(market.kind == MarketKind::Spot).wrapping_mul(3))
        .put("status", status)
        // The account's fee is in its limits; the market's own is zero on every listed perp.
        .put("taker_fee", "0.0000")
        .put("is_taker_fee_enabled", &true)
        .put("maker_fee", "0.0000")
        .put("is_maker_fee_enabled", &true)
        .put("liquidation_fee", &Decimal::new(i64::from(market.liquidation_fee), 4).to_string())
        .put("min_base_amount", &size(market.min_base, market))
        .put("min_quote_amount", &usdc(market.min_quote))
        .put("order_quote_limit", &usdc(market.order_quote_limit))
        .put("supported_size_decimals", &market.size_decimals)
        .put("supported_price_decimals", &market.price_decimals)
        .put("supported_quote_decimals", &6)
}

const fn market_type(market: &Market) -> &'static str {
    match market.kind {
        MarketKind::Perp => "perp",
        MarketKind::Spot => "spot",
        MarketKind::Other => "bo",
    }
}

/// Returns a row of `orderBooks` (http.md §7).
pub(crate) fn book_summary(view: &MarketView<'_>) -> Json {
    head(view).json()
}

/// Returns a row of `orderBookDetails` (http.md §7).
pub(crate) fn market_details(view: &MarketView<'_>) -> Json {
    let market = view.market;
    let number = |value: Decimal| Json::number(value);
    let both_sides = view.open_interest_usd() * Decimal::TWO;
    let config = object! {
        "market_margin_mode": 0,
        "insurance_fund_account_index": 281_474_976_710_655_i64,
        "liquidation_mode": 0,
        "force_reduce_only": market.force_reduce_only,
        "trading_hours": "",
        "funding_fee_discounts_enabled": false,
        "hidden": false,
        "rfq_enabled": true,
    };
    head(view)
        .put("multiplier", "1.000000000000000000")
        .put("is_frozen", &false)
        .put("size_decimals", &market.size_decimals)
        .put("price_decimals", &market.price_decimals)
        .put("quote_multiplier", &market.quote_multiplier)
        .put("default_initial_margin_fraction", &market.default_initial_margin_fraction)
        .put("min_initial_margin_fraction", &market.min_initial_margin_fraction)
        .put("maintenance_margin_fraction", &market.maintenance_margin_fraction)
        .put("closeout_margin_fraction", &market.closeout_margin_fraction)
        .put("mark_price", &view.text(view.mark))
        .put("index_price", &view.text(view.index))
        .put("last_trade_price", &number(view.last.map_or(Decimal::ZERO, |last| last.to_decimal(market))))
        .put("daily_trades_count", &view.day.count)
        .put("daily_base_token_volume", &number(view.day.base))
        .put("daily_quote_token_volume", &number(view.day.quote))
        .put("daily_price_low", &number(view.day.low))
        .put("daily_price_high", &number(view.day.high))
        .put("daily_price_change", &number(view.day.change))
        .put("open_interest", &number(view.open_interest.to_decimal(market)))
        .put("open_interest_usd", &both_sides.to_string())
        .put("daily_chart", &object! {})
        .put("market_config", &config)
        .put("strategy_index", &0)
        .put("funding_clamp_small", "0.0500")
        .put("funding_clamp_big", "4.0000")
        .put("base_interest_rate", "0.0100")
        .json()
}

/// Returns the `market_stats` of the statistics channel (websocket.md §3).
pub(crate) fn market_stats(view: &MarketView<'_>) -> Json {
    let mid = view.bid.zip(view.ask).map(|(bid, ask)| {
        // Half a tick cannot be shown: rounded down, as a price on the grid.
        crate::model::Price::from_ticks(i64::midpoint(bid.ticks(), ask.ticks()))
    });
    let number = |value: Decimal| Json::number(value);
    object! {
        "symbol": view.market.symbol,
        "market_id": view.market.id,
        "index_price": view.text(view.index),
        "mark_price": view.text(view.mark),
        "mid_price": view.text(mid),
        "best_ask_price": view.text(view.ask),
        "best_bid_price": view.text(view.bid),
        "open_interest": view.open_interest_usd().to_string(),
        // Without a limit the venue prints this one.
        "open_interest_limit": view.market.open_interest_limit.map_or_else(
            || "72057594037927936.000000".to_owned(),
            super::usdc,
        ),
        "open_interest_usd": (view.open_interest_usd() * Decimal::TWO).to_string(),
        "funding_clamp_small": "0.0500",
        "funding_clamp_big": "4.0000",
        "last_trade_price": view.text(view.last),
        "current_funding_rate": rate(view.funding_now),
        "funding_rate": rate(view.funding_last),
        "funding_timestamp": view.funding_at,
        "daily_base_token_volume": number(view.day.base),
        "daily_quote_token_volume": number(view.day.quote),
        "daily_price_low": number(view.day.low),
        "daily_price_high": number(view.day.high),
        "daily_price_change": number(view.day.change),
        "base_interest_rate": "0.0100",
        "premium": rate(view.premium),
    }
}

/// Returns a rate in percent with four decimals.
fn rate(percent: Decimal) -> String {
    let mut rate = percent;
    rate.rescale(4);
    rate.to_string()
}

/// Returns the row of `exchangeStats`.
pub(crate) fn exchange_stats_row(view: &MarketView<'_>) -> Json {
    object! {
        "symbol": view.market.symbol,
        "last_trade_price": Json::number(view.last.map_or(Decimal::ZERO, |last| last.to_decimal(view.market))),
        "daily_trades_count": view.day.count,
        "daily_base_token_volume": Json::number(view.day.base),
        "daily_quote_token_volume": Json::number(view.day.quote),
        "daily_price_change": Json::number(view.day.change),
    }
}

/// Returns the one row of `assetDetails`: USDC.
pub(crate) fn asset_details() -> Json {
    object! {
        "asset_id": super::money::USDC_ASSET,
        "symbol": "USDC",
        "l1_decimals": 6,
        "decimals": 6,
        "min_transfer_amount": "1.000000",
        "min_withdrawal_amount": "1.000000",
        "margin_mode": "enabled",
        "index_price": "1.000000",
        "price_decimals": 6,
        "l1_address": super::NO_ADDRESS,
        "loan_to_value": "1.0000",
        "liquidation_threshold": "1.0000",
        "liquidation_factor": "1.0000",
        "liquidation_fee": "0.000000",
        "multiplier": "1.000000000000000000",
    }
}

/// Returns the answer of `systemConfig`.
pub(crate) fn system_config() -> Json {
    object! {
        "code": 200,
        "liquidity_pool_index": 281_474_976_710_654_i64,
        "staking_pool_index": 281_474_976_710_653_i64,
        "funding_fee_rebate_account_index": 281_474_976_710_652_i64,
        "market_maker_incentive_account_index": 281_474_976_710_651_i64,
        "fee_collector_account_index": 0,
        "liquidity_pool_cooldown_period": 300_000,
        "staking_pool_lockup_period": 259_200_000,
        "max_integrator_spot_taker_fee": 10_000,
        "max_integrator_spot_maker_fee": 10_000,
        "max_integrator_perps_taker_fee": 1_000,
        "max_integrator_perps_maker_fee": 1_000,
    }
}

/// Returns a row of `fundings`: `value` USDC per base unit, `rate` percent, and the side that paid.
pub(crate) fn funding(at: Timestamp, value: Decimal, percent: Decimal) -> Json {
    object! {
        "timestamp": super::seconds(at),
        "value": value.abs().round_dp(8).to_string(),
        "rate": rate(percent.abs()),
        "direction": if percent.is_sign_negative() { "short" } else { "long" },
    }
}
