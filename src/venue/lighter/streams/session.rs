//! One connection from its first frame to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::channel::{Channel, Freshness, Phase, Probe};
use super::decode::{self, FrameKind};
use super::pacer::Errand;
use super::{Emitter, StreamOptions};
use crate::model::AccountIndex;
use crate::rt::{real_sleep, real_timeout};
use crate::venue::Feed;
use crate::venue::lighter::client::Shared;
use crate::venue::lighter::parse::{Context, Markets};
use crate::venue::lighter::transport::{ByteStream, Connect, Transport};
use crate::venue::lighter::wire;

/// How often the clocks of the channels are looked at.
const TICK: Duration = Duration::from_millis(200);

/// How long a frame of ours may take to leave; longer means that the peer reads no more.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// How long nothing is sent after the venue said that it was too much.
const PAUSE: Duration = Duration::from_secs(10);

/// Subscriptions in a row without an answer, after which the connection is given up.
const ATTEMPTS: u32 = 3;

/// Why a connection ended.
#[derive(Debug)]
pub(in crate::venue::lighter) enum End {
    /// It broke, or it was given up.
    Broken(String),
    /// The venue announced that it will close it.
    Shutdown,
}

fn broken(reason: impl ToString) -> End {
    End::Broken(reason.to_string())
}

/// A running connection.
pub(super) struct Session<'a, T, C, S> {
    shared: &'a Shared<T, C>,
    socket: WebSocketStream<S>,
    emitter: &'a mut Emitter,
    markets: Arc<Markets>,
    channels: Vec<Channel>,
    by_name: BTreeMap<String, usize>,
    /// When the last ping left, while no frame has come since.
    pinged: Option<Duration>,
    next_ping: Duration,
    /// The venue's last complaint, for the reason of what follows from it.
    complaint: Option<String>,
}

impl<'a, T: Transport, C: Connect, S: ByteStream> Session<'a, T, C, S> {
    pub(super) fn new(
        shared: &'a Shared<T, C>,
        socket: WebSocketStream<S>,
        emitter: &'a mut Emitter,
        markets: Arc<Markets>,
        feeds: &[Feed],
    ) -> Self {
        let kind = |feed: &Feed| match feed {
            Feed::Book(market) | Feed::Stats(market) => markets.get(market).map(|market| market.kind),
            _ => None,
        };
        let channels: Vec<_> = feeds.iter().map(|feed| Channel::new(*feed, kind(feed))).collect();
        let by_name = channels.iter().enumerate().map(|(i, channel)| (channel.frame_name(), i)).collect();
        let next_ping = shared.clock.elapsed() + shared.options.ping_every;
        Self { shared, socket, emitter, markets, channels, by_name, pinged: None, next_ping, complaint: None }
    }

    fn now(&self) -> Duration {
        self.shared.clock.elapsed()
    }

    const fn options(&self) -> &'a StreamOptions {
        &self.shared.options
    }

    /// Runs until the connection ends.
    pub(super) async fn run(&mut self) -> End {
        let greeted = real_timeout(self.options().answer_within, self.greeting()).await;
        match greeted.unwrap_or_else(|| Err(broken("the venue did not greet"))) {
            Err(end) => end,
            Ok(()) => match self.serve().await {
                Err(end) => end,
                Ok(never) => match never {},
            },
        }
    }

    /// Waits for `connected`: what is sent before it may be lost.
    async fn greeting(&mut self) -> Result<(), End> {
        loop {
            let text = self.next_text().await?;
            let frame: wire::Frame = wire::object(text.as_bytes()).map_err(broken)?;
            if frame.kind == "connected" {
                return Ok(());
            }
            self.frame(&text).await?;
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        let mut next_tick = self.now();
        loop {
            if self.now() >= next_tick {
                self.tick().await?;
                next_tick = self.now() + TICK;
            }
            self.emitter.outbox.room().await;
            let wait = next_tick.saturating_sub(self.now());
            tokio::select! {
                biased;
                text = self.next_text() => self.frame(&text?).await?,
                () = real_sleep(wait) => {}
            }
        }
    }

    /// Returns the next frame with text. Safe to cancel: a frame is taken whole or not at all.
    async fn next_text(&mut self) -> Result<String, End> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Binary(_))) => return Err(broken("the venue sent a binary frame")),
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map(|frame| format!("{} {}", frame.code, frame.reason));
                    return Err(broken(format!("closed by the venue: {}", reason.unwrap_or_default())));
                }
                // The library answers pings with the next write or read.
                Some(Ok(_)) => self.pinged = None,
                Some(Err(error)) => return Err(broken(error)),
                None => return Err(broken("the connection ended")),
            }
        }
    }

    async fn send(&mut self, message: serde_json::Value) -> Result<(), End> {
        let sent = self.socket.send(Message::text(message.to_string()));
        match real_timeout(WRITE_WITHIN, sent).await {
            Some(result) => result.map_err(broken),
            None => Err(broken("the venue reads no more")),
        }
    }

    // ---- clocks -----------------------------------------------------------------------------------------------

    async fn tick(&mut self) -> Result<(), End> {
        self.ping().await?;
        for index in 0..self.channels.len() {
            self.expire(index)?;
            self.renew(index);
            self.subscribe_if_due(index).await?;
            self.probe_if_silent(index).await?;
        }
        self.probe_if_all_silent().await
    }

    /// our own pings find a dead connection that the system still believes in.
    async fn ping(&mut self) -> Result<(), End> {
        let now = self.now();
        if self.pinged.is_some_and(|at| now.saturating_sub(at) >= self.options().pong_within) {
            return Err(broken("a ping was not answered"));
        }
        if now >= self.next_ping {
            self.next_ping = now + self.options().ping_every;
            self.pinged = self.pinged.or(Some(now));
            self.shared.pacer.sent();
            self.send(json!({"type": "ping"})).await?;
        }
        Ok(())
    }

    /// Gives up on a subscription whose snapshot does not come, and on the connection when it happens again.
    fn expire(&mut self, index: usize) -> Result<(), End> {
        let (now, within) = (self.now(), self.options().answer_within);
        let channel = &mut self.channels[index];
        let Phase::Asked { at, .. } = channel.phase else { return Ok(()) };
        if now.saturating_sub(at) < within {
            return Ok(());
        }
        channel.attempts += 1;
        channel.phase = Phase::Due { unsubscribe: true };
        let complaint = self.complaint.as_deref().unwrap_or("no answer");
        let reason = format!("no snapshot of `{}`: {complaint}", channel.name);
        let (feed, attempts) = (channel.feed, channel.attempts);
        self.emitter.down(feed, &reason);
        if attempts >= ATTEMPTS { Err(End::Broken(reason)) } else { Ok(()) }
    }

    /// F-26: a new subscription with a new token, while the old one still runs. The feed stays up: what happens in
    /// between is in the new snapshot.
    fn renew(&mut self, index: usize) {
        let now = self.shared.clock.now();
        let channel = &mut self.channels[index];
        if matches!(channel.phase, Phase::Live) && channel.renew_at.is_some_and(|at| at <= now) {
            channel.phase = Phase::Due { unsubscribe: true };
        }
    }

    async fn subscribe_if_due(&mut self, index: usize) -> Result<(), End> {
        let Phase::Due { unsubscribe } = self.channels[index].phase else { return Ok(()) };
        let Some(message) = self.subscribe_message(index) else {
            let feed = self.channels[index].feed;
            self.emitter.down(feed, "no key of this account is here to make its token");
            return Ok(());
        };
        let errand = if message.get("auth").is_some() { Errand::Account } else { Errand::Market };
        let Some(permit) = self.shared.pacer.message(errand) else { return Ok(()) };
        if unsubscribe {
            let name = self.channels[index].name.clone();
            self.shared.pacer.sent();
            self.send(json!({"type": "unsubscribe", "channel": name})).await?;
        }
        let at = self.now();
        let channel = &mut self.channels[index];
        channel.phase = Phase::Asked { at, _permit: permit };
        channel.book = None;
        channel.probe = None;
        self.send(message).await
    }

    /// Returns the request for a channel; `None` when it needs a token that cannot be made. Account channels that
    /// need none today get one too: the venue's documentation asks for it.
    fn subscribe_message(&mut self, index: usize) -> Option<serde_json::Value> {
        let channel = &mut self.channels[index];
        let mut message = json!({"type": "subscribe", "channel": channel.name});
        if let Some(account) = channel.account() {
            let token = self.shared.tokens.get(account)?;
            channel.renew_at = Some(token.renew_at);
            message["auth"] = token.text.into();
        }
        Some(message)
    }

    /// a channel that says nothing is asked for again; "already subscribed" proves that it is served.
    async fn probe_if_silent(&mut self, index: usize) -> Result<(), End> {
        let now = self.now();
        let channel = &self.channels[index];
        match channel.freshness(now, self.options(), self.shared.pacer.probe_spacing()) {
            Freshness::Fresh => Ok(()),
            Freshness::Stale => {
                let (feed, name) = (channel.feed, channel.name.clone());
                let reason = format!("`{name}` is silent for too long");
                self.emitter.down(feed, &reason);
                Err(End::Broken(reason))
            }
            Freshness::Probe => {
                let errand = if channel.account().is_some() { Errand::Probe } else { Errand::Market };
                self.probe(index, errand).await
            }
        }
    }

    async fn probe(&mut self, index: usize, errand: Errand) -> Result<(), End> {
        let renew_at = self.channels[index].renew_at;
        let Some(message) = self.subscribe_message(index) else { return Ok(()) };
        // The running subscription keeps the token that it was made with.
        self.channels[index].renew_at = renew_at;
        let Some(permit) = self.shared.pacer.message(errand) else { return Ok(()) };
        self.channels[index].probe = Some(Probe { at: self.now(), _permit: permit });
        self.send(message).await
    }

    /// with many accounts it takes long until it is a channel's turn to be probed. A connection that has forgotten
    /// all of its subscriptions is found as soon as ever, by one of them.
    async fn probe_if_all_silent(&mut self) -> Result<(), End> {
        match self.longest_silent() {
            // It stands for all, so it does not wait behind their subscriptions.
            Some(index) => self.probe(index, Errand::Account).await,
            None => Ok(()),
        }
    }

    /// Returns the live account channel that was heard of first, when none was heard of or asked lately.
    fn longest_silent(&self) -> Option<usize> {
        let live = |channel: &Channel| channel.account().is_some() && matches!(channel.phase, Phase::Live);
        let accounts = self.channels.iter().enumerate().filter(|(_, channel)| live(channel));
        let last = accounts.clone().map(|(_, channel)| channel.heard.max(channel.asked())).max()?;
        let quiet = self.now().saturating_sub(last) >= self.options().account_silence / 2;
        let longest = accounts.min_by_key(|(_, channel)| channel.heard);
        longest.filter(|_| quiet).map(|(index, _)| index)
    }

    // ---- frames -----------------------------------------------------------------------------------------------

    async fn frame(&mut self, text: &str) -> Result<(), End> {
        self.pinged = None;
        let frame: wire::Frame = wire::object(text.as_bytes()).map_err(|error| {
            // Whose frame it was cannot be known, so every feed of this connection has a gap.
            self.shared.oddities.note("stream", "a frame that is no JSON object");
            broken(format!("unreadable frame: {error}"))
        })?;
        if let Some(error) = frame.error {
            return self.complained(&error);
        }
        match frame.kind.as_str() {
            "connected" | "pong" | "unsubscribed" => Ok(()),
            "ping" => {
                self.shared.pacer.sent();
                self.send(json!({"type": "pong"})).await
            }
            "shutdown" => Err(End::Shutdown),
            kind => {
                let kind = match kind.split_once('/') {
                    Some(("subscribed", _)) => FrameKind::Snapshot,
                    Some(("update", _)) => FrameKind::Update,
                    _ => {
                        self.shared.oddities.note("stream.type", kind);
                        return Ok(());
                    }
                };
                self.shared.survey.look(&frame.kind, text.as_bytes(), &self.shared.oddities);
                match self.by_name.get(&frame.channel.replace('/', ":")) {
                    Some(&index) => self.deliver(index, kind, text),
                    None => self.shared.oddities.note("stream.channel", &frame.channel),
                }
                Ok(())
            }
        }
    }

    /// Hands a frame of a channel on, or breaks that one feed.
    fn deliver(&mut self, index: usize, kind: FrameKind, text: &str) {
        let now = self.shared.clock.elapsed();
        let channel = &mut self.channels[index];
        let context = Context { markets: &self.markets, oddities: &self.shared.oddities };
        match decode::decode(channel.feed, kind, text, &mut channel.book, context) {
            Ok(None) => {}
            Ok(Some(event)) => {
                channel.heard = now;
                channel.moved = now;
                channel.probe = None;
                self.emitter.outbox.push(event);
                if kind == FrameKind::Snapshot || !channel.needs_snapshot() {
                    self.live(index, kind);
                }
            }
            Err(error) => {
                if matches!(error, decode::FrameError::Parse(_)) {
                    self.shared.oddities.note("stream.frame", &format!("{}: {error}", channel.name));
                }
                channel.book = None;
                channel.phase = Phase::Due { unsubscribe: true };
                let feed = channel.feed;
                self.emitter.down(feed, &error.to_string());
            }
        }
    }

    /// A channel delivers. After every snapshot `Up` is said, also when the feed was up before: what came between the
    /// two subscriptions is only in the snapshot.
    fn live(&mut self, index: usize, kind: FrameKind) {
        let channel = &mut self.channels[index];
        let was_live = matches!(channel.phase, Phase::Live);
        channel.phase = Phase::Live;
        channel.attempts = 0;
        if kind == FrameKind::Snapshot || !was_live {
            let feed = channel.feed;
            self.emitter.up(feed);
        }
    }

    /// The venue's error frames name a channel at most in their text (websocket.md §2).
    fn complained(&mut self, error: &wire::Envelope) -> Result<(), End> {
        let code = error.code.unwrap_or_default();
        let message = error.message.clone().unwrap_or_default();
        self.complaint = Some(format!("the venue said {code}: {message}"));
        match code {
            30_003 => self.already_subscribed(&message),
            // Not subscribed: what was to be ended is ended.
            30_002 => {}
            30_009 | 30_010 | 23_001 | 23_002 => {
                self.shared.pacer.pause(PAUSE);
                self.ask_again();
            }
            23_000 | 23_003 => return Err(broken(format!("the venue said {code}: {message}"))),
            20_001 | 20_013 => {
                let accounts: Vec<AccountIndex> = self.channels.iter().filter_map(Channel::account).collect();
                accounts.into_iter().for_each(|account| self.shared.tokens.forget(account));
                tracing::warn!(code, message, "the venue refused a token of a subscription");
            }
            // The rest leaves a subscription without its snapshot, which its clock notices.
            _ => tracing::warn!(code, message, "the venue refused something on a stream"),
        }
        Ok(())
    }

    fn ask_again(&mut self) {
        for channel in &mut self.channels {
            if matches!(channel.phase, Phase::Asked { .. }) {
                channel.phase = Phase::Due { unsubscribe: true };
            }
        }
    }

    fn already_subscribed(&mut self, message: &str) {
        let name = message.rsplit(" : ").next().unwrap_or_default().trim().replace('/', ":");
        let Some(&index) = self.by_name.get(&name) else { return };
        let now = self.now();
        let channel = &mut self.channels[index];
        channel.heard = now;
        channel.probe = None;
        match channel.phase {
            Phase::Asked { .. } if channel.may_be_empty() => {
                channel.moved = now;
                self.live(index, FrameKind::Update);
            }
            // Its snapshot went to an earlier subscription: ask for a new one.
            Phase::Asked { .. } => channel.phase = Phase::Due { unsubscribe: true },
            Phase::Due { .. } | Phase::Live => {}
        }
    }
}
