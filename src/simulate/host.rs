//! The direct host: does for the engine what the driver does, in virtual time, over the link.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::engine::Memory;
use crate::engine::outlook::{self, Outlook, Read};
use crate::engine::reads::{self, CheckError, CheckInput, Tiers};
use crate::engine::{
    Decision, Effect, Entry, Event, ExitReason, Intent, IntentId, LegSide, Pair, Proposal, SendResult, Step,
    decide, fold,
};
use crate::model::{AccountIndex, ApiKeyIndex, BookTop, Market, Timestamp, WithdrawStatus};
use crate::rt::Mutant;
use crate::signing::Signature;
use crate::tx::Envelope;
use crate::venue::{Feed, MarketData, Retry, Venue as _, VenueError, VenueEvent};

use super::link::{Bytes, Item, Link};
use super::scenario::Scenario;
use super::venue::{Direct, PUBLIC_KEY, SECRET_BYTE, public_hex};
use super::violation::{Invariant, Violation};
use super::watch::Watch;

/// As in the driver.
const ANSWER_LAG: Duration = Duration::from_millis(500);
const DECISIONS_MAX: usize = 64;

/// What reaches the pair's task.
pub(crate) enum Input {
    Event(Box<Event>),
    Feed(Box<VenueEvent>),
    ReadFailed(Read),
    Resend(IntentId, LegSide),
    /// The sender of a slot has its answer.
    Answered((LegSide, ApiKeyIndex), IntentId, SendResult),
}

/// Returns whether a planted bug keeps `entry` out of the journal.
fn is_lost(entry: &Entry) -> bool {
    match entry {
        Entry::Intent(_) => Mutant::CommitSkipped.is_planted(),
        Entry::Settled { .. } => Mutant::EntryNotWritten.is_planted(),
        _ => false,
    }
}

/// The same purpose under a new deadline, so with a new hash and a new signature: what nobody may do on doubt.
fn signed_anew(mut intent: Intent, now: Timestamp) -> Intent {
    let old = format!("\"ExpiredAt\":{}", intent.deadline.as_millis());
    intent.deadline = now.after(Duration::from_secs(8));
    let new = format!("\"ExpiredAt\":{}", intent.deadline.as_millis());
    intent.tx_info = intent.tx_info.replace(&old, &new);
    intent
}

/// The process died.
pub(crate) struct Died;

#[derive(Default)]
struct Slot {
    busy: bool,
    jobs: VecDeque<(Intent, bool)>,
}

type Task = Pin<Box<dyn Future<Output = Input>>>;

/// What a process knows; gone when it dies.
pub(crate) struct Life {
    pub(crate) pair: Pair,
    pub(crate) outlook: Outlook,
    market: Market,
    book: Option<BookTop>,
    data: Option<MarketData>,
    memory: Memory,
    slots: BTreeMap<(LegSide, ApiKeyIndex), Slot>,
    tasks: Vec<Task>,
    wake: Timestamp,
    drawdown_told: bool,
}

/// One run, over any number of lives.
pub struct Run {
    /// What it plays.
    pub scenario: Scenario,
    direct: Direct,
    link: Link,
    start: Timestamp,
    now: Timestamp,
    life: Option<Life>,
    /// How many processes it took.
    pub lives: u32,
    /// The journal: one entry a row, as JSON.
    pub journal: Vec<String>,
    /// What was seen.
    pub watch: Watch,
    /// Points passed at which the process may die.
    pub kill_points: u32,
    crashes: u32,
    /// How long the journal was before its last commit.
    committed: usize,
    /// A second process on the same run, which the lock is there to prevent.
    rival: Option<Life>,
    /// The state of a run that ended or stopped.
    pub outcome: Option<Pair>,
}

impl Run {
    /// Makes a run that has not begun.
    pub fn new(scenario: Scenario) -> Self {
        let direct =
            Direct::open(scenario.market.clone(), scenario.world.clone(), scenario.seed, &scenario.accounts);
        let start = direct.lock().exchange.now();
        {
            let mut shared = direct.lock();
            shared.read_faults = scenario.rates.read;
            shared.tx_lag_ms = scenario.tx_lag_ms;
        }
        let link = Link::new(&scenario, start);
        let watch = Watch::new(&scenario);
        let mut run = Self {
            scenario,
            direct,
            link,
            start,
            now: start,
            life: None,
            lives: 0,
            journal: Vec::new(),
            watch,
            kill_points: 0,
            crashes: 0,
            committed: 0,
            rival: None,
            outcome: None,
        };
        run.schedule();
        run
    }

    fn schedule(&mut self) {
        let start = self.start;
        self.link.push(start, Item::Restart);
        for (at, lasts, streams) in self.scenario.outages.clone() {
            self.link.push(start.after(at), Item::Outage(streams, lasts));
        }
        if let Some((at, mode)) = self.scenario.stop {
            self.link.push(start.after(at), Item::Stop(mode));
        }
        if let Some(at) = self.scenario.foreign_at {
            self.link.push(start.after(at), Item::Foreign);
        }
        if let Some(at) = self.scenario.rival_at {
            self.link.push(start.after(at), Item::Rival);
        }
        self.link.push(start.after(self.scenario.faults_until), Item::Quiet);
    }

    /// Runs to the end and checks everything on the way.
    ///
    /// # Errors
    ///
    /// What did not hold first.
    pub fn go(mut self) -> Result<Self, Box<Violation>> {
        while self.outcome.is_none() && !self.watch.is_broken() {
            self.turn();
            if self.now > self.start.after(self.scenario.end_by) {
                let step = self.life.as_ref().map(|life| format!("{:?}", life.pair.step));
                self.watch.fail(Invariant::ComesToRest, format!("the run does not end; step {step:?}"));
            }
        }
        // What is still on its way must do no harm any more.
        while self.link.has_bytes() && !self.watch.is_broken() {
            self.turn();
        }
        if let Some(pair) = &self.outcome {
            self.watch.finish(pair, &self.journal, &self.direct.lock().exchange);
        }
        match self.watch.violation() {
            Some(violation) => Err(Box::new(violation)),
            None => Ok(self),
        }
    }

    fn turn(&mut self) {
        let next = {
            let shared = self.direct.lock();
            let wake = self.life.as_ref().map(|life| life.wake);
            [Some(shared.next_due()), shared.wakes.first().copied(), self.link.next_due(), wake]
                .into_iter()
                .flatten()
                .min()
                .expect("the world goes on")
                .max(self.now)
        };
        self.now = next;
        let events = {
            let mut shared = self.direct.lock();
            shared.advance(next);
            while shared.wakes.first().is_some_and(|at| *at <= next) {
                shared.wakes.pop_first();
            }
            shared.exchange.drain_events()
        };
        self.watch.venue_events(&events);
        self.link.publish(next, &events, &self.direct.lock().exchange, self.life.is_some());
        if self.work().is_err() {
            self.crash();
        }
        self.watch.look(self.now, &self.direct.lock().exchange, self.life.as_ref());
    }

    fn work(&mut self) -> Result<(), Died> {
        while let Some(item) = self.link.pop(self.now) {
            self.item(item)?;
        }
        self.poll()?;
        let due = self.life.as_ref().is_some_and(|life| life.wake <= self.now);
        if due {
            self.step(Event::Tick)?;
            if let Some(life) = &mut self.life {
                // The driver waits a second when nothing asks for less, and never spins.
                life.wake = life.wake.max(self.now.after(Duration::from_millis(1)));
            }
        }
        self.rival()?;
        self.settle_end();
        Ok(())
    }

    /// What a process does that found no lock in its way: it reads, and acts when its time comes.
    fn rival(&mut self) -> Result<(), Died> {
        if self.rival.is_none() || self.life.is_none() {
            return Ok(());
        }
        std::mem::swap(&mut self.life, &mut self.rival);
        let polled = self.poll();
        let due = self.life.as_ref().is_some_and(|life| life.wake <= self.now);
        let done = if due && polled.is_ok() { self.step(Event::Tick) } else { polled };
        std::mem::swap(&mut self.life, &mut self.rival);
        done
    }

    /// Somebody resumes a run that is up: the lock turns him away.
    fn second_process(&mut self) -> Result<(), Died> {
        if self.life.is_none() || !Mutant::LockDropped.is_planted() {
            return Ok(());
        }
        let Some(pair) = self.read_back() else { return Err(Died) };
        self.rival = Some(self.begin(pair, true));
        std::mem::swap(&mut self.life, &mut self.rival);
        let resumed = self.step(Event::Resumed);
        std::mem::swap(&mut self.life, &mut self.rival);
        resumed
    }

    fn item(&mut self, item: Item) -> Result<(), Died> {
        match item {
            Item::Restart => self.restart(),
            Item::Input(life, input) if life == self.lives && self.life.is_some() => self.take(*input),
            Item::Input(..) => Ok(()),
            Item::Arrive(bytes) => {
                self.watch.bytes_arrive(&bytes.tx_info);
                self.link.arrive(self.now, *bytes, &mut self.direct.lock().exchange);
                Ok(())
            }
            Item::Frame(feed, generation, event) => {
                if self.link.is_current(feed, generation) && self.life.is_some() {
                    self.take(Input::Feed(event))?;
                }
                Ok(())
            }
            Item::Connect(feed) => {
                self.link.connect(self.now, feed, &self.direct.lock().exchange);
                Ok(())
            }
            Item::Outage(streams, lasts) => {
                self.link.outage(self.now, streams, lasts);
                Ok(())
            }
            Item::Stop(mode) if self.life.is_some() => self.step(Event::Stop(mode)),
            Item::Stop(mode) => {
                // An operator asks again when the process is there.
                self.link.push(self.now.after(Duration::from_secs(2)), Item::Stop(mode));
                Ok(())
            }
            Item::Foreign => {
                self.link.foreign_hand(&mut self.direct.lock().exchange, &self.scenario.spec);
                self.watch.foreign_hand();
                Ok(())
            }
            Item::Rival => self.second_process(),
            Item::Quiet => {
                self.link.quiet();
                let mut shared = self.direct.lock();
                shared.read_faults = 0;
                Ok(())
            }
        }
    }

    fn crash(&mut self) {
        if self.watch.is_broken() {
            return;
        }
        let down = self.next_crash().map_or(Duration::ZERO, |(_, down)| down);
        self.crashes += 1;
        if Mutant::CommitNotSynced.is_planted() {
            self.journal.truncate(self.committed);
        }
        self.watch.note(self.now, format_args!("crash, back in {down:?}"));
        self.leave();
        self.link.process_is_gone();
        self.link.push(self.now.after(down), Item::Restart);
    }

    /// Every point at which the process may die.
    fn kill_point(&mut self) -> Result<(), Died> {
        self.kill_points += 1;
        let dies = self.next_crash().is_some_and(|(at, _)| at <= self.kill_points);
        if dies || self.watch.is_broken() { Err(Died) } else { Ok(()) }
    }

    fn next_crash(&self) -> Option<(u32, Duration)> {
        self.scenario.crashes.get(self.crashes as usize).copied()
    }

    /// The process is gone, and its state with it.
    fn leave(&mut self) -> Option<Pair> {
        let pair = self.life.take()?.pair;
        self.rival = None;
        self.watch.streams_gone();
        self.watch.left_behind(&pair);
        Some(pair)
    }

    /// A new process: state is what the journal holds, and nothing else is known.
    fn restart(&mut self) -> Result<(), Died> {
        self.lives += 1;
        let Some(pair) = self.read_back() else { return Err(Died) };
        self.watch.folded(&pair);
        let resumed = !self.journal.is_empty();
        self.life = Some(self.begin(pair, resumed));
        self.watch.note(self.now, format_args!("life {}", self.lives));
        self.link.process_starts(self.now);
        if resumed {
            self.step(Event::Resumed)?;
        }
        self.step(Event::Tick)
    }

    /// Folds the journal, as every process does first.
    fn read_back(&self) -> Option<Pair> {
        let entries: Vec<Entry> =
            self.journal.iter().map(|row| serde_json::from_str(row).expect("an entry reads back")).collect();
        let folded = fold(&entries);
        if let Err(error) = &folded {
            self.watch.fail(Invariant::OneFold, error.to_string());
        }
        folded.ok()
    }

    /// A process at its beginning.
    fn begin(&self, pair: Pair, resumed: bool) -> Life {
        let seed = self.scenario.seed ^ u64::from(self.lives);
        let mut memory = Memory::new(self.scenario.retry, seed);
        for id in LegSide::BOTH.iter().flat_map(|side| pair.leg(*side).unsettled.keys()) {
            memory.found(*id);
        }
        let market = self.direct.lock().exchange.markets()[0].clone();
        Life {
            pair,
            outlook: Outlook::new(market.id, resumed, self.now),
            market,
            book: None,
            data: None,
            memory,
            slots: BTreeMap::new(),
            tasks: Vec::new(),
            wake: self.now.after(Duration::from_secs(1)),
            drawdown_told: false,
        }
    }

    /// The driver's loop ends with the pair.
    fn settle_end(&mut self) {
        let Some(life) = &self.life else { return };
        if life.pair.end().is_none() && !life.pair.stopped {
            return;
        }
        let Some(pair) = self.leave() else { return };
        self.watch.note(self.now, format_args!("ended: {:?}", pair.end()));
        self.link.process_is_gone();
        let again = self.scenario.resume_after.take().filter(|_| pair.end().is_none());
        match again {
            Some(wait) => self.link.push(self.now.after(wait), Item::Restart),
            None => self.outcome = Some(pair),
        }
    }

    fn life(&mut self) -> &mut Life {
        self.life.as_mut().expect("the process lives")
    }

    fn poll(&mut self) -> Result<(), Died> {
        let Some(life) = &mut self.life else { return Ok(()) };
        let mut ready = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        life.tasks.retain_mut(|task| match task.as_mut().poll(&mut context) {
            Poll::Ready(input) => {
                ready.push(input);
                false
            }
            Poll::Pending => true,
        });
        for input in ready {
            if self.life.is_some() {
                self.take(input)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, input: Input) -> Result<(), Died> {
        match input {
            Input::Event(event) => {
                let now = self.now;
                self.life().outlook.heard(&event, now);
                if let Event::Sent(id, side, result) = &*event {
                    self.sent(*id, *side, result);
                }
                let looked = match &*event {
                    Event::Snapshot(side, snapshot) => {
                        let read = snapshot.account.position(self.life().market.id);
                        let lots = read.map_or(0, |row| row.position.lots());
                        Some((*side, outlook::lost(&self.life().pair, *side, snapshot), lots))
                    }
                    _ => None,
                };
                self.step(*event)?;
                match looked {
                    Some((side, lost, lots)) => self.after_snapshot(side, &lost, lots),
                    None => Ok(()),
                }
            }
            Input::Answered(slot, id, result) => {
                self.kill_point()?;
                if let Some(slot) = self.life().slots.get_mut(&slot) {
                    slot.busy = false;
                }
                self.next_job(slot);
                self.take(Input::Event(Box::new(Event::Sent(id, slot.0, result))))
            }
            Input::Feed(event) => self.feed(*event),
            Input::ReadFailed(read) => {
                self.life().outlook.read_ended(read);
                self.step(Event::Tick)
            }
            Input::Resend(id, side) => self.resend(id, side),
        }
    }

    fn after_snapshot(&mut self, side: LegSide, lost: &[IntentId], lots: i64) -> Result<(), Died> {
        let life = self.life();
        let again = life.outlook.looked(&life.pair, side);
        let (synced, ours) = (life.outlook.view.leg(side).synced, life.pair.leg(side).position.lots());
        self.watch.reconciled(side, synced, ours, lots);
        let life = self.life();
        lost.iter().for_each(|id| life.memory.lost(*id));
        let unsettled: Vec<_> = life.pair.leg(side).unsettled.keys().copied().collect();
        if again {
            self.reconcile(side, true);
        }
        for id in unsettled {
            self.resend(id, side)?;
        }
        self.step(Event::Tick)
    }

    fn sent(&mut self, id: IntentId, side: LegSide, result: &SendResult) {
        let (now, lives) = (self.now, self.lives);
        let life = self.life();
        if let Some(delay) = life.memory.answered(id, result) {
            let item = Item::Input(lives, Box::new(Input::Resend(id, side)));
            self.link.push(now.after(delay), item);
        }
    }

    fn resend(&mut self, id: IntentId, side: LegSide) -> Result<(), Died> {
        let now = self.now;
        let life = self.life();
        let Some(intent) = life.pair.leg(side).unsettled.get(&id).cloned() else { return Ok(()) };
        if now >= intent.deadline || !life.memory.is_wanted(id) {
            return Ok(());
        }
        if intent.adds_risk() && life.pair.only_reduces() && life.memory.never_left(id) {
            let result =
                SendResult::NotSent { reason: "nothing that adds risk starts".to_owned(), in_doubt: false };
            return self.step(Event::Sent(id, side, result));
        }
        self.dispatch(&if Mutant::SignedAnew.is_planted() { signed_anew(intent, now) } else { intent });
        Ok(())
    }

    fn dispatch(&mut self, intent: &Intent) {
        let life = self.life();
        let Some(in_doubt) = life.memory.goes(intent.id) else { return };
        let slot = (intent.leg, intent.key);
        life.slots.entry(slot).or_default().jobs.push_back((intent.clone(), in_doubt));
        self.next_job(slot);
    }

    /// One at a time leaves a slot.
    fn next_job(&mut self, slot: (LegSide, ApiKeyIndex)) {
        let (now, lives) = (self.now, self.lives);
        let Some(queue) = self.life().slots.get_mut(&slot).filter(|queue| !queue.busy) else { return };
        let Some((intent, in_doubt)) = queue.jobs.pop_front() else { return };
        queue.busy = true;
        self.watch.sent(now, &intent);
        let bytes = Bytes {
            life: lives,
            slot,
            intent: intent.id,
            tx_type: intent.tx_type,
            tx_info: intent.tx_info,
            in_doubt,
            answer_after: None,
            again_after: None,
        };
        self.link.send(now, bytes);
    }

    fn side_of(&self, account: AccountIndex) -> Option<LegSide> {
        LegSide::BOTH.into_iter().find(|side| self.scenario.spec.leg(*side).account == account)
    }

    fn feed(&mut self, event: VenueEvent) -> Result<(), Died> {
        let now = self.now;
        self.watch.heard(&event);
        let event = match event {
            VenueEvent::Up(feed) => return self.feed_state(feed, true),
            VenueEvent::Down(feed, _) => return self.feed_state(feed, false),
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
                self.life().outlook.positions(side, &rows, now);
                Some(Event::Tick)
            }
            VenueEvent::Margin(account, margin) => {
                let Some(side) = self.side_of(account) else { return Ok(()) };
                self.life().outlook.margin(side, margin);
                Some(Event::Tick)
            }
            VenueEvent::Book(_, book) => {
                self.life().book = Some(book);
                None
            }
            VenueEvent::Stats(_, data) => {
                self.life().data = Some(data);
                Some(Event::Tick)
            }
        };
        match event {
            Some(event) => self.step(event),
            None => Ok(()),
        }
    }

    fn feed_state(&mut self, feed: Feed, is_up: bool) -> Result<(), Died> {
        let account = match feed {
            Feed::Book(_) | Feed::Stats(_) if Mutant::StaleKept.is_planted() => return Ok(()),
            Feed::Book(_) => {
                if !is_up {
                    self.life().book = None;
                }
                return Ok(());
            }
            Feed::Stats(_) => {
                if !is_up {
                    self.life().data = None;
                }
                return Ok(());
            }
            Feed::Orders(account)
            | Feed::Trades(account)
            | Feed::Positions(account)
            | Feed::Margin(account)
            | Feed::Txs(account)
            | Feed::Notices(account) => account,
        };
        let Some(side) = self.side_of(account) else { return Ok(()) };
        let now = self.now;
        let life = self.life();
        if life.outlook.stream(&life.pair, side, feed, is_up, now) {
            self.reconcile(side, true);
        }
        self.step(Event::Tick)
    }

    /// Decides, journals, evolves, acts, until nothing more follows.
    fn step(&mut self, event: Event) -> Result<(), Died> {
        let mut event = event;
        for _ in 0..DECISIONS_MAX {
            self.refresh();
            let (spec, life) = (&self.scenario.spec, self.life.as_ref().expect("the process lives"));
            let decision = decide(&life.pair, spec, &life.outlook.view, &event);
            if self.carry_out(decision)? {
                event = Event::Tick;
                continue;
            }
            match self.run_rule() {
                Some(rule) => event = rule,
                None => return Ok(()),
            }
        }
        self.watch.fail(Invariant::ComesToRest, "decisions do not come to rest");
        Err(Died)
    }

    fn refresh(&mut self) {
        let now = self.now;
        let life = self.life();
        let due = life.outlook.refresh(&life.pair, now, ANSWER_LAG);
        life.outlook.view.book.clone_from(&life.book);
        life.outlook.view.data = life.data;
        for side in due {
            self.reconcile(side, false);
        }
    }

    fn run_rule(&mut self) -> Option<Event> {
        let limit = self.scenario.spec.plan.risk.max_drawdown.to_decimal();
        let life = self.life();
        let trading = matches!(life.pair.step, Step::Place | Step::Watch | Step::Hedge(_));
        let mark = life.outlook.view.mark()?;
        if trading && !life.drawdown_told && !life.pair.is_flat() && life.pair.net_result(mark) <= -limit {
            life.drawdown_told = true;
            return Some(Event::LeaveNow(ExitReason::Drawdown));
        }
        None
    }

    fn carry_out(&mut self, decision: Decision) -> Result<bool, Died> {
        self.kill_point()?;
        let intents = self.record(&decision);
        self.kill_point()?;
        for intent in &intents {
            self.dispatch(intent);
            self.kill_point()?;
        }
        for effect in &decision.effects {
            self.effect(effect);
        }
        let later = self.now.after(Duration::from_secs(1));
        self.life().wake = decision.wake.unwrap_or(later);
        Ok(!decision.entries.is_empty() || !intents.is_empty())
    }

    fn record(&mut self, decision: &Decision) -> Vec<Intent> {
        let life = self.life.as_ref().expect("the process lives");
        let mut next = life.pair.clone();
        for entry in &decision.entries {
            next.evolve(entry).expect("a decision fits its state");
        }
        let intents = self.sign(&next, &decision.proposals);
        let mut entries = decision.entries.clone();
        entries.extend(intents.iter().map(|intent| Entry::Intent(Box::new(intent.clone()))));
        let now = self.now;
        self.committed = self.journal.len();
        for entry in &entries {
            if !is_lost(entry) {
                let row = serde_json::to_string(entry).expect("an entry is JSON");
                self.watch.written(entry, &row);
                self.journal.push(row);
            }
            let life = self.life.as_mut().expect("the process lives");
            self.watch.entry(now, entry, &life.pair, &life.outlook.view, &self.direct.lock().exchange);
            life.pair.evolve(entry).expect("an entry fits the state");
        }
        intents
    }

    fn sign(&self, pair: &Pair, proposals: &[Proposal]) -> Vec<Intent> {
        let (at, mut intents) = (self.now, Vec::new());
        let signature = if Mutant::KeyInBytes.is_planted() { [SECRET_BYTE; 80] } else { [0; 80] };
        for proposal in proposals {
            let Some(nonce) = pair.leg(proposal.leg).nonces.get(&proposal.key).copied() else { continue };
            let deadline = at.after(proposal.ttl);
            let envelope = Envelope {
                tx: proposal.tx.clone(),
                expired_at: deadline.as_millis(),
                nonce: nonce.get(),
                attributes: proposal.attributes,
            };
            intents.push(Intent {
                id: IntentId(pair.intents + 1 + u32::try_from(intents.len()).expect("a few")),
                leg: proposal.leg,
                purpose: proposal.purpose,
                account: self.scenario.spec.leg(proposal.leg).account,
                key: proposal.key,
                nonce,
                client_order_index: proposal.client_order_index,
                order: proposal.order,
                deadline,
                at,
                tx_type: envelope.tx_type(),
                tx_info: envelope.to_json(&Signature::from_bytes(&signature), None),
                hash: envelope.tx_hash(304),
            });
        }
        intents
    }

    fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Check => self.start_check(),
            Effect::Reconcile(side) => self.reconcile(*side, false),
            Effect::PollWithdrawals(side) => self.poll_withdrawals(*side),
            Effect::AskFastTerms(_) => self.watch.fail(Invariant::NoPanic, "the fast route is not simulated"),
            Effect::Pull(_) => self.watch.fail(Invariant::NotOurselves, "there is no other pair"),
        }
    }

    fn start_check(&mut self) {
        let now = self.now;
        if !self.life().outlook.may_check(now) {
            return;
        }
        let (venue, spec, now) = (self.direct.clone(), self.scenario.spec.clone(), self.now);
        let keys = LegSide::BOTH.map(|side| {
            let leg = spec.leg(side);
            let slots = [Some(leg.api_key_index), leg.guard_key_index].into_iter().flatten();
            slots.map(|slot| (slot, public_hex(&PUBLIC_KEY))).collect()
        });
        let (market, before) = (self.life().market.clone(), self.life().pair.checked.clone());
        self.life().tasks.push(Box::pin(async move {
            let (owners, before, tiers) = ([None, None], before.as_deref(), &Tiers::default());
            let input = CheckInput { spec: &spec, market, keys, owners, now, before, tiers };
            match reads::check(&venue, &input).await {
                Ok(checked) => Input::Event(Box::new(Event::CheckPassed(Box::new(checked)))),
                Err(CheckError::Venue(error)) if error.retry() != Retry::Never => {
                    Input::ReadFailed(Read::Check)
                }
                Err(error) => Input::Event(Box::new(Event::CheckFailed(error.code(), error.to_string()))),
            }
        }));
    }

    fn reconcile(&mut self, side: LegSide, at_once: bool) {
        let now = self.now;
        let life = self.life();
        let Some(input) = life.outlook.reconcile(&life.pair, side, at_once, now) else { return };
        let (venue, account) = (self.direct.clone(), self.scenario.spec.leg(side).account);
        self.life().tasks.push(Box::pin(async move {
            let now = || venue.lock().exchange.now();
            match reads::snapshot(&venue, now, account, &input).await {
                Ok(snapshot) => Input::Event(Box::new(Event::Snapshot(side, Box::new(snapshot)))),
                Err(_) => Input::ReadFailed(Read::Snapshot(side)),
            }
        }));
    }

    fn poll_withdrawals(&mut self, side: LegSide) {
        let now = self.now;
        if !self.life().outlook.may_poll(side, now) {
            return;
        }
        let (venue, account) = (self.direct.clone(), self.scenario.spec.leg(side).account);
        let known = self.life().outlook.view.leg(side).margin.unwrap_or_default().collateral;
        self.life().tasks.push(Box::pin(async move {
            let read = async {
                let rows = venue.withdrawals(account).await?;
                let moved = rows.first().is_some_and(|row| row.status != WithdrawStatus::Pending);
                let collateral = if moved { venue.account(account).await?.margin.collateral } else { known };
                Ok::<_, VenueError>((rows, collateral))
            };
            match read.await {
                Ok((rows, collateral)) => Input::Event(Box::new(Event::Withdrawals(side, rows, collateral))),
                Err(_) => Input::ReadFailed(Read::Withdrawals(side)),
            }
        }));
    }
}
