//! What waits for the engine: states replace each other, facts never get lost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::venue::{Feed, VenueEvent};

/// Events that may wait before the sockets are read no further: minutes of the busiest account's facts. Beyond it the
/// venue drops the connection as too slow, and the snapshot after the reconnect repairs what was missed.
const ROOM: usize = 10_000;

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<VenueEvent>,
    /// Number of the first item, counted from the start.
    first: u64,
    /// The waiting book or price of a feed that a newer one may replace.
    replaceable: BTreeMap<Feed, u64>,
}

impl Queue {
    fn push(&mut self, event: VenueEvent) {
        match &event {
            VenueEvent::Book(market, _) => self.replace(Feed::Book(*market), event),
            VenueEvent::Stats(market, _) => self.replace(Feed::Stats(*market), event),
            // What comes after these must not be moved before them.
            VenueEvent::Up(feed) | VenueEvent::Down(feed, _) => {
                self.replaceable.remove(feed);
                self.items.push_back(event);
            }
            VenueEvent::Orders(..)
            | VenueEvent::Trades(..)
            | VenueEvent::Positions(..)
            | VenueEvent::Margin(..)
            | VenueEvent::Txs(..)
            | VenueEvent::Notices(..) => self.items.push_back(event),
        }
    }

    fn replace(&mut self, feed: Feed, event: VenueEvent) {
        let waiting = self.replaceable.get(&feed).and_then(|number| number.checked_sub(self.first));
        match waiting.and_then(|offset| self.items.get_mut(usize::try_from(offset).ok()?)) {
            Some(slot) => *slot = event,
            None => {
                self.replaceable.insert(feed, self.first + self.items.len() as u64);
                self.items.push_back(event);
            }
        }
    }

    fn pop(&mut self) -> Option<VenueEvent> {
        let event = self.items.pop_front()?;
        self.first += 1;
        Some(event)
    }
}

/// A queue between the connections and the engine.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    pushed: Notify,
    popped: Notify,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event; never waits, so that no fact is dropped by a caller that is cancelled.
    pub(super) fn push(&self, event: VenueEvent) {
        self.lock().push(event);
        self.pushed.notify_one();
    }

    /// Waits until a connection may read on.
    pub(super) async fn room(&self) {
        loop {
            let popped = self.popped.notified();
            tokio::pin!(popped);
            popped.as_mut().enable();
            if self.lock().items.len() < ROOM {
                return;
            }
            popped.await;
        }
    }

    /// Waits for the next event. For one caller only.
    pub(super) async fn pop(&self) -> VenueEvent {
        loop {
            if let Some(event) = self.lock().pop() {
                self.popped.notify_waiters();
                return event;
            }
            // A push between the look and this keeps its permit, so it is not missed.
            self.pushed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountIndex, BookTop, MarketId};

    const MARKET: MarketId = MarketId::new(2);

    fn book(levels: usize) -> VenueEvent {
        let level =
            crate::model::BookLevel { price: crate::model::Price::MIN, size: crate::model::Size::LOT };
        VenueEvent::Book(MARKET, BookTop { bids: vec![level; levels], asks: Vec::new() })
    }

    fn trades(account: i64) -> VenueEvent {
        VenueEvent::Trades(AccountIndex::new(account), Vec::new())
    }

    async fn drain(outbox: &Outbox, count: usize) -> Vec<VenueEvent> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(outbox.pop().await);
        }
        assert!(outbox.lock().items.is_empty());
        events
    }

    #[tokio::test]
    async fn books_replace_each_other_and_facts_do_not() {
        let outbox = Outbox::default();
        for event in [book(1), trades(1), book(2), trades(1), book(3)] {
            outbox.push(event);
        }
        assert_eq!(drain(&outbox, 3).await, [book(3), trades(1), trades(1)]);
        outbox.push(book(4));
        assert_eq!(drain(&outbox, 1).await, [book(4)]);
    }

    #[tokio::test]
    async fn a_book_is_never_moved_before_the_end_of_its_feed() {
        let outbox = Outbox::default();
        let down = VenueEvent::Down(Feed::Book(MARKET), "gap".to_owned());
        for event in [book(1), down.clone(), book(2), VenueEvent::Up(Feed::Book(MARKET)), book(3)] {
            outbox.push(event);
        }
        let expected = [book(1), down, book(2), VenueEvent::Up(Feed::Book(MARKET)), book(3)];
        assert_eq!(drain(&outbox, 5).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_stops_the_readers_and_drops_nothing() {
        let outbox = Outbox::default();
        for account in 0..ROOM {
            outbox.push(trades(i64::try_from(account).unwrap()));
        }
        assert!(crate::rt::real_timeout(std::time::Duration::from_secs(1), outbox.room()).await.is_none());
        assert_eq!(outbox.pop().await, trades(0));
        outbox.room().await;
        assert_eq!(outbox.lock().items.len(), ROOM - 1);
    }
}
