//! Accounts, keys, limits and histories of margin.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Params, ok};
use crate::model::{AccountIndex, ApiKeyIndex};
use crate::paper::exchange::{
    AccountRecord, ApiError, FundingRecord, Request, Tier, TradeFilter, TradeRecord,
};
use crate::paper::server::actor::{State, View};
use crate::paper::server::auth::authorize;
use crate::paper::server::error::Refusal;
use crate::paper::server::history::resolution_ms;
use crate::paper::server::json::{Json, object};
use crate::paper::server::wire;

/// The slot that means "all".
const ALL_KEYS: u8 = 255;

/// Returns the account of `by` and `value`; several of them by address.
fn accounts_by(view: &View<'_>, params: &Params) -> Result<Vec<AccountRecord>, Refusal> {
    let value = params.required("value")?;
    match params.required("by")? {
        "index" => {
            let index = value.parse().map_err(|_| Refusal::param("value is not a number"))?;
            Ok(vec![view.exchange.account(AccountIndex::new(index)).ok_or_else(Refusal::not_found)?])
        }
        "l1_address" => of_l1(view, value),
        _ => Err(Refusal::param("by")),
    }
}

fn of_l1(view: &View<'_>, address: &str) -> Result<Vec<AccountRecord>, Refusal> {
    let found: Vec<AccountRecord> = view
        .exchange
        .accounts_of(address)
        .into_iter()
        .filter_map(|index| view.exchange.account(index))
        .collect();
    if found.is_empty() { Err(Refusal::account_not_found()) } else { Ok(found) }
}

pub(super) fn account(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let found = accounts_by(view, params)?;
    let rows: Vec<Json> = found.iter().map(|record| wire::account(record, |id| view.market(id))).collect();
    Ok(ok().put("total", &rows.len()).put("accounts", &rows).json())
}

pub(super) fn by_l1_address(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let found = of_l1(view, params.required("l1_address")?)?;
    let address = found.first().map(|record| record.l1_address.clone()).unwrap_or_default();
    let rows: Vec<Json> = found.iter().map(wire::sub_account).collect();
    Ok(ok().put("l1_address", &address).put("sub_accounts", &rows).json())
}

pub(super) fn next_nonce(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let key = ApiKeyIndex::new(params.required_int("api_key_index")?);
    let nonce = view.exchange.next_nonce(params.account()?, key);
    Ok(ok().put("nonce", &nonce).json())
}

pub(super) fn api_keys(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let record = view.exchange.account(params.account()?).ok_or_else(Refusal::account_not_found)?;
    let wanted = params.int("api_key_index")?.unwrap_or(ALL_KEYS);
    let rows: Vec<Json> = record
        .keys
        .iter()
        .filter(|(slot, ..)| wanted == ALL_KEYS || slot.get() == wanted)
        .map(|(slot, public, nonce)| {
            object! {
                "account_index": record.index,
                "api_key_index": slot,
                "nonce": nonce,
                "public_key": hex::encode(public),
                "transaction_time": record.transaction_time_us,
            }
        })
        .collect();
    if rows.is_empty() {
        return Err(Refusal::api_key_not_found());
    }
    Ok(ok().put("api_keys", &rows).json())
}

pub(super) fn limits(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let index = params.account()?;
    authorize(view, params.token(), index)?;
    Ok(wire::account_limits(&view.exchange.account(index).ok_or_else(Refusal::account_not_found)?))
}

/// Changes the tier at once, where the venue takes a moment.
pub(super) fn change_tier(state: &mut State, params: &Params) -> Result<Json, Refusal> {
    let account = params.account()?;
    authorize(&state.view(), params.token(), account)?;
    let invalid = || Refusal::Api(ApiError { code: 62_002, message: "invalid account tier".to_owned() });
    let tier = Tier::parse(params.required("new_tier")?).ok_or_else(invalid)?;
    state.sim.request(Request::ChangeTier { account, tier })?;
    Ok(ok().json())
}

pub(super) fn maker_only(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let account = params.account()?;
    authorize(view, params.token(), account)?;
    Ok(ok().put("api_key_indexes", &view.exchange.maker_only_keys(account)).json())
}

pub(super) fn set_maker_only(state: &mut State, params: &Params) -> Result<Json, Refusal> {
    let account = params.account()?;
    authorize(&state.view(), params.token(), account)?;
    let keys = serde_json::from_str(params.required("api_key_indexes")?);
    let keys = keys.map_err(|_| Refusal::param("api_key_indexes"))?;
    state.sim.request(Request::MakerOnlyKeys { account, keys })?;
    Ok(ok().json())
}

pub(super) fn metadata(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let found = accounts_by(view, params)?;
    for record in &found {
        authorize(view, params.token(), record.index)?;
    }
    let rows: Vec<Json> = found.iter().map(wire::account_metadata).collect();
    Ok(ok().put("account_metadatas", &rows).json())
}

pub(super) fn acknowledge(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    params.required("notif_id")?;
    authorize(view, params.token(), params.account()?)?;
    Ok(ok().json())
}

pub(super) fn liquidations(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (index, market, limit) = (params.account()?, params.market()?, params.limit(100)?);
    authorize(view, params.token(), index)?;
    let mut rows = view.exchange.liquidations(index);
    rows.retain(|row| market.is_none_or(|market| market == row.market));
    let (page, next) = params.page(rows, limit)?;
    let rows: Vec<Json> =
        page.iter().filter_map(|row| wire::liquidation(row, |id| view.market(id))).collect();
    Ok(ok().put("liquidations", &rows).put("next_cursor", &next).json())
}

pub(super) fn position_funding(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (index, market, limit) = (params.account()?, params.market()?, params.limit(100)?);
    if params.token().is_none() {
        return Err(Refusal::param("auth required for main accounts"));
    }
    authorize(view, params.token(), index)?;
    let side = params.text("side").unwrap_or("all");
    let mut rows = view.exchange.fundings(index);
    rows.retain(|row| {
        market.is_none_or(|market| market == row.market) && (side == "all" || side == side_of(row))
    });
    let (page, next) = params.page(rows, limit)?;
    let rows: Vec<Json> = page.iter().filter_map(|row| funding_row(view, row)).collect();
    Ok(ok().put("position_fundings", &rows).put("next_cursor", &next).json())
}

const fn side_of(row: &FundingRecord) -> &'static str {
    if row.position.lots() < 0 { "short" } else { "long" }
}

fn funding_row(view: &View<'_>, row: &FundingRecord) -> Option<Json> {
    Some(object! {
        "timestamp": wire::seconds(row.at),
        "market_id": row.market,
        "funding_id": row.id,
        // The account's cash flow: negative when it paid.
        "change": wire::e12(-row.paid),
        "discount": "0.000000",
        "rate": Decimal::new(row.rate, 4).to_string(),
        "position_size": wire::size(row.position.size(), view.market(row.market)?),
        "position_side": side_of(row),
    })
}

/// Returns the realised PnL per span, cumulative, from the account's own trades.
pub(super) fn pnl(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let resolution = params.required("resolution")?;
    let span = resolution_ms(resolution).ok_or_else(|| Refusal::param("resolution"))?;
    let index = AccountIndex::new(params.required_int("value")?);
    if params.required("by")? != "index" {
        return Err(Refusal::param("by"));
    }
    authorize(view, params.token(), index)?;
    let (from, to): (i64, i64) =
        (params.required_int("start_timestamp")?, params.required_int("end_timestamp")?);
    let filter = TradeFilter { account: Some(index), ..TradeFilter::default() };
    let mut spans: BTreeMap<i64, (Decimal, Decimal)> = BTreeMap::new();
    for record in view.exchange.trades(filter, usize::MAX) {
        let start = record.trade.timestamp.as_millis().div_euclid(span) * span / 1_000;
        let sum = spans.entry(start).or_default();
        sum.0 += own_pnl(&record, index);
        sum.1 += record.trade.quote.to_decimal();
    }
    let mut total = (Decimal::ZERO, Decimal::ZERO);
    let rows: Vec<Json> = spans
        .into_iter()
        .map(|(at, (pnl, volume))| {
            total = (total.0 + pnl, total.1 + volume);
            (at, total)
        })
        .filter(|(at, _)| (from..=to).contains(at))
        .map(|(at, (pnl, volume))| {
            object! {
                "timestamp": at, "trade_pnl": Json::number(pnl), "trade_spot_pnl": 0,
                "inflow": 0, "outflow": 0, "spot_inflow": 0, "spot_outflow": 0,
                "pool_pnl": 0, "pool_inflow": 0, "pool_outflow": 0,
                "staking_pnl": 0, "staking_inflow": 0, "staking_outflow": 0,
                "pool_total_shares": 0, "volume": Json::number(volume),
            }
        })
        .collect();
    Ok(ok().put("resolution", resolution).put("pnl", &rows).json())
}

fn own_pnl(record: &TradeRecord, account: AccountIndex) -> Decimal {
    let pnl = if record.trade.ask_account == account { record.ask_pnl } else { record.bid_pnl };
    pnl.to_decimal()
}
