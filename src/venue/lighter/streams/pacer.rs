//! Keeps all connections of this process together within the venue's limits for sockets (websocket.md §1).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::rt::Clock;
use crate::venue::budget::Window;

/// Client messages a minute. The venue allows 200; the rest is for pings, which do not ask here.
const MESSAGES: u32 = 180;

/// What of them is kept for books and prices, at least and at most, and for each market: a quiet book is asked for six
/// times a minute. Without a share of its own it is taken for dead while two hundred accounts subscribe, and then no
/// pair ever gets a price.
const MARKET_SHARE: std::ops::RangeInclusive<u32> = 20..=90;
const MARKET_MESSAGES: u32 = 6;

/// Messages a minute beyond which quiet accounts are not asked for: what still has to be subscribed goes first.
const PROBES: u32 = 80;

/// New connections a minute. The venue allows 80 or more.
const CONNECTIONS: u32 = 40;

/// Unanswered messages at a time. The venue allows 50.
const IN_FLIGHT: usize = 40;

/// How many of them are kept for books and prices.
const MARKET_IN_FLIGHT: usize = 8;

/// What a message is for; the earlier, the more of the limits it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// Books and prices: every decision waits for them.
    Market,
    /// Subscriptions of accounts.
    Account,
    /// Whether a quiet account is still served.
    Probe,
}

#[derive(Debug, Default)]
struct State {
    messages: Window,
    connections: Window,
    paused_until: Duration,
    /// Markets and accounts' feeds that this process streams.
    markets: u32,
    account_feeds: u32,
}

impl State {
    /// Returns how many messages a minute there may be, this one included.
    fn limit(&self, errand: Errand) -> u32 {
        let wanted = self.markets.saturating_mul(MARKET_MESSAGES);
        let accounts = MESSAGES - wanted.clamp(*MARKET_SHARE.start(), *MARKET_SHARE.end());
        match errand {
            Errand::Market => MESSAGES,
            Errand::Account => accounts,
            Errand::Probe => accounts.min(PROBES),
        }
    }
}

/// The process' share of the venue's sockets. Counted in venue time, as the venue does.
#[derive(Debug)]
pub(in crate::venue::lighter) struct Pacer {
    clock: Clock,
    state: Mutex<State>,
    in_flight: Arc<Semaphore>,
}

/// The right to send one message; held until it is answered.
pub(super) type Permit = OwnedSemaphorePermit;

impl Pacer {
    pub(in crate::venue::lighter) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default(), in_flight: Arc::new(Semaphore::new(IN_FLIGHT)) }
    }

    /// Venue time since the start, monotonic.
    fn now(&self) -> Duration {
        self.clock.elapsed().saturating_mul(self.clock.scale())
    }

    /// Returns how long it takes to subscribe `feeds` of accounts, in venue time.
    pub(in crate::venue::lighter) fn to_subscribe(&self, feeds: usize) -> Duration {
        let a_minute = self.lock().limit(Errand::Account);
        let feeds = u32::try_from(feeds).unwrap_or(u32::MAX);
        Duration::from_secs(60).saturating_mul(feeds) / a_minute
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns what is streamed, so that the shares fit.
    pub(super) fn expect(&self, markets: usize, account_feeds: usize) {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let mut state = self.lock();
        state.markets = state.markets.max(count(markets));
        state.account_feeds = state.account_feeds.max(count(account_feeds));
    }

    /// Returns how long a quiet account's feed is left alone at least: so long that asking for all of them in turn
    /// leaves room for everything else.
    pub(super) fn probe_spacing(&self) -> Duration {
        Duration::from_secs(u64::from(self.lock().account_feeds))
    }

    /// Returns the right to send a message that will be answered, if there is one now.
    pub(super) fn message(&self, errand: Errand) -> Option<Permit> {
        let now = self.now();
        let mut state = self.lock();
        state.messages.forget(now);
        if state.paused_until > now || !state.messages.wait(now, 1, state.limit(errand)).is_zero() {
            return None;
        }
        if errand != Errand::Market && self.in_flight.available_permits() <= MARKET_IN_FLIGHT {
            return None;
        }
        let permit = Arc::clone(&self.in_flight).try_acquire_owned().ok()?;
        state.messages.add(now, 1);
        Some(permit)
    }

    /// Counts a message that had to go out at once.
    pub(in crate::venue::lighter) fn sent(&self) {
        let now = self.now();
        self.lock().messages.add(now, 1);
    }

    /// Sends nothing for a while, because the venue said that it was too much.
    pub(super) fn pause(&self, wait: Duration) {
        let until = self.now() + wait.saturating_mul(self.clock.scale());
        let mut state = self.lock();
        state.paused_until = state.paused_until.max(until);
    }

    /// Waits for the right to open a connection.
    pub(in crate::venue::lighter) async fn connection(&self) {
        loop {
            let wait = {
                let now = self.now();
                let mut state = self.lock();
                state.connections.forget(now);
                let wait = state.connections.wait(now, 1, CONNECTIONS);
                if wait.is_zero() {
                    state.connections.add(now, 1);
                    return;
                }
                wait
            };
            self.clock.sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::real_sleep;

    #[tokio::test(start_paused = true)]
    async fn messages_are_paced_and_answered_ones_make_room() {
        let pacer = Pacer::new(Clock::system());
        let mut held: Vec<_> = std::iter::from_fn(|| pacer.message(Errand::Market)).collect();
        assert_eq!(held.len(), IN_FLIGHT);
        for _ in IN_FLIGHT..MESSAGES as usize {
            held.pop();
            held.push(pacer.message(Errand::Market).unwrap());
        }
        held.clear();
        assert!(pacer.message(Errand::Market).is_none());
        real_sleep(Duration::from_secs(61)).await;
        assert!(pacer.message(Errand::Market).is_some());
        pacer.pause(Duration::from_secs(5));
        assert!(pacer.message(Errand::Market).is_none());
    }

    /// Subscriptions of any number of accounts leave room for the books, and probes leave room for subscriptions.
    #[tokio::test(start_paused = true)]
    async fn accounts_never_spend_the_share_of_the_books() {
        for (markets, share) in [(1, 20), (10, 60), (100, 90)] {
            let pacer = Pacer::new(Clock::system());
            pacer.expect(markets, 1_200);
            assert_eq!(pacer.probe_spacing(), Duration::from_secs(1_200));
            let minute = MESSAGES as usize - share;
            assert_eq!(pacer.to_subscribe(minute), Duration::from_secs(60), "{markets} markets");
            let in_flight: Vec<_> = std::iter::from_fn(|| pacer.message(Errand::Account)).collect();
            assert_eq!(in_flight.len(), IN_FLIGHT - MARKET_IN_FLIGHT);
            drop(in_flight);
            // None is held, so only the minute's limit ends it.
            let spent = |errand| (0..1_000).take_while(|_| pacer.message(errand).is_some()).count();
            assert_eq!(spent(Errand::Probe), PROBES as usize - (IN_FLIGHT - MARKET_IN_FLIGHT));
            spent(Errand::Account);
            assert_eq!(spent(Errand::Account), 0);
            assert_eq!(spent(Errand::Market), share, "{markets} markets");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_paced() {
        let clock = Clock::system();
        let pacer = Pacer::new(clock.clone());
        for _ in 0..=CONNECTIONS {
            pacer.connection().await;
        }
        assert!(clock.elapsed() >= Duration::from_secs(60));
    }
}
