//! One WebSocket connection.

use std::time::Duration;

use axum::extract::ws::{Message as WsMessage, WebSocket};
use tokio::sync::mpsc;

use super::message::{self, Message, SendBatch, SendTx};
use crate::paper::server::app::App;
use crate::paper::server::auth;
use crate::paper::server::channel::Channel;
use crate::paper::server::error::Refusal;
use crate::paper::server::faults::Fault;
use crate::paper::server::hub::{ConnectionId, Frame};
use crate::paper::server::json::{Json, object};
use crate::paper::server::limits::{MAX_ACCOUNTS, MAX_MESSAGES, MAX_SUBSCRIPTIONS, Passage, Window};
use crate::paper::server::line::Cutter;
use crate::paper::server::rest::{self, Sent};
use crate::rt::{self, real_sleep};

/// A client that says nothing for this long is dropped. Real time: it is about the network, not about the market.
const IDLE: Duration = Duration::from_secs(120);
/// How long a frame may take to be written.
const STUCK: Duration = Duration::from_secs(10);
/// How often the server pings.
const PING: Duration = Duration::from_secs(45);

/// Whether the connection goes on.
enum Next {
    Continue,
    Close,
}

/// One connection.
pub(super) struct Session {
    app: App,
    id: ConnectionId,
    line: Cutter,
    readonly: bool,
    messages: Window,
    /// A frame that a fault sends after the next one.
    held: Option<Frame>,
}

impl Session {
    /// Makes the session of a connection that the hub knows.
    pub(super) fn new(app: App, id: ConnectionId, line: Cutter, readonly: bool) -> Self {
        Self { app, id, line, readonly, messages: Window::default(), held: None }
    }

    /// Serves the connection until either side ends it.
    pub(super) async fn run(mut self, mut socket: WebSocket, mut frames: mpsc::Receiver<Frame>) {
        let hello = object! { "session_id": session_id(), "type": "connected" };
        if send(&mut socket, &hello).await.is_ok() {
            self.serve(&mut socket, &mut frames).await;
        }
        let id = self.id;
        // When the exchange is gone there is nothing left to disconnect from.
        let _ = self.app.handle.ask(move |state| state.hub.disconnect(id)).await;
    }

    async fn serve(&mut self, socket: &mut WebSocket, frames: &mut mpsc::Receiver<Frame>) {
        let mut heard = self.app.handle.clock().elapsed();
        let mut pinged = heard;
        loop {
            let now = self.app.handle.clock().elapsed();
            let wait = (heard + IDLE).min(pinged + PING).saturating_sub(now);
            let next = tokio::select! {
                biased; // a client's word before our own: what it asks decides what it is sent
                message = socket.recv() => {
                    heard = self.app.handle.clock().elapsed();
                    match message {
                        Some(Ok(message)) => self.receive(socket, message).await,
                        _ => Next::Close,
                    }
                }
                frame = frames.recv() => match frame {
                    Some(frame) => self.push(socket, frame).await,
                    // The hub gave this connection up as too slow, or the server goes down.
                    None => Next::Close,
                },
                () = real_sleep(wait) => {
                    pinged = self.app.handle.clock().elapsed();
                    if pinged.saturating_sub(heard) >= IDLE {
                        Next::Close
                    } else {
                        continue_if(send(socket, &object! { "type": "ping" }).await)
                    }
                }
            };
            if matches!(next, Next::Close) {
                return;
            }
        }
    }

    /// Sends a frame of a stream, unless a fault is in its way.
    async fn push(&mut self, socket: &mut WebSocket, frame: Frame) -> Next {
        match self.app.faults.strike(&format!("ws/frame/{}", frame.family)) {
            Some(Fault::DropFrame) => return Next::Continue,
            Some(Fault::Close | Fault::DropRequest | Fault::DropReply) => {
                self.line.cut();
                return Next::Close;
            }
            Some(Fault::Stall { ms } | Fault::Delay { ms } | Fault::DelayReply { ms }) => {
                real_sleep(Duration::from_millis(ms)).await;
            }
            Some(Fault::TruncatedJson) => {
                let half = frame.text[..frame.text.floor_char_boundary(frame.text.len() / 2)].to_owned();
                return continue_if(deliver(socket, WsMessage::text(half)).await);
            }
            Some(Fault::ReorderFrame) if self.held.is_none() => {
                self.held = Some(frame);
                return Next::Continue;
            }
            Some(Fault::DuplicateFrame) => {
                // The second one below; when the socket is gone it says so there.
                drop(deliver(socket, WsMessage::text(frame.text.to_string())).await);
            }
            Some(Fault::Shutdown { ms }) => return self.go_down(socket, ms).await,
            _ => {}
        }
        let sent = deliver(socket, WsMessage::text(frame.text.to_string())).await;
        match self.held.take() {
            Some(held) if sent.is_ok() => {
                continue_if(deliver(socket, WsMessage::text(held.text.to_string())).await)
            }
            _ => continue_if(sent),
        }
    }

    /// Announces a planned close and carries it out.
    async fn go_down(&self, socket: &mut WebSocket, ms: u64) -> Next {
        let notice = object! { "type": "shutdown", "close_in_ms": ms };
        if send(socket, &notice).await.is_ok() {
            real_sleep(Duration::from_millis(ms)).await;
        }
        Next::Close
    }

    async fn receive(&mut self, socket: &mut WebSocket, message: WsMessage) -> Next {
        match message {
            WsMessage::Text(text) => match self.handle(text.as_str()).await {
                Some(answer) => continue_if(send(socket, &answer).await),
                None if self.line.is_cut() => Next::Close,
                None => Next::Continue,
            },
            WsMessage::Close(_) => Next::Close,
            // The library answers pings; binary frames say nothing here.
            WsMessage::Binary(_) | WsMessage::Ping(_) | WsMessage::Pong(_) => Next::Continue,
        }
    }

    /// Returns the direct answer to a frame, if it has one.
    async fn handle(&mut self, text: &str) -> Option<Json> {
        let Ok(message) = serde_json::from_str::<Message<'_>>(text) else {
            return Some(message::error(&Refusal::invalid_json().error(), None));
        };
        let kind = message.kind.clone().unwrap_or_default();
        if kind.starts_with("jsonapi/") {
            return self.transaction(&kind, &message).await;
        }
        let answer = if self.too_many_messages() {
            Err(Refusal::too_many_messages())
        } else {
            match kind.as_str() {
                "ping" => Ok(Some(object! { "type": "pong" })),
                "pong" => Ok(None),
                "subscribe" => self.subscribe(message).await.map(|()| None),
                "unsubscribe" => self.unsubscribe(message).await.map(Some),
                _ => Err(Refusal::invalid_type()),
            }
        };
        answer.unwrap_or_else(|refusal| Some(message::error(&refusal.error(), None)))
    }

    fn too_many_messages(&mut self) -> bool {
        let now = self.app.handle.clock().now();
        self.app.limits.enabled() && !self.messages.spend(now, 1, MAX_MESSAGES)
    }

    async fn subscribe(&self, message: Message<'_>) -> Result<(), Refusal> {
        let name = message.channel.unwrap_or_default();
        let channel = Channel::parse(&name).ok_or_else(|| Refusal::invalid_channel(""))?;
        let (id, token, limited) = (self.id, message.auth, self.app.limits.enabled());
        self.app
            .handle
            .ask(move |state| {
                let view = &state.view();
                if channel.market().is_some_and(|market| view.market(market).is_none()) {
                    return Err(Refusal::invalid_channel(":  (marketId)"));
                }
                if let Some(account) = channel.account() {
                    view.exchange
                        .account(account)
                        .ok_or_else(|| Refusal::invalid_channel(":  (accountId)"))?;
                    match token.as_deref().filter(|token| !token.is_empty()) {
                        Some(token) => auth::check(view, token, account).ok_or_else(Refusal::invalid_auth)?,
                        None if channel.needs_token() => return Err(Refusal::auth_field(&channel)),
                        None => {}
                    }
                }
                let known = state.hub.channels(id).ok_or(Refusal::Gone)?;
                if known.contains(&channel) {
                    return Err(Refusal::already_subscribed(&channel));
                }
                if limited && known.len() >= MAX_SUBSCRIPTIONS {
                    return Err(Refusal::too_many_subscriptions());
                }
                let accounts: std::collections::BTreeSet<_> =
                    known.iter().chain([&channel]).filter_map(Channel::account).collect();
                if limited && accounts.len() > MAX_ACCOUNTS {
                    return Err(Refusal::too_many_accounts());
                }
                state.subscribe(id, channel);
                Ok(())
            })
            .await?
    }

    async fn unsubscribe(&self, message: Message<'_>) -> Result<Json, Refusal> {
        let name = message.channel.unwrap_or_default();
        let channel = Channel::parse(&name).ok_or_else(|| Refusal::invalid_channel(""))?;
        let (id, wanted) = (self.id, channel.clone());
        if self.app.handle.ask(move |state| state.hub.unsubscribe(id, &wanted)).await? {
            Ok(object! { "type": "unsubscribed", "channel": channel.frame_name() })
        } else {
            Err(Refusal::not_subscribed(&channel))
        }
    }

    /// Answers a transaction; `None` when a fault swallowed the answer.
    async fn transaction(&self, kind: &str, message: &Message<'_>) -> Option<Json> {
        if self.app.limits.is_banned(self.app.handle.clock().now(), self.line.peer()) {
            return Some(message::error(&Refusal::RateLimited.error(), None));
        }
        let place = format!("ws/{}", kind.trim_start_matches("jsonapi/"));
        let fault = self.app.faults.strike(&place);
        match fault {
            Some(Fault::DropRequest | Fault::Close) => {
                self.line.cut();
                return None;
            }
            Some(Fault::RateLimit) => return Some(message::error(&Refusal::RateLimited.error(), None)),
            Some(Fault::ServerError | Fault::Blocked | Fault::HttpStatus { .. }) => {
                return Some(message::error(&Refusal::Gone.error(), None));
            }
            Some(Fault::OtherForm) => {
                let error = Refusal::Gone.error();
                return Some(object! { "type": kind, "code": error.code, "message": error.message });
            }
            _ => {}
        }
        if let Some(wait) = fault.and_then(Fault::wait_before) {
            rt::real_sleep(wait).await;
        }
        let answer = match kind {
            "jsonapi/sendtx" => self.send_tx(kind, message, fault).await,
            "jsonapi/sendtxbatch" => self.send_batch(kind, message, fault).await,
            _ => message::error(&Refusal::invalid_type().error(), None),
        };
        match fault {
            Some(Fault::DropReply) => {
                self.line.cut();
                None
            }
            Some(Fault::ServerErrorAfter | Fault::Html | Fault::TruncatedJson) => {
                Some(message::error(&Refusal::Gone.error(), None))
            }
            Some(Fault::DelayReply { ms }) => {
                real_sleep(Duration::from_millis(ms)).await;
                Some(answer)
            }
            _ => Some(answer),
        }
    }

    async fn send_tx(&self, kind: &str, message: &Message<'_>, fault: Option<Fault>) -> Json {
        let body: SendTx<'_> = match self.writable().and_then(|()| message::body(message.data)) {
            Ok(body) => body,
            Err(refusal) => return message::error(&refusal.error(), None),
        };
        let (tx_type, info, protection) = (body.tx_type, body.info(), body.price_protection());
        let lose = fault == Some(Fault::Lose);
        let sent = self.app.handle.ask(move |state| {
            if lose {
                rest::lose(state, &[(tx_type, &info)])
            } else {
                rest::send(state, tx_type, &info, protection)
            }
        });
        self.reply(sent.await, body.id, |sent| sent.single(message::sent(kind, body.id)).json())
    }

    async fn send_batch(&self, kind: &str, message: &Message<'_>, fault: Option<Fault>) -> Json {
        let body: SendBatch<'_> = match self.writable().and_then(|()| message::body(message.data)) {
            Ok(body) => body,
            Err(refusal) => return message::error(&refusal.error(), None),
        };
        let (types, infos) = (body.tx_types, body.tx_infos);
        let lose = fault == Some(Fault::Lose);
        let sent = self.app.handle.ask(move |state| {
            let batch = rest::read_batch(&types, &infos)?;
            let batch: Vec<(u8, &str)> = batch.iter().map(|(kind, info)| (*kind, info.as_str())).collect();
            if lose { rest::lose(state, &batch) } else { rest::send_batch(state, &batch) }
        });
        self.reply(sent.await, body.id, |sent| sent.batch(message::sent(kind, body.id)).json())
    }

    /// Words an answer. A refused transaction costs its address a request: its signature had to be checked, and nobody
    /// else can be charged for it.
    fn reply(
        &self,
        sent: Result<Result<Sent, Refusal>, Refusal>,
        id: Option<&serde_json::value::RawValue>,
        success: impl FnOnce(&Sent) -> Json,
    ) -> Json {
        let refusal = match sent.and_then(|sent| sent) {
            Ok(sent) => return success(&sent),
            Err(refusal) => refusal,
        };
        let now = self.app.handle.clock().now();
        match self.app.limits.request(now, self.line.peer(), "sendTx") {
            Passage::Open => message::error(&refusal.error(), id),
            Passage::Limited | Passage::Banned => message::error(&Refusal::RateLimited.error(), id),
        }
    }

    fn writable(&self) -> Result<(), Refusal> {
        if self.readonly { Err(Refusal::not_supported()) } else { Ok(()) }
    }
}

async fn send(socket: &mut WebSocket, frame: &Json) -> Result<(), axum::Error> {
    deliver(socket, WsMessage::text(frame.text().to_owned())).await
}

/// Writes a frame; a client that stopped reading is given up, or its session would wait for good.
async fn deliver(socket: &mut WebSocket, message: WsMessage) -> Result<(), axum::Error> {
    let sent = rt::real_timeout(STUCK, socket.send(message)).await;
    sent.unwrap_or_else(|| Err(axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut))))
}

fn continue_if(sent: Result<(), axum::Error>) -> Next {
    if sent.is_ok() { Next::Continue } else { Next::Close }
}

/// Returns a random id in the form of a UUID.
fn session_id() -> String {
    let hex = hex::encode(rt::random_bytes::<16>());
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
