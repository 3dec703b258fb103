//! The WebSocket (websocket.md).

mod message;
mod session;

#[cfg(feature = "fuzzing")]
pub(super) use message::read;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::app::{App, blocked};
use super::error::Refusal;
use super::faults::Fault;
use super::limits::MAX_CONNECTIONS;
use super::line::Cutter;
use session::Session;

/// The longest client frame.
const MAX_FRAME: usize = 64 * 1024;
/// How much is read from a connection at once, in bytes; clients' frames are small.
const READ_BUFFER: usize = 16 * 1024;

#[derive(Deserialize)]
pub(crate) struct Mode {
    #[serde(default)]
    readonly: bool,
}

/// Takes a WebSocket in.
pub(crate) async fn upgrade(
    State(app): State<App>,
    ConnectInfo(line): ConnectInfo<Cutter>,
    Query(mode): Query<Mode>,
    socket: WebSocketUpgrade,
) -> Response {
    if app.limits.is_banned(app.handle.clock().now(), line.peer()) {
        return blocked();
    }
    if !app.limits.connection(app.handle.clock().now(), line.peer()) {
        return Refusal::TooManyConnections.into_response();
    }
    match app.faults.strike("ws/connect") {
        Some(Fault::RateLimit) => return Refusal::RateLimited.into_response(),
        Some(_) => {
            line.cut();
            return Refusal::Gone.into_response();
        }
        None => {}
    }
    let free = |state: &mut super::actor::State| {
        !state.limits.enabled() || state.hub.connections() < MAX_CONNECTIONS
    };
    match app.handle.ask(free).await {
        Ok(true) => {}
        Ok(false) => return Refusal::TooManyConnections.into_response(),
        Err(refusal) => return refusal.into_response(),
    }
    // The place is taken only when the handshake is through: one that breaks off must not keep it.
    let serve = async move |socket| {
        let connected = app.handle.ask(move |state| free(state).then(|| state.hub.connect())).await;
        if let Ok(Some((id, frames))) = connected {
            Session::new(app, id, line, mode.readonly).run(socket, frames).await;
        }
    };
    socket
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(serve)
}
