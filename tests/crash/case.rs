//! Cases: a run, what kills it, what kills its resume, and the proof at the end; several at a time.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::process::Ended;
use crate::proof::{self, Evidence};
use crate::record::Journaled;
use crate::stage::{Host, Kill, Scene, Stage};
use crate::venue::Account;
use crate::{Failure, ensure};

/// How often a run is gone on with before it counts as one that never ends.
const RESUMES_MAX: usize = 6;

/// A run that is killed.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) host: Host,
    pub(crate) scene: Scene,
    /// What kills the first process, the second, and so on; after these none is killed.
    pub(crate) kills: Vec<Kill>,
}

/// How a case went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// How many processes were really killed: a run has not always as many points as the one they were counted in.
    pub(crate) killed: usize,
    /// The code of the end.
    pub(crate) code: i32,
}

impl Case {
    /// Runs the case and proves it; a failure tells all there is to know of it, and keeps its directory.
    pub(crate) fn run(&self) -> Result<Tally, Failure> {
        let _slot = Slot::take();
        let stage = Stage::new(self.host, self.scene)?;
        self.play(&stage).map_err(|failure| {
            let tails = stage.tails();
            let kept = stage.keep();
            format!("{} {:?}\n{failure}\nkept in {}\n{tails}", self.name, self.kills, kept.display())
        })
    }

    fn play(&self, stage: &Stage) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        let kills = self.kills.iter().chain(std::iter::repeat(&Kill::None));
        for kill in kills.take(self.kills.len() + RESUMES_MAX) {
            match stage.go(kill)? {
                Ended::Killed => tally.killed += 1,
                Ended::Code(code) => {
                    tally.code = code;
                    let evidence = proof::finished(stage, code)?;
                    resuming_again_does_nothing(stage, &evidence, code)?;
                    if code != 0 {
                        eprintln!("{}: ended with {code}, as the plan says", self.name);
                    }
                    return Ok(tally);
                }
            }
        }
        Err("the run does not end, however often it is resumed".to_owned())
    }
}

/// Resuming a run that has ended repeats its code and sends nothing.
fn resuming_again_does_nothing(stage: &Stage, before: &Evidence, code: i32) -> Result<(), Failure> {
    let again = stage.resume(Some(&before.journal.run.id), &[])?.wait(crate::stage::LIMIT)?;
    ensure!(again == Ended::Code(code), "resuming the ended run gave {again:?}, not {code}");
    let verified = stage.start(&["journal", "verify"], &[])?.wait(crate::stage::LIMIT)?;
    ensure!(verified == Ended::Code(0), "`journal verify` ended with {verified:?}");
    let after = Journaled::read(stage)?;
    ensure!(before.journal.run.head_hash == after.run.head_hash, "an ended run wrote something");
    // An embedded exchange does not even run then.
    if stage.host() == Host::Apart {
        let count = |accounts: &[Account]| accounts.iter().map(|row| row.transactions.len()).sum::<usize>();
        ensure!(count(&before.accounts) == count(&stage.accounts()?), "an ended run sent something");
    }
    Ok(())
}

/// Runs all cases, several at a time, and fails with everything that went wrong.
///
/// # Panics
///
/// When a case fails.
pub(crate) fn run_all(seed: u64, cases: Vec<Case>) -> Vec<Tally> {
    let wanted = std::env::var("LIGHTER_PLAN_CRASH_CASE").unwrap_or_default();
    let queue: Mutex<VecDeque<Case>> =
        Mutex::new(cases.into_iter().filter(|case| case.name.contains(&wanted)).collect());
    let results: Mutex<Vec<Result<Tally, Failure>>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..slots() {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(case) = next else { return };
                    let result = case.run();
                    results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (good, bad): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    let failures: Vec<Failure> = bad.into_iter().filter_map(Result::err).collect();
    assert!(
        failures.is_empty(),
        "seed {seed}: {} of {} cases failed\n\n{}",
        failures.len(),
        failures.len() + good.len(),
        failures.join("\n\n====\n\n")
    );
    good.into_iter().flatten().collect()
}

/// How many cases run at a time, over all tests: they mostly wait, but an exchange that starves is late.
fn slots() -> usize {
    let set = std::env::var("LIGHTER_PLAN_CRASH_SLOTS").ok().and_then(|text| text.parse().ok());
    set.unwrap_or_else(|| 2 * std::thread::available_parallelism().map_or(1, usize::from))
}

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

/// The right to run one case.
#[derive(Debug)]
pub(crate) struct Slot;

impl Slot {
    /// Waits for a free one.
    pub(crate) fn take() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken =
            FREED.wait_while(taken, |taken| *taken >= slots()).unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}
