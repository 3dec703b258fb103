//! The control plane of tests and drills: faults, and a look at everything that ever happened.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Body, Router};
use serde::Deserialize;

use super::actor::View;
use super::app::App;
use super::error::{Refusal, json_response};
use super::faults::FaultRule;
use super::json::{Json, object};
use super::wire;
use crate::model::{AccountIndex, Order, Usdc};
use crate::paper::exchange::{MishapRule, Request as ExchangeRequest, TradeFilter};
use crate::paper::world::{Action, SourceState};

/// Returns the routes under `/paper`.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/cut", post(cut))
        .route("/act", post(act))
        .route("/advance", post(advance))
        .route("/request", post(request))
        .route("/mishaps", post(arm).delete(disarm))
        .route("/deposit", post(deposit))
        .route("/prices", get(prices))
        .route("/state", get(state))
}

async fn add_fault(State(app): State<App>, Body(rule): Body<FaultRule>) -> Response {
    app.faults.inject(rule, &app.lines);
    done()
}

async fn clear_faults(State(app): State<App>) -> Response {
    app.faults.clear();
    done()
}

async fn list_faults(State(app): State<App>) -> Response {
    let rows: Vec<Json> = app
        .faults
        .happened()
        .iter()
        .map(|(place, fault)| object! { "place": place, "fault": fault })
        .collect();
    json_response(StatusCode::OK, object! { "happened": rows }.text().to_owned())
}

/// Cuts every connection, this one included once it has answered.
async fn cut(State(app): State<App>) -> Response {
    app.lines.cut_all();
    done()
}

/// What [`act`] is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    /// Symbol of the market, where the action has one.
    market: Option<String>,
    /// Anything that a scenario's script can do: set or move the price, halt, sweep, ….
    action: Action,
}

async fn act(State(app): State<App>, Body(act): Body<Act>) -> Response {
    let done_at =
        app.handle.ask(move |state| state.sim.act(act.market.as_deref(), &act.action).map_err(Refusal::from));
    done_or_refused(done_at.await)
}

/// What [`advance`] is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// How far, in seconds of venue time.
    seconds: u32,
}

/// Lets venue time jump ahead; what falls due in between happens in its order.
async fn advance(State(app): State<App>, Body(advance): Body<Advance>) -> Response {
    let by = Duration::from_secs(u64::from(advance.seconds));
    let clock = app.handle.clock().clone();
    let jumped = app.handle.ask(move |state| {
        state.sim.jump(by).map_err(Refusal::from)?;
        clock.shift(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        Ok(())
    });
    done_or_refused(jumped.await)
}

/// Changes what only the venue or an owner changes: tier, stake, keys, delays.
async fn request(State(app): State<App>, Body(request): Body<ExchangeRequest>) -> Response {
    done_or_refused(app.handle.ask(move |state| state.sim.request(request).map_err(Refusal::from)).await)
}

/// Arms a rule for what becomes of transactions that were taken in.
async fn arm(State(app): State<App>, Body(rule): Body<MishapRule>) -> Response {
    done_or_refused(app.handle.ask(move |state| state.sim.arm(&rule).map_err(Refusal::from)).await)
}

async fn disarm(State(app): State<App>) -> Response {
    done_or_refused(app.handle.ask(|state| state.sim.disarm().map_err(Refusal::from)).await)
}

/// What [`deposit`] is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deposit {
    account: AccountIndex,
    /// In millionths of a USDC.
    micros: Usdc,
}

async fn deposit(State(app): State<App>, Body(deposit): Body<Deposit>) -> Response {
    let credited = app
        .handle
        .ask(move |state| state.sim.deposit(deposit.account, deposit.micros).map_err(Refusal::from));
    done_or_refused(credited.await)
}

fn done_or_refused(result: Result<Result<(), Refusal>, Refusal>) -> Response {
    match result.flatten() {
        Ok(()) => done(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Shows the markets whose prices come from a source: when it last spoke, and whether anybody quotes on that.
async fn prices(State(app): State<App>) -> Response {
    let rows = app.handle.ask(|state| {
        let exchange = state.exchange();
        let row = |source: &SourceState| {
            object! {
                "market_id": source.market,
                "symbol": exchange.market(source.market).map_or("", |market| market.symbol.as_str()),
                "heard_at": source.heard,
                "silent_ms": source.heard.map(|at| milliseconds(exchange.now().since(at))),
                "fresh": source.fresh,
            }
        };
        state.sim.world().sources().iter().map(row).collect::<Vec<Json>>()
    });
    match rows.await {
        Ok(rows) => json_response(StatusCode::OK, object! { "sources": rows }.text().to_owned()),
        Err(refusal) => refusal.into_response(),
    }
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Shows every operator's account with every order and transaction it ever had.
async fn state(State(app): State<App>) -> Response {
    let dump = app.handle.ask(|state| {
        let view = &state.view();
        let accounts = view.exchange.account_indices().into_iter();
        // The world's accounts have no keys and no history worth showing.
        let rows: Vec<Json> = accounts.filter_map(|index| account(view, index)).collect();
        object! { "now": view.now(), "state_hash": hex::encode(state.sim.state_hash()), "accounts": rows }
    });
    match dump.await {
        Ok(dump) => json_response(StatusCode::OK, dump.text().to_owned()),
        Err(refusal) => refusal.into_response(),
    }
}

fn account(view: &View<'_>, index: AccountIndex) -> Option<Json> {
    let record = view.exchange.account(index)?;
    if record.keys.is_empty() {
        return None;
    }
    let mut orders = view.exchange.active_orders(index, None);
    orders.extend(view.exchange.inactive_orders(index, None));
    let orders =
        orders.iter().filter_map(|order: &Order| Some(wire::order(order, view.market(order.market)?)));
    let filter = TradeFilter { account: Some(index), ..TradeFilter::default() };
    let trades = view.exchange.trades(filter, usize::MAX);
    let trades =
        trades.iter().filter_map(|row| Some(wire::trade(row, view.market(row.trade.market)?, Some(index))));
    let txs = view.exchange.account_transactions(index, usize::MAX);
    let txs = txs.iter().map(|tx| wire::transaction_row(tx, &record.l1_address));
    let withdrawals = view.exchange.withdrawals(index);
    Some(object! {
        "account": wire::account(&record, |id| view.market(id)),
        "orders": orders.collect::<Vec<_>>(),
        "trades": trades.collect::<Vec<_>>(),
        "transactions": txs.collect::<Vec<_>>(),
        "withdrawals": withdrawals.iter().map(wire::withdrawal).collect::<Vec<_>>(),
    })
}

fn done() -> Response {
    json_response(StatusCode::OK, object! { "code": 200 }.text().to_owned())
}
