//! What a hundred pairs in one process take: time until every entry rests, memory then, and how fast the second legs
//! follow when all first ones are filled in the same two seconds; beside one pair as the control.
//!
//! The program runs as an operator runs it, `apply` with a plan of many pairs over three markets, on the premium tier,
//! against a `paper` exchange in a process of its own. The client keeps to the venue's limits all the same: 200 messages
//! a minute from an address, with six streams to ask for per account, and 24,000 weight a minute for all that is read.
//! So a hundred pairs take long to rest; what is under way is told on standard error every half minute.
//!
//! `cargo bench --bench pairs -- --pairs 100`

mod gate;
mod hedges;
mod stage;

use std::io::{self, Write as _};
use std::time::Duration;

use lighter_plan::rt::{Clock, real_sleep};

use stage::{HEDGE_WAIT_MS, Stage};

/// Pairs unless told otherwise.
const PAIRS: usize = 100;

/// How often the exchange is asked; it counts all that rests, which takes it from its work.
const POLL: Duration = Duration::from_secs(2);

/// How long all hedges may take; the plan allows half a minute.
const HEDGES_WITHIN: Duration = Duration::from_secs(120);

/// How long all entries may take.
const PATIENCE: Duration = Duration::from_secs(45 * 60);

/// How long what follows the entries (the dead man's switches, the first checks of quiet streams) is left alone.
const SETTLE: Duration = Duration::from_secs(15);

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let wanted = arguments.iter().skip_while(|argument| *argument != "--pairs").nth(1);
    // Without `--bench`, it is a test of the bench.
    let usual = if arguments.iter().any(|argument| argument == "--bench") { PAIRS } else { 2 };
    let pairs = wanted.map_or(Ok(usual), |text| text.parse()).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:>6} {:>8} {:>12} {:>12} {:>8} {:>8} {:>10}  hedge decided, filled (p50 / p99)",
        "pairs", "orders", "VmRSS", "VmHWM", "threads", "streams", "rest after"
    )?;
    for count in [1, pairs] {
        writeln!(out, "{}", runtime.block_on(measure(count))?)?;
        out.flush()?;
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let profile = if cfg!(debug_assertions) { "debug" } else { "optimized" };
    writeln!(out, "{profile} build, load average {}", load.trim())
}

async fn measure(pairs: usize) -> io::Result<String> {
    let folder = tempfile::tempdir()?;
    let clock = Clock::system();
    let mut stage = Stage::start(folder.path(), pairs).await?;
    let mut told = Duration::ZERO;
    let mut resting = 0;
    while resting < 2 * pairs {
        if clock.elapsed() >= PATIENCE {
            return Err(io::Error::other(format!(
                "{resting} of {} orders rest after {PATIENCE:?}",
                2 * pairs
            )));
        }
        real_sleep(POLL).await;
        stage.still_runs()?;
        // A busy machine may answer late once; a dead exchange ends the program, which is seen above.
        resting = stage.resting().await.unwrap_or(resting);
        if clock.elapsed() >= told + Duration::from_secs(30) {
            told = clock.elapsed();
            let (streams, memory) = (stage.streams(), stage.status("VmRSS")?);
            writeln!(
                io::stderr(),
                "{} s: {resting} orders rest, {streams} streams, {memory}",
                told.as_secs()
            )?;
        }
    }
    let rest_after = clock.elapsed().as_secs();
    real_sleep(SETTLE).await;
    stage.still_runs()?;
    let [memory, peak, threads] = ["VmRSS", "VmHWM", "Threads"].map(|key| stage.status(key));
    let (memory, peak, threads, streams) = (memory?, peak?, threads?, stage.streams());
    let resting = stage.resting().await?;
    let [decided, hedged] = hedge(&mut stage, pairs).await?;
    let hedges = format!("{} / {} ms, {} / {} ms", decided[0], decided[1], hedged[0], hedged[1]);
    Ok(format!(
        "{pairs:>6} {resting:>8} {memory:>12} {peak:>12} {threads:>8} {streams:>8} {rest_after:>8} s  {hedges}"
    ))
}

/// Lets all short legs be filled at once; returns p50 and p99 until each hedge is journaled and until it is filled.
async fn hedge(stage: &mut Stage, pairs: usize) -> io::Result<[[i64; 2]; 2]> {
    stage.rise().await?;
    let clock = Clock::system();
    loop {
        real_sleep(POLL).await;
        stage.still_runs()?;
        let hedges = stage.hedges();
        let [done, gave_back] = hedges.done();
        if done == pairs {
            return Ok(hedges.percentiles(HEDGE_WAIT_MS));
        }
        if done + gave_back >= pairs || clock.elapsed() >= HEDGES_WITHIN {
            let text =
                format!("of {pairs} pairs {done} are hedged, and {gave_back} gave their first leg back");
            return Err(io::Error::other(format!("{text}: {}", stage.last_words())));
        }
    }
}
