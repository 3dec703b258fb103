//! REST endpoints (http.md §2). Each is a function of the exchange and the parameters.

mod accounts;
mod chain;
mod markets;
mod money;
mod orders;
mod params;
mod table;
mod transactions;

use axum::http::Method;

use super::actor::State;
use super::error::Refusal;
use super::json::{Json, Object, fields};

pub(crate) use params::Params;
pub(crate) use table::{Answer, ENDPOINTS, Endpoint, find, weight};
pub(crate) use transactions::{Sent, lose, lose_request, read_batch, send, send_batch};

/// Answers one request under `/api/v1`.
pub(crate) fn answer(
    state: &mut State,
    method: &Method,
    endpoint: &str,
    params: &Params,
) -> Result<Json, Refusal> {
    find(method == Method::POST, endpoint).ok_or(Refusal::NoSuchPath)?.answer(state, params)
}

/// Starts an answer.
fn ok() -> Object {
    fields! { "code": 200 }
}
