//! The one task that owns the exchange. Everybody else sends it work and waits for the answer.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::auth::Tokens;
use super::channel::Channel;
use super::error::Refusal;
use super::faults::{FaultRule, Faults};
use super::history::{History, MarketView};
use super::hub::{ConnectionId, Hub};
use super::limits::Limits;
use super::line::Lines;
use crate::model::{Market, MarketId, Timestamp};
use crate::paper::exchange::{Exchange, ExchangeEvent};
use crate::paper::sim::Sim;
use crate::rt::{Cancel, Clock};

/// How much work may wait. A full queue makes callers wait, which is what a busy exchange does.
const QUEUE: usize = 1_024;

type Job = Box<dyn FnOnce(&mut State) + Send>;

/// Sees what happens at the exchange, every time that it moves on; for simulations.
pub(crate) type Tap = Box<dyn FnMut(&Exchange, &[ExchangeEvent]) + Send>;

/// What the task owns.
pub(crate) struct State {
    /// The exchange with its world and its command log.
    pub(crate) sim: Sim,
    /// Subscriptions.
    pub(crate) hub: Hub,
    /// Candles and day statistics.
    pub(crate) history: History,
    /// Rate limits, shared with the front.
    pub(crate) limits: Limits,
    /// Whether the command log failed; nothing is taken in any more.
    failed: bool,
    faults: Faults,
    lines: Lines,
    /// The world's faults that lie ahead.
    schedule: VecDeque<(Timestamp, FaultRule)>,
    tap: Option<Tap>,
    tokens: Tokens,
}

impl State {
    /// Takes over an exchange; what happened before becomes history without being announced.
    pub(crate) fn new(
        mut sim: Sim,
        limits: Limits,
        faults: Faults,
        lines: Lines,
        schedule: Vec<(Timestamp, FaultRule)>,
    ) -> Self {
        let mut history = History::default();
        for market in sim.exchange().markets() {
            for record in sim.exchange().recent_trades(market.id, usize::MAX).iter().rev() {
                history.add(&record.trade);
            }
        }
        let past = sim.drain_events();
        let mut hub = Hub::default();
        hub.remember(&past);
        Self {
            sim,
            hub,
            history,
            limits,
            failed: false,
            faults,
            lines,
            schedule: schedule.into(),
            tap: None,
            tokens: Tokens::default(),
        }
    }

    /// Shows `tap` what happens from now on.
    pub(crate) fn with_tap(mut self, tap: Option<Tap>) -> Self {
        self.tap = tap;
        self
    }

    /// Returns the exchange.
    pub(crate) fn exchange(&self) -> &Exchange {
        self.sim.exchange()
    }

    /// Returns everything that frames and answers are made of.
    pub(crate) fn view(&self) -> View<'_> {
        View { exchange: self.sim.exchange(), history: &self.history, tokens: &self.tokens }
    }

    /// Brings the exchange to `now` and announces what happened.
    pub(crate) fn step(&mut self, now: Timestamp) {
        if let Err(error) = self.sim.advance(now) {
            // The log cannot be written: an exchange that forgets is worse than one that stands still.
            tracing::error!(%error, "the paper exchange stands still");
            self.failed = true;
        }
        while let Some((_, rule)) = self.schedule.pop_front_if(|(due, _)| *due <= now) {
            self.faults.inject(rule, &self.lines);
        }
        let events = self.sim.drain_events();
        if let Some(tap) = &mut self.tap {
            tap(self.sim.exchange(), &events);
        }
        for event in &events {
            match event {
                ExchangeEvent::Trade(record) => self.history.add(&record.trade),
                ExchangeEvent::Stats(market) => self.note_mark(*market),
                _ => {}
            }
        }
        let view = View { exchange: self.sim.exchange(), history: &self.history, tokens: &self.tokens };
        self.hub.publish(&view, &events);
    }

    fn note_mark(&mut self, market: MarketId) {
        let now = self.sim.exchange().now();
        if let Some(mark) = self.sim.exchange().stats(market).and_then(|stats| stats.mark) {
            self.history.mark(market, mark, now);
        }
    }

    /// Adds a subscription of a connection and sends its snapshot.
    pub(crate) fn subscribe(&mut self, id: ConnectionId, channel: Channel) {
        let view = View { exchange: self.sim.exchange(), history: &self.history, tokens: &self.tokens };
        self.hub.subscribe(&view, id, channel);
    }

    fn wake_at(&self) -> Timestamp {
        let far = Timestamp::from_millis(i64::MAX);
        let due = self.sim.next_due();
        let fault = self.schedule.front().map_or(far, |(due, _)| *due);
        due.min(fault).min(self.hub.next_tick().unwrap_or(far))
    }
}

/// A look at the exchange.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The core.
    pub(crate) exchange: &'a Exchange,
    /// Candles and day statistics.
    pub(crate) history: &'a History,
    /// Tokens whose signatures were verified before.
    pub(crate) tokens: &'a Tokens,
}

impl<'a> View<'a> {
    /// Returns venue time.
    pub(crate) fn now(&self) -> Timestamp {
        self.exchange.now()
    }

    /// Returns a market's rules.
    pub(crate) fn market(&self, id: MarketId) -> Option<&'a Market> {
        self.exchange.market(id)
    }

    /// Returns what is known of a market.
    pub(crate) fn market_view(&self, market: &'a Market) -> MarketView<'a> {
        let stats = self.exchange.stats(market.id);
        let history = self.history.day(market, self.now());
        MarketView::new(market, stats.as_ref(), history)
    }
}

/// A cheap handle to the task.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    jobs: mpsc::Sender<Job>,
    clock: Clock,
}

impl Handle {
    /// Runs `work` on the exchange, brought to the present first.
    ///
    /// # Errors
    ///
    /// [`Refusal::Gone`] when the exchange has stopped.
    pub(crate) async fn ask<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&mut State) -> T + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |state| {
            // The caller may have gone; the work is done all the same, as on a real exchange.
            let _ = reply.send(work(state));
        });
        self.jobs.send(job).await.map_err(|_| Refusal::Gone)?;
        answer.await.map_err(|_| Refusal::Gone)
    }

    /// Returns the clock that the exchange runs on.
    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// Returns a handle and the task behind it, which runs until `cancel`.
pub(crate) fn actor(
    state: State,
    clock: Clock,
    cancel: Cancel,
) -> (Handle, impl Future<Output = ()> + Send + 'static) {
    let (jobs, queue) = mpsc::channel(QUEUE);
    let handle = Handle { jobs, clock: clock.clone() };
    (handle, run(state, queue, clock, cancel))
}

async fn run(mut state: State, mut queue: mpsc::Receiver<Job>, clock: Clock, cancel: Cancel) {
    while !state.failed {
        // Never in the past: what is due was done by the last step, and a spinning task would starve the others.
        let wake = state.wake_at().max(clock.now().after(Duration::from_millis(1)));
        tokio::select! {
            biased; // work before time: each piece of work brings the exchange to the present anyway
            () = cancel.cancelled() => return,
            job = queue.recv() => {
                let Some(job) = job else { return };
                state.step(clock.now());
                job(&mut state);
            }
            () = clock.sleep_until(wake) => {}
        }
        state.step(clock.now());
    }
}
