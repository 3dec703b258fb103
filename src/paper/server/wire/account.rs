//! Accounts, positions and margin summaries.

use rust_decimal::Decimal;

use super::money::USDC_ASSET;
use super::{e12, micros, percent, scaled};
use crate::model::{MarginMode, Market, MarketId, Side, Timestamp};
use crate::paper::exchange::{AccountRecord, IntegratorRecord, PositionRecord};
use crate::paper::server::json::{Json, Object, object};

/// Returns a Position object (http.md §5).
pub(crate) fn position(row: &PositionRecord, market: &Market) -> Json {
    let sign = row.position.side().unwrap_or(Side::Buy).sign();
    object! {
        "market_id": row.market,
        "symbol": market.symbol,
        "initial_margin_fraction": percent(row.initial_margin_fraction),
        "open_order_count": row.open_order_count,
        "pending_order_count": row.pending_order_count,
        "position_tied_order_count": 0,
        "sign": sign,
        "position": super::size(row.position.size(), market),
        "avg_entry_price": entry_price(row, market),
        "position_value": micros(row.position_value),
        "unrealized_pnl": micros(row.unrealized_pnl),
        "realized_pnl": e12(row.realized_pnl),
        "liquidation_price": row.liquidation_price.map_or_else(|| "0".to_owned(), |price| price.round_dp(6).to_string()),
        "total_funding_paid_out": e12(row.funding_paid),
        "margin_mode": u8::from(row.margin_mode == MarginMode::Isolated),
        "margin_set_flag": u8::from(row.margin_set),
        "allocated_margin": e12(row.allocated_margin),
        "total_discount": "0.000000",
    }
}

/// Returns the average entry price at the market's decimals: entry quote per lot, rounded half up.
fn entry_price(row: &PositionRecord, market: &Market) -> String {
    let per_tick = i128::from(row.position.size().lots()) * i128::from(market.quote_multiplier);
    let ticks = if per_tick == 0 { 0 } else { (2 * row.entry_quote + per_tick) / (2 * per_tick) };
    scaled(ticks, market.price_decimals)
}

/// Returns the `positions` map of the account channels: by market id, flat rows included.
pub(crate) fn positions<'a>(record: &AccountRecord, market: impl Fn(MarketId) -> Option<&'a Market>) -> Json {
    let rows = record.positions.iter().filter_map(|row| Some((row, market(row.market)?)));
    rows.fold(Object::new(), |map, (row, market)| map.put(&row.market.to_string(), &position(row, market)))
        .json()
}

/// Returns the one row of `assets`.
pub(crate) fn asset(record: &AccountRecord) -> Json {
    object! {
        "symbol": "USDC",
        "asset_id": USDC_ASSET,
        "balance": "0.000000",
        "locked_balance": "0.000000",
        "margin_mode": "disabled",
        "margin_balance": scaled(record.collateral, 12),
        "multiplier": "1.000000000000000000",
    }
}

/// Returns 0 for a master, 1 for a sub-account (http.md §5).
fn account_type(record: &AccountRecord) -> u8 {
    u8::from(record.master != record.index)
}

fn integrator(row: &IntegratorRecord) -> Json {
    object! {
        "account_index": row.account,
        "name": "",
        "max_perps_taker_fee": row.max_perps_taker_fee,
        "max_perps_maker_fee": row.max_perps_maker_fee,
        "max_spot_taker_fee": row.max_spot_taker_fee,
        "max_spot_maker_fee": row.max_spot_maker_fee,
        "approval_expiry": row.expiry,
    }
}

fn head(record: &AccountRecord) -> Object {
    Object::new()
        .put("code", &0)
        .put("account_type", &account_type(record))
        .put("index", &record.index)
        .put("l1_address", &record.l1_address)
        .put("cancel_all_time", &record.cancel_all_at.map_or(0, Timestamp::as_millis))
        .put("total_order_count", &record.total_order_count)
        .put("total_isolated_order_count", &record.isolated_order_count)
        .put("pending_order_count", &record.pending_order_count)
}

/// Returns a row of `accountsByL1Address`.
pub(crate) fn sub_account(record: &AccountRecord) -> Json {
    head(record)
        .put("available_balance", "")
        .put("status", &1)
        .put("collateral", &e12(record.collateral))
        .put("transaction_time", &record.transaction_time_us)
        .put("account_trading_mode", &record.trading_mode.number())
        .json()
}

/// Returns a row of `account` (http.md §5).
pub(crate) fn account<'a>(record: &AccountRecord, market: impl Fn(MarketId) -> Option<&'a Market>) -> Json {
    let rows: Vec<Json> =
        record.positions.iter().filter_map(|row| Some(position(row, market(row.market)?))).collect();
    let none: [(); 0] = [];
    describe(
        head(record)
            .put("available_balance", &e12(record.available))
            .put("status", &1)
            .put("collateral", &e12(record.collateral))
            .put("transaction_time", &record.transaction_time_us)
            .put("account_trading_mode", &record.trading_mode.number())
            .put("account_index", &record.index),
    )
    .put("positions", &rows)
    .put("bo_positions", &none)
    .put("assets", &[asset(record)])
    .put("total_asset_value", &e12(record.total_value))
    .put("cross_asset_value", &e12(record.cross_value))
    .put("cross_initial_margin_requirement", &e12(record.cross_initial))
    .put("cross_maintenance_margin_requirement", &e12(record.cross_maintenance))
    .put("shares", &none)
    .put("pending_unlocks", &none)
    .put("approved_integrators", &record.integrators.iter().map(integrator).collect::<Vec<_>>())
    .json()
}

/// Adds what an owner may say about an account; nobody says anything here.
fn describe(object: Object) -> Object {
    let none: [(); 0] = [];
    object
        .put("name", "")
        .put("description", "")
        .put("can_invite", &true)
        .put("referral_points_percentage", "")
        .put("can_rfq", &true)
        .put("can_rfq_market_ids", &none)
        .put("agent_enabled", &true)
        .put("created_at", &0)
        .put("metadata", &object! { "color": "" })
}

/// Returns a row of `accountMetadata`.
pub(crate) fn account_metadata(record: &AccountRecord) -> Json {
    describe(Object::new().put("account_index", &record.index)).json()
}

/// Returns the answer of `accountLimits`.
pub(crate) fn account_limits(record: &AccountRecord) -> Json {
    let tier = record.tier.name();
    object! {
        "code": 200,
        "max_llp_percentage": 100,
        "max_llp_amount": "0.000000",
        "user_tier": tier,
        "user_tier_name": tier,
        "can_create_public_pool": false,
        "current_maker_fee_tick": record.maker_fee,
        "current_taker_fee_tick": record.taker_fee,
        "effective_lit_stakes": format!("{}.00000000", record.lit_stake),
        "leased_lit": "0.00000000",
        "user_tier_last_update": record.tier_changed_at.map_or(0, Timestamp::as_millis),
        "bo_user_tier_name": "",
        "bo_fee_rate": 1,
    }
}

/// Returns the `stats` of the `user_stats` channel.
pub(crate) fn user_stats(record: &AccountRecord) -> Json {
    let summary = |value: i128| summary(Object::new(), record, value);
    summary_with_mode(record)
        .put("cross_stats", &summary(record.cross_value).json())
        .put("total_stats", &summary(record.total_value).json())
        .json()
}

fn summary_with_mode(record: &AccountRecord) -> Object {
    summary(
        Object::new().put("account_trading_mode", &record.trading_mode.number()),
        record,
        record.total_value,
    )
}

fn summary(object: Object, record: &AccountRecord, value: i128) -> Object {
    let notional: i128 = record.positions.iter().map(|row| row.position_value.abs()).sum();
    object
        .put("available_balance", &e12(record.available))
        .put("buying_power", "0")
        .put("collateral", &e12(record.collateral))
        .put("leverage", &ratio(notional, value / 1_000_000, 1))
        .put("margin_usage", &ratio(record.cross_initial, value, 100))
        .put("portfolio_value", &e12(value))
}

/// Returns `part · factor / whole` with two decimals; zero when there is no whole.
fn ratio(part: i128, whole: i128, factor: i128) -> String {
    let hundredths = if whole <= 0 { 0 } else { part.saturating_mul(factor * 100) / whole };
    Decimal::try_from_i128_with_scale(hundredths, 2).unwrap_or_default().to_string()
}
