//! The venue's streams: subscribed, watched, repaired, and handed to the engine.
//!
//! Connections read frames, a queue keeps what the engine has not taken yet, and one task hands it over. Feeds of
//! markets and of accounts have connections of their own, so that a silent book does not cut off the fills.

mod book;
mod channel;
mod coverage;
mod decode;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod outbox;
mod pacer;
mod session;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest as _};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(super) use coverage::Coverage;
pub(super) use pacer::Pacer;

use self::outbox::Outbox;
pub(super) use self::session::End;
use self::session::Session;
use super::client::Shared;
use super::transport::{Connect, Transport};
use crate::rt::{Cancel, SplitMix64, Tasks, random_u64, real_sleep, real_timeout};
use crate::venue::{Feed, Subscription, VenueEvent};

/// Events in the channel to the engine. Small on purpose: what is in it can no longer be replaced by a newer book,
/// and everything else waits in the queue behind it.
const HANDED_OVER: usize = 64;

/// Feeds of one account.
const ACCOUNT_FEEDS: usize = 6;

/// First and longest wait before a reconnect.
const BACKOFF_MIN: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// A connection that lived this long was a good one: the next starts with the shortest wait again.
pub(super) const GOOD_LIFE: Duration = Duration::from_secs(20);

/// Time limits and sizes of the streams, in real time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// Subscriptions a connection carries; the venue allows 500. An account's are never spread over two.
    pub per_connection: usize,
    /// To connect, with TLS and the handshake.
    pub connect_within: Duration,
    /// From a subscription to its snapshot.
    pub answer_within: Duration,
    /// Between our pings; the venue closes a connection after 2 minutes without a frame of ours.
    pub ping_every: Duration,
    /// From a ping to any frame.
    pub pong_within: Duration,
    /// How long a book or prices may be silent, answers to probes included.
    pub market_silence: Duration,
    /// How long an account's feed may be silent, answers to probes included.
    pub account_silence: Duration,
    /// From a transaction on the socket of order entry to its answer; then the same bytes go out over REST.
    pub transaction_within: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            // 50 accounts. Every connection takes messages for its own pings, of 200 a minute for all.
            per_connection: 300,
            connect_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(10),
            ping_every: Duration::from_secs(30),
            pong_within: Duration::from_secs(10),
            // A quiet book is probed every 10 s, which is 6 of 200 messages a minute.
            market_silence: Duration::from_secs(20),
            // A zombie of all account feeds of a connection is found in minutes, one of a single feed when its turn comes;
            // the engine's own reads find it sooner.
            account_silence: Duration::from_secs(240),
            // A hedge lives for 5 to 8 s: the second way must still have most of it.
            transaction_within: Duration::from_secs(2),
        }
    }
}

/// Says what happens to feeds, once each.
pub(super) struct Emitter {
    outbox: Arc<Outbox>,
    coverage: Arc<Coverage>,
    down: BTreeSet<Feed>,
}

impl Emitter {
    fn up(&mut self, feed: Feed) {
        self.down.remove(&feed);
        self.coverage.up(feed);
        self.outbox.push(VenueEvent::Up(feed));
    }

    fn down(&mut self, feed: Feed, reason: &str) {
        self.coverage.down(feed);
        if self.down.insert(feed) {
            tracing::warn!(?feed, reason, "a feed is down");
            self.outbox.push(VenueEvent::Down(feed, reason.to_owned()));
        }
    }
}

/// Returns the feeds of each connection.
fn shards(what: &Subscription, per_connection: usize) -> Vec<Vec<Feed>> {
    let markets: Vec<_> = what.markets.iter().flat_map(|m| [Feed::Book(*m), Feed::Stats(*m)]).collect();
    let account = |a| -> [Feed; ACCOUNT_FEEDS] {
        [
            Feed::Orders(a),
            Feed::Trades(a),
            Feed::Positions(a),
            Feed::Margin(a),
            Feed::Txs(a),
            Feed::Notices(a),
        ]
    };
    let accounts: Vec<_> = what.accounts.iter().copied().flat_map(account).collect();
    let mut shards: Vec<_> = markets.chunks(per_connection.max(1)).map(<[Feed]>::to_vec).collect();
    // Dealt out in turn: connections subscribe side by side, so the first pairs of a plan are the first to be up. Two
    // accounts stay together, because a pair that loses one leg's streams is no better than one that loses both.
    let pairs_each = (per_connection / (2 * ACCOUNT_FEEDS)).max(1);
    let pairs: Vec<_> = accounts.chunks(2 * ACCOUNT_FEEDS).collect();
    let connections = pairs.len().div_ceil(pairs_each);
    shards.extend((0..connections).map(|first| {
        pairs.iter().skip(first).step_by(connections).flat_map(|pair| pair.iter().copied()).collect()
    }));
    shards
}

/// Starts the streams of `what`. They end when the receiver is dropped, or with `tasks`.
pub(super) fn start<T: Transport, C: Connect>(
    shared: &Arc<Shared<T, C>>,
    what: &Subscription,
    tasks: &mut Tasks,
) -> mpsc::Receiver<VenueEvent> {
    let (sender, receiver) = mpsc::channel(HANDED_OVER);
    let outbox = Arc::new(Outbox::default());
    let stop = Cancel::default();
    shared.pacer.expect(what.markets.len(), what.accounts.len() * ACCOUNT_FEEDS);
    for feeds in shards(what, shared.options.per_connection) {
        shared.coverage.want(&feeds);
        let (outbox, coverage) = (Arc::clone(&outbox), Arc::clone(&shared.coverage));
        let emitter = Emitter { outbox, coverage, down: BTreeSet::new() };
        let (shared, stop) = (Arc::clone(shared), stop.clone());
        tasks.spawn("venue-stream", async move {
            tokio::select! {
                biased; // a fixed order, so that a simulation repeats; here and below
                () = stop.cancelled() => {}
                () = keep_connected(&shared, &feeds, emitter) => {}
            }
        });
    }
    tasks.spawn("venue-handover", hand_over(outbox, sender, stop));
    receiver
}

async fn hand_over(outbox: Arc<Outbox>, sender: mpsc::Sender<VenueEvent>, stop: Cancel) {
    loop {
        tokio::select! {
            biased;
            () = sender.closed() => break,
            permit = sender.reserve() => {
                // The place is reserved first, so that a waiting book is replaced until the last moment.
                let Ok(permit) = permit else { break };
                tokio::select! {
                    biased;
                    () = sender.closed() => break,
                    event = outbox.pop() => permit.send(event),
                }
            }
        }
    }
    stop.cancel();
}

/// Waits that double up to a limit, each shortened by up to half so that many clients do not come back together.
pub(super) struct Backoff {
    next: Duration,
    random: SplitMix64,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: BACKOFF_MIN, random: SplitMix64::new(random_u64()) }
    }

    pub(super) const fn reset(&mut self) {
        self.next = BACKOFF_MIN;
    }

    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(BACKOFF_MAX);
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(millis / 2 + self.random.below(millis / 2 + 1))
    }
}

/// Connects again and again. Nothing is resumed: every connection starts with new snapshots.
async fn keep_connected<T: Transport, C: Connect>(
    shared: &Shared<T, C>,
    feeds: &[Feed],
    mut emitter: Emitter,
) {
    let mut backoff = Backoff::new();
    loop {
        let start = shared.clock.elapsed();
        let (reason, at_least) = match connect_once(shared, feeds, &mut emitter).await {
            Ended::Session(End::Broken(reason)) => (reason, None),
            Ended::Session(End::Shutdown) => ("the venue closes this connection".to_owned(), None),
            Ended::Refused { reason, stay_away } => (reason, stay_away),
        };
        for feed in feeds {
            emitter.down(*feed, &reason);
        }
        if shared.clock.elapsed().saturating_sub(start) >= GOOD_LIFE {
            backoff.reset();
        }
        real_sleep(backoff.wait().max(at_least.unwrap_or_default())).await;
    }
}

/// How an attempt ended.
pub(super) enum Ended {
    /// The connection stood.
    Session(End),
    /// It never did.
    Refused {
        reason: String,
        /// How long the venue wants to be left alone, in real time.
        stay_away: Option<Duration>,
    },
}

fn refused(reason: impl ToString) -> Ended {
    Ended::Refused { reason: reason.to_string(), stay_away: None }
}

async fn connect_once<T: Transport, C: Connect>(
    shared: &Shared<T, C>,
    feeds: &[Feed],
    emitter: &mut Emitter,
) -> Ended {
    let markets = match shared.known_markets().await {
        Ok(markets) => markets,
        Err(error) => return refused(error),
    };
    shared.pacer.connection().await;
    match real_timeout(shared.options.connect_within, open(shared)).await {
        None => refused("no connection in time"),
        Some(Err(ended)) => ended,
        // Boxed: the session's buffers would make every future that holds this one large.
        Some(Ok(socket)) => {
            let mut session = Session::new(shared, socket, emitter, markets, feeds);
            Ended::Session(Box::pin(session.run()).await)
        }
    }
}

/// A connection as both the streams and order entry use it.
pub(super) type Socket<S> = WebSocketStream<MaybeTlsStream<S>>;

/// How much is read from a connection at once, in bytes; a longer frame takes several reads.
const READ_BUFFER: usize = 16 << 10;

/// Opens one connection, TLS and handshake included.
pub(super) async fn open<T: Transport, C: Connect>(
    shared: &Shared<T, C>,
) -> Result<Socket<C::Stream>, Ended> {
    let url: Uri = shared.endpoints.ws.parse().map_err(refused)?;
    let host = url.host().ok_or_else(|| refused("the stream's URL has no host"))?;
    let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("wss") { 443 } else { 80 });
    let stream = shared.connect.connect(host, port).await.map_err(refused)?;
    let request = shared.endpoints.ws.as_str().into_client_request().map_err(refused)?;
    // Frames are small, and the buffer is cleared before every read.
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    match tokio_tungstenite::client_async_tls_with_config(request, stream, Some(config), None).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(handshake_failed(shared, &error)),
    }
}

/// Requests and streams feed the same block of the address: what one learns holds for the other.
fn handshake_failed<T: Transport, C: Connect>(shared: &Shared<T, C>, error: &tungstenite::Error) -> Ended {
    let budget = shared.http.budget();
    let stay_away = match error {
        tungstenite::Error::Http(answer) => match answer.status().as_u16() {
            403 | 405 => Some(budget.blocked(None)),
            429 => Some(budget.throttled(None)),
            _ => None,
        },
        _ => None,
    };
    let stay_away = stay_away.map(|wait| wait / shared.clock.scale());
    Ended::Refused { reason: error.to_string(), stay_away }
}
