//! What a process knows of the venue beside the journaled state: the view, its streams, and when it reads. Pure, and
//! shared by every host of a pair.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::entry::{Intent, IntentId, LegSide};
use super::event::{Event, LegSnapshot, LegView, SendResult, View};
use super::ingest::INVALID_NONCE;
use super::reads::SnapshotInput;
use super::spec::PairSpec;
use super::state::{OrderState, Pair};
use crate::model::{ClientOrderIndex, MarginView, MarketId, PositionView, Timestamp};
use crate::rt::Mutant;
use crate::venue::{Feed, VenueEvent};

/// How often a leg is reconciled at most, in venue time.
const RECONCILE_SPACING: Duration = Duration::from_secs(2);
/// How often a withdrawal history is read at most, in venue time: it moves in minutes, and reads are dear.
const POLL_SPACING: Duration = Duration::from_secs(10);
/// How often the check is tried at most, in venue time.
const CHECK_SPACING: Duration = Duration::from_secs(1);
/// How often a leg is read while its streams are down: four requests each, of 60 a minute for everything.
const BLIND_SPACING: Duration = Duration::from_secs(12);
/// How long a process that takes a run up may take to look before it judges by the clock.
const RESUME_LOOK: Duration = Duration::from_secs(10);
/// How long a quote stays away after it was pulled for another pair's taker.
const KEEP_CLEAR: Duration = Duration::from_secs(5);
/// How often another pair is asked to take the same quote away. Two pairs that are in each other's way would else answer
/// each question with one of their own, without end.
const PULL_SPACING: Duration = Duration::from_secs(1);
/// Clocks may differ by this; trades that are not of this run are sorted out by their order.
const CLOCKS_APART: Duration = Duration::from_secs(10);
/// Streams per account: orders, fills, positions, margin, transactions, notifications.
const ACCOUNT_FEEDS: usize = 6;
/// Reads in a row that disagree with the counted fills, after which the disagreement itself is judged.
const MISMATCHES: u32 = 3;

/// Something that is read over REST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// Everything about a leg.
    Snapshot(LegSide),
    /// Its withdrawal history.
    Withdrawals(LegSide),
    /// What the fast route offers it.
    FastTerms(LegSide),
    /// What the check needs.
    Check,
}

/// The outlook of one process on one pair.
#[derive(Debug)]
pub struct Outlook {
    /// What decisions are shown.
    pub view: View,
    market: MarketId,
    resumed: bool,
    /// When this process took the pair up.
    started: Timestamp,
    up: BTreeMap<LegSide, BTreeSet<Feed>>,
    /// Since when all streams of a leg are up.
    up_since: BTreeMap<LegSide, Timestamp>,
    reading: BTreeSet<Read>,
    read_at: BTreeMap<Read, Timestamp>,
    /// When other pairs were asked to take these quotes away.
    pulled_at: BTreeMap<ClientOrderIndex, Timestamp>,
}

/// What the news of a stream is to a pair.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Something to decide on.
    Decide(Event),
    /// A leg's stream came up, or went down.
    Stream(LegSide, Feed, bool),
    /// It is about the market, or about an account of somebody else.
    Nothing,
}

impl Outlook {
    /// Starts blind.
    pub fn new(market: MarketId, resumed: bool, now: Timestamp) -> Self {
        let blind = LegView { blind_since: Some(now), ..LegView::default() };
        Self {
            view: View { long: blind.clone(), short: blind, ..View::default() },
            market,
            resumed,
            started: now,
            up: BTreeMap::new(),
            up_since: BTreeMap::new(),
            reading: BTreeSet::new(),
            read_at: BTreeMap::new(),
            pulled_at: BTreeMap::new(),
        }
    }

    const fn leg(&mut self, side: LegSide) -> &mut LegView {
        match side {
            LegSide::Long => &mut self.view.long,
            LegSide::Short => &mut self.view.short,
        }
    }

    /// Sorts the news of a stream, and keeps what it says beside state.
    pub fn news(&mut self, spec: &PairSpec, event: VenueEvent, now: Timestamp) -> Heard {
        let Some(side) = event.feed().account().and_then(|account| spec.side_of(account)) else {
            return Heard::Nothing;
        };
        Heard::Decide(match event {
            VenueEvent::Up(feed) => return Heard::Stream(side, feed, true),
            VenueEvent::Down(feed, _) => return Heard::Stream(side, feed, false),
            VenueEvent::Orders(_, rows, _) => Event::Orders(side, rows),
            VenueEvent::Trades(_, rows) => Event::Trades(side, rows),
            VenueEvent::Txs(_, rows) => Event::Txs(side, rows),
            VenueEvent::Notices(_, rows) => Event::Notices(side, rows),
            VenueEvent::Positions(_, rows) => {
                self.positions(side, &rows, now);
                Event::Tick
            }
            VenueEvent::Margin(_, margin) => {
                self.margin(side, margin);
                Event::Tick
            }
            VenueEvent::Book(..) | VenueEvent::Stats(..) => return Heard::Nothing,
        })
    }

    /// Keeps what an event says beside state: to be called before it is decided on.
    pub fn heard(&mut self, event: &Event, now: Timestamp) {
        match event {
            Event::Sent(id, side, SendResult::Refused { code: INVALID_NONCE, .. }) => {
                // Nothing is signed on a stream whose place is not known.
                let leg = self.leg(*side);
                leg.disputed.insert(*id);
                leg.synced = false;
                leg.nonces_known = false;
            }
            Event::Snapshot(side, snapshot) => self.snapshot(*side, snapshot, now),
            Event::Pull(_) => self.view.keep_clear_until = Some(now.after(KEEP_CLEAR + self.view.lag)),
            Event::Withdrawals(side, ..) => {
                // As old as the question: the answer may have waited while the machine slept.
                self.leg(*side).withdrawals_failing = None;
                self.leg(*side).withdrawals_at = self.read_at.get(&Read::Withdrawals(*side)).copied();
                self.read_ended(Read::Withdrawals(*side));
            }
            Event::FastTerms(side, terms) => {
                self.leg(*side).fast_terms = Some(*terms);
                self.read_ended(Read::FastTerms(*side));
            }
            Event::CheckPassed(_) | Event::CheckFailed(..) => {
                // The check reads keys and nonces.
                for side in LegSide::BOTH {
                    self.leg(side).nonces_known = true;
                }
                self.read_ended(Read::Check);
            }
            _ => {}
        }
    }

    fn snapshot(&mut self, side: LegSide, snapshot: &LegSnapshot, now: Timestamp) {
        self.read_ended(Read::Snapshot(side));
        let leg = self.leg(side);
        leg.nonces_known |= !snapshot.nonces.is_empty();
        leg.margin = Some(snapshot.account.margin);
        leg.synced_at = Some(snapshot.at);
        self.positions(side, snapshot.account.positions.as_slice(), now);
    }

    /// Takes in what the venue says of a leg's positions; other markets are nobody's here.
    pub fn positions(&mut self, side: LegSide, rows: &[PositionView], now: Timestamp) {
        let market = self.market;
        let leg = self.leg(side);
        for row in rows.iter().filter(|row| row.market == market) {
            if leg.position.map(|(lots, _)| lots) != Some(row.position) {
                leg.position = Some((row.position, now));
            }
            leg.liquidation_price = row.liquidation_price;
            leg.funding_paid = Some(row.funding_paid);
        }
    }

    /// Takes in a leg's balances.
    pub fn margin(&mut self, side: LegSide, margin: MarginView) {
        self.leg(side).margin = Some(margin);
    }

    /// Takes in that a stream of a leg came up or broke; returns whether the leg must be read at once. A leg is live
    /// while all its streams are, and after every gap it is reconciled before it counts as in sync.
    #[must_use]
    pub fn stream(&mut self, pair: &Pair, side: LegSide, feed: Feed, is_up: bool, now: Timestamp) -> bool {
        let feeds = self.up.entry(side).or_default();
        if is_up {
            feeds.insert(feed)
        } else {
            feeds.remove(&feed)
        };
        let live = feeds.len() == ACCOUNT_FEEDS;
        let safe = self.nothing_to_miss(pair, side);
        let leg = self.leg(side);
        if !live {
            leg.synced = false;
            leg.live = false;
            leg.blind_since.get_or_insert(now);
            return false;
        }
        if leg.live {
            return false;
        }
        leg.live = true;
        leg.blind_since = None;
        leg.synced |= safe;
        self.up_since.insert(side, now);
        !safe
    }

    /// Nothing was ever sent from this leg, and the check of this very process found it empty: there is no fact that a
    /// gap in its streams could have swallowed.
    fn nothing_to_miss(&self, pair: &Pair, side: LegSide) -> bool {
        let leg = pair.leg(side);
        !self.resumed && leg.orders.is_empty() && leg.unsettled.is_empty() && leg.trades.is_empty()
    }

    /// Judges a leg after a snapshot was decided on: with everything read and counted, it is in sync again. Returns
    /// whether it must be read once more, because what was read may miss what happened before its streams came up.
    #[must_use]
    pub fn looked(&mut self, pair: &Pair, side: LegSide) -> bool {
        let since = self.up_since.get(&side).copied();
        let ours = pair.leg(side).position;
        let leg = self.leg(side);
        let agrees = leg.position.is_none_or(|(lots, _)| lots == ours);
        leg.mismatches = if agrees { 0 } else { leg.mismatches + 1 };
        let counted = leg.mismatches == 0 || leg.mismatches > MISMATCHES;
        let whole = since.is_some_and(|since| leg.synced_at.is_some_and(|at| at >= since));
        leg.synced = (counted || Mutant::SyncedUnread.is_planted()) && leg.live && whole;
        leg.live && !whole
    }

    /// Brings the view's clock up to date; returns the legs that are to be read because their streams are down:
    /// complete reads stand in for them, as often as a Standard account can afford.
    #[must_use]
    pub fn refresh(&mut self, pair: &Pair, now: Timestamp, lag: Duration) -> Vec<LegSide> {
        self.view.now = now;
        self.view.lag = lag;
        for side in LegSide::BOTH {
            self.leg(side).disputed.retain(|id| pair.leg(side).unsettled.contains_key(id));
        }
        let looked = LegSide::BOTH.iter().all(|side| self.view.leg(*side).synced_at.is_some());
        self.view.resuming = self.resumed && !looked && now.since(self.started) < RESUME_LOOK + lag;
        let blind = |side: &LegSide| {
            let asked = self.read_at.get(&Read::Snapshot(*side));
            let due = asked.is_none_or(|at| now.since(*at) >= BLIND_SPACING + lag);
            due && !self.view.leg(*side).live && pair.checked.is_some() && !self.nothing_to_miss(pair, *side)
        };
        LegSide::BOTH.into_iter().filter(blind).collect()
    }

    /// Forgets that anything is known, because the process stood still: as after a resume, both legs are to be read before
    /// anything is judged by the clock or adds risk.
    pub fn stood_still(&mut self, now: Timestamp) {
        self.resumed = true;
        self.started = now;
        for side in LegSide::BOTH {
            let leg = self.leg(side);
            (leg.synced, leg.synced_at) = (false, None);
            // A read that was under way before is not enough.
            if leg.live {
                self.up_since.insert(side, now);
            }
        }
    }

    /// Returns whether a leg's streams are down: then nothing but time wakes its pair, and time must, for the reads that
    /// stand in for them.
    pub fn is_blind(&self) -> bool {
        LegSide::BOTH.iter().any(|side| !self.view.leg(*side).live)
    }

    /// Returns whether a read may start: none of its kind is under way, and the last is long enough ago.
    fn may_read(&mut self, read: Read, spacing: Duration, now: Timestamp) -> bool {
        let recent = self.read_at.get(&read).is_some_and(|at| now.since(*at) < spacing);
        if recent || !self.reading.insert(read) {
            return false;
        }
        self.read_at.insert(read, now);
        true
    }

    /// Returns whether another pair may be asked to take a quote away; it counts as asked then.
    pub fn may_pull(&mut self, quote: ClientOrderIndex, now: Timestamp) -> bool {
        let spacing = PULL_SPACING + self.view.lag;
        self.pulled_at.retain(|_, at| now.since(*at) < spacing);
        let asked = self.pulled_at.contains_key(&quote);
        self.pulled_at.entry(quote).or_insert(now);
        !asked
    }

    /// Notes that a read was not answered; it may be asked again.
    pub fn read_failed(&mut self, read: Read, now: Timestamp) {
        if let Read::Withdrawals(side) = read {
            self.leg(side).withdrawals_failing.get_or_insert(now);
        }
        self.read_ended(read);
    }

    /// Notes that a read ended; it may be asked again.
    pub fn read_ended(&mut self, read: Read) {
        self.reading.remove(&read);
    }

    /// Returns whether the check may start; it counts as started then.
    #[must_use]
    pub fn may_check(&mut self, now: Timestamp) -> bool {
        self.may_read(Read::Check, CHECK_SPACING, now)
    }

    /// Returns whether a leg's withdrawals may be read; the read counts as started then.
    #[must_use]
    pub fn may_poll(&mut self, side: LegSide, now: Timestamp) -> bool {
        self.may_read(Read::Withdrawals(side), POLL_SPACING + self.view.lag, now)
    }

    /// Returns whether the fast route's terms may be asked for; the read counts as started then.
    #[must_use]
    pub fn may_ask_terms(&mut self, side: LegSide, now: Timestamp) -> bool {
        self.may_read(Read::FastTerms(side), RECONCILE_SPACING + self.view.lag, now)
    }

    /// Notes that a transaction left: it may have used the fast route's terms, and the next asks anew.
    pub const fn terms_used(&mut self, side: LegSide) {
        self.leg(side).fast_terms = None;
    }

    /// Returns what to read of a leg, unless it was read just now, is being read, or was never checked.
    #[must_use]
    pub fn reconcile(
        &mut self,
        pair: &Pair,
        side: LegSide,
        at_once: bool,
        now: Timestamp,
    ) -> Option<SnapshotInput> {
        let checked = pair.checked.as_ref()?;
        let spacing = if at_once { Duration::ZERO } else { RECONCILE_SPACING + self.view.lag };
        if !self.may_read(Read::Snapshot(side), spacing, now) {
            return None;
        }
        let leg = pair.leg(side);
        // A stream at rest needs no look; one in doubt, refused or taken over from a crash does.
        let at_rest = leg.unsettled.is_empty() && leg.refusals == 0 && self.view.leg(side).nonces_known;
        Some(SnapshotInput {
            market: checked.market.clone(),
            since: checked.at.before(CLOCKS_APART),
            unsettled: leg.unsettled.values().map(|intent| (intent.id, intent.hash)).collect(),
            keys: if at_rest { Vec::new() } else { leg.nonces.keys().copied().collect() },
            ended_orders: leg.orders.values().any(|order| {
                !order.is_settled() || matches!(order.state, OrderState::InDoubt | OrderState::Executed)
            }),
        })
    }
}

/// Returns intents whose bytes the venue took in and lost: it does not know the hash, and waits for their nonce.
pub fn lost(pair: &Pair, side: LegSide, snapshot: &LegSnapshot) -> Vec<IntentId> {
    let unknown = snapshot.transactions.iter().filter(|(_, found)| found.is_none()).map(|(id, _)| *id);
    let next = |intent: &Intent| snapshot.nonces.contains(&(intent.key, intent.nonce));
    unknown.filter(|id| pair.leg(side).unsettled.get(id).is_some_and(next)).collect()
}
