//! The clock of a run: venue time, which may run faster than real time on the paper exchange.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// Ties venue time to real time: at `real` it was `venue`, and it runs `scale` times as fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Real time, by the system's clock.
    pub real: Timestamp,
    /// Venue time at that moment.
    pub venue: Timestamp,
    /// How many venue seconds pass in a real second.
    pub scale: u32,
}

struct Inner {
    origin: tokio::time::Instant,
    start: Timestamp,
    scale: u32,
    offset_ms: AtomicI64,
    /// How long the machine had slept when it was made; `None` where the machine's sleep does not count.
    asleep: Option<Duration>,
}

/// Tells venue time and sleeps in it. Monotonic inside a process: a step of the system's clock does not move it.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({} ×{})", self.now(), self.0.scale)
    }
}

impl Clock {
    /// Returns a clock that follows the system's, in real time.
    pub fn system() -> Self {
        let real = Self::wall();
        Self::anchored(Anchor { real, venue: real, scale: 1 })
    }

    /// Returns a clock that goes on from `anchor`, counting the real time that passed since.
    pub fn anchored(anchor: Anchor) -> Self {
        let scale = anchor.scale.max(1);
        let passed = Self::wall().since(anchor.real).saturating_mul(scale);
        Self::made(anchor.venue.after(passed), scale, Some(asleep()))
    }

    /// Returns a clock that shows `venue` now and follows the runtime's time alone: in virtual time it neither reads the
    /// system's clock nor hears of the machine's sleep.
    pub fn starting_at(venue: Timestamp) -> Self {
        Self::made(venue, 1, None)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn made(start: Timestamp, scale: u32, asleep: Option<Duration>) -> Self {
        let origin = tokio::time::Instant::now();
        Self(Arc::new(Inner { origin, start, scale, offset_ms: AtomicI64::new(0), asleep }))
    }

    /// Returns the system's wall clock, in real time.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn wall() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        #[cfg(feature = "killpoints")]
        let ms = ms.saturating_add(stepped_ms());
        Timestamp::from_millis(ms)
    }

    /// Returns venue time.
    pub fn now(&self) -> Timestamp {
        // The monotonic clock stands still while the machine sleeps; the venue's does not (F-14).
        let slept = self.0.asleep.map_or(Duration::ZERO, |before| asleep().saturating_sub(before));
        // The two clocks behind it are read one after the other; a sleep is longer than that.
        let slept = if slept < Duration::from_millis(500) { Duration::ZERO } else { slept };
        let passed = self.elapsed() + slept;
        let ms = self.0.start.after(passed.saturating_mul(self.0.scale)).as_millis();
        Timestamp::from_millis(ms.saturating_add(self.0.offset_ms.load(Ordering::Relaxed)))
    }

    /// Returns the real time since this clock was made, monotonic.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn elapsed(&self) -> Duration {
        tokio::time::Instant::now().duration_since(self.0.origin)
    }

    /// Returns whether it follows real time: in virtual time nothing outside of the runtime can watch it.
    pub fn is_real(&self) -> bool {
        self.0.asleep.is_some()
    }

    /// Returns how many venue seconds pass in a real second.
    pub fn scale(&self) -> u32 {
        self.0.scale
    }

    /// Adds `ms` to venue time from now on: the measured difference to the venue's own clock.
    pub fn shift(&self, ms: i64) {
        self.0.offset_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Sleeps for `wait` of venue time.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait / self.0.scale).await;
    }

    /// Sleeps until venue time reaches `at`; returns at once when it has.
    pub async fn sleep_until(&self, at: Timestamp) {
        loop {
            let wait = at.since(self.now());
            if wait.is_zero() {
                return;
            }
            // Capped, so that a clock shifted meanwhile is noticed. Rounded up to a real millisecond, or it would spin.
            self.sleep(
                wait.min(Duration::from_secs(3600)).max(Duration::from_millis(u64::from(self.0.scale))),
            )
            .await;
        }
    }
}

/// Returns by how much a crash test has stepped the wall clock: the milliseconds that the file `LIGHTER_PLAN_CLOCK_STEP`
/// holds now, so that the clock can also step while the process runs. 0 without the variable or the file.
#[cfg(feature = "killpoints")]
fn stepped_ms() -> i64 {
    let Some(path) = std::env::var_os("LIGHTER_PLAN_CLOCK_STEP") else { return 0 };
    let Ok(text) = std::fs::read_to_string(path) else { return 0 };
    // A file that is just being written is empty for a moment; a test writes it whole and renames it.
    text.trim().parse().expect("the clock's step is a number of milliseconds")
}

/// Returns how long this machine has slept since it started.
fn asleep() -> Duration {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        let read = |id: ClockId| {
            let time = clock_gettime(id);
            let whole = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
            whole + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
        };
        // Monotonic first: what passes between the reads then never counts as sleep backwards.
        let awake = read(ClockId::Monotonic);
        read(ClockId::Boottime).saturating_sub(awake)
    }
    #[cfg(not(target_os = "linux"))]
    Duration::ZERO
}

/// Sleeps for `wait` of real time: for network back-off and time-outs, never for a deadline of a plan.
#[expect(clippy::disallowed_methods, reason = "the one real sleep")]
pub async fn real_sleep(wait: Duration) {
    tokio::time::sleep(wait).await;
}

/// Runs `future` for at most `limit` of real time; `None` when it did not finish.
pub async fn real_timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(limit, future).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_scaled_clock_runs_faster_and_sleeps_shorter() {
        let real = Clock::wall();
        let clock = Clock::anchored(Anchor { real, venue: Timestamp::from_millis(0), scale: 60 });
        let before = (clock.now(), clock.elapsed());
        clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(clock.now().since(before.0), Duration::from_secs(60));
        assert_eq!(clock.elapsed() - before.1, Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn sleep_until_the_past_returns_at_once() {
        let clock = Clock::system();
        let before = clock.elapsed();
        clock.sleep_until(Timestamp::from_millis(0)).await;
        assert_eq!(clock.elapsed(), before);
    }
}
