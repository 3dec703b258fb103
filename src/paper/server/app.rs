//! The front of the server: routing, rate limits and faults. What an answer says is decided behind it.

use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};

use super::actor::Handle;
use super::control;
use super::error::{Refusal, json_response};
use super::faults::{Fault, Faults};
use super::json::object;
use super::limits::{Limits, Passage};
use super::line::{Cutter, Lines};
use super::rest::{self, Params};
use super::wire;
use super::ws;
use crate::model::Timestamp;
use crate::rt;

/// What every handler has at hand.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) handle: Handle,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
    pub(crate) lines: Lines,
    pub(crate) chain_id: u32,
}

/// Returns the routes; the control plane only on request.
pub(crate) fn router(app: App, with_control: bool) -> Router {
    let mut router = Router::new()
        .route("/", get(status))
        .route("/info", get(info))
        .route("/stream", any(ws::upgrade))
        .route("/api/v1/{*endpoint}", any(api))
        .fallback(async || Refusal::NoSuchPath);
    if with_control {
        router = router.nest("/paper", control::router());
    }
    router.with_state(app)
}

async fn status(State(app): State<App>, ConnectInfo(line): ConnectInfo<Cutter>) -> Response {
    guarded(&app, &line, "status", async |fault| {
        let now = app.handle.ask(|state| state.exchange().now()).await?;
        let offset = if let Some(Fault::ClockOffset { ms }) = fault { ms } else { 0 };
        let now = Timestamp::from_millis(now.as_millis().saturating_add(offset));
        let body = object! { "status": 200, "network_id": app.chain_id, "timestamp": wire::seconds(now) };
        Ok(body.text().to_owned())
    })
    .await
}

async fn info(State(app): State<App>, ConnectInfo(line): ConnectInfo<Cutter>) -> Response {
    guarded(&app, &line, "info", async |_| {
        Ok(object! { "contract_address": wire::NO_ADDRESS }.text().to_owned())
    })
    .await
}

async fn api(
    State(app): State<App>,
    ConnectInfo(line): ConnectInfo<Cutter>,
    Path(endpoint): Path<String>,
    request: Request,
) -> Response {
    let place = endpoint.clone();
    guarded(&app, &line, &place, async |fault| answer(&app, endpoint, request, fault).await).await
}

async fn answer(
    app: &App,
    endpoint: String,
    request: Request,
    fault: Option<Fault>,
) -> Result<String, Refusal> {
    let method = request.method().clone();
    let params = Params::read(request).await?;
    let answer = app.handle.ask(move |state| {
        match fault {
            Some(Fault::Lose) if endpoint.starts_with("sendTx") => rest::lose_request(state, &params),
            Some(Fault::DuplicateRequest) => {
                // What the first of the two brought goes to nobody.
                drop(rest::answer(state, &method, &endpoint, &params));
                rest::answer(state, &method, &endpoint, &params)
            }
            _ => rest::answer(state, &method, &endpoint, &params),
        }
    });
    let answer = answer.await??;
    Ok(answer.text().to_owned())
}

/// Runs `work` behind the rate limit of the caller and the faults of `place`; it is told which.
async fn guarded<F>(app: &App, line: &Cutter, place: &str, work: F) -> Response
where
    F: AsyncFnOnce(Option<Fault>) -> Result<String, Refusal>,
{
    let now = app.handle.clock().now();
    tracing::trace!(%now, place, "request");
    match app.limits.request(now, line.peer(), place) {
        Passage::Open => {}
        Passage::Limited => return Refusal::RateLimited.into_response(),
        Passage::Banned => return blocked(),
    }
    let fault = app.faults.strike(place);
    if let Some(refused) = fault.and_then(|fault| before(fault, line)) {
        return refused;
    }
    if let Some(wait) = fault.and_then(Fault::wait_before) {
        rt::real_sleep(wait).await;
    }
    let answer = work(fault).await;
    after(fault, line, answer).await
}

/// Returns the answer to a request that a fault keeps from the exchange.
fn before(fault: Fault, line: &Cutter) -> Option<Response> {
    match fault {
        Fault::DropRequest | Fault::Close => {
            line.cut();
            Some(StatusCode::BAD_GATEWAY.into_response())
        }
        Fault::RateLimit => Some(Refusal::RateLimited.into_response()),
        Fault::Blocked => Some(blocked()),
        Fault::HttpStatus { status } => Some(html(status)),
        Fault::ServerError => Some(Refusal::Gone.into_response()),
        _ => None,
    }
}

/// Returns what a fault makes of an answer.
async fn after(fault: Option<Fault>, line: &Cutter, answer: Result<String, Refusal>) -> Response {
    match fault {
        Some(Fault::DropReply) => {
            line.cut();
            StatusCode::BAD_GATEWAY.into_response()
        }
        Some(Fault::ServerErrorAfter) => Refusal::Gone.into_response(),
        Some(Fault::Html) => html(502),
        Some(Fault::TruncatedJson) => match answer {
            Ok(mut text) => {
                text.truncate(text.floor_char_boundary(text.len() / 2));
                json_response(StatusCode::OK, text)
            }
            Err(refusal) => refusal.into_response(),
        },
        Some(Fault::DelayReply { ms }) => {
            rt::real_sleep(std::time::Duration::from_millis(ms)).await;
            finish(answer)
        }
        _ => finish(answer),
    }
}

fn finish(answer: Result<String, Refusal>) -> Response {
    answer.map_or_else(IntoResponse::into_response, |text| json_response(StatusCode::OK, text))
}

/// Returns what the venue's edge answers to an address that it blocks; not JSON.
pub(super) fn blocked() -> Response {
    html(StatusCode::METHOD_NOT_ALLOWED.as_u16())
}

/// Returns a page as a proxy makes it.
fn html(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let page = format!("<html><head><title>{status}</title></head><body>{status}</body></html>");
    (status, [(header::CONTENT_TYPE, "text/html")], page).into_response()
}
