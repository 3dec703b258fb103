//! The life of one process, and the points at which it ends.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::rt::Cancel;

/// Kill points, counted over all lives of a run.
#[derive(Debug)]
pub(super) struct Crashes(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    passed: u32,
    /// Where the next processes die, and for how long nobody starts another.
    ahead: VecDeque<(u32, Duration)>,
}

impl Crashes {
    pub(super) fn new(ahead: &[(u32, Duration)]) -> Self {
        Self(Mutex::new(Counted { passed: 0, ahead: ahead.iter().copied().collect() }))
    }

    /// Returns how many points were passed.
    pub(super) fn passed(&self) -> u32 {
        self.lock().passed
    }

    fn pass(&self) -> Option<Duration> {
        let mut counted = self.lock();
        counted.passed += 1;
        let passed = counted.passed;
        counted.ahead.pop_front_if(|(at, _)| *at <= passed).map(|(_, down)| down)
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One process. From the moment it dies, nothing that its tasks still do reaches the journal or the network; they are
/// dropped as soon as the host gets its turn.
#[derive(Debug)]
pub(super) struct Life {
    crashes: Arc<Crashes>,
    dead: AtomicBool,
    down: Mutex<Duration>,
    /// Raised when it dies.
    pub(super) gone: Cancel,
}

impl Life {
    pub(super) fn new(crashes: &Arc<Crashes>) -> Arc<Self> {
        let (dead, down) = (AtomicBool::new(false), Mutex::default());
        Arc::new(Self { crashes: Arc::clone(crashes), dead, down, gone: Cancel::default() })
    }

    /// Passes a point at which the process may die; returns whether it lives on.
    pub(super) fn passes(&self) -> bool {
        if self.is_dead() {
            return false;
        }
        match self.crashes.pass() {
            Some(down) => {
                self.end(down);
                false
            }
            None => true,
        }
    }

    /// Ends it; the next one starts after `down`.
    pub(super) fn end(&self, down: Duration) {
        *self.down.lock().unwrap_or_else(PoisonError::into_inner) = down;
        self.dead.store(true, Ordering::SeqCst);
        self.gone.cancel();
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// For how long nobody starts the next one.
    pub(super) fn down(&self) -> Duration {
        *self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
