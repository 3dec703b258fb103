//! REST endpoints (http.md §2). Each is a function of the exchange and the parameters.

mod accounts;
mod markets;
mod money;
mod orders;
mod params;
mod transactions;

use axum::http::Method;

use super::actor::State;
use super::error::Refusal;
use super::json::{Json, Object, fields};

pub(crate) use params::Params;
pub(crate) use transactions::{Sent, lose, lose_request, read_batch, send, send_batch};

/// Answers one request under `/api/v1`.
pub(crate) fn answer(
    state: &mut State,
    method: &Method,
    endpoint: &str,
    params: &Params,
) -> Result<Json, Refusal> {
    match (method, endpoint) {
        (&Method::POST, "sendTx") => transactions::send_tx(state, params),
        (&Method::POST, "sendTxBatch") => transactions::send_tx_batch(state, params),
        (&Method::POST, "notification/ack") => accounts::acknowledge(&state.view(), params),
        (&Method::POST, "changeAccountTier") => accounts::change_tier(state, params),
        (&Method::POST, "setMakerOnlyApiKeys") => accounts::set_maker_only(state, params),
        (&Method::POST, "fastwithdraw") => money::withdraw_fast(state, params),
        (&Method::GET, _) => read(state, endpoint, params),
        _ => Err(Refusal::NoSuchPath),
    }
}

fn read(state: &State, endpoint: &str, params: &Params) -> Result<Json, Refusal> {
    let view = &state.view();
    match endpoint {
        "nextNonce" => accounts::next_nonce(view, params),
        "apikeys" => accounts::api_keys(view, params),
        "account" => accounts::account(view, params),
        "accountsByL1Address" => accounts::by_l1_address(view, params),
        "accountLimits" => accounts::limits(view, params),
        "getMakerOnlyApiKeys" => accounts::maker_only(view, params),
        "accountMetadata" => accounts::metadata(view, params),
        "pnl" => accounts::pnl(view, params),
        "positionFunding" => accounts::position_funding(view, params),
        "liquidations" => accounts::liquidations(view, params),
        "tx" => transactions::tx(view, params),
        "txs" => transactions::txs(view, params),
        "accountTxs" => transactions::account_txs(view, params),
        "accountActiveOrders" => orders::active(view, params),
        "accountInactiveOrders" => orders::inactive(view, params),
        "accountOrders" => orders::by_client_index(view, params),
        "trades" => orders::trades(view, params),
        "recentTrades" => orders::recent_trades(view, params),
        "withdraw/history" => money::withdrawals(view, params),
        "deposit/history" => money::deposits(view, params),
        "transfer/history" => money::transfers(view, params),
        "withdrawalDelay" => Ok(money::withdrawal_delay(view)),
        "transferFeeInfo" => money::transfer_fee(view, params),
        "fastwithdraw/info" => money::fast_withdrawal(view, params),
        _ => markets::read(view, endpoint, params),
    }
}

/// Starts an answer.
fn ok() -> Object {
    fields! { "code": 200 }
}
