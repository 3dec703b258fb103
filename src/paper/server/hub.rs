//! Who listens to what, and what they are sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::actor::View;
use super::changes::Changes;
use super::channel::Channel;
use super::feed::{BookFeed, Ticker};
use super::frames;
use super::json::Json;
use crate::model::{AccountIndex, MarketId, Timestamp};
use crate::paper::exchange::{ExchangeEvent, NoticeRecord};

/// Frames that may wait for one connection; who is further behind is dropped, as on the venue.
pub(crate) const OUTBOX: usize = 4_096;
/// How long book changes are gathered.
const BOOK_BATCH: Duration = Duration::from_millis(50);
/// How often `height` and candles tick.
const TICK: Duration = Duration::from_millis(500);
/// How many notifications of an account a snapshot repeats.
const NOTICES: usize = 50;

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u64);

/// A frame on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The family of its channel.
    pub(crate) family: &'static str,
    /// The JSON text.
    pub(crate) text: Arc<str>,
}

struct Connection {
    outbox: mpsc::Sender<Frame>,
    channels: BTreeSet<Channel>,
}

/// All subscriptions of a server.
#[derive(Default)]
pub(crate) struct Hub {
    next: u64,
    connections: BTreeMap<ConnectionId, Connection>,
    listeners: BTreeMap<Channel, BTreeSet<ConnectionId>>,
    books: BTreeMap<MarketId, BookFeed>,
    tickers: BTreeMap<MarketId, Ticker>,
    notices: BTreeMap<AccountIndex, Vec<NoticeRecord>>,
    margins: BTreeMap<AccountIndex, Arc<str>>,
    changed_books: BTreeSet<MarketId>,
    changed_stats: BTreeSet<MarketId>,
    book_due: Option<Timestamp>,
    tick_due: Option<Timestamp>,
    ticks: u64,
}

impl Hub {
    /// Takes in a connection; its frames arrive at the receiver, which ends when the connection is dropped.
    pub(crate) fn connect(&mut self) -> (ConnectionId, mpsc::Receiver<Frame>) {
        let (outbox, frames) = mpsc::channel(OUTBOX);
        let id = ConnectionId(self.next);
        self.next += 1;
        self.connections.insert(id, Connection { outbox, channels: BTreeSet::new() });
        (id, frames)
    }

    /// Returns how many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Forgets a connection.
    pub(crate) fn disconnect(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        for channel in &connection.channels {
            self.silence(channel, id);
        }
    }

    /// Returns what a connection listens to.
    pub(crate) fn channels(&self, id: ConnectionId) -> Option<&BTreeSet<Channel>> {
        Some(&self.connections.get(&id)?.channels)
    }

    /// Adds a subscription and sends its snapshot. The caller has checked limits and token.
    pub(crate) fn subscribe(&mut self, view: &View<'_>, id: ConnectionId, channel: Channel) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.channels.insert(channel.clone());
        self.listeners.entry(channel.clone()).or_default().insert(id);
        if self.tick_due.is_none() {
            self.tick_due = Some(view.now().after(TICK));
        }
        let snapshot = self.snapshot(view, &channel);
        if let Some(snapshot) = snapshot {
            self.send_to(id, channel.family(), snapshot.text().into());
        }
    }

    /// Removes a subscription; returns whether there was one.
    pub(crate) fn unsubscribe(&mut self, id: ConnectionId, channel: &Channel) -> bool {
        let removed =
            self.connections.get_mut(&id).is_some_and(|connection| connection.channels.remove(channel));
        self.silence(channel, id);
        removed
    }

    fn silence(&mut self, channel: &Channel, id: ConnectionId) {
        let Some(listeners) = self.listeners.get_mut(channel) else { return };
        listeners.remove(&id);
        if listeners.is_empty() {
            self.listeners.remove(channel);
            // Nobody knows the published state any more; the next subscriber starts from the present.
            match channel {
                Channel::OrderBook(market) => drop(self.books.remove(market)),
                Channel::Ticker(market) => drop(self.tickers.remove(market)),
                Channel::UserStats(account) => drop(self.margins.remove(account)),
                _ => {}
            }
        }
    }

    fn snapshot(&mut self, view: &View<'_>, channel: &Channel) -> Option<Json> {
        match channel {
            Channel::OrderBook(id) => {
                let market = view.market(*id)?;
                Some(self.books.entry(*id).or_insert_with(|| BookFeed::start(view, *id)).snapshot(market))
            }
            Channel::Ticker(id) => {
                let market = view.market(*id)?;
                let ticker = self.tickers.entry(*id).or_insert_with(|| Ticker::read(view, *id));
                Some(ticker.frame(view, market, "subscribed/ticker"))
            }
            Channel::Notification(account) => {
                let known = self.notices.get(account).map(Vec::as_slice).unwrap_or_default();
                Some(frames::notification(view, *account, known, "subscribed"))
            }
            _ => frames::snapshot(view, channel),
        }
    }

    /// Keeps what a later snapshot needs, without announcing anything.
    pub(crate) fn remember(&mut self, events: &[ExchangeEvent]) {
        for event in events {
            if let ExchangeEvent::Notice(notice) = event {
                let known = self.notices.entry(notice.account).or_default();
                known.insert(0, notice.clone());
                known.truncate(NOTICES);
            }
        }
    }

    /// Returns when something must be sent even if nothing happens.
    pub(crate) fn next_tick(&self) -> Option<Timestamp> {
        let due = [self.book_due, self.tick_due.filter(|_| !self.listeners.is_empty())];
        due.into_iter().flatten().min()
    }

    /// Sends what `events` changed, and what is due by time.
    pub(crate) fn publish(&mut self, view: &View<'_>, events: &[ExchangeEvent]) {
        self.remember(events);
        let changes = Changes::gather(events);
        for (channel, frame) in changes.frames(view, &|channel| self.listeners.contains_key(channel)) {
            if let Channel::UserStats(account) = channel {
                self.margins.insert(account, frame.text().into());
            }
            self.broadcast(&channel, &frame);
        }
        self.changed_stats.extend(changes.stats());
        self.changed_books.extend(changes.books());
        if !self.changed_books.is_empty() && self.book_due.is_none() {
            self.book_due = Some(view.now().after(BOOK_BATCH));
        }
        if self.book_due.is_some_and(|due| due <= view.now()) {
            self.book_due = None;
            self.publish_books(view);
        }
        if self.tick_due.is_some_and(|due| due <= view.now()) {
            self.tick_due = Some(view.now().after(TICK));
            self.publish_tick(view);
        }
    }

    fn publish_books(&mut self, view: &View<'_>) {
        for id in std::mem::take(&mut self.changed_books) {
            let Some(market) = view.market(id) else { continue };
            if let Some(frame) = self.books.get_mut(&id).and_then(|feed| feed.update(view, market)) {
                self.broadcast(&Channel::OrderBook(id), &frame);
            }
            let Some(published) = self.tickers.get_mut(&id) else { continue };
            let present = Ticker::read(view, id);
            if *published != present {
                *published = present.clone();
                self.broadcast(&Channel::Ticker(id), &present.frame(view, market, "update/ticker"));
            }
        }
    }

    /// Sends what comes by the clock: height and candles twice a second, statistics and margins every second.
    fn publish_tick(&mut self, view: &View<'_>) {
        self.ticks += 1;
        let second = self.ticks.is_multiple_of(2);
        let channels: Vec<Channel> = self.listeners.keys().cloned().collect();
        for channel in channels {
            match &channel {
                Channel::Height | Channel::Candle(..) | Channel::MarkPriceCandle(..) => {
                    if let Some(frame) = frames::update(view, &channel) {
                        self.broadcast(&channel, &frame);
                    }
                }
                Channel::MarketStats(_) if second => {
                    if let Some(frame) = frames::update(view, &channel) {
                        self.broadcast(&channel, &frame);
                    }
                }
                Channel::UserStats(account) if second => self.publish_margin(view, *account),
                _ => {}
            }
        }
        if second && self.listeners.contains_key(&Channel::MarketStatsAll) {
            let changed = std::mem::take(&mut self.changed_stats);
            if !changed.is_empty() {
                let frame = frames::all_stats(view, Some(&changed), "update");
                self.broadcast(&Channel::MarketStatsAll, &frame);
            }
        }
    }

    /// Sends a margin summary when the mark moved it.
    fn publish_margin(&mut self, view: &View<'_>, account: AccountIndex) {
        let channel = Channel::UserStats(account);
        let Some(stats) = frames::margin_text(view, account) else { return };
        if self.margins.get(&account).is_none_or(|known| **known != *stats) {
            self.margins.insert(account, stats.into());
            if let Some(frame) = frames::update(view, &channel) {
                self.broadcast(&channel, &frame);
            }
        }
    }

    fn broadcast(&mut self, channel: &Channel, frame: &Json) {
        let Some(listeners) = self.listeners.get(channel) else { return };
        let text: Arc<str> = frame.text().into();
        for id in listeners.clone() {
            self.send_to(id, channel.family(), Arc::clone(&text));
        }
    }

    fn send_to(&mut self, id: ConnectionId, family: &'static str, text: Arc<str>) {
        let Some(connection) = self.connections.get(&id) else { return };
        if connection.outbox.try_send(Frame { family, text }).is_err() {
            self.disconnect(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Market;
    use crate::paper::exchange::{Exchange, ExchangeConfig, Tier};
    use crate::paper::server::auth::Tokens;
    use crate::paper::server::history::History;

    /// A reader that does not read is dropped instead of being kept in memory.
    #[test]
    fn a_slow_reader_is_dropped() {
        let mut exchange = Exchange::new(ExchangeConfig {
            chain_id: 304,
            markets: vec![Market::example()],
            tier: Tier::Standard,
            withdrawal_delay: Duration::ZERO,
            claim_delay: Duration::ZERO,
            start: Timestamp::from_millis(0),
        });
        let (history, mut hub) = (History::default(), Hub::default());
        let (id, mut frames) = hub.connect();
        hub.subscribe(
            &View { exchange: &exchange, history: &history, tokens: &Tokens::default() },
            id,
            Channel::Height,
        );
        for tick in 1..=i64::try_from(OUTBOX).unwrap() {
            assert_eq!(hub.connections(), 1, "dropped at tick {tick}");
            exchange.advance(Timestamp::from_millis(tick * 500));
            hub.publish(&View { exchange: &exchange, history: &history, tokens: &Tokens::default() }, &[]);
        }
        assert_eq!(hub.connections(), 0);
        let delivered = std::iter::from_fn(|| frames.try_recv().ok()).count();
        assert_eq!(delivered, OUTBOX);
        assert!(frames.is_closed());
    }
}
