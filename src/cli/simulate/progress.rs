//! How far a simulation is: one line on standard error, and only on a terminal.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Mutex;
use std::time::Duration;

use crate::cli::out;
use crate::rt::Clock;

/// How often the line is drawn.
const FRAME: Duration = Duration::from_millis(200);
/// Cells of the bar.
const BAR: u64 = 30;

pub(super) struct Progress<'a> {
    pair: &'a str,
    total: Option<u64>,
    clock: Clock,
    live: bool,
    drawn_at: Mutex<Duration>,
}

impl<'a> Progress<'a> {
    /// `total` is unknown where what is found decides how much there is to do.
    pub(super) fn new(pair: &'a str, total: Option<u64>) -> Self {
        let live = stderr().is_terminal();
        Self { pair, total, clock: Clock::system(), live, drawn_at: Mutex::new(Duration::ZERO) }
    }

    /// Draws, unless it has just been drawn or another worker is at it.
    pub(super) fn tell(&self, done: u64) {
        if !self.live {
            return;
        }
        let Ok(mut drawn_at) = self.drawn_at.try_lock() else { return };
        let now = self.clock.elapsed();
        if now.saturating_sub(*drawn_at) >= FRAME {
            *drawn_at = now;
            // A line that cannot be drawn is no fault.
            let _ = write!(stderr(), "\r\x1b[K{}", self.line(done, now));
        }
    }

    fn line(&self, done: u64, passed: Duration) -> String {
        let rate = rate(done, passed);
        match self.total {
            Some(total) => {
                let filled = done.saturating_mul(BAR) / total.max(1);
                let bar: String = (0..BAR).map(|cell| if cell < filled { '#' } else { '.' }).collect();
                format!("{} [{bar}] {done} of {total} runs, {rate} a second", self.pair)
            }
            None => format!("{} {done} runs, {rate} a second", self.pair),
        }
    }

    /// Takes the line away and says how long it took; on standard error, because it differs from time to time.
    pub(super) fn end(self, runs: u64) {
        if self.live {
            let _ = write!(stderr(), "\r\x1b[K");
        }
        let passed = self.clock.elapsed();
        let seconds = passed.as_millis() / 100;
        let (pair, rate) = (self.pair, rate(runs, passed));
        out::note(&format!("{pair}: {runs} runs in {}.{} s, {rate} a second", seconds / 10, seconds % 10));
    }
}

fn rate(runs: u64, passed: Duration) -> u64 {
    let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
    runs.saturating_mul(1_000) / millis
}
