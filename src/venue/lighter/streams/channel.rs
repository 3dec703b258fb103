//! One channel of a connection: what is asked, what must come, and how long it may be silent.

use std::time::Duration;

use super::StreamOptions;
use super::book::Book;
use super::pacer::Permit;
use crate::model::{AccountIndex, MarketKind, Timestamp};
use crate::venue::Feed;

/// Where a subscription stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// To be asked for, after `unsubscribe` if the venue may still serve it.
    Due { unsubscribe: bool },
    /// Asked for; the snapshot has not come.
    Asked { at: Duration, _permit: Permit },
    /// It delivers.
    Live,
}

/// A question whether a channel is still served.
#[derive(Debug)]
pub(super) struct Probe {
    /// When it left.
    pub(super) at: Duration,
    pub(super) _permit: Permit,
}

/// A channel and its clocks, which count real time since the start of the process' clock.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) feed: Feed,
    /// Name in requests, such as `order_book/1`.
    pub(super) name: String,
    pub(super) phase: Phase,
    /// Last proof that the venue serves it: a frame, or the answer to a probe.
    pub(super) heard: Duration,
    /// Last frame with content.
    pub(super) moved: Duration,
    /// A probe without an answer yet.
    pub(super) probe: Option<Probe>,
    /// Subscriptions without a snapshot in a row.
    pub(super) attempts: u32,
    /// When the token of the running subscription must be replaced, in venue time.
    pub(super) renew_at: Option<Timestamp>,
    /// The book, while its chain is whole.
    pub(super) book: Option<Book>,
}

/// What the clocks of a channel say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Nothing to do.
    Fresh,
    /// Silent for half of what it may be: ask whether it is still served.
    Probe,
    /// Silent for too long.
    Stale,
}

impl Channel {
    pub(super) fn new(feed: Feed, kind: Option<MarketKind>) -> Self {
        Self {
            feed,
            name: request_name(feed, kind),
            phase: Phase::Due { unsubscribe: false },
            heard: Duration::ZERO,
            moved: Duration::ZERO,
            probe: None,
            attempts: 0,
            renew_at: None,
            book: None,
        }
    }

    /// Returns the name in frames, such as `order_book:1`.
    pub(super) fn frame_name(&self) -> String {
        self.name.replace('/', ":")
    }

    /// Returns whose token the subscription carries.
    pub(super) const fn account(&self) -> Option<AccountIndex> {
        match self.feed {
            Feed::Book(_) | Feed::Stats(_) => None,
            Feed::Orders(account)
            | Feed::Trades(account)
            | Feed::Positions(account)
            | Feed::Margin(account)
            | Feed::Txs(account)
            | Feed::Notices(account) => Some(account),
        }
    }

    /// Returns whether only a snapshot starts it. The others carry their whole state in every frame, or have none.
    pub(super) const fn needs_snapshot(&self) -> bool {
        matches!(self.feed, Feed::Book(_) | Feed::Orders(_) | Feed::Trades(_) | Feed::Positions(_))
    }

    /// Returns whether it may deliver without ever having sent a frame: nothing may have happened yet.
    pub(super) const fn may_be_empty(&self) -> bool {
        matches!(self.feed, Feed::Txs(_) | Feed::Notices(_))
    }

    /// Judges the silence of a live channel at `now`; `spacing` is how long an account's feed is left alone at least.
    pub(super) fn freshness(&self, now: Duration, options: &StreamOptions, spacing: Duration) -> Freshness {
        if !matches!(self.phase, Phase::Live) {
            return Freshness::Fresh;
        }
        let (limit, must_move) = match self.feed {
            // Statistics come every second by themselves: an answer to a probe does not make up for them for long.
            Feed::Stats(_) => (options.market_silence, Some(2 * options.market_silence)),
            Feed::Book(_) => (options.market_silence, None),
            _ => return self.quiet(now, options.account_silence / 2, spacing),
        };
        let silent = now.saturating_sub(self.heard);
        let still = now.saturating_sub(self.moved);
        if silent >= limit || must_move.is_some_and(|limit| still >= limit) {
            Freshness::Stale
        } else if silent >= limit / 2 && self.probe.is_none() {
            Freshness::Probe
        } else {
            Freshness::Fresh
        }
    }

    /// Returns when the probe that is under way left; zero when there is none.
    pub(super) fn asked(&self) -> Duration {
        self.probe.as_ref().map_or(Duration::ZERO, |probe| probe.at)
    }

    /// Silence of an account means nothing by itself: only a probe that left and was not answered `within` does. So a
    /// process with many accounts, which has to wait for the right to ask, takes none of them for dead.
    fn quiet(&self, now: Duration, within: Duration, spacing: Duration) -> Freshness {
        match &self.probe {
            Some(probe) if now.saturating_sub(probe.at) >= within => Freshness::Stale,
            None if now.saturating_sub(self.heard) >= within.max(spacing) => Freshness::Probe,
            Some(_) | None => Freshness::Fresh,
        }
    }
}

/// Returns the channel that carries `feed` (websocket.md §5).
fn request_name(feed: Feed, kind: Option<MarketKind>) -> String {
    match feed {
        Feed::Book(market) => format!("order_book/{market}"),
        Feed::Stats(market) if kind == Some(MarketKind::Spot) => format!("spot_market_stats/{market}"),
        Feed::Stats(market) => format!("market_stats/{market}"),
        Feed::Orders(account) => format!("account_all_orders/{account}"),
        Feed::Trades(account) => format!("account_all_trades/{account}"),
        Feed::Positions(account) => format!("account_all_positions/{account}"),
        Feed::Margin(account) => format!("user_stats/{account}"),
        Feed::Txs(account) => format!("account_tx/{account}"),
        Feed::Notices(account) => format!("notification/{account}"),
    }
}
