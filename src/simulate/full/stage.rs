//! What an onlooker sees: every commit of the journal, everything that happens at the exchange.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::{Entry, Pair};
use crate::journal::Append;
use crate::model::Timestamp;
use crate::paper::exchange::{Exchange, ExchangeEvent};
use crate::rt::Cancel;
use crate::simulate::violation::{Invariant, Violation};
use crate::simulate::watch::Watch;

struct Seen {
    watch: Watch,
    /// The state that the journal makes.
    pair: Pair,
    /// Whether a process is there that could tell of something.
    is_up: bool,
    /// Until when no process can ask the venue anything.
    blind_until: Timestamp,
}

/// The onlooker; clones share what is seen.
#[derive(Clone)]
pub(super) struct Stage {
    seen: Arc<Mutex<Seen>>,
    /// Raised when an invariant broke.
    pub(super) broken: Cancel,
}

impl Stage {
    pub(super) fn new(watch: Watch) -> Self {
        let seen = Seen { watch, pair: Pair::default(), is_up: false, blind_until: Timestamp::default() };
        Self { seen: Arc::new(Mutex::new(seen)), broken: Cancel::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Seen) -> T) -> T {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut seen);
        if seen.watch.is_broken() {
            self.broken.cancel();
        }
        result
    }

    /// Looks at the watch.
    pub(super) fn watch<T>(&self, work: impl FnOnce(&mut Watch) -> T) -> T {
        self.with(|seen| work(&mut seen.watch))
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

    /// Returns the state that the journal makes.
    pub(super) fn pair(&self) -> Pair {
        self.with(|seen| seen.pair.clone())
    }

    /// Something is durable.
    pub(super) fn committed(&self, append: &Append) {
        self.with(|seen| {
            for event in append.events.iter().filter(|event| event.pair.is_some()) {
                let entry: Entry = match serde_json::from_str(&event.body) {
                    Ok(entry) => entry,
                    Err(error) => return seen.watch.fail(Invariant::OneFold, error.to_string()),
                };
                seen.watch.entry(event.at, &entry, &seen.pair, None);
                if let Err(error) = seen.pair.evolve(&entry) {
                    seen.watch.fail(Invariant::OneFold, error.to_string());
                }
            }
        });
    }

    /// The exchange moved on.
    pub(super) fn happened(&self, exchange: &Exchange, events: &[ExchangeEvent]) {
        self.with(|seen| {
            seen.watch.venue_events(events);
            let now = exchange.now();
            let sees = seen.is_up && seen.blind_until <= now;
            seen.watch.look_from_outside(now, exchange, sees.then_some(&seen.pair));
        });
    }

    /// Returns what broke.
    pub(super) fn violation(&self) -> Option<Violation> {
        self.watch(|watch| watch.violation())
    }
}
