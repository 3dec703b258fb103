//! Which of the wanted feeds are up, for whoever wonders what a run waits for.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::venue::Feed;

#[derive(Debug, Default)]
struct State {
    wanted: BTreeSet<Feed>,
    up: BTreeSet<Feed>,
}

/// The feeds of all connections of this process.
#[derive(Debug, Default)]
pub(in crate::venue::lighter) struct Coverage(Mutex<State>);

impl Coverage {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn want(&self, feeds: &[Feed]) {
        self.lock().wanted.extend(feeds);
    }

    pub(super) fn up(&self, feed: Feed) {
        self.lock().up.insert(feed);
    }

    pub(super) fn down(&self, feed: Feed) {
        self.lock().up.remove(&feed);
    }

    /// Returns how many feeds are up, and how many are wanted.
    pub(in crate::venue::lighter) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.up.len(), state.wanted.len())
    }
}
