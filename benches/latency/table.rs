//! The printed table: one line a measure.

use std::fmt;
use std::io::{self, Write as _};
use std::time::Duration;

/// Many measurements of one thing.
pub(crate) struct Measure {
    name: &'static str,
    times: Vec<Duration>,
}

impl Measure {
    pub(crate) fn new(name: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { name, times }
    }

    /// Returns the smallest time that at least `per_mille` of all are not above.
    fn quantile(&self, per_mille: usize) -> Millis {
        let rank = (self.times.len() * per_mille).div_ceil(1_000).max(1);
        Millis(self.times.get(rank - 1).copied().unwrap_or_default())
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, max] = [500, 990, 1_000].map(|per_mille| self.quantile(per_mille).to_string());
        write!(f, "{:<58} {:>5} {p50:>9} {p99:>9} {max:>9}", self.name, self.times.len())
    }
}

/// Milliseconds with three digits, without floating point.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1_000, micros % 1_000)
    }
}

/// Prints the table, with what else kept the machine busy.
pub(crate) fn print(title: &str, load_before: &str, measures: &[Measure]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let profile = if cfg!(debug_assertions) { "debug" } else { "optimized" };
    writeln!(
        out,
        "{title}: {profile} build, {cores} cores, load average before {load_before}, after {}",
        load()
    )?;
    writeln!(out, "{:<58} {:>5} {:>9} {:>9} {:>9}", "ms", "n", "p50", "p99", "max")?;
    for measure in measures {
        writeln!(out, "{measure}")?;
    }
    Ok(())
}

/// Returns the load averages of the last 1, 5 and 15 minutes, where the system tells them.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".to_owned());
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
