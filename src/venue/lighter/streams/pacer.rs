//! Keeps all connections of this process together within the venue's limits for sockets (websocket.md §1).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::rt::{Clock, real_sleep};
use crate::venue::budget::Window;

/// Client messages a minute. The venue allows 200; the rest is for pings, which do not ask here.
const MESSAGES: u32 = 160;

/// New connections a minute. The venue allows 80 or more.
const CONNECTIONS: u32 = 40;

/// Unanswered messages at a time. The venue allows 50.
const IN_FLIGHT: usize = 40;

#[derive(Debug, Default)]
struct State {
    messages: Window,
    connections: Window,
    paused_until: Duration,
}

/// The process' share of the venue's sockets. Counted in real time, which never runs faster than the venue's.
#[derive(Debug)]
pub(in crate::venue::lighter) struct Pacer {
    clock: Clock,
    state: Mutex<State>,
    in_flight: Arc<Semaphore>,
}

/// The right to send one message; held until it is answered.
pub(super) type Permit = OwnedSemaphorePermit;

impl Pacer {
    pub(in crate::venue::lighter) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default(), in_flight: Arc::new(Semaphore::new(IN_FLIGHT)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the right to send a message that will be answered, if there is one now.
    pub(super) fn message(&self) -> Option<Permit> {
        let now = self.clock.elapsed();
        let mut state = self.lock();
        state.messages.forget(now);
        if state.paused_until > now || !state.messages.wait(now, 1, MESSAGES).is_zero() {
            return None;
        }
        let permit = Arc::clone(&self.in_flight).try_acquire_owned().ok()?;
        state.messages.add(now, 1);
        Some(permit)
    }

    /// Counts a message that had to go out at once.
    pub(in crate::venue::lighter) fn sent(&self) {
        let now = self.clock.elapsed();
        self.lock().messages.add(now, 1);
    }

    /// Sends nothing for a while, because the venue said that it was too much.
    pub(super) fn pause(&self, wait: Duration) {
        let until = self.clock.elapsed() + wait;
        let mut state = self.lock();
        state.paused_until = state.paused_until.max(until);
    }

    /// Waits for the right to open a connection.
    pub(in crate::venue::lighter) async fn connection(&self) {
        loop {
            let wait = {
                let now = self.clock.elapsed();
                let mut state = self.lock();
                state.connections.forget(now);
                let wait = state.connections.wait(now, 1, CONNECTIONS);
                if wait.is_zero() {
                    state.connections.add(now, 1);
                    return;
                }
                wait
            };
            real_sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn messages_are_paced_and_answered_ones_make_room() {
        let pacer = Pacer::new(Clock::system());
        let mut held: Vec<_> = std::iter::from_fn(|| pacer.message()).collect();
        assert_eq!(held.len(), IN_FLIGHT);
        for _ in IN_FLIGHT..MESSAGES as usize {
            held.pop();
            held.push(pacer.message().unwrap());
        }
        held.clear();
        assert!(pacer.message().is_none());
        real_sleep(Duration::from_secs(61)).await;
        assert!(pacer.message().is_some());
        pacer.pause(Duration::from_secs(5));
        assert!(pacer.message().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_paced() {
        let clock = Clock::system();
        let pacer = Pacer::new(clock.clone());
        for _ in 0..=CONNECTIONS {
            pacer.connection().await;
        }
        assert!(clock.elapsed() >= Duration::from_secs(60));
    }
}
