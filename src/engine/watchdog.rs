//! The local watchdog: a thread of its own that notices when a pair's task, or the whole runtime, no longer turns. What
//! then still acts are the venue's own means: the expiry of every order and its dead man's switch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::mpsc;

use super::driver::News;
use super::entry::Entry;
use crate::model::PairId;
use crate::rt::{Clock, Tasks, real_sleep, spawn_thread};

/// How often the watchdog looks, in real time.
const LOOK: Duration = Duration::from_secs(1);
/// After how many looks without a turn somebody is told.
const STILL_LOOKS: u32 = 10;
/// After how many more he is told again.
const AGAIN_LOOKS: u32 = 60;

/// How long a pair's task may stand still, in real time, before what it knows is read anew.
pub(crate) const STILL_MAX: Duration = Duration::from_secs(10);

/// Counts the turns of one task: odd while a turn is under way.
#[derive(Debug, Default)]
pub(crate) struct Pulse(AtomicU64);

impl Pulse {
    /// A turn begins.
    pub(crate) fn begin(&self) {
        self.0.fetch_or(1, Ordering::Relaxed);
    }

    /// It ends; the task waits.
    pub(crate) fn end(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the watchdog remembers of a pulse.
#[derive(Debug, Default)]
struct Seen {
    count: u64,
    still: u32,
}

impl Seen {
    /// Takes in one look; returns for how many looks it stands still, whenever somebody is to be told.
    fn look(&mut self, count: u64, waits: bool) -> Option<u32> {
        self.still = if waits || count != self.count { 0 } else { self.still + 1 };
        self.count = count;
        let told = self.still == STILL_LOOKS
            || (self.still > STILL_LOOKS && (self.still - STILL_LOOKS).is_multiple_of(AGAIN_LOOKS));
        told.then_some(self.still)
    }
}

/// Stops the watchdog when it is dropped.
pub(crate) struct Watchdog {
    _alive: Sender<()>,
}

impl Watchdog {
    /// Watches `pairs`, and the runtime by a task of its own. Without a thread there is no watchdog, and the run goes on.
    pub(crate) fn start(
        tasks: &mut Tasks,
        clock: Clock,
        pairs: Vec<(PairId, Arc<Pulse>)>,
        news: Option<mpsc::UnboundedSender<News>>,
    ) -> Self {
        let runtime = Arc::new(AtomicU64::new(0));
        let beats = Arc::clone(&runtime);
        tasks.spawn("pulse", async move {
            loop {
                beats.fetch_add(1, Ordering::Relaxed);
                real_sleep(LOOK).await;
            }
        });
        let (alive, gone) = channel::<()>();
        let mut seen: Vec<Seen> = pairs.iter().map(|_| Seen::default()).collect();
        let mut whole = Seen::default();
        let watch = move || {
            while gone.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if let Some(looks) = whole.look(runtime.load(Ordering::Relaxed), false) {
                    tracing::error!("this process has not turned for {looks} s");
                }
                for ((pair, pulse), seen) in pairs.iter().zip(&mut seen) {
                    let count = pulse.0.load(Ordering::Relaxed);
                    if let Some(looks) = seen.look(count, count.is_multiple_of(2)) {
                        tell(pair, looks, &clock, news.as_ref());
                    }
                }
            }
        };
        if let Err(error) = spawn_thread("watchdog", watch) {
            tracing::error!(%error, "there is no watchdog");
        }
        Self { _alive: alive }
    }
}

/// The pair's own task cannot journal it: that is what is wrong. It will, when it turns again.
fn tell(pair: &PairId, looks: u32, clock: &Clock, news: Option<&mpsc::UnboundedSender<News>>) {
    tracing::error!(%pair, "the pair has not turned for {looks} s");
    let text = format!(
        "watchdog: the pair's task has not turned for {looks} s; orders expire by themselves, and the venue's dead man's \
         switch cancels what rests"
    );
    let at = clock.now();
    if let Some(news) = news {
        let entry = Entry::Alert { topic: "stuck".to_owned(), text, at };
        // Nobody listens any more: it stands in the log.
        let _ = news.send(News { pair: pair.clone(), at, event: 0, entry });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_does_not_end_is_told_after_ten_looks_and_every_minute() {
        let (pulse, mut seen) = (Pulse::default(), Seen::default());
        let mut look = |pulse: &Pulse| {
            let count = pulse.0.load(Ordering::Relaxed);
            seen.look(count, count.is_multiple_of(2))
        };
        for _ in 0..30 {
            assert_eq!(look(&pulse), None, "a task that waits is no trouble");
        }
        pulse.begin();
        let told: Vec<u32> = (1..=140).filter_map(|_| look(&pulse)).collect();
        assert_eq!(told, [10, 70, 130]);
        pulse.end();
        assert_eq!(look(&pulse), None);
        for _ in 0..30 {
            pulse.begin();
            assert_eq!(look(&pulse), None, "every turn is another one");
            pulse.end();
        }
    }

    #[test]
    fn a_runtime_that_beats_is_no_trouble() {
        let mut seen = Seen::default();
        assert!((1..=100).all(|count| seen.look(count, false).is_none()));
        assert_eq!((1..=10).filter_map(|_| seen.look(100, false)).count(), 1);
    }
}
