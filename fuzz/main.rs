//! Fuzzing on the stable toolchain: every reader of outside bytes under seeded mutations.
//!
//! The mutations know lines, JSON and each target's words. An input is kept when it came to an outcome that none
//! before it had: outcomes take the place of the coverage that only other toolchains measure. Debug assertions and
//! overflow checks are on, as in every test.
#![expect(clippy::print_stdout, reason = "its report")]

mod corpus;
mod mutate;
mod targets;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use lighter_plan::rt::{Clock, SplitMix64, random_u64};
use rustix::time::{ClockId, clock_gettime};

use targets::Target;

/// An input that takes longer has found something: none has more than some kilobytes. Time of this thread on a
/// processor, since the machine does other things as well.
const SLOW: Duration = Duration::from_secs(2);

/// Inputs that are kept beside the corpus. When there are more, an old one goes.
const KEPT: usize = 4_096;

/// Fuzzes the readers of outside bytes
#[derive(Debug, Parser)]
struct Args {
    /// Targets; all of them when none is named
    targets: Vec<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    /// Seed of the mutations; drawn and printed when not given
    #[arg(long)]
    seed: Option<u64>,
    /// Add inputs with new outcomes to `fuzz/corpus`
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(random_u64);
    let unknown = args.targets.iter().find(|name| targets::ALL.iter().all(|target| target.name != **name));
    if let Some(unknown) = unknown {
        println!("no target `{unknown}`; there are {:?}", targets::ALL.map(|target| target.name));
        return ExitCode::from(2);
    }
    let chosen =
        |target: &&Target| args.targets.is_empty() || args.targets.iter().any(|name| name == target.name);
    let clean =
        targets::ALL.iter().filter(chosen).all(|target| Run::new(target, seed, args.keep).go(args.seconds));
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One target under way.
struct Run<'a> {
    target: &'a Target,
    seed: u64,
    rng: SplitMix64,
    clock: Clock,
    pool: Vec<Vec<u8>>,
    outcomes: BTreeSet<String>,
    keep: bool,
    runs: u64,
}

impl<'a> Run<'a> {
    fn new(target: &'a Target, seed: u64, keep: bool) -> Self {
        Self {
            target,
            seed,
            rng: SplitMix64::new(seed),
            clock: Clock::system(),
            pool: Vec::new(),
            outcomes: BTreeSet::new(),
            keep,
            runs: 0,
        }
    }

    /// Runs the corpus, then mutations until the time is over; returns whether nothing was found.
    fn go(mut self, seconds: u64) -> bool {
        let corpus = corpus::load(self.target.name);
        let seeds: Vec<_> = corpus.into_iter().chain((self.target.seeds)()).collect();
        assert!(!seeds.is_empty(), "{} has no corpus", self.target.name);
        let mut clean = seeds.iter().all(|input| self.try_one(input));
        // What is in the corpus already may say the same twice, and is mutated all the same.
        self.pool = seeds;
        let end = self.clock.elapsed() + Duration::from_secs(seconds);
        while clean && self.clock.elapsed() < end {
            let input = mutate::mutate(&mut self.rng, &self.pool, self.target);
            clean = self.try_one(&input);
        }
        let (name, runs, outcomes) = (self.target.name, self.runs, self.outcomes.len());
        println!(
            "{name}: {runs} runs, {outcomes} outcomes, seed {}, {}",
            self.seed,
            if clean { "clean" } else { "FOUND" }
        );
        clean
    }

    /// Runs one input; returns whether nothing was found.
    fn try_one(&mut self, input: &[u8]) -> bool {
        self.runs += 1;
        let begun = worked();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        let took = worked().saturating_sub(begun);
        let found = match outcome {
            Err(_) => Some("panics".to_owned()),
            Ok(_) if took > SLOW => Some(format!("takes {took:?}")),
            Ok(outcome) => {
                self.learn(input, &outcome);
                None
            }
        };
        let Some(found) = found else { return true };
        let path = corpus::found(self.target.name, input);
        println!("{} {found} (seed {}, run {}): {}", self.target.name, self.seed, self.runs, path.display());
        false
    }

    fn learn(&mut self, input: &[u8], outcome: &str) {
        if !self.outcomes.insert(gist(outcome)) {
            return;
        }
        if self.keep && !self.pool.is_empty() {
            corpus::keep(self.target.name, input);
        }
        if self.pool.len() < KEPT {
            self.pool.push(input.to_vec());
        } else {
            let place = usize::try_from(self.rng.below(KEPT as u64)).unwrap_or(0);
            self.pool[place] = input.to_vec();
        }
    }
}

/// Returns how long this thread has run on a processor.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let whole = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    whole + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Returns an outcome without what it quotes of the input, and without numbers, codes of up to five digits apart: a
/// place such as `line 3 column 7` is one outcome wherever it is.
fn gist(outcome: &str) -> String {
    let unquoted = |text: &str, quote: char| text.split(quote).step_by(2).collect::<String>();
    let plain = unquoted(&unquoted(outcome, '`'), '"');
    let place = plain.find(" at line ").unwrap_or(plain.len());
    let mut gist = String::new();
    for part in plain[..place].split_inclusive(|c: char| !c.is_ascii_digit()).take(200) {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        gist.push_str(if digits > 5 { &part[digits..] } else { part });
    }
    gist
}
