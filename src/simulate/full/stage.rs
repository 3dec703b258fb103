//! What an onlooker sees: every commit of the journal, everything that happens at the exchange.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::{Entry, Intent, Pair, PairSpec, Purpose};
use crate::journal::Append;
use crate::model::{Market, MarketId, PairId, Price, Timestamp, Usdc};
use crate::paper::exchange::{Exchange, ExchangeEvent};
use crate::rt::Cancel;
use crate::simulate::opinion;
use crate::simulate::scenario::Scenario;
use crate::simulate::violation::{Invariant, Violation};
use crate::simulate::watch::Watch;

/// One pair of the run.
struct Part {
    id: PairId,
    watch: Watch,
    /// The state that the journal makes.
    pair: Pair,
    market: MarketId,
    /// By the exchange.
    mark: Option<Price>,
}

impl Part {
    fn exposure(&self) -> Usdc {
        self.mark.map_or(Usdc::ZERO, |mark| opinion::exposure(&self.pair, mark))
    }
}

struct Seen {
    /// The first pair's is told what concerns the whole run.
    parts: Vec<Part>,
    /// Whether a process is there that could tell of something.
    is_up: bool,
    /// Until when no process can ask the venue anything.
    blind_until: Timestamp,
}

impl Seen {
    fn first(&mut self) -> &mut Watch {
        &mut self.parts[0].watch
    }

    /// One entry of one pair is durable.
    fn entry(&mut self, id: &PairId, at: Timestamp, body: &str) {
        let Some(part) = self.parts.iter_mut().find(|part| part.id == *id) else {
            return self.first().fail(Invariant::OneFold, format!("the run has no pair {id}"));
        };
        let entry = match Entry::read(body) {
            Ok(entry) => entry,
            Err(error) => return part.watch.fail(Invariant::OneFold, error.to_string()),
        };
        part.watch.entry(at, &entry, &part.pair, None);
        if let Err(error) = part.pair.evolve(&entry) {
            part.watch.fail(Invariant::OneFold, error.to_string());
        }
        if let Entry::Intent(intent) = &entry {
            self.beside(id, intent);
        }
    }

    /// 3. and 5., among all pairs of the run.
    fn beside(&mut self, id: &PairId, intent: &Intent) {
        let Some(terms) = &intent.order else { return };
        let market = self.parts.iter().find(|part| part.id == *id).map(|part| part.market);
        let others = self.parts.iter().filter(|part| part.id != *id && Some(part.market) == market);
        let met = others.into_iter().find_map(|part| opinion::meets_other(&part.pair, intent, terms));
        if let Some((invariant, what)) = met {
            self.first().fail(invariant, what);
        }
        if intent.purpose == Purpose::Entry {
            let exposure = self.parts.iter().map(Part::exposure).fold(Usdc::ZERO, Usdc::plus);
            self.first().run_exposure(intent, exposure);
        }
    }
}

/// The onlooker; clones share what is seen.
#[derive(Clone)]
pub(super) struct Stage {
    seen: Arc<Mutex<Seen>>,
    /// Raised when an invariant broke.
    pub(super) broken: Cancel,
}

impl Stage {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let part = |(spec, market): (&PairSpec, &Market)| Part {
            id: spec.plan.id.clone(),
            watch: Watch::of_pair(scenario, spec, market.id),
            pair: Pair::default(),
            market: market.id,
            mark: None,
        };
        let parts = scenario.pairs().map(part).collect();
        let seen = Seen { parts, is_up: false, blind_until: Timestamp::default() };
        Self { seen: Arc::new(Mutex::new(seen)), broken: Cancel::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Seen) -> T) -> T {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut seen);
        if seen.parts.iter().any(|part| part.watch.is_broken()) {
            self.broken.cancel();
        }
        result
    }

    /// Looks at the watch of the first pair.
    pub(super) fn watch<T>(&self, work: impl FnOnce(&mut Watch) -> T) -> T {
        self.with(|seen| work(seen.first()))
    }

    /// Looks at the watch of a pair.
    pub(super) fn watch_of(&self, id: &PairId, work: impl FnOnce(&mut Watch)) {
        self.with(|seen| {
            if let Some(part) = seen.parts.iter_mut().find(|part| part.id == *id) {
                work(&mut part.watch);
            }
        });
    }

    /// Takes the watches of all pairs, the first one first; nothing is watched any more.
    pub(super) fn watches(&self) -> Vec<Watch> {
        self.with(|seen| std::mem::take(&mut seen.parts).into_iter().map(|part| part.watch).collect())
    }

    pub(super) fn note(&self, now: Timestamp, text: fmt::Arguments<'_>) {
        self.watch(|watch| watch.note(now, text));
    }

    pub(super) fn fail(&self, invariant: Invariant, what: impl Into<String>) {
        self.watch(|watch| watch.fail(invariant, what));
    }

    /// A process has started, or is gone.
    pub(super) fn is_up(&self, is_up: bool) {
        self.with(|seen| seen.is_up = is_up);
    }

    /// Until `until` no process can ask the venue anything.
    pub(super) fn is_blind(&self, until: Timestamp) {
        self.with(|seen| seen.blind_until = seen.blind_until.max(until));
    }

    /// Returns the states that the journal makes, in the order of the pairs.
    pub(super) fn pairs(&self) -> Vec<(PairId, Pair)> {
        self.with(|seen| seen.parts.iter().map(|part| (part.id.clone(), part.pair.clone())).collect())
    }

    /// Something is durable.
    pub(super) fn committed(&self, append: &Append) {
        self.with(|seen| {
            for event in &append.events {
                if let Some(pair) = &event.pair {
                    seen.entry(pair, event.at, &event.body);
                }
            }
        });
    }

    /// The exchange moved on.
    pub(super) fn happened(&self, exchange: &Exchange, events: &[ExchangeEvent]) {
        self.with(|seen| {
            let now = exchange.now();
            let sees = seen.is_up && seen.blind_until <= now;
            for part in &mut seen.parts {
                part.mark = exchange.stats(part.market).and_then(|stats| stats.mark);
                part.watch.venue_events(events);
                part.watch.look_from_outside(now, exchange, sees.then_some(&part.pair));
            }
        });
    }

    /// Returns what broke.
    pub(super) fn violation(&self) -> Option<Violation> {
        self.with(|seen| seen.parts.iter().find_map(|part| part.watch.violation()))
    }
}
