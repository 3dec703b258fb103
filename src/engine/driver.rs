//! The host of one pair: one task owns its state, journals every decision, and only then acts on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::board::Board;
use super::decide::decide;
use super::entry::{Entry, ExitReason, Intent, IntentId, LegSide, Purpose, Step, StopMode};
use super::event::{Decision, Effect, Event, LegSnapshot, LegView, Proposal, SendResult, View};
use super::market::MarketState;
use super::memory::Memory;
use super::reads::{self, CheckError, CheckInput, SnapshotInput};
use super::sender::{Endpoint, Job, Senders, Signer};
use super::spec::PairSpec;
use super::state::{IllegalEntry, OrderState, Pair};
use crate::journal::{IntentRow, Journal, JournalError, NewEvent, Priority};
use crate::model::{AccountIndex, ApiKeyIndex, Market, PairId, Timestamp, Usdc};
use crate::plan::RetryPlan;
use crate::rt::{Clock, Tasks, random_u64, real_sleep};
use crate::tx::l1::EthKey;
use crate::tx::{Envelope, SignedTx};
use crate::venue::{Class, Feed, Venue, VenueEvent};

/// What can end a pair's task other than its end.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The record cannot be written: nothing may be sent any more.
    #[error("the journal cannot be written; nothing more is sent")]
    Journal(#[from] JournalError),
    /// A bug, or a journal of another program.
    #[error(transparent)]
    Illegal(#[from] IllegalEntry),
    /// An entry did not turn into JSON.
    #[error("an entry could not be encoded")]
    Encode(#[from] serde_json::Error),
}

/// What reaches a pair's task.
#[derive(Debug)]
pub(crate) enum Input {
    Event(Event),
    Feed(VenueEvent),
    /// A read failed; it may be asked again.
    ReadFailed(Read),
    /// The check's reads failed for now.
    CheckAgain(String),
    /// Time to send these bytes again, if they are still in doubt.
    Resend(IntentId, LegSide),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Read {
    Snapshot(LegSide),
    Withdrawals(LegSide),
    FastTerms(LegSide),
    Check,
}

/// Where a pair stands, for the terminal and for `status`.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[expect(missing_docs, reason = "the names say it; lots as the journal has them")]
pub struct PairStatus {
    pub step: &'static str,
    pub market: String,
    pub long: String,
    pub short: String,
    pub orders: usize,
    pub in_doubt: usize,
    pub delta: String,
    pub result: String,
    pub available: [String; 2],
    pub note: String,
}

/// News of a run, for progress lines and `--events`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct News {
    /// The pair.
    pub pair: PairId,
    /// When, in venue time.
    pub at: Timestamp,
    /// What was journaled.
    pub entry: Entry,
}

/// What the host of a pair is made of.
pub(crate) struct Parts<V> {
    pub(crate) spec: PairSpec,
    pub(crate) pair: Pair,
    pub(crate) venue: Arc<V>,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    pub(crate) signer: Arc<Signer>,
    pub(crate) board: Arc<Board>,
    pub(crate) market: Market,
    pub(crate) market_state: watch::Receiver<MarketState>,
    pub(crate) retry: RetryPlan,
    pub(crate) news: Option<mpsc::UnboundedSender<News>>,
    pub(crate) inboxes: Arc<BTreeMap<PairId, mpsc::Sender<Input>>>,
    pub(crate) inbox: mpsc::Receiver<Input>,
    pub(crate) self_inbox: mpsc::Sender<Input>,
    pub(crate) status: watch::Sender<PairStatus>,
    pub(crate) resumed: bool,
}

/// How often a leg is reconciled at most, in venue time.
const RECONCILE_SPACING: Duration = Duration::from_secs(2);
/// How often a withdrawal history is read at most, in venue time: it moves in minutes, and reads are dear.
const POLL_SPACING: Duration = Duration::from_secs(10);
/// How long an answer or a frame may be on its way, in real time.
const ANSWER_LAG: Duration = Duration::from_millis(500);
/// How often a leg is read while its streams are down: four requests each, of 60 a minute for everything.
const BLIND_SPACING: Duration = Duration::from_secs(12);
/// How long a process that takes a run up may take to look before it judges by the clock.
const RESUME_LOOK: Duration = Duration::from_secs(10);
/// How long a quote stays away after it was pulled for another pair's taker.
const KEEP_CLEAR: Duration = Duration::from_secs(5);
/// Decisions that one input may cause; more is a loop, and a loop is a bug.
const DECISIONS_MAX: usize = 64;

pub(crate) struct Driver<V> {
    parts: Parts<V>,
    view: View,
    up: BTreeMap<LegSide, BTreeSet<Feed>>,
    memory: Memory,
    /// Since when all streams of a leg are up.
    up_since: BTreeMap<LegSide, Timestamp>,
    /// When this process took the pair up.
    started: Timestamp,
    reading: BTreeSet<Read>,
    read_at: BTreeMap<Read, Timestamp>,
    senders: Senders,
    tasks: Tasks,
    wake: Option<Timestamp>,
    note: String,
    drawdown_told: bool,
}

impl<V: Venue> Driver<V> {
    pub(crate) fn new(parts: Parts<V>) -> Self {
        let mut tasks = Tasks::default();
        let slots = LegSide::BOTH.into_iter().flat_map(|side| {
            let leg = parts.spec.leg(side);
            [Some(leg.api_key_index), leg.guard_key_index].into_iter().flatten().map(move |key| (side, key))
        });
        let slots: Vec<_> = slots.collect();
        let senders = Senders::start(&mut tasks, &parts.venue, slots, &parts.self_inbox);
        let blind = LegView { blind_since: Some(parts.clock.now()), ..LegView::default() };
        let view = View { long: blind.clone(), short: blind, ..View::default() };
        Self {
            view,
            up: BTreeMap::new(),
            memory: Memory::new(parts.retry, random_u64()),
            up_since: BTreeMap::new(),
            started: parts.clock.now(),
            reading: BTreeSet::new(),
            read_at: BTreeMap::new(),
            senders,
            tasks,
            wake: None,
            note: String::new(),
            drawdown_told: false,
            parts,
        }
    }

    /// Runs the pair until it ends or a stop is carried out, and returns its state.
    pub(crate) async fn run(mut self) -> Result<Pair, (Box<Pair>, DriverError)> {
        let result = self.drive().await;
        self.tasks.shutdown().await;
        match result {
            Ok(()) => Ok(self.parts.pair),
            Err(error) => Err((Box::new(self.parts.pair), error)),
        }
    }

    async fn drive(&mut self) -> Result<(), DriverError> {
        if self.parts.resumed {
            for side in LegSide::BOTH {
                let unsettled: Vec<_> = self.parts.pair.leg(side).unsettled.keys().copied().collect();
                for id in unsettled {
                    self.memory.found(id);
                }
            }
            self.step(Event::Resumed).await?;
        }
        self.step(Event::Tick).await?;
        while self.parts.pair.end().is_none() && !self.parts.pair.stopped {
            let wake = self.wake.unwrap_or_else(|| self.parts.clock.now().after(Duration::from_secs(1)));
            let clock = self.parts.clock.clone();
            tokio::select! {
                biased;
                input = self.parts.inbox.recv() => match input {
                    Some(input) => self.take(input).await?,
                    None => return Ok(()),
                },
                changed = self.parts.market_state.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    self.step(Event::Tick).await?;
                }
                () = clock.sleep_until(wake) => self.step(Event::Tick).await?,
            }
        }
        Ok(())
    }

    async fn take(&mut self, input: Input) -> Result<(), DriverError> {
        match input {
            Input::Event(event) => {
                self.before(&event);
                let looked = match &event {
                    Event::Snapshot(side, snapshot) => Some((*side, self.lost_in(*side, snapshot))),
                    _ => None,
                };
                self.step(event).await?;
                match looked {
                    Some((side, lost)) => self.after_snapshot(side, &lost).await,
                    None => Ok(()),
                }
            }
            Input::Feed(event) => self.feed(event).await,
            Input::ReadFailed(read) => {
                self.reading.remove(&read);
                self.step(Event::Tick).await
            }
            Input::CheckAgain(reason) => {
                self.note = reason;
                self.reading.remove(&Read::Check);
                self.step(Event::Tick).await
            }
            Input::Resend(id, side) => self.resend(id, side).await,
        }
    }

    /// Keeps what is not state: read flags, views, what is known of sendings.
    fn before(&mut self, event: &Event) {
        match event {
            Event::Sent(id, side, result) => self.sent(*id, *side, result),
            Event::Snapshot(side, snapshot) => {
                self.reading.remove(&Read::Snapshot(*side));
                if !snapshot.nonces.is_empty() {
                    self.view_mut(*side).nonces_known = true;
                }
                let market = self.parts.market.id;
                let now = self.parts.clock.now();
                let leg = self.view_mut(*side);
                leg.margin = Some(snapshot.account.margin);
                leg.synced_at = Some(snapshot.at);
                if let Some(row) = snapshot.account.position(market) {
                    if leg.position.map(|(lots, _)| lots) != Some(row.position) {
                        leg.position = Some((row.position, now));
                    }
                    leg.liquidation_price = row.liquidation_price;
                    leg.funding_paid = Some(row.funding_paid);
                }
            }
            Event::Pull(_) => {
                let until = self.parts.clock.now().after(KEEP_CLEAR + self.view.lag);
                self.view.keep_clear_until = Some(until);
            }
            Event::Withdrawals(side, ..) => {
                self.reading.remove(&Read::Withdrawals(*side));
            }
            Event::FastTerms(side, terms) => {
                self.reading.remove(&Read::FastTerms(*side));
                self.view_mut(*side).fast_terms = Some(*terms);
            }
            Event::CheckPassed(_) | Event::CheckFailed(..) => {
                // The check reads keys and nonces.
                for side in LegSide::BOTH {
                    self.view_mut(side).nonces_known = true;
                }
                self.reading.remove(&Read::Check);
            }
            _ => {}
        }
    }

    /// Returns intents whose bytes the venue took in and lost: it does not know the hash, and waits for their nonce.
    fn lost_in(&self, side: LegSide, snapshot: &LegSnapshot) -> Vec<IntentId> {
        let unknown = snapshot.transactions.iter().filter(|(_, found)| found.is_none()).map(|(id, _)| *id);
        let next = |intent: &Intent| snapshot.nonces.contains(&(intent.key, intent.nonce));
        unknown.filter(|id| self.parts.pair.leg(side).unsettled.get(id).is_some_and(next)).collect()
    }

    /// With everything read and counted, a leg is in sync again: in-doubt bytes that the venue never saw go out again.
    async fn after_snapshot(&mut self, side: LegSide, lost: &[IntentId]) -> Result<(), DriverError> {
        let venue = self.view.leg(side).position.map(|(lots, _)| lots);
        let agrees = venue.is_none_or(|lots| lots == self.parts.pair.leg(side).position);
        let leg = self.view_mut(side);
        leg.mismatches = if agrees { 0 } else { leg.mismatches + 1 };
        let counted = leg.mismatches == 0 || leg.mismatches > 3;
        let (live, read_at) = (leg.live, leg.synced_at);
        // What was read before the streams came up may miss what happened in between.
        let whole = self.up_since.get(&side).is_some_and(|since| read_at.is_some_and(|at| at >= *since));
        self.view_mut(side).synced = counted && live && whole;
        if live && !whole {
            self.reconcile(side, true);
        }
        lost.iter().for_each(|id| self.memory.lost(*id));
        let unsettled: Vec<_> = self.parts.pair.leg(side).unsettled.keys().copied().collect();
        for id in unsettled {
            self.resend(id, side).await?;
        }
        self.step(Event::Tick).await
    }

    fn view_mut(&mut self, side: LegSide) -> &mut LegView {
        match side {
            LegSide::Long => &mut self.view.long,
            LegSide::Short => &mut self.view.short,
        }
    }

    fn sent(&mut self, id: IntentId, side: LegSide, result: &SendResult) {
        match result {
            SendResult::Accepted => {}
            SendResult::Refused { code, message, .. } => {
                tracing::info!(intent = id.0, code, message, "refused");
                if *code == super::ingest::INVALID_NONCE {
                    // Nothing is signed on a stream whose place is not known.
                    let leg = self.view_mut(side);
                    leg.synced = false;
                    leg.nonces_known = false;
                }
            }
            SendResult::Unknown(reason) | SendResult::NotSent { reason, .. } => {
                tracing::warn!(intent = id.0, reason, "no answer");
                self.note.clone_from(reason);
            }
        }
        if let Some(delay) = self.memory.answered(id, result) {
            let (clock, inbox) = (self.parts.clock.clone(), self.parts.self_inbox.clone());
            self.tasks.spawn("resend", async move {
                clock.sleep(delay).await;
                // A closed inbox means the pair has ended.
                let _ = inbox.send(Input::Resend(id, side)).await;
            });
        }
    }

    /// Sends the very same bytes again while they are unsettled and alive. Never a new signature.
    async fn resend(&mut self, id: IntentId, side: LegSide) -> Result<(), DriverError> {
        let Some(intent) = self.parts.pair.leg(side).unsettled.get(&id).cloned() else { return Ok(()) };
        if self.parts.clock.now() >= intent.deadline || !self.memory.is_wanted(id) {
            return Ok(());
        }
        if intent.adds_risk() && self.parts.pair.only_reduces() && self.memory.never_left(id) {
            let reason = "nothing that adds risk starts any more".to_owned();
            let result = SendResult::NotSent { reason, in_doubt: false };
            return self.step(Event::Sent(id, side, result)).await;
        }
        self.dispatch(&intent).await;
        Ok(())
    }

    async fn dispatch(&mut self, intent: &Intent) {
        let Some(in_doubt) = self.memory.goes(intent.id) else { return };
        let job = Job {
            intent: intent.id,
            leg: intent.leg,
            tx: SignedTx { tx_type: intent.tx_type, tx_info: intent.tx_info.clone(), hash: intent.hash },
            class: Proposal::class(&intent.purpose, self.parts.pair.effort.emergency),
            endpoint: match intent.purpose {
                Purpose::FastWithdraw { .. } => Endpoint::FastWithdrawals,
                _ => Endpoint::Transactions,
            },
            in_doubt,
        };
        self.senders.send((intent.leg, intent.key), job).await;
    }

    fn side_of(&self, account: AccountIndex) -> Option<LegSide> {
        LegSide::BOTH.into_iter().find(|side| self.parts.spec.leg(*side).account == account)
    }

    async fn feed(&mut self, event: VenueEvent) -> Result<(), DriverError> {
        let market = self.parts.market.id;
        let now = self.parts.clock.now();
        let event = match event {
            VenueEvent::Up(feed) => return self.feed_state(feed, true).await,
            VenueEvent::Down(feed, reason) => {
                self.note = reason;
                return self.feed_state(feed, false).await;
            }
            VenueEvent::Orders(account, rows, _) => {
                self.side_of(account).map(|side| Event::Orders(side, rows))
            }
            VenueEvent::Trades(account, rows) => self.side_of(account).map(|side| Event::Trades(side, rows)),
            VenueEvent::Txs(account, rows) => self.side_of(account).map(|side| Event::Txs(side, rows)),
            VenueEvent::Notices(account, rows) => {
                self.side_of(account).map(|side| Event::Notices(side, rows))
            }
            VenueEvent::Positions(account, rows) => {
                let Some(side) = self.side_of(account) else { return Ok(()) };
                let leg = self.view_mut(side);
                for row in rows.iter().filter(|row| row.market == market) {
                    if leg.position.map(|(lots, _)| lots) != Some(row.position) {
                        leg.position = Some((row.position, now));
                    }
                    leg.liquidation_price = row.liquidation_price;
                    leg.funding_paid = Some(row.funding_paid);
                }
                Some(Event::Tick)
            }
            VenueEvent::Margin(account, margin) => {
                let Some(side) = self.side_of(account) else { return Ok(()) };
                self.view_mut(side).margin = Some(margin);
                Some(Event::Tick)
            }
            VenueEvent::Book(..) | VenueEvent::Stats(..) => None,
        };
        match event {
            Some(event) => self.step(event).await,
            None => Ok(()),
        }
    }

    /// A leg is live while all its streams are; after every gap it is reconciled before it counts as in sync.
    async fn feed_state(&mut self, feed: Feed, is_up: bool) -> Result<(), DriverError> {
        let account = match feed {
            Feed::Orders(account)
            | Feed::Trades(account)
            | Feed::Positions(account)
            | Feed::Margin(account)
            | Feed::Txs(account)
            | Feed::Notices(account) => account,
            Feed::Book(_) | Feed::Stats(_) => return Ok(()),
        };
        let Some(side) = self.side_of(account) else { return Ok(()) };
        let feeds = self.up.entry(side).or_default();
        if is_up {
            feeds.insert(feed)
        } else {
            feeds.remove(&feed)
        };
        let live = feeds.len() == ACCOUNT_FEEDS;
        let now = self.parts.clock.now();
        let leg = self.view_mut(side);
        if !live {
            leg.synced = false;
            leg.live = false;
            leg.blind_since.get_or_insert(now);
        } else if !leg.live {
            leg.live = true;
            leg.blind_since = None;
            self.up_since.insert(side, now);
            if self.nothing_to_miss(side) {
                self.view_mut(side).synced = true;
            } else {
                self.reconcile(side, true);
            }
        }
        self.step(Event::Tick).await
    }

    /// Nothing was ever sent from this leg, and the check of this very process found it empty: there is no fact that a
    /// gap in its streams could have swallowed.
    fn nothing_to_miss(&self, side: LegSide) -> bool {
        let leg = self.parts.pair.leg(side);
        !self.parts.resumed && leg.orders.is_empty() && leg.unsettled.is_empty() && leg.trades.is_empty()
    }

    /// Decides, journals, evolves, acts, until nothing more follows.
    async fn step(&mut self, event: Event) -> Result<(), DriverError> {
        let mut event = event;
        for _ in 0..DECISIONS_MAX {
            self.refresh();
            let decision = decide(&self.parts.pair, &self.parts.spec, &self.view, &event);
            let moved = self.carry_out(decision).await?;
            if moved {
                event = Event::Tick;
                continue;
            }
            self.publish();
            match self.run_rule() {
                Some(rule) => event = rule,
                None => return Ok(()),
            }
        }
        tracing::error!(
            step = self.parts.pair.step.name(),
            "decisions do not come to rest; waiting for the next event"
        );
        self.publish();
        Ok(())
    }

    /// Brings the view up to date.
    fn refresh(&mut self) {
        self.view.now = self.parts.clock.now();
        self.view.lag = ANSWER_LAG * self.parts.clock.scale();
        {
            let state = self.parts.market_state.borrow();
            self.view.book.clone_from(&state.book);
            self.view.data = state.data;
        }
        self.view.foreign = self.parts.board.quotes(&self.parts.spec.plan.id, self.parts.market.id);
        self.view.other_exposure = self.parts.board.other_exposure(&self.parts.spec.plan.id);
        let (now, lag) = (self.view.now, self.view.lag);
        let looked = LegSide::BOTH.iter().all(|side| self.view.leg(*side).synced_at.is_some());
        self.view.resuming = self.parts.resumed && !looked && now.since(self.started) < RESUME_LOOK + lag;
        for side in LegSide::BOTH {
            let checked = self.parts.pair.checked.is_some();
            let live = self.view.leg(side).live;
            if !live && checked && !self.nothing_to_miss(side) {
                // Streams down: complete reads stand in for them, as often as a Standard account can afford.
                let asked = self.read_at.get(&Read::Snapshot(side)).copied();
                if asked.is_none_or(|at| now.since(at) >= BLIND_SPACING + lag) {
                    self.reconcile(side, false);
                }
            }
        }
    }

    /// Drawdown is the run's, not a pair's.
    fn run_rule(&mut self) -> Option<Event> {
        let limit = self.parts.spec.plan.risk.max_drawdown.to_decimal();
        let trading = matches!(self.parts.pair.step, Step::Place | Step::Watch | Step::Hedge(_));
        if trading && self.parts.board.is_halted() && !self.parts.pair.self_trade {
            return Some(Event::LeaveNow(ExitReason::SelfTrade));
        }
        if trading && !self.drawdown_told && self.parts.board.result() <= -limit && !self.parts.pair.is_flat()
        {
            self.drawdown_told = true;
            return Some(Event::LeaveNow(ExitReason::Drawdown));
        }
        None
    }

    /// Returns whether anything was decided.
    async fn carry_out(&mut self, mut decision: Decision) -> Result<bool, DriverError> {
        if !decision.proposals.is_empty()
            && !self.parts.board.admit(&self.parts.spec.plan.id, self.parts.market.id, &decision.proposals)
        {
            // Another pair decided at the same moment; its order is in the next view.
            decision.proposals.clear();
            decision.wake_at(self.view.now.after(Duration::from_millis(200)));
        }
        let intents = self.record(&mut decision).await?;
        for intent in &intents {
            self.view_mut(intent.leg).fast_terms = None;
            self.dispatch(intent).await;
        }
        for effect in &decision.effects {
            self.effect(effect).await;
        }
        self.wake = decision.wake;
        Ok(!decision.entries.is_empty())
    }

    /// One commit carries all of a decision, both legs' intents included; then the state moves on.
    async fn record(&mut self, decision: &mut Decision) -> Result<Vec<Intent>, DriverError> {
        let mut next = self.parts.pair.clone();
        for entry in &decision.entries {
            next.evolve(entry)?;
        }
        let intents = self.sign(&next, &decision.proposals);
        let facts = decision.entries.len();
        decision.entries.extend(intents.iter().map(|intent| Entry::Intent(Box::new(intent.clone()))));
        if decision.entries.is_empty() {
            return Ok(intents);
        }
        let places = intents.iter().any(|intent| intent.purpose == Purpose::Entry);
        let priority = if places { Priority::Normal } else { Priority::Reducing };
        let appended = self.append(priority, &decision.entries).await;
        let intents = match appended {
            // Full disk: what adds exposure is not started; what happened is still recorded (F-20).
            Err(JournalError::DiskLow { .. } | JournalError::DiskFull) if places => {
                self.note = "the disk is nearly full: no new orders".to_owned();
                decision.entries.truncate(facts);
                if !decision.entries.is_empty() {
                    self.append(Priority::Reducing, &decision.entries).await?;
                }
                Vec::new()
            }
            other => {
                other?;
                intents
            }
        };
        for entry in &decision.entries {
            self.parts.pair.evolve(entry)?;
            self.announce(entry);
        }
        Ok(intents)
    }

    async fn append(&self, priority: Priority, entries: &[Entry]) -> Result<(), JournalError> {
        let pair = &self.parts.spec.plan.id;
        let at = self.view.now;
        let encode = |entry: &Entry| NewEvent {
            pair: Some(pair.clone()),
            kind: entry.kind().to_owned(),
            at,
            body: serde_json::to_string(entry).unwrap_or_default(),
        };
        let rows = entries.iter().filter_map(|entry| self.intent_row(entry)).collect();
        let events = entries.iter().map(encode).collect();
        self.parts.journal.append(&self.parts.spec.run, priority, events, rows).await.map(drop)
    }

    /// Returns the row of the intents table that an entry writes.
    fn intent_row(&self, entry: &Entry) -> Option<IntentRow> {
        let row = |intent: &Intent, state: &str| IntentRow {
            intent_id: format!("{}/{}", self.parts.spec.plan.id, intent.id.0),
            account: intent.account,
            key: intent.key,
            nonce: intent.nonce,
            client_order_index: intent.client_order_index,
            hash: intent.hash,
            tx_type: intent.tx_type,
            tx_info: intent.tx_info.clone(),
            deadline: intent.deadline,
            state: state.to_owned(),
        };
        match entry {
            Entry::Intent(intent) => Some(row(intent, "in-doubt")),
            Entry::Settled { intent, leg, outcome, .. } => {
                let state = match outcome {
                    super::entry::Outcome::Executed => "executed",
                    super::entry::Outcome::Failed { .. } => "failed",
                    super::entry::Outcome::Dead { .. } => "dead",
                };
                self.parts.pair.leg(*leg).unsettled.get(intent).map(|intent| row(intent, state))
            }
            _ => None,
        }
    }

    /// Gives each proposal its nonce and its signature.
    fn sign(&self, pair: &Pair, proposals: &[Proposal]) -> Vec<Intent> {
        let at = self.view.now;
        let mut intents = Vec::with_capacity(proposals.len());
        for proposal in proposals {
            let account = self.parts.spec.leg(proposal.leg).account;
            let Some(nonce) = pair.leg(proposal.leg).nonces.get(&proposal.key).copied() else { continue };
            let deadline = at.after(proposal.ttl);
            let envelope = Envelope {
                tx: proposal.tx.clone(),
                expired_at: deadline.as_millis(),
                nonce: nonce.get(),
                attributes: proposal.attributes,
            };
            let Some(signed) = self.parts.signer.sign(&envelope) else { continue };
            intents.push(Intent {
                id: IntentId(pair.intents + 1 + u32::try_from(intents.len()).unwrap_or(u32::MAX)),
                leg: proposal.leg,
                purpose: proposal.purpose,
                account,
                key: proposal.key,
                nonce,
                client_order_index: proposal.client_order_index,
                order: proposal.order,
                deadline,
                at,
                tx_type: signed.tx_type,
                tx_info: signed.tx_info,
                hash: signed.hash,
            });
        }
        intents
    }

    async fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Check => self.start_check(),
            Effect::Reconcile(side) => self.reconcile(*side, false),
            Effect::PollWithdrawals(side) => self.poll_withdrawals(*side),
            Effect::AskFastTerms(side) => self.ask_fast_terms(*side),
            Effect::Pull(quote) => {
                if let Some(inbox) = self.parts.inboxes.get(&quote.pair) {
                    // A full inbox means that pair is busy; the quote is asked for again.
                    let _ = inbox.try_send(Input::Event(Event::Pull(quote.order)));
                }
            }
        }
    }

    /// Returns whether a read may start: none of its kind is under way, and the last is long enough ago.
    fn may_read(&mut self, read: Read, spacing: Duration) -> bool {
        let now = self.parts.clock.now();
        let recent = self.read_at.get(&read).is_some_and(|at| now.since(*at) < spacing);
        if recent || !self.reading.insert(read) {
            return false;
        }
        self.read_at.insert(read, now);
        true
    }

    fn start_check(&mut self) {
        if !self.may_read(Read::Check, Duration::from_secs(1)) {
            return;
        }
        let (venue, spec, clock) =
            (Arc::clone(&self.parts.venue), self.parts.spec.clone(), self.parts.clock.clone());
        let (market, inbox, retry) =
            (self.parts.market.clone(), self.parts.self_inbox.clone(), self.parts.retry);
        let keys = LegSide::BOTH.map(|side| {
            let account = spec.leg(side).account;
            let known = self.parts.signer.keys.iter().filter(|((owner, _), _)| *owner == account);
            known
                .map(|((_, slot), key)| (*slot, key.public_key().to_hex()))
                .collect::<Vec<(ApiKeyIndex, String)>>()
        });
        let owners = LegSide::BOTH
            .map(|side| self.parts.signer.owners.get(&spec.leg(side).account).map(EthKey::address));
        let before = self.parts.pair.checked.clone();
        let started = self.started;
        let board = Arc::clone(&self.parts.board);
        self.tasks.spawn("check", async move {
            let asked = clock.now();
            let turn = board.turn_to_check().await;
            // Waiting for the others is not trying.
            let budget = retry.budget + clock.now().since(asked);
            let (now, before) = (clock.now(), before.as_deref());
            let input = CheckInput { spec: &spec, market, keys, owners, now, before };
            let answer = match reads::check(venue.as_ref(), &input).await {
                Ok(checked) => Input::Event(Event::CheckPassed(Box::new(checked))),
                Err(CheckError::Venue(error))
                    if clock.now().since(started) <= budget
                        && error.retry() != crate::venue::Retry::Never =>
                {
                    real_sleep(retry.initial).await;
                    Input::CheckAgain(error.to_string())
                }
                Err(error) => Input::Event(Event::CheckFailed(error.code(), error.to_string())),
            };
            drop(turn);
            let _ = inbox.send(answer).await;
        });
    }

    fn reconcile(&mut self, side: LegSide, at_once: bool) {
        let Some(checked) = self.parts.pair.checked.clone() else { return };
        let spacing = if at_once { Duration::ZERO } else { RECONCILE_SPACING + self.view.lag };
        if !self.may_read(Read::Snapshot(side), spacing) {
            return;
        }
        let leg = self.parts.pair.leg(side);
        let input = SnapshotInput {
            market: checked.market.clone(),
            // Clocks may differ by seconds; trades that are not of this run are sorted out by their order.
            since: checked.at.before(Duration::from_secs(10)),
            unsettled: leg.unsettled.values().map(|intent| (intent.id, intent.hash)).collect(),
            // A stream at rest needs no look; one in doubt, refused or taken over from a crash does.
            keys: if leg.unsettled.is_empty() && leg.refusals == 0 && self.view.leg(side).nonces_known {
                Vec::new()
            } else {
                leg.nonces.keys().copied().collect()
            },
            ended_orders: leg.orders.values().any(|order| {
                !order.is_settled() || matches!(order.state, OrderState::InDoubt | OrderState::Executed)
            }),
        };
        let venue = self.parts.venue.reading(self.look_class(side));
        let clock = self.parts.clock.clone();
        let (account, inbox) = (self.parts.spec.leg(side).account, self.parts.self_inbox.clone());
        self.tasks.spawn("reconcile", async move {
            let answer = match reads::snapshot(&venue, || clock.now(), account, &input).await {
                Ok(snapshot) => Input::Event(Event::Snapshot(side, Box::new(snapshot))),
                Err(error) => {
                    tracing::warn!(%error, "reconciliation incomplete");
                    real_sleep(Duration::from_millis(200)).await;
                    Input::ReadFailed(Read::Snapshot(side))
                }
            };
            let _ = inbox.send(answer).await;
        });
    }

    /// What waits for a look decides how urgent it is: a blind leg with something to lose must not queue behind the
    /// ordinary reads of two hundred pairs.
    fn look_class(&self, side: LegSide) -> Class {
        let pair = &self.parts.pair;
        let at_stake = pair.is_naked() || !pair.leg(side).unsettled.is_empty();
        let blind = !self.view.leg(side).live && (!pair.is_flat() || pair.has_live_orders());
        if at_stake {
            Class::Hedge
        } else if blind {
            Class::Place
        } else {
            Class::Read
        }
    }

    fn poll_withdrawals(&mut self, side: LegSide) {
        if !self.may_read(Read::Withdrawals(side), POLL_SPACING + self.view.lag) {
            return;
        }
        let (venue, inbox) = (Arc::clone(&self.parts.venue), self.parts.self_inbox.clone());
        let account = self.parts.spec.leg(side).account;
        let known = self.view.leg(side).margin.unwrap_or_default().collateral;
        self.tasks.spawn("withdrawals", async move {
            let answer = match reads::withdrawals(venue.as_ref(), account, known).await {
                Ok((rows, collateral)) => Input::Event(Event::Withdrawals(side, rows, collateral)),
                Err(error) => {
                    tracing::warn!(%error, "withdrawal history not readable");
                    Input::ReadFailed(Read::Withdrawals(side))
                }
            };
            let _ = inbox.send(answer).await;
        });
    }

    fn ask_fast_terms(&mut self, side: LegSide) {
        if !self.may_read(Read::FastTerms(side), RECONCILE_SPACING + self.view.lag) {
            return;
        }
        let (venue, inbox) = (Arc::clone(&self.parts.venue), self.parts.self_inbox.clone());
        let account = self.parts.spec.leg(side).account;
        self.tasks.spawn("fast-terms", async move {
            let answer = match venue.fast_terms(account).await {
                Ok(terms) => Input::Event(Event::FastTerms(side, terms)),
                Err(error) => {
                    tracing::warn!(%error, "the fast route's terms are not readable");
                    Input::ReadFailed(Read::FastTerms(side))
                }
            };
            let _ = inbox.send(answer).await;
        });
    }

    fn announce(&mut self, entry: &Entry) {
        if let Entry::Alert { text, .. } = entry {
            self.note.clone_from(text);
            tracing::warn!(pair = %self.parts.spec.plan.id, text, "alert");
        }
        if let Some(news) = &self.parts.news {
            let told =
                News { pair: self.parts.spec.plan.id.clone(), at: self.view.now, entry: entry.clone() };
            // Nobody listens any more: the run goes on all the same.
            let _ = news.send(told);
        }
    }

    fn publish(&mut self) {
        let mark = self.view.mark();
        let (id, pair) = (&self.parts.spec.plan.id, &self.parts.pair);
        self.parts.board.publish(id, pair, mark);
        if pair.self_trade {
            self.parts.board.halt();
        }
        let market = &self.parts.market;
        let lots = |side: LegSide| pair.leg(side).position.to_decimal(market).to_string();
        let available = LegSide::BOTH.map(|side| {
            self.view.leg(side).margin.map_or_else(
                || "?".to_owned(),
                |margin| Usdc::to_decimal(margin.available).round_dp(2).to_string(),
            )
        });
        let count = |pick: fn(&OrderState) -> bool| {
            LegSide::BOTH
                .iter()
                .flat_map(|side| pair.leg(*side).orders.values())
                .filter(|order| pick(&order.state))
                .count()
        };
        self.parts.status.send_replace(PairStatus {
            step: pair.step.name(),
            market: market.symbol.clone(),
            long: lots(LegSide::Long),
            short: lots(LegSide::Short),
            orders: count(|state| *state == OrderState::Open),
            in_doubt: count(|state| matches!(state, OrderState::InDoubt | OrderState::Executed)),
            delta: pair.delta().to_decimal(market).to_string(),
            result: mark.map_or_else(|| "?".to_owned(), |mark| pair.net_result(mark).round_dp(4).to_string()),
            available,
            note: self.note.clone(),
        });
    }
}

/// Streams per account: orders, fills, positions, margin, transactions, notifications.
const ACCOUNT_FEEDS: usize = 6;

/// Asks a pair's task to stop.
pub(crate) async fn ask_to_stop(inbox: &mpsc::Sender<Input>, mode: StopMode) {
    // A closed inbox means the pair has ended.
    let _ = inbox.send(Input::Event(Event::Stop(mode))).await;
}
