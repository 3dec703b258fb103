//! Orders.

use super::{height, market_kind, price, seconds, size, us, usdc};
use crate::model::{Market, Order, OrderIndex, Price};
use crate::paper::server::json::{Json, object};

/// Returns the Order object of REST and WebSocket (http.md §6).
pub(crate) fn order(order: &Order, market: &Market) -> Json {
    let client = order.client_order_index.map_or(0, crate::model::ClientOrderIndex::get);
    let trigger = order.trigger_price.unwrap_or(Price::from_ticks(0));
    let details = &order.details;
    let link = |link: Option<OrderIndex>| link.map_or(0, OrderIndex::get);
    let [first, second] = details.to_trigger;
    object! {
        "order_index": order.order_index,
        "client_order_index": client,
        "order_id": order.order_index.to_string(),
        "client_order_id": client.to_string(),
        "market_index": order.market,
        "owner_account_index": order.owner,
        "initial_base_amount": size(order.initial, market),
        "price": price(order.price, market),
        "nonce": details.priority,
        "remaining_base_amount": size(order.remaining, market),
        "is_ask": order.side.is_ask(),
        "base_size": order.remaining.lots(),
        "base_price": order.price.ticks(),
        "filled_base_amount": size(order.filled, market),
        "filled_quote_amount": usdc(order.filled_quote),
        "side": "",
        "type": order.kind,
        "time_in_force": order.time_in_force,
        "reduce_only": order.reduce_only,
        "trigger_price": price(trigger, market),
        "order_expiry": order.expiry,
        "status": order.status,
        "trigger_status": details.trigger_status,
        "trigger_time": details.triggered_at.map_or(0, seconds),
        "parent_order_index": link(details.parent),
        "parent_order_id": link(details.parent).to_string(),
        "to_trigger_order_id_0": link(first).to_string(),
        "to_trigger_order_id_1": link(second).to_string(),
        "to_cancel_order_id_0": link(details.to_cancel).to_string(),
        "integrator_fee_collector_index": "",
        "integrator_taker_fee": "",
        "integrator_maker_fee": "",
        "block_height": height(order.updated_at),
        "timestamp": seconds(order.updated_at),
        "created_at": seconds(details.created_at),
        "updated_at": seconds(order.updated_at),
        "transaction_time": us(order.updated_at),
        "order_flags": 0,
        "order_version": details.version,
        "market_symbol": market.symbol,
        "market_kind": market_kind(market),
    }
}
