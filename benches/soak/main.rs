//! Real clients against a real server for as long as asked: what grows is a leak.
//!
//! The server is the program itself, `lighter-plan paper`, as a process of its own. Traders place, cancel and take
//! over REST with their streams open; a visitor connects, subscribes and leaves again every second. Memory and file
//! handles of both processes are read every second; after a warm-up of a quarter of the time, the first and the last
//! quarter of what is left are compared.
//!
//! Handles may not grow at all: the lowest count of each quarter is compared, since the visitor has some for a moment.
//! Memory may grow by [`SLACK`], which is what allocators move between two looks. A run shorter than half an hour still
//! fills the history that accounts may read back, and gets [`PER_TRANSACTION`] for each transaction on top.
//!
//! `cargo bench --bench soak -- --minutes 60`; CI runs `--seconds 60`.

mod process;
mod traders;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lighter_plan::rt::{Clock, Tasks, real_sleep};

use process::{Reading, Server};
use traders::Traffic;

/// Growth of memory that counts as none.
const SLACK: u64 = 4 << 20;
/// What a transaction and its order may take in the history.
const PER_TRANSACTION: u64 = 4 << 10;
/// From here on the history must be full, and only [`SLACK`] is allowed.
const FULL_AFTER: Duration = Duration::from_mins(30);
/// Traders, two accounts each.
const TRADERS: u16 = 4;

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let text = arguments.iter().skip_while(|argument| *argument != name).nth(1);
        text.map(|text| text.parse::<u64>().unwrap_or_else(|_| panic!("`{name}` takes a number")))
    };
    // Without `--bench`, it is a test of the bench.
    let usual = if arguments.iter().any(|argument| argument == "--bench") { 60 } else { 12 };
    let seconds = number("--minutes").map(|minutes| minutes * 60).or(number("--seconds")).unwrap_or(usual);
    let time = Duration::from_secs(seconds.max(8));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = runtime.block_on(soak(time))?;
    report.print(time)
}

/// A name, and where a reading has it.
type Column = (&'static str, fn(&Reading) -> u64);

/// What was read, second by second.
struct Report {
    readings: Vec<Reading>,
    traffic: Arc<Traffic>,
    /// Transactions at each reading.
    sent: Vec<u64>,
}

async fn soak(time: Duration) -> io::Result<Report> {
    let server = Server::start(2 * TRADERS).await?;
    let (traffic, stop) = (Arc::new(Traffic::default()), Arc::new(AtomicBool::new(false)));
    let mut tasks = Tasks::default();
    for number in 0..TRADERS {
        tasks.spawn(
            "trader",
            traders::trade(server.announced().clone(), number, traffic.clone(), stop.clone()),
        );
    }
    tasks.spawn("visitor", traders::visit(server.announced().clone(), traffic.clone(), stop.clone()));
    let clock = Clock::system();
    let (mut readings, mut sent) = (Vec::new(), Vec::new());
    while clock.elapsed() < time {
        real_sleep(Duration::from_secs(1)).await;
        readings.push(server.read()?);
        sent.push(traffic.sent());
    }
    stop.store(true, Ordering::Relaxed);
    tasks.join().await;
    Ok(Report { readings, traffic, sent })
}

/// The first and the last quarter of what follows the warm-up.
fn quarters<T>(rows: &[T]) -> (&[T], &[T]) {
    let after = &rows[rows.len() / 4..];
    let quarter = (after.len() / 4).max(1);
    (&after[..quarter], &after[after.len() - quarter..])
}

fn middle(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

impl Report {
    fn print(&self, time: Duration) -> io::Result<ExitCode> {
        let mut out = io::stdout().lock();
        let (first, last) = quarters(&self.sent);
        let window = last.last().unwrap_or(&0).saturating_sub(*first.first().unwrap_or(&0));
        let history = if time < FULL_AFTER { window * PER_TRANSACTION } else { 0 };
        let profile = if cfg!(debug_assertions) { "debug" } else { "optimized" };
        writeln!(out, "{profile} build, {} s, load average {}", time.as_secs(), process::load())?;
        writeln!(out, "{}", self.traffic)?;
        let memory: [Column; 2] =
            [("server memory", |row| row.server.memory), ("client memory", |row| row.clients.memory)];
        let mut clean = self.traffic.worked();
        let (first, last) = quarters(&self.readings);
        for (name, of) in memory {
            let [from, to] = [first, last].map(|rows| middle(rows.iter().map(of).collect()));
            let grown = to.saturating_sub(from);
            // The clients keep no history.
            let allowed = SLACK + if name.starts_with("server") { history } else { 0 };
            writeln!(
                out,
                "{name}: {} -> {} KiB, grown {} of {} KiB",
                from >> 10,
                to >> 10,
                grown >> 10,
                allowed >> 10
            )?;
            clean &= grown <= allowed;
        }
        let handles: [Column; 2] =
            [("server handles", |row| row.server.handles), ("client handles", |row| row.clients.handles)];
        for (name, of) in handles {
            let [from, to] = [first, last].map(|rows| rows.iter().map(of).min().unwrap_or(0));
            writeln!(out, "{name}: {from} -> {to}")?;
            clean &= to <= from;
        }
        writeln!(out, "{}", if clean { "nothing leaks" } else { "FAILED" })?;
        Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
