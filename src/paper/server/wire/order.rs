//! Orders.

use super::{height, market_kind, price, seconds, size, us, usdc};
use crate::model::{Market, Order, OrderStatus, Price};
use crate::paper::server::json::{Json, object};

/// Returns the Order object of REST and WebSocket (http.md §6).
pub(crate) fn order(order: &Order, market: &Market) -> Json {
    let client = order.client_order_index.map_or(0, crate::model::ClientOrderIndex::get);
    let trigger = order.trigger_price.unwrap_or(Price::from_ticks(0));
    let waiting = order.status == OrderStatus::Pending;
    object! {
        "order_index": order.order_index,
        "client_order_index": client,
        "order_id": order.order_index.to_string(),
        "client_order_id": client.to_string(),
        "market_index": order.market,
        "owner_account_index": order.owner,
        "initial_base_amount": size(order.initial, market),
        "price": price(order.price, market),
        // The book's priority number; any number that grows with the order does.
        "nonce": order.order_index,
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
        "trigger_status": if waiting { "mark-price" } else { "na" },
        "trigger_time": 0,
        "parent_order_index": 0,
        "parent_order_id": "0",
        "to_trigger_order_id_0": "0",
        "to_trigger_order_id_1": "0",
        "to_cancel_order_id_0": "0",
        "integrator_fee_collector_index": "",
        "integrator_taker_fee": "",
        "integrator_maker_fee": "",
        "block_height": height(order.updated_at),
        "timestamp": seconds(order.updated_at),
        "created_at": seconds(order.updated_at),
        "updated_at": seconds(order.updated_at),
        "transaction_time": us(order.updated_at),
        "order_flags": 0,
        "order_version": 0,
        "market_symbol": market.symbol,
        "market_kind": market_kind(market),
    }
}
