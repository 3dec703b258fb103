//! Everything between process and exchange: requests that get lost, frames that come late, streams that break.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::{IntentId, LegSide, PairSpec, SendResult, StopMode};
use crate::model::{AccountIndex, ApiKeyIndex, MarketId, TimeInForce, Timestamp};
use crate::paper::exchange::{ApiError, Exchange, ExchangeEvent, TradeFilter};
use crate::rt::SplitMix64;
use crate::signing::Signature;
use crate::tx::{Attributes, CancelAllOrders, Envelope, Tx};
use crate::venue::{Feed, Notice, NoticeKind, VenueEvent};

use super::host::Input;
use super::scenario::{Hand, Rates, Scenario, Streams};
use super::venue::{book_top, margin_view, market_data, position_views, tx_view};

/// How far from mark another hand bids and asks, in basis points.
const HAND_BPS: u32 = 300;

/// A transaction on its way.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    pub(crate) life: u32,
    pub(crate) slot: (LegSide, ApiKeyIndex),
    pub(crate) intent: IntentId,
    pub(crate) tx_type: u8,
    pub(crate) tx_info: String,
    pub(crate) in_doubt: bool,
    /// The answer reaches the process so much later, if it does.
    pub(crate) answer_after: Option<Duration>,
    /// The same bytes arrive once more.
    pub(crate) again_after: Option<Duration>,
}

/// What happens next.
pub(crate) enum Item {
    Restart,
    Input(u32, Box<Input>),
    Arrive(Box<Bytes>),
    Frame(Feed, u32, Box<VenueEvent>),
    Connect(Feed),
    Outage(Streams, Duration),
    Stop(StopMode),
    Foreign,
    Hand(Hand),
    /// Reads are not answered for so long.
    Mute(Duration),
    /// A second process is started.
    Rival,
    Suspend(Duration),
    /// Faults end.
    Quiet,
}

impl Item {
    /// Returns whether it waits for a machine that sleeps.
    pub(crate) const fn is_for_the_machine(&self) -> bool {
        match self {
            Self::Restart
            | Self::Input(..)
            | Self::Frame(..)
            | Self::Stop(_)
            | Self::Connect(_)
            | Self::Rival => true,
            Self::Arrive(_)
            | Self::Outage(..)
            | Self::Foreign
            | Self::Hand(_)
            | Self::Mute(_)
            | Self::Suspend(_)
            | Self::Quiet => false,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Stream {
    generation: u32,
    connected: bool,
    last_due: Timestamp,
}

pub(crate) struct Link {
    queue: BTreeMap<(Timestamp, u64), Item>,
    sequence: u64,
    rng: SplitMix64,
    rates: Rates,
    market: MarketId,
    streams: BTreeMap<Feed, Stream>,
    fates: BTreeMap<IntentId, Fate>,
    dead_key: Option<(Timestamp, Timestamp, LegSide)>,
    /// Since when the streams of the market are silent, while the process has not been told better.
    market_silent: Option<Timestamp>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It arrives and is answered.
    Clean,
    /// It never arrives; no answer.
    Lost,
    /// It arrives; no answer.
    ReplyLost,
    /// It arrives long after it was given up.
    Late,
    /// It arrives twice.
    Twice,
    /// It never left.
    NotSent,
    /// A 5xx: it arrived, or it did not.
    ServerError,
    /// Accepted, and never heard of again.
    BlackHole,
    /// Refused for a reason that passes.
    Refused,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Clean,
        Self::Lost,
        Self::ReplyLost,
        Self::Late,
        Self::Twice,
        Self::NotSent,
        Self::ServerError,
        Self::BlackHole,
        Self::Refused,
    ];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Lost => "lost",
            Self::ReplyLost => "reply-lost",
            Self::Late => "late",
            Self::Twice => "twice",
            Self::NotSent => "not-sent",
            Self::ServerError => "server-error",
            Self::BlackHole => "black-hole",
            Self::Refused => "refused",
        }
    }
}

const fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

impl Link {
    pub(crate) fn new(scenario: &Scenario, start: Timestamp) -> Self {
        let market = scenario.market.id;
        let account = |a| {
            [
                Feed::Orders(a),
                Feed::Trades(a),
                Feed::Positions(a),
                Feed::Margin(a),
                Feed::Txs(a),
                Feed::Notices(a),
            ]
        };
        let feeds = LegSide::BOTH.map(|side| account(scenario.spec.leg(side).account)).concat();
        let feeds = feeds.into_iter().chain([Feed::Book(market), Feed::Stats(market)]);
        let fresh = Stream { last_due: start, ..Stream::default() };
        Self {
            queue: BTreeMap::new(),
            sequence: 0,
            rng: SplitMix64::new(scenario.seed ^ 0x11_4e),
            rates: scenario.rates,
            market,
            streams: feeds.map(|feed| (feed, fresh)).collect(),
            fates: scenario.fates.clone(),
            dead_key: scenario
                .dead_key
                .map(|(at, lasts, leg)| (start.after(at), start.after(at + lasts), leg)),
            market_silent: None,
        }
    }

    pub(crate) fn push(&mut self, at: Timestamp, item: Item) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), item);
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.queue.keys().next().map(|key| key.0)
    }

    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Item> {
        let entry = self.queue.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    pub(crate) fn has_bytes(&self) -> bool {
        self.queue.values().any(|item| matches!(item, Item::Arrive(_)))
    }

    /// Returns since when nothing of the market can reach the process.
    pub(crate) const fn market_silent_since(&self) -> Option<Timestamp> {
        self.market_silent
    }

    /// From now on nothing goes wrong.
    pub(crate) fn quiet(&mut self) {
        self.rates = Rates::default();
    }

    fn random(&mut self, low: u64, high: u64) -> Duration {
        ms(low + self.rng.below(high - low + 1))
    }

    fn fate(&mut self) -> Fate {
        let rates = self.rates;
        let table = [
            (rates.lost, Fate::Lost),
            (rates.reply_lost, Fate::ReplyLost),
            (rates.late, Fate::Late),
            (rates.twice, Fate::Twice),
            (rates.not_sent, Fate::NotSent),
            (rates.server_error, Fate::ServerError),
            (rates.black_hole, Fate::BlackHole),
            (rates.refused, Fate::Refused),
        ];
        let mut roll = self.rng.below(1_000);
        for (rate, fate) in table {
            match roll.checked_sub(rate) {
                Some(rest) => roll = rest,
                None => return fate,
            }
        }
        Fate::Clean
    }

    /// Sends bytes into the world.
    pub(crate) fn send(&mut self, now: Timestamp, mut bytes: Bytes) {
        let is_dead = |(from, to, leg): &(Timestamp, Timestamp, LegSide)| {
            *leg == bytes.slot.0 && (*from..*to).contains(&now)
        };
        let fate = match self.fates.get(&bytes.intent) {
            _ if self.dead_key.as_ref().is_some_and(is_dead) => Fate::Refused,
            Some(fate) => *fate,
            None => self.fate(),
        };
        let there = now.after(self.random(5, 120));
        let back = self.random(5, 120);
        let timeout = now.after(self.random(2_000, 5_000));
        let unknown = SendResult::Unknown(format!("{fate:?}"));
        match fate {
            Fate::Clean => bytes.answer_after = Some(back),
            Fate::Twice => {
                bytes.answer_after = Some(back);
                bytes.again_after = Some(self.random(0, 9_000));
            }
            Fate::Lost => return self.answer(timeout, &bytes, unknown),
            Fate::ReplyLost => self.answer(timeout, &bytes, unknown),
            Fate::Late => {
                self.answer(timeout, &bytes, unknown);
                let late = now.after(self.random(1_000, 45_000));
                return self.push(late, Item::Arrive(Box::new(bytes)));
            }
            Fate::NotSent => {
                let refused =
                    SendResult::NotSent { reason: "no connection".to_owned(), in_doubt: bytes.in_doubt };
                return self.answer(there, &bytes, refused);
            }
            Fate::ServerError => {
                self.answer(there.after(back), &bytes, unknown);
                if self.rng.below(2) == 0 {
                    return;
                }
            }
            Fate::BlackHole => return self.answer(there.after(back), &bytes, SendResult::Accepted),
            Fate::Refused => {
                let (message, in_doubt) = ("market is not active".to_owned(), bytes.in_doubt);
                let result = SendResult::Refused { code: 21_605, message, in_doubt };
                return self.answer(there.after(back), &bytes, result);
            }
        }
        self.push(there, Item::Arrive(Box::new(bytes)));
    }

    fn answer(&mut self, at: Timestamp, bytes: &Bytes, result: SendResult) {
        let input = Input::Answered(bytes.slot, bytes.intent, result);
        self.push(at, Item::Input(bytes.life, Box::new(input)));
    }

    /// The exchange takes bytes in, or refuses them.
    pub(crate) fn arrive(&mut self, now: Timestamp, mut bytes: Bytes, exchange: &mut Exchange) {
        let result = exchange.submit(bytes.tx_type, &bytes.tx_info, true);
        if let Some(wait) = bytes.answer_after.take() {
            let answer = match &result {
                Ok(_) => SendResult::Accepted,
                Err(ApiError { code, message }) => {
                    let (code, message, in_doubt) = (*code, message.clone(), bytes.in_doubt);
                    SendResult::Refused { code, message, in_doubt }
                }
            };
            self.answer(now.after(wait), &bytes, answer);
        }
        // A copy of refused bytes would be a second sending of bytes that count as dead: no network makes one up.
        if let Some(wait) = bytes.again_after.take().filter(|_| result.is_ok()) {
            self.push(now.after(wait), Item::Arrive(Box::new(bytes)));
        }
    }

    /// Somebody else signs with the long leg's key.
    pub(crate) fn foreign_hand(&mut self, exchange: &mut Exchange, spec: &PairSpec) {
        let leg = spec.leg(LegSide::Long);
        let envelope = Envelope {
            tx: Tx::CancelAllOrders(CancelAllOrders {
                account_index: leg.account.get(),
                api_key_index: leg.api_key_index.get(),
                mode: 2,
                time: 0,
            }),
            expired_at: exchange.now().after(Duration::from_secs(60)).as_millis(),
            nonce: exchange.next_nonce(leg.account, leg.api_key_index).get(),
            attributes: Attributes::new(),
        };
        let info = envelope.to_json(&Signature::from_bytes(&[0; 80]), None);
        let _ = exchange.submit(envelope.tx_type(), &info, false);
    }

    /// Somebody trades on an account of the run without its keys, as through the venue's own page.
    pub(crate) fn hand(&mut self, exchange: &mut Exchange, spec: &PairSpec, hand: Hand) {
        let Some(mark) = exchange.stats(self.market).and_then(|stats| stats.mark) else { return };
        let (price, tif) = if hand.rests {
            (mark.worsened(hand.side.opposite(), HAND_BPS), TimeInForce::GoodTillTime)
        } else {
            (mark.worsened(hand.side, HAND_BPS), TimeInForce::ImmediateOrCancel)
        };
        let account = spec.leg(hand.leg).account;
        let _ = exchange.world_place(account, self.market, hand.side, price, hand.size, tif);
    }

    pub(crate) fn is_current(&self, feed: Feed, generation: u32) -> bool {
        self.streams.get(&feed).is_some_and(|stream| stream.generation == generation)
    }

    /// Puts a frame on its stream: late perhaps, twice perhaps, but in order.
    fn frame(&mut self, now: Timestamp, feed: Feed, event: VenueEvent) {
        let slow = self.rng.below(1_000) < self.rates.slow_frame;
        let wait = if slow { self.random(400, 4_000) } else { self.random(3, 90) };
        let twice = self.rng.below(1_000) < self.rates.frame_twice;
        let Some(stream) = self.streams.get_mut(&feed) else { return };
        let due = now.after(wait).max(stream.last_due);
        stream.last_due = due;
        let generation = stream.generation;
        if twice {
            self.push(due, Item::Frame(feed, generation, Box::new(event.clone())));
        }
        self.push(due, Item::Frame(feed, generation, Box::new(event)));
    }

    /// Turns what happened at the exchange into frames.
    pub(crate) fn publish(
        &mut self,
        now: Timestamp,
        events: &[ExchangeEvent],
        exchange: &Exchange,
        up: bool,
    ) {
        if !up {
            return;
        }
        let (mut stats, mut accounts) = (false, Vec::new());
        for event in events {
            match event {
                ExchangeEvent::Book(_) | ExchangeEvent::Stats(_) => stats = true,
                ExchangeEvent::Account(account) => {
                    if !accounts.contains(account) {
                        accounts.push(*account);
                    }
                }
                other => self.account_frames(now, other),
            }
        }
        for account in accounts {
            let feeds = [Feed::Positions(account), Feed::Margin(account)];
            let [positions, margin] = feeds.map(|feed| self.connected(feed));
            if !positions && !margin {
                continue;
            }
            let Some(record) = exchange.account(account) else { continue };
            if positions {
                let rows = VenueEvent::Positions(account, position_views(&record));
                self.frame(now, Feed::Positions(account), rows);
            }
            if margin {
                let row = VenueEvent::Margin(account, margin_view(&record));
                self.frame(now, Feed::Margin(account), row);
            }
        }
        if stats {
            for feed in [Feed::Book(self.market), Feed::Stats(self.market)] {
                self.connected(feed).then(|| self.snapshot(now, feed, exchange));
            }
        }
    }

    fn connected(&self, feed: Feed) -> bool {
        self.streams.get(&feed).is_some_and(|stream| stream.connected)
    }

    fn account_frames(&mut self, now: Timestamp, event: &ExchangeEvent) {
        match event {
            ExchangeEvent::Order(order) => self.news(now, Feed::Orders(order.owner), || {
                VenueEvent::Orders(order.owner, vec![order.clone()], false)
            }),
            ExchangeEvent::Trade(row) => {
                for account in [row.trade.ask_account, row.trade.bid_account] {
                    let rows = || VenueEvent::Trades(account, vec![row.trade.clone()]);
                    self.news(now, Feed::Trades(account), rows);
                }
            }
            ExchangeEvent::Tx(row) => {
                self.news(now, Feed::Txs(row.account), || VenueEvent::Txs(row.account, vec![tx_view(row)]));
            }
            ExchangeEvent::Notice(row) => {
                let kind = match row.kind.as_str() {
                    "liquidation" => NoticeKind::Liquidation,
                    _ => NoticeKind::Deleverage,
                };
                let notice = || Notice { id: row.id.clone(), kind, market: Some(row.market) };
                self.news(now, Feed::Notices(row.account), || {
                    VenueEvent::Notices(row.account, vec![notice()])
                });
            }
            _ => {}
        }
    }

    /// Tells it to who listens. Most of what happens is the world's own, to which nobody does.
    fn news(&mut self, now: Timestamp, feed: Feed, event: impl FnOnce() -> VenueEvent) {
        if self.connected(feed) {
            self.frame(now, feed, event());
        }
    }

    /// What a feed says when somebody subscribes.
    fn snapshot(&mut self, now: Timestamp, feed: Feed, exchange: &Exchange) {
        let record = |account: AccountIndex| exchange.account(account).expect("an account of the run");
        let event = match feed {
            Feed::Book(market) => VenueEvent::Book(market, book_top(exchange, market)),
            Feed::Stats(market) => VenueEvent::Stats(market, market_data(exchange, market)),
            Feed::Orders(a) => VenueEvent::Orders(a, exchange.active_orders(a, Some(self.market)), true),
            Feed::Trades(a) => {
                let filter = TradeFilter { account: Some(a), market: Some(self.market), after: None };
                let rows = exchange.trades(filter, 5);
                VenueEvent::Trades(a, rows.into_iter().rev().map(|row| row.trade).collect())
            }
            Feed::Positions(a) => VenueEvent::Positions(a, position_views(&record(a))),
            Feed::Margin(a) => VenueEvent::Margin(a, margin_view(&record(a))),
            Feed::Txs(a) => {
                VenueEvent::Txs(a, exchange.account_transactions(a, 3).iter().map(tx_view).collect())
            }
            Feed::Notices(a) => VenueEvent::Notices(a, Vec::new()),
        };
        self.frame(now, feed, event);
    }

    /// A stream comes up: snapshot, then news.
    pub(crate) fn connect(&mut self, now: Timestamp, feed: Feed, exchange: &Exchange) {
        let Some(stream) = self.streams.get_mut(&feed) else { return };
        if stream.connected {
            return;
        }
        stream.connected = true;
        stream.generation += 1;
        if matches!(feed, Feed::Book(_) | Feed::Stats(_)) {
            self.market_silent = None;
        }
        self.snapshot(now, feed, exchange);
        self.frame(now, feed, VenueEvent::Up(feed));
    }

    /// Streams fall silent; after a while the client notices, and after another they come back.
    pub(crate) fn outage(&mut self, now: Timestamp, streams: Streams, lasts: Duration) {
        let hit = |feed: &Feed| match (streams, feed) {
            (Streams::All, _) | (Streams::Market, Feed::Book(_) | Feed::Stats(_)) => true,
            (Streams::Market, _) | (_, Feed::Book(_) | Feed::Stats(_)) => false,
            (
                Streams::Account(hit),
                Feed::Orders(a)
                | Feed::Trades(a)
                | Feed::Positions(a)
                | Feed::Margin(a)
                | Feed::Txs(a)
                | Feed::Notices(a),
            ) => hit == *a,
        };
        let noticed = now.after(self.random(0, 3_000));
        let feeds: Vec<_> = self.streams.keys().copied().filter(hit).collect();
        for feed in feeds {
            let Some(stream) = self.streams.get_mut(&feed).filter(|stream| stream.connected) else {
                continue;
            };
            stream.connected = false;
            stream.generation += 1;
            if matches!(feed, Feed::Book(_) | Feed::Stats(_)) {
                self.market_silent.get_or_insert(now);
            }
            let generation = stream.generation;
            let down = VenueEvent::Down(feed, "silent".to_owned());
            self.push(noticed, Item::Frame(feed, generation, Box::new(down)));
            self.push(noticed.after(lasts), Item::Connect(feed));
        }
    }

    /// The process is gone: its connections with it, what it sent not.
    pub(crate) fn process_is_gone(&mut self) {
        for stream in self.streams.values_mut() {
            stream.connected = false;
            stream.generation += 1;
        }
    }

    pub(crate) fn process_starts(&mut self, now: Timestamp) {
        // A connection that was due while nobody was there is none.
        self.process_is_gone();
        let feeds: Vec<_> = self.streams.keys().copied().collect();
        for feed in feeds {
            let at = now.after(self.random(50, 900));
            self.push(at, Item::Connect(feed));
        }
    }
}
