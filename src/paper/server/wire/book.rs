//! Order books.

use super::{price, size};
use crate::model::{BookLevel, Market};
use crate::paper::exchange::RestingOrder;
use crate::paper::server::json::{Json, object};

/// Returns levels as the book channel has them.
pub(crate) fn book_levels(levels: &[BookLevel], market: &Market) -> Vec<Json> {
    levels
        .iter()
        .map(|level| object! { "price": price(level.price, market), "size": size(level.size, market) })
        .collect()
}

/// Returns one order as `orderBookOrders` has it (http.md §7).
pub(crate) fn resting_order(order: &RestingOrder, market: &Market) -> Json {
    object! {
        "order_index": order.order_index,
        "order_id": order.order_index.to_string(),
        "owner_account_index": order.owner,
        "initial_base_amount": size(order.initial, market),
        "remaining_base_amount": size(order.remaining, market),
        "price": price(order.price, market),
        "order_expiry": order.expiry,
        "transaction_time": 0,
    }
}
