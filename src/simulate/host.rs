//! The direct host: does for the engine what the driver does, in virtual time, over the link.

mod start;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::engine::intents;
use crate::engine::outlook::{self, Heard, Outlook, Read};
use crate::engine::reads::{self, CheckError, CheckInput, Tiers};
use crate::engine::{
    ANSWER_LAG, DECISIONS_MAX, Decision, Effect, Entry, Event, ExitReason, Intent, IntentId, LegSide, Memory,
    Pair, Proposal, Purpose, STILL_MAX, SendResult, Step, decide,
};
use crate::model::{ApiKeyIndex, BookTop, Market, Timestamp, WithdrawStatus};
use crate::paper::world::Pace;
use crate::rt::Mutant;
use crate::venue::{Feed, MarketData, Retry, Venue as _, VenueError, VenueEvent};

use super::disk::{Disk, Written};
use super::link::{Bytes, Item, Link};
use super::sabotage;
use super::scenario::Scenario;
use super::venue::{Direct, PUBLIC_KEY, public_hex};
use super::violation::{Invariant, Violation};
use super::watch::Watch;

/// What is held for longer is held for long.
const LONG_HOLD: Duration = Duration::from_secs(600);
/// What a process needs of a disk that is full comes from the reserve; what adds risk waits.
const FULL: &str = "the disk is full: nothing new starts";

/// What reaches the pair's task.
pub(crate) enum Input {
    Event(Box<Event>),
    Feed(Box<VenueEvent>),
    ReadFailed(Read),
    Resend(IntentId, LegSide),
    /// The sender of a slot has its answer.
    Answered((LegSide, ApiKeyIndex), IntentId, SendResult),
}

/// The process is gone, and comes back after so long.
pub(crate) struct Died(pub(super) Duration);

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
    pub(super) wake: Timestamp,
    drawdown_told: bool,
    /// How long the machine slept just now.
    slept: Option<Duration>,
    /// By how much the process's clock is ahead of the venue's, in ms.
    skew_ms: i64,
}

/// A point at which a process may die.
#[derive(Clone, Debug)]
pub struct KillPoint {
    /// The intents in doubt there.
    pub in_doubt: Vec<IntentId>,
    /// Whether nothing was written, sent or answered since the point before: only time has passed.
    pub is_still: bool,
    /// Commits, sendings and answers so far.
    done: (u32, u32, u32),
}

/// One run, over any number of lives.
pub struct Run {
    /// What it plays.
    pub scenario: Scenario,
    direct: Direct,
    link: Link,
    start: Timestamp,
    pub(super) now: Timestamp,
    pub(super) life: Option<Life>,
    /// How many processes it took.
    pub lives: u32,
    disk: Disk,
    commits: u32,
    /// The machine sleeps until then.
    asleep_until: Timestamp,
    /// The machine's clock was set right then; jumps before count no more.
    clock_set: Option<Timestamp>,
    /// What was seen.
    pub watch: Watch,
    /// Points passed at which the process may die.
    pub kill_points: u32,
    crashes: u32,
    /// A second process on the same run, which the lock is there to prevent.
    pub(super) rival: Option<Life>,
    /// Answers that were taken in.
    answers: u32,
    /// Every kill point passed, once somebody asked for them.
    pub points: Option<Vec<KillPoint>>,
    /// Reconciliations that were decided on twice, where somebody asked for that.
    pub twice: Option<u32>,
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
            shared.pace = scenario.pace;
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
            disk: Disk::default(),
            commits: 0,
            asleep_until: start,
            clock_set: None,
            watch,
            kill_points: 0,
            crashes: 0,
            rival: None,
            answers: 0,
            points: None,
            twice: None,
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
        if let Some((at, lasts)) = self.scenario.mute {
            self.link.push(start.after(at), Item::Mute(lasts));
        }
        for hand in self.scenario.hands.clone() {
            self.link.push(start.after(hand.at), Item::Hand(hand));
        }
        if let Some(at) = self.scenario.rival_at {
            self.link.push(start.after(at), Item::Rival);
        }
        for (at, lasts) in self.scenario.suspends.clone() {
            self.link.push(start.after(at), Item::Suspend(lasts));
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
            match self.disk.entries() {
                Ok(entries) => {
                    self.watch.read_through(self.disk.rows());
                    self.watch.finish(pair, &entries, &self.direct.lock().exchange);
                }
                Err(error) => self.watch.fail(Invariant::OneFold, error.to_string()),
            }
        }
        match self.watch.violation() {
            Some(violation) => Err(Box::new(violation)),
            None => Ok(self),
        }
    }

    fn turn(&mut self) {
        let next = {
            let shared = self.direct.lock();
            let wake = self.life.as_ref().map(|life| self.venue_time(life.wake, life.skew_ms));
            let wake = wake.map(|wake| wake.max(self.asleep_until));
            [Some(shared.next_due()), shared.wakes.first().copied(), self.link.next_due(), wake]
                .into_iter()
                .flatten()
                .min()
                .expect("the world goes on")
                .max(self.now)
        };
        self.now = next;
        let pace = self.pace();
        let events = {
            let mut shared = self.direct.lock();
            shared.pace = pace;
            shared.advance(next);
            while shared.wakes.first().is_some_and(|at| *at <= next) {
                shared.wakes.pop_first();
            }
            shared.exchange.drain_events()
        };
        self.watch.venue_events(&events);
        self.link.publish(next, &events, &self.direct.lock().exchange, self.life.is_some());
        if let Err(Died(down)) = self.work() {
            self.crash(down);
        }
        let awake = self.life.as_ref().filter(|_| self.asleep_until <= self.now);
        self.watch.look(self.now, &self.direct.lock().exchange, awake);
    }

    /// Days of nothing but holding, and the wait for a withdrawal, are played in coarse steps.
    fn pace(&self) -> Pace {
        let is_long = |life: &Life| match life.pair.step {
            Step::Withdraw => true,
            Step::Watch => life.pair.held_since.is_some_and(|since| self.now.since(since) > LONG_HOLD),
            _ => false,
        };
        match self.scenario.pace {
            Pace::Brisk if self.life.as_ref().is_some_and(is_long) => Pace::Coarse,
            pace => pace,
        }
    }

    /// The time of the process's clock.
    fn clock(&self) -> Timestamp {
        let skew = self.life.as_ref().map_or(0, |life| life.skew_ms);
        Timestamp::from_millis(self.now.as_millis() + skew)
    }

    /// When the process's clock shows `at`.
    const fn venue_time(&self, at: Timestamp, skew_ms: i64) -> Timestamp {
        Timestamp::from_millis(at.as_millis() - skew_ms)
    }

    fn work(&mut self) -> Result<(), Died> {
        self.notice_standstill()?;
        while let Some(item) = self.link.pop(self.now) {
            self.item(item)?;
        }
        if self.asleep_until > self.now {
            return Ok(());
        }
        self.poll()?;
        let now = self.clock();
        let due = self.life.as_ref().is_some_and(|life| life.wake <= now);
        if due {
            self.step(Event::Tick)?;
            if let Some(life) = &mut self.life {
                // The driver waits a second when nothing asks for less, and never spins.
                life.wake = life.wake.max(now.after(Duration::from_millis(1)));
            }
        }
        self.rival()?;
        self.settle_end();
        Ok(())
    }

    /// As in the driver: a process that stood still looks before it judges what waits for it.
    fn notice_standstill(&mut self) -> Result<(), Died> {
        let now = self.clock();
        let awake = self.life.as_mut().filter(|_| self.asleep_until <= self.now);
        let Some(lasted) = awake.and_then(|life| life.slept.take()) else { return Ok(()) };
        if lasted <= STILL_MAX {
            return Ok(());
        }
        self.life().outlook.stood_still(now);
        self.step(Event::StoodStill(lasted))?;
        LegSide::BOTH.into_iter().for_each(|side| self.reconcile(side, true));
        Ok(())
    }

    fn item(&mut self, item: Item) -> Result<(), Died> {
        if self.asleep_until > self.now && item.is_for_the_machine() {
            self.link.push(self.asleep_until, item);
            return Ok(());
        }
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
            Item::Hand(hand) => {
                self.link.hand(&mut self.direct.lock().exchange, &self.scenario.spec, hand);
                self.watch.foreign_hand();
                Ok(())
            }
            Item::Mute(lasts) => {
                self.direct.lock().read_faults = if lasts.is_zero() { 0 } else { 1_000 };
                if !lasts.is_zero() {
                    self.link.push(self.now.after(lasts), Item::Mute(Duration::ZERO));
                }
                Ok(())
            }
            Item::Rival => self.second_process(),
            Item::Suspend(lasts) => {
                self.watch.note(self.now, format_args!("the machine sleeps for {lasts:?}"));
                self.asleep_until = self.now.after(lasts);
                if let Some(life) = &mut self.life {
                    life.slept = Some(lasts);
                }
                Ok(())
            }
            Item::Quiet => {
                self.link.quiet();
                let mut shared = self.direct.lock();
                shared.read_faults = 0;
                Ok(())
            }
        }
    }

    fn crash(&mut self, down: Duration) {
        if self.watch.is_broken() {
            return;
        }
        self.watch.note(self.now, format_args!("the process is gone, back in {down:?}"));
        self.leave();
        self.link.process_is_gone();
        self.link.push(self.now.after(down), Item::Restart);
    }

    /// Every point at which the process may die.
    fn kill_point(&mut self) -> Result<(), Died> {
        self.kill_points += 1;
        if self.watch.is_broken() {
            return Err(Died(Duration::ZERO));
        }
        match self.scenario.crashes.get(self.crashes as usize) {
            Some((at, down)) if *at <= self.kill_points => {
                self.crashes += 1;
                Err(Died(*down))
            }
            _ => {
                self.note_point();
                Ok(())
            }
        }
    }

    /// Keeps what a crash at this point would find, where somebody wants to know.
    fn note_point(&mut self) {
        let (Some(points), Some(life)) = (&mut self.points, &self.life) else { return };
        let unsettled = |side| life.pair.leg(side).unsettled.keys().copied();
        let in_doubt = LegSide::BOTH.into_iter().flat_map(unsettled).collect();
        let done = (self.commits, self.watch.sendings(), self.answers);
        let is_still = points.last().is_some_and(|last: &KillPoint| last.done == done);
        points.push(KillPoint { in_doubt, is_still, done });
    }

    /// Keeps every kill point.
    #[must_use]
    pub fn with_points(mut self) -> Self {
        self.points = Some(Vec::new());
        self
    }

    /// Decides on every reconciliation a second time, which must change nothing.
    #[must_use]
    pub fn reading_twice(mut self) -> Self {
        self.twice = Some(0);
        self
    }

    fn decide_again(&mut self, event: &Event) {
        let Some(count) = &mut self.twice else { return };
        let Some(life) = self.life.as_ref().filter(|life| life.pair.end().is_none()) else { return };
        *count += 1;
        let again = decide(&life.pair, &self.scenario.spec, &life.outlook.view, event);
        let (entries, orders) = (again.entries, again.proposals.len());
        if !entries.is_empty() || orders > 0 {
            let what = format!("a second reconciliation brings {entries:?} and {orders} transactions");
            self.watch.fail(Invariant::JournalAgrees, what);
        }
    }

    /// Returns the rows of the journal, each an entry as JSON.
    pub fn journal(&self) -> impl Iterator<Item = &str> {
        self.disk.rows()
    }

    /// Returns a hash over the journal's bytes, the trace and the exchange: equal for equal runs.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.disk.bytes())
            .chain_update(self.watch.trace())
            .chain_update(self.direct.lock().exchange.state_hash())
            .finalize()
            .into()
    }

    /// The process is gone, and its state with it.
    fn leave(&mut self) -> Option<Pair> {
        let pair = self.life.take()?.pair;
        self.rival = None;
        self.watch.streams_gone();
        self.watch.left_behind(&pair);
        Some(pair)
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

    pub(super) fn poll(&mut self) -> Result<(), Died> {
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
                let now = self.clock();
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
                let again = looked.as_ref().filter(|_| self.twice.is_some()).map(|_| event.clone());
                self.step(*event)?;
                if let Some(event) = again {
                    self.decide_again(&event);
                }
                match looked {
                    Some((side, lost, lots)) => self.after_snapshot(side, &lost, lots),
                    None => Ok(()),
                }
            }
            Input::Answered(slot, id, result) => {
                self.answers += 1;
                self.kill_point()?;
                if let Some(slot) = self.life().slots.get_mut(&slot) {
                    slot.busy = false;
                }
                self.next_job(slot);
                self.take(Input::Event(Box::new(Event::Sent(id, slot.0, result))))
            }
            Input::Feed(event) => self.feed(*event),
            Input::ReadFailed(read) => {
                let now = self.clock();
                self.life().outlook.read_failed(read, now);
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
        let now = self.clock();
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
        self.dispatch(&sabotage::same_bytes(intent, now));
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

    fn feed(&mut self, event: VenueEvent) -> Result<(), Died> {
        self.watch.heard(&event);
        if event.feed().market().is_some() {
            return self.market_news(event);
        }
        let now = self.clock();
        let life = self.life.as_mut().expect("the process lives");
        match life.outlook.news(&self.scenario.spec, event, now) {
            Heard::Decide(event) => self.step(event),
            Heard::Stream(side, feed, is_up) => {
                if life.outlook.stream(&life.pair, side, feed, is_up, now) {
                    self.reconcile(side, true);
                }
                self.step(Event::Tick)
            }
            Heard::Nothing => Ok(()),
        }
    }

    /// What the market's own task does in a process: a feed that is down has nothing that counts.
    fn market_news(&mut self, event: VenueEvent) -> Result<(), Died> {
        let life = self.life();
        match event {
            VenueEvent::Book(_, book) => life.book = Some(book),
            VenueEvent::Stats(_, data) => {
                life.data = Some(data);
                return self.step(Event::Tick);
            }
            VenueEvent::Down(..) if Mutant::StaleKept.is_planted() => {}
            VenueEvent::Down(Feed::Book(_), _) => life.book = None,
            VenueEvent::Down(Feed::Stats(_), _) => life.data = None,
            _ => {}
        }
        Ok(())
    }

    /// Decides, journals, evolves, acts, until nothing more follows.
    pub(super) fn step(&mut self, event: Event) -> Result<(), Died> {
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
        Err(Died(Duration::ZERO))
    }

    fn refresh(&mut self) {
        let now = self.clock();
        let life = self.life();
        let due = life.outlook.refresh(&life.pair, now, ANSWER_LAG);
        // Most decisions come without a new book, and to copy it is dearer than to compare it.
        if life.outlook.view.book != life.book {
            life.outlook.view.book.clone_from(&life.book);
        }
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
        let wrote = !decision.entries.is_empty();
        let intents = self.record(decision.entries, &decision.proposals)?;
        self.kill_point()?;
        for intent in &intents {
            self.dispatch(intent);
            self.kill_point()?;
        }
        for effect in &decision.effects {
            self.effect(effect);
        }
        let later = self.clock().after(Duration::from_secs(1));
        let life = self.life();
        life.wake = match decision.wake {
            Some(wake) if life.outlook.is_blind() => wake.min(later),
            wake => wake.unwrap_or(later),
        };
        Ok(wrote || !intents.is_empty())
    }

    fn record(&mut self, mut entries: Vec<Entry>, proposals: &[Proposal]) -> Result<Vec<Intent>, Died> {
        let mut intents = self.sign_after(&entries, proposals);
        if self.is_disk_full() && intents.iter().any(|intent| intent.purpose == Purpose::Entry) {
            self.watch.note(self.now, format_args!("{FULL}"));
            intents.clear();
        }
        entries.extend(intents.iter().map(|intent| Entry::Intent(Box::new(intent.clone()))));
        if entries.is_empty() {
            return Ok(intents);
        }
        self.commits += 1;
        let due = self.scenario.disk.iter().find(|(commit, ..)| *commit == self.commits).copied();
        let kept = sabotage::kept(&entries);
        let written = self.disk.commit(&kept, due.map(|(_, fault, _)| fault));
        if written != Written::Gone(false) {
            self.apply(&entries);
        }
        match (written, due) {
            (Written::Gone(_), Some((_, fault, down))) => {
                self.watch.note(self.now, format_args!("journal: {fault:?}"));
                Err(Died(down))
            }
            _ => Ok(intents),
        }
    }

    /// Signs what is proposed in the state that `entries` make.
    fn sign_after(&self, entries: &[Entry], proposals: &[Proposal]) -> Vec<Intent> {
        // Most decisions sign nothing, and the state is dear to copy.
        if proposals.is_empty() {
            return Vec::new();
        }
        let mut next = self.life.as_ref().expect("the process lives").pair.clone();
        for entry in entries {
            next.evolve(entry).expect("a decision fits its state");
        }
        intents::intents(&self.scenario.spec, &next, proposals, self.clock(), sabotage::sign)
    }

    /// What is durable is state.
    fn apply(&mut self, entries: &[Entry]) {
        let now = self.now;
        self.watch.market_silent(self.link.market_silent_since());
        for entry in entries {
            let life = self.life.as_mut().expect("the process lives");
            if !sabotage::is_lost(entry) {
                let shared = self.direct.lock();
                let decided_on = Some((&life.outlook.view, &shared.exchange));
                self.watch.entry(now, entry, &life.pair, decided_on);
            }
            life.pair.evolve(entry).expect("an entry fits the state");
        }
    }

    fn is_disk_full(&self) -> bool {
        self.scenario.disk_full.is_some_and(|(at, lasts)| {
            let from = self.start.after(at);
            from <= self.now && self.now < from.after(lasts)
        })
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
        let now = self.clock();
        if !self.life().outlook.may_check(now) {
            return;
        }
        let (venue, spec, now) = (self.direct.clone(), self.scenario.spec.clone(), self.clock());
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
        let now = self.clock();
        let life = self.life();
        let Some(input) = life.outlook.reconcile(&life.pair, side, at_once, now) else { return };
        let (venue, account) = (self.direct.clone(), self.scenario.spec.leg(side).account);
        let skew_ms = self.life().skew_ms;
        self.life().tasks.push(Box::pin(async move {
            let now = || Timestamp::from_millis(venue.lock().exchange.now().as_millis() + skew_ms);
            match reads::snapshot(&venue, now, account, &input).await {
                Ok(snapshot) => Input::Event(Box::new(Event::Snapshot(side, Box::new(snapshot)))),
                Err(_) => Input::ReadFailed(Read::Snapshot(side)),
            }
        }));
    }

    fn poll_withdrawals(&mut self, side: LegSide) {
        let now = self.clock();
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
