//! Orders and trades.

use super::markets::named;
use super::{Params, ok};
use crate::model::{AccountIndex, MarketKind, Order, OrderIndex};
use crate::paper::exchange::{TradeFilter, TradeRecord};
use crate::paper::server::actor::View;
use crate::paper::server::auth::authorize;
use crate::paper::server::error::Refusal;
use crate::paper::server::json::Json;
use crate::paper::server::wire;

/// How many client order indices one request may name.
const MAX_CLIENT_INDEXES: usize = 20;

fn rows(view: &View<'_>, orders: &[Order]) -> Vec<Json> {
    orders.iter().filter_map(|order| Some(wire::order(order, view.market(order.market)?))).collect()
}

/// Returns whether `market_type` and `ask_filter` let an order through.
fn passes(view: &View<'_>, params: &Params, order: &Order) -> Result<bool, Refusal> {
    let kind = match params.text("market_type").unwrap_or("all") {
        "perp" => view.market(order.market).is_some_and(|market| market.kind == MarketKind::Perp),
        "spot" => view.market(order.market).is_some_and(|market| market.kind == MarketKind::Spot),
        _ => true,
    };
    let side = match params.int::<i8>("ask_filter")?.unwrap_or(-1) {
        0 => !order.side.is_ask(),
        1 => order.side.is_ask(),
        _ => true,
    };
    Ok(kind && side)
}

fn filtered(view: &View<'_>, params: &Params, orders: Vec<Order>) -> Result<Vec<Order>, Refusal> {
    let mut kept = Vec::new();
    for order in orders {
        if passes(view, params, &order)? {
            kept.push(order);
        }
    }
    Ok(kept)
}

pub(super) fn active(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (account, market) = (params.account()?, params.market()?);
    authorize(view, params.token(), account)?;
    let orders = filtered(view, params, view.exchange.active_orders(account, market))?;
    Ok(ok().put("orders", &rows(view, &orders)).json())
}

pub(super) fn inactive(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (account, market, limit) = (params.account()?, params.market()?, params.limit(100)?);
    authorize(view, params.token(), account)?;
    let mut orders = filtered(view, params, view.exchange.inactive_orders(account, market))?;
    if let Some(span) = params.text("between_timestamps") {
        let (from, to) = span_of(span).ok_or_else(|| Refusal::param("between_timestamps"))?;
        orders.retain(|order| (from..=to).contains(&wire::seconds(order.updated_at)));
    }
    let (page, next) = params.page(orders, limit)?;
    Ok(ok().put("next_cursor", &next).put("orders", &rows(view, &page)).json())
}

fn span_of(text: &str) -> Option<(i64, i64)> {
    let (from, to) = text.split_once('-')?;
    Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
}

pub(super) fn by_client_index(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let account = params.account()?;
    authorize(view, params.token(), account)?;
    let wanted = params.list("client_order_indexes");
    if wanted.len() > MAX_CLIENT_INDEXES {
        return Err(Refusal::param("client_order_indexes: at most 20"));
    }
    let wanted: Vec<u64> = wanted
        .iter()
        .map(|text| text.trim_matches(['[', ']', ' ']).parse())
        .collect::<Result<_, _>>()
        .map_err(|_| Refusal::param("client_order_indexes"))?;
    let mut orders = view.exchange.active_orders(account, None);
    orders.extend(view.exchange.inactive_orders(account, None));
    orders.retain(|order| {
        wanted.is_empty() || order.client_order_index.is_some_and(|index| wanted.contains(&index.get()))
    });
    Ok(ok().put("orders", &rows(view, &orders)).json())
}

pub(super) fn trades(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let limit = params.limit(100)?;
    let sort = params.required("sort_by")?;
    if !matches!(sort, "block_height" | "timestamp" | "trade_id") {
        return Err(Refusal::param("sort_by"));
    }
    let account = params.int("account_index")?.filter(|index| *index >= 0).map(AccountIndex::new);
    if let Some(account) = account {
        authorize(view, params.token(), account)?;
    }
    let filter = TradeFilter { account, market: params.market()?, after: None };
    let mut found = view.exchange.trades(filter, usize::MAX);
    let order: Option<OrderIndex> = params.int("order_index")?.map(OrderIndex::new);
    let from = params.int::<i64>("from")?.filter(|from| *from >= 0);
    let role = params.text("role").unwrap_or("all");
    found.retain(|record| {
        let trade = &record.trade;
        order.is_none_or(|order| order == trade.ask_order || order == trade.bid_order)
            && from.is_none_or(|from| trade.timestamp.as_millis() >= from)
            && account.is_none_or(|account| plays(record, account, role))
    });
    if params.text("sort_dir") == Some("asc") {
        found.reverse();
    }
    let (page, next) = params.page(found, limit)?;
    Ok(ok().put("next_cursor", &next).put("trades", &trade_rows(view, &page, account)).json())
}

/// Returns whether an account was maker or taker of a trade, as asked.
fn plays(record: &TradeRecord, account: AccountIndex, role: &str) -> bool {
    let trade = &record.trade;
    let (maker, taker) = if trade.is_maker_ask {
        (trade.ask_account, trade.bid_account)
    } else {
        (trade.bid_account, trade.ask_account)
    };
    match role {
        "maker" => maker == account,
        "taker" => taker == account,
        _ => true,
    }
}

fn trade_rows(view: &View<'_>, records: &[TradeRecord], viewer: Option<AccountIndex>) -> Vec<Json> {
    records
        .iter()
        .filter_map(|record| Some(wire::trade(record, view.market(record.trade.market)?, viewer)))
        .collect()
}

pub(super) fn recent_trades(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let (market, limit) = (named(view, params)?, params.limit(100)?);
    let found = view.exchange.recent_trades(market.id, limit);
    Ok(ok().put("trades", &trade_rows(view, &found, None)).json())
}
