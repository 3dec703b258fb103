//! Rate limits of the venue (rules.md §8), counted in venue time.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::rest::weight;
use crate::model::Timestamp;
use crate::paper::exchange::{ApiError, Caller, Tier, Traffic, TxLimits};

/// The span of every limit.
const MINUTE_MS: i64 = 60_000;
/// Subscriptions of one connection.
pub(crate) const MAX_SUBSCRIPTIONS: usize = 500;
/// Different accounts of one connection.
pub(crate) const MAX_ACCOUNTS: usize = 500;
/// Client messages of one connection a minute, transactions excluded.
pub(crate) const MAX_MESSAGES: u64 = 200;
/// New connections of an address a minute.
const CONNECTIONS_A_MINUTE: u64 = 255;
/// Connections at a time, of all addresses together.
pub(crate) const MAX_CONNECTIONS: usize = 255;

/// Refused requests of a minute after which the edge blocks an address. The venue publishes no number.
const BAN_AFTER: u64 = 30;
/// For how long the edge blocks an address (rules.md §8).
const BAN: Duration = Duration::from_secs(60);

/// Whether a request is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Open,
    /// Too many: 429.
    Limited,
    /// Too many for too long: the edge's 405.
    Banned,
}

/// What the last minute cost.
#[derive(Debug, Default)]
pub(crate) struct Window {
    spent: VecDeque<(Timestamp, u64)>,
    sum: u64,
}

impl Window {
    /// Books `cost`; returns whether it still fitted under `limit`. A refused request costs nothing.
    pub(crate) fn spend(&mut self, now: Timestamp, cost: u64, limit: u64) -> bool {
        while let Some((at, old)) = self.spent.front().copied() {
            if now.as_millis().saturating_sub(at.as_millis()) < MINUTE_MS {
                break;
            }
            self.spent.pop_front();
            self.sum -= old;
        }
        if self.sum + cost > limit {
            return false;
        }
        self.sum += cost;
        self.spent.push_back((now, cost));
        true
    }
}

#[derive(Debug, Default)]
struct Book {
    by_ip: BTreeMap<IpAddr, Window>,
    refused: BTreeMap<IpAddr, Window>,
    connections: BTreeMap<IpAddr, Window>,
    banned: BTreeMap<IpAddr, Timestamp>,
    transactions: TxLimits,
}

/// The limits of one server; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    tier: Tier,
    enabled: bool,
    book: Arc<Mutex<Book>>,
}

impl Limits {
    /// Starts with nothing spent.
    pub(crate) fn new(tier: Tier, enabled: bool) -> Self {
        Self { tier, enabled, book: Arc::default() }
    }

    /// Returns whether limits are enforced at all.
    pub(crate) const fn enabled(&self) -> bool {
        self.enabled
    }

    /// Books a REST request to `endpoint`, or a transaction over the WebSocket that was refused; tells whether it is let
    /// through.
    pub(crate) fn request(&self, now: Timestamp, ip: IpAddr, endpoint: &str) -> Passage {
        let (cost, limit) = match self.tier {
            Tier::Standard => (1, 60),
            Tier::Premium => (weight(endpoint), 24_000),
            Tier::Plus => (weight(endpoint), 120_000),
        };
        if !self.enabled {
            return Passage::Open;
        }
        self.lock(|book| {
            if book.banned.get(&ip).is_some_and(|until| now < *until) {
                return Passage::Banned;
            }
            if book.by_ip.entry(ip).or_default().spend(now, cost, limit) {
                return Passage::Open;
            }
            if !book.refused.entry(ip).or_default().spend(now, 1, BAN_AFTER) {
                book.banned.insert(ip, now.after(BAN));
                return Passage::Banned;
            }
            Passage::Limited
        })
    }

    /// Books a new WebSocket connection; returns whether it is let through.
    pub(crate) fn connection(&self, now: Timestamp, ip: IpAddr) -> bool {
        !self.enabled
            || self.lock(|book| book.connections.entry(ip).or_default().spend(now, 1, CONNECTIONS_A_MINUTE))
    }

    /// Returns whether the edge blocks an address.
    pub(crate) fn is_banned(&self, now: Timestamp, ip: IpAddr) -> bool {
        self.enabled && self.lock(|book| book.banned.get(&ip).is_some_and(|until| now < *until))
    }

    /// Books a transaction, over REST or WebSocket; returns what is left of the sender's volume quota, if it has one.
    ///
    /// # Errors
    ///
    /// As [`TxLimits::spend`].
    pub(crate) fn transaction(
        &self,
        now: Timestamp,
        caller: &Caller<'_>,
        traffic: Traffic,
    ) -> Result<Option<u64>, ApiError> {
        if !self.enabled {
            return Ok(None);
        }
        self.lock(|book| book.transactions.spend(now, caller, traffic))
    }

    /// Takes a booking back that was refused after all.
    pub(crate) fn give_back(&self, now: Timestamp, caller: &Caller<'_>, traffic: Traffic) {
        if self.enabled {
            self.lock(|book| book.transactions.give_back(now, caller, traffic));
        }
    }

    fn lock<T>(&self, work: impl FnOnce(&mut Book) -> T) -> T {
        work(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AccountIndex;

    #[test]
    fn a_window_forgets_after_a_minute_and_refusals_are_free() {
        let mut window = Window::default();
        let at = Timestamp::from_millis;
        assert!(window.spend(at(0), 2, 3));
        assert!(!window.spend(at(1), 2, 3));
        assert!(window.spend(at(1), 1, 3));
        assert!(!window.spend(at(59_999), 1, 3));
        assert!(window.spend(at(60_000), 2, 3));
    }

    #[test]
    fn withdrawals_have_a_limit_of_their_own() {
        let limits = Limits::new(Tier::Premium, true);
        let (now, account) = (Timestamp::from_millis(0), AccountIndex::new(1));
        let caller = Caller { account, l1_address: "0x1", tier: Tier::Premium, lit_stake: 0, volume: 0 };
        let send = |tx_type| limits.transaction(now, &caller, Traffic::Transaction(tx_type));
        assert_eq!((0..5).filter(|_| send(13).is_ok()).count(), 2);
        assert!(send(14).is_ok());
        let off = Limits::new(Tier::Standard, false);
        assert!((0..5).all(|_| off.transaction(now, &caller, Traffic::Transaction(13)).is_ok()));
    }
}
