//! The host of one pair: one task owns its state, journals every decision, and only then acts on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::board::Board;
use super::decide::decide;
use super::entry::{
    Checked, Entry, ExitReason, Intent, IntentId, LegSide, Purpose, RiskState, Step, StopMode,
};
use super::event::{Decision, Effect, Event, Proposal, SendResult};
use super::intents;
use super::market::MarketState;
use super::memory::Memory;
use super::outlook::{self, Heard, Outlook, Read};
use super::reads::{self, CheckError, CheckInput};
use super::record;
use super::sender::{Endpoint, Job, Senders, Signer};
use super::spec::PairSpec;
use super::state::{IllegalEntry, OrderState, OwnOrder, Pair};
use super::watchdog::{Pulse, STILL_MAX};
use crate::journal::{Journal, JournalError, Priority};
use crate::model::{ApiKeyIndex, Market, PairId, Timestamp, Usdc};
use crate::plan::RetryPlan;
use crate::rt::{Clock, Tasks, random_u64, real_sleep};
use crate::tx::l1::EthKey;
use crate::tx::{Envelope, SignedTx};
use crate::venue::{Class, Venue, VenueError, VenueEvent};

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
    /// A look at the venue that found out too little.
    #[error("the venue did not answer about the {} leg", .0.name())]
    Unanswered(LegSide),
    /// The run's amounts are in lots and ticks that the market no longer has (F-24).
    #[error(
        "{market} changed its grid while this run was on its way ({changes}): what the journal holds in lots and ticks \
         means something else now, so nothing more is sent"
    )]
    GridChanged {
        /// The symbol.
        market: String,
        /// What changed.
        changes: String,
    },
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

/// Where a pair stands, for the terminal and for `status`.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[expect(missing_docs, reason = "the names say it; lots as the journal has them")]
pub struct PairStatus {
    pub step: &'static str,
    pub risk: RiskState,
    pub risk_reason: String,
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

/// News of a run, for progress lines, `--events` and webhooks.
#[derive(Clone, Debug, serde::Serialize)]
pub struct News {
    /// The pair.
    pub pair: PairId,
    /// When, in venue time.
    pub at: Timestamp,
    /// Its number in the run's journal; 0 for what could not be journaled.
    pub event: u64,
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
    /// Nothing is sent and no step is taken: what the venue knows is written down, and that is all.
    pub(crate) look_only: bool,
    pub(crate) pulse: Arc<Pulse>,
}

/// How long a task waits at most, in real time: whoever turns so often notices that he stood still.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The shortest pause between two decisions that nothing but time asks for.
const REST: Duration = Duration::from_millis(10);

/// How long an answer or a frame may be on its way, in real time.
pub(crate) const ANSWER_LAG: Duration = Duration::from_millis(500);
/// How long a look asks at most, in real time, beyond the deadline of what is in doubt.
const LOOK_LIMIT: Duration = Duration::from_secs(60);
/// Decisions that one input may cause; more is a loop, and a loop is a bug.
pub(crate) const DECISIONS_MAX: usize = 64;

pub(crate) struct Driver<V> {
    parts: Parts<V>,
    outlook: Outlook,
    memory: Memory,
    /// When this process took the pair up.
    started: Timestamp,
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
        let started = parts.clock.now();
        let mut outlook = Outlook::new(parts.market.id, parts.resumed, started);
        outlook.view.look_only = parts.look_only;
        Self {
            outlook,
            memory: Memory::new(parts.retry, random_u64()),
            started,
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
        if self.parts.look_only {
            LegSide::BOTH.into_iter().for_each(|side| self.reconcile(side, true));
        } else if self.parts.resumed {
            for side in LegSide::BOTH {
                let unsettled: Vec<_> = self.parts.pair.leg(side).unsettled.keys().copied().collect();
                for id in unsettled {
                    self.memory.found(id);
                }
            }
            self.step(Event::Resumed).await?;
            self.step(Event::Rules(Box::new(self.parts.market.clone()))).await?;
        }
        self.step(Event::Tick).await?;
        let give_up = self.give_up();
        while self.parts.pair.end().is_none() && !self.parts.pair.stopped {
            if self.parts.look_only {
                match self.unanswered() {
                    None => return Ok(()),
                    Some(side) if self.parts.clock.now() >= give_up => {
                        return Err(DriverError::Unanswered(side));
                    }
                    Some(_) => {}
                }
            }
            let later = self.parts.clock.now().after(Duration::from_secs(1));
            let wake = match self.wake {
                Some(wake) if self.outlook.is_blind() => wake.min(later),
                wake => wake.unwrap_or(later),
            };
            // A moment that has passed, because what is due waits for an answer, must not make this task spin.
            let now = self.parts.clock.now();
            let beat = now.after(HEARTBEAT * self.parts.clock.scale());
            let wake = wake.max(now.after(REST)).min(beat);
            let clock = self.parts.clock.clone();
            let came = tokio::select! {
                biased;
                input = self.parts.inbox.recv() => match input {
                    Some(input) => Some(input),
                    None => return Ok(()),
                },
                changed = self.parts.market_state.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    None
                }
                () = clock.sleep_until(wake) => None,
            };
            self.turn(came, wake).await?;
        }
        Ok(())
    }

    /// One turn of the loop, which was to begin at `due`. What a process that stood still has in its inbox is old: it
    /// looks before it judges.
    async fn turn(&mut self, came: Option<Input>, due: Timestamp) -> Result<(), DriverError> {
        self.parts.pulse.begin();
        let result = self.turn_since(came, due).await;
        self.parts.pulse.end();
        result
    }

    async fn turn_since(&mut self, came: Option<Input>, due: Timestamp) -> Result<(), DriverError> {
        let scale = self.parts.clock.scale();
        let overslept = self.parts.clock.now().since(due) / scale;
        if overslept > STILL_MAX {
            self.stood_still(overslept).await?;
        }
        let began = self.parts.clock.elapsed();
        match came {
            Some(input) => self.take(input).await?,
            None => self.step(Event::Tick).await?,
        }
        let took = self.parts.clock.elapsed().saturating_sub(began);
        if took > STILL_MAX {
            self.stood_still(took).await?;
        }
        Ok(())
    }

    async fn stood_still(&mut self, lasted: Duration) -> Result<(), DriverError> {
        self.outlook.stood_still(self.parts.clock.now());
        self.step(Event::StoodStill(lasted)).await?;
        for side in LegSide::BOTH {
            self.reconcile(side, true);
        }
        Ok(())
    }

    /// Returns when a look ends that was not answered.
    fn give_up(&self) -> Timestamp {
        let unsettled =
            LegSide::BOTH.into_iter().flat_map(|side| self.parts.pair.leg(side).unsettled.values());
        let last = unsettled.map(|intent| intent.deadline).max().unwrap_or(self.started);
        last.max(self.started).after(LOOK_LIMIT * self.parts.clock.scale())
    }

    /// Returns a leg of which the venue has still to tell something.
    fn unanswered(&self) -> Option<LegSide> {
        let pair = &self.parts.pair;
        let told = |side: &LegSide| {
            let (leg, view) = (pair.leg(*side), self.outlook.view.leg(*side));
            let read = pair.checked.is_none() || view.synced_at.is_some();
            let counted = view.position.is_none_or(|(position, _)| position == leg.position);
            let shown = |order: &OwnOrder| order.state == OrderState::Open || order.is_settled();
            let asked = pair.step != Step::Withdraw || view.withdrawals_at.is_some();
            read && counted && asked && leg.unsettled.is_empty() && leg.orders.values().all(shown)
        };
        LegSide::BOTH.into_iter().find(|side| !told(side))
    }

    async fn take(&mut self, input: Input) -> Result<(), DriverError> {
        match input {
            Input::Event(Event::CheckPassed(checked)) if self.was_checked_by_other_rules(&checked) => {
                self.check_again("the market's rules changed while it was checked".to_owned()).await
            }
            Input::Event(event) => {
                self.outlook.heard(&event, self.parts.clock.now());
                if let Event::Rules(market) = &event {
                    self.take_rules(market)?;
                }
                if let Event::Sent(id, side, result) = &event {
                    self.sent(*id, *side, result);
                }
                let looked = match &event {
                    Event::Snapshot(side, snapshot) => {
                        Some((*side, outlook::lost(&self.parts.pair, *side, snapshot)))
                    }
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
                self.outlook.read_failed(read, self.parts.clock.now());
                self.step(Event::Tick).await
            }
            Input::CheckAgain(reason) => self.check_again(reason).await,
            Input::Resend(id, side) => self.resend(id, side).await,
        }
    }

    /// With everything read and counted, a leg is in sync again: in-doubt bytes that the venue never saw go out again.
    async fn after_snapshot(&mut self, side: LegSide, lost: &[IntentId]) -> Result<(), DriverError> {
        if self.outlook.looked(&self.parts.pair, side) {
            self.reconcile(side, true);
        }
        lost.iter().for_each(|id| self.memory.lost(*id));
        let unsettled: Vec<_> = self.parts.pair.leg(side).unsettled.keys().copied().collect();
        for id in unsettled {
            self.resend(id, side).await?;
        }
        self.step(Event::Tick).await
    }

    async fn check_again(&mut self, reason: String) -> Result<(), DriverError> {
        self.note = reason;
        self.outlook.read_ended(Read::Check);
        self.step(Event::Tick).await
    }

    fn was_checked_by_other_rules(&self, checked: &Checked) -> bool {
        !self.parts.market.changes_since(&checked.market).is_empty()
    }

    /// Takes over the market's rules of the day.
    fn take_rules(&mut self, market: &Market) -> Result<(), DriverError> {
        if !market.has_grid_of(&self.parts.market) {
            let changes = market.changes_since(&self.parts.market).join("; ");
            return Err(DriverError::GridChanged { market: market.symbol.clone(), changes });
        }
        self.parts.market = market.clone();
        Ok(())
    }

    fn sent(&mut self, id: IntentId, side: LegSide, result: &SendResult) {
        match result {
            SendResult::Accepted => {}
            SendResult::Refused { code, message, .. } => {
                tracing::info!(intent = id.0, code, message, "refused");
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
        let alive = self.parts.clock.now() < intent.deadline && self.memory.is_wanted(id);
        if !alive || self.parts.look_only {
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

    async fn feed(&mut self, event: VenueEvent) -> Result<(), DriverError> {
        let now = self.parts.clock.now();
        if let VenueEvent::Down(_, reason) = &event {
            self.note.clone_from(reason);
        }
        match self.outlook.news(&self.parts.spec, event, now) {
            Heard::Decide(event) => self.step(event).await,
            Heard::Stream(side, feed, is_up) => {
                if self.outlook.stream(&self.parts.pair, side, feed, is_up, now) {
                    self.reconcile(side, true);
                }
                self.step(Event::Tick).await
            }
            Heard::Nothing => Ok(()),
        }
    }

    /// Decides, journals, evolves, acts, until nothing more follows.
    async fn step(&mut self, event: Event) -> Result<(), DriverError> {
        let mut event = event;
        for _ in 0..DECISIONS_MAX {
            self.refresh();
            let decision = decide(&self.parts.pair, &self.parts.spec, &self.outlook.view, &event);
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
        let (now, lag) = (self.parts.clock.now(), ANSWER_LAG * self.parts.clock.scale());
        let due = self.outlook.refresh(&self.parts.pair, now, lag);
        let view = &mut self.outlook.view;
        {
            let state = self.parts.market_state.borrow();
            view.book.clone_from(&state.book);
            view.data = state.data;
        }
        view.foreign = self.parts.board.quotes(&self.parts.spec.plan.id, self.parts.market.id);
        view.other_exposure = self.parts.board.other_exposure(&self.parts.spec.plan.id);
        for side in due {
            self.reconcile(side, false);
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
            decision.wake_at(self.outlook.view.now.after(Duration::from_millis(200)));
        }
        let intents = self.record(&mut decision).await?;
        for intent in &intents {
            self.outlook.terms_used(intent.leg);
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
        let (spec, at) = (&self.parts.spec, self.outlook.view.now);
        let sign = |envelope: &Envelope| self.parts.signer.sign(envelope);
        let intents = intents::intents(spec, &next, &decision.proposals, at, sign);
        let facts = decision.entries.len();
        decision.entries.extend(intents.iter().map(|intent| Entry::Intent(Box::new(intent.clone()))));
        if decision.entries.is_empty() {
            return Ok(intents);
        }
        let places = intents.iter().any(|intent| intent.purpose == Purpose::Entry);
        let priority = if places { Priority::Normal } else { Priority::Reducing };
        let appended = self.append(priority, &decision.entries).await;
        let (intents, events) = match appended {
            // Full disk: what adds exposure is not started; what happened is still recorded (F-20).
            Err(JournalError::DiskLow { .. } | JournalError::DiskFull) if places => {
                self.note = "the disk is nearly full: no new orders".to_owned();
                decision.entries.truncate(facts);
                let events = match decision.entries.as_slice() {
                    [] => Vec::new(),
                    entries => self.append(Priority::Reducing, entries).await?,
                };
                (Vec::new(), events)
            }
            other => (intents, other?),
        };
        // As many events as entries: the journal numbers what it was given, one after the other.
        let first = events.first().copied().unwrap_or_default();
        for (entry, event) in decision.entries.iter().zip(first..) {
            self.parts.pair.evolve(entry)?;
            self.announce(entry, event);
        }
        Ok(intents)
    }

    async fn append(&self, priority: Priority, entries: &[Entry]) -> Result<Vec<u64>, JournalError> {
        let pair = &self.parts.spec.plan.id;
        let events = record::events(pair, self.outlook.view.now, entries);
        let rows = record::intents(pair, &self.parts.pair, entries);
        self.parts.journal.append(&self.parts.spec.run, priority, events, rows).await
    }

    async fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Check => self.start_check(),
            Effect::Reconcile(side) => self.reconcile(*side, false),
            Effect::PollWithdrawals(side) => self.poll_withdrawals(*side),
            Effect::AskFastTerms(side) => self.ask_fast_terms(*side),
            Effect::Pull(quote) => {
                let may = self.outlook.may_pull(quote.order, self.parts.clock.now());
                if let Some(inbox) = self.parts.inboxes.get(&quote.pair).filter(|_| may) {
                    // A full inbox means that pair is busy; the quote is asked for again.
                    let _ = inbox.try_send(Input::Event(Event::Pull(quote.order)));
                }
            }
        }
    }

    fn start_check(&mut self) {
        if !self.outlook.may_check(self.parts.clock.now()) {
            return;
        }
        let venue = Arc::clone(&self.parts.venue);
        let (spec, clock) = (self.parts.spec.clone(), self.parts.clock.clone());
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
            // What a pair still needs to quote does not queue behind what others need to begin: else none quotes before
            // all are checked.
            let turn = if before.is_none() { board.turn_to_check().await } else { None };
            // Waiting for the others is not trying.
            let budget = retry.budget + clock.now().since(asked);
            let (now, before) = (clock.now(), before.as_deref());
            let input = CheckInput { spec: &spec, market, keys, owners, now, before, tiers: board.tiers() };
            let answer = match reads::check(venue.as_ref(), &input).await {
                Ok(checked) => Input::Event(Event::CheckPassed(Box::new(checked))),
                // The budget comes back by itself, however long others are before this pair; the operator is told.
                Err(CheckError::Venue(error @ VenueError::NoBudget { .. })) => {
                    Input::CheckAgain(error.to_string())
                }
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
        let now = self.parts.clock.now();
        let Some(input) = self.outlook.reconcile(&self.parts.pair, side, at_once, now) else { return };
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
        let has_something = !pair.is_flat() || pair.has_live_orders();
        let blind = !self.outlook.view.leg(side).live && has_something;
        // Before the entry, doubt is about leverage, and nothing can be lost over it.
        if pair.is_naked() || (has_something && !pair.leg(side).unsettled.is_empty()) {
            Class::Hedge
        } else if blind {
            Class::Place
        } else {
            Class::Read
        }
    }

    fn poll_withdrawals(&mut self, side: LegSide) {
        if !self.outlook.may_poll(side, self.parts.clock.now()) {
            return;
        }
        let (venue, inbox) = (Arc::clone(&self.parts.venue), self.parts.self_inbox.clone());
        let account = self.parts.spec.leg(side).account;
        let known = self.outlook.view.leg(side).margin.unwrap_or_default().collateral;
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
        if !self.outlook.may_ask_terms(side, self.parts.clock.now()) {
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

    fn announce(&mut self, entry: &Entry, event: u64) {
        if let Entry::Alert { text, .. } = entry {
            self.note.clone_from(text);
            tracing::warn!(pair = %self.parts.spec.plan.id, text, "alert");
        }
        if let Some(news) = &self.parts.news {
            let told = News {
                pair: self.parts.spec.plan.id.clone(),
                at: self.outlook.view.now,
                event,
                entry: entry.clone(),
            };
            // Nobody listens any more: the run goes on all the same.
            let _ = news.send(told);
        }
    }

    fn publish(&mut self) {
        let mark = self.outlook.view.mark();
        let (id, pair) = (&self.parts.spec.plan.id, &self.parts.pair);
        self.parts.board.publish(id, pair, mark);
        if pair.self_trade {
            self.parts.board.halt();
        }
        let market = &self.parts.market;
        let lots = |side: LegSide| pair.leg(side).position.to_decimal(market).to_string();
        let available = LegSide::BOTH.map(|side| {
            self.outlook.view.leg(side).margin.map_or_else(
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
            risk: pair.risk,
            risk_reason: pair.risk_reason.clone(),
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

/// Asks a pair's task to stop.
pub(crate) async fn ask_to_stop(inbox: &mpsc::Sender<Input>, mode: StopMode) {
    // A closed inbox means the pair has ended.
    let _ = inbox.send(Input::Event(Event::Stop(mode))).await;
}
