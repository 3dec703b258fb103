//! Many runs of one scenario: seed after seed, or a crash at every point.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::fault::Faults;
use super::host::Run;
use super::link::Fate;
use super::played::Host;
use super::scenario::{Scenario, TRACE};
use super::tally::{Case, CrashAt, Tally};
use super::violation::{Invariant, Violation};
use crate::engine::IntentId;
use crate::rt::{SplitMix64, in_parallel_on};

/// Runs that a worker takes at a time.
const CHUNK: usize = 64;
/// After a first crash, the second comes at each of so many points: the look at the venue, and what follows it.
pub const SECONDS_EACH: u32 = 24;
/// Later ones are tried at every so many.
pub const SECONDS_EVERY: u32 = 8;

/// Plays a scenario once; when something does not hold, again with a trace.
///
/// # Errors
///
/// What did not hold.
pub fn play(scenario: &Scenario) -> Result<Run, Box<Violation>> {
    play_with(scenario, |scenario| Run::new(scenario.clone()).go())
}

/// As [`play`], by any host.
pub(super) fn play_with<T>(
    scenario: &Scenario,
    host: impl Fn(&Scenario) -> Result<T, Box<Violation>>,
) -> Result<T, Box<Violation>> {
    let violation = match attempt(scenario, &host) {
        Ok(run) => return Ok(run),
        Err(violation) => violation,
    };
    if scenario.trace > 0 {
        return Err(violation);
    }
    let told = attempt(&Scenario { trace: TRACE, ..scenario.clone() }, &host);
    Err(told.err().unwrap_or(violation))
}

fn attempt<T>(
    scenario: &Scenario,
    host: &impl Fn(&Scenario) -> Result<T, Box<Violation>>,
) -> Result<T, Box<Violation>> {
    let run = AssertUnwindSafe(|| host(scenario));
    catch_unwind(run).unwrap_or_else(|panic| {
        Err(Box::new(Violation {
            invariant: Invariant::NoPanic,
            seed: scenario.seed,
            scenario: scenario.name.clone(),
            what: words(panic.as_ref()),
            trace: String::new(),
        }))
    })
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

/// Many runs of one scenario.
pub struct Sweep<'a> {
    /// The undisturbed run.
    pub base: &'a Scenario,
    /// What seeds draw from.
    pub faults: &'a Faults,
    /// Workers.
    pub jobs: usize,
    /// Counts the runs that are done.
    pub done: &'a (dyn Fn(u64) + Sync),
}

impl Sweep<'_> {
    /// Plays `count` seeds from `from` on. What comes of it does not depend on the number of workers.
    pub fn seeds(&self, from: u64, count: u64) -> Tally {
        self.seeds_on(Host::Direct, from, count)
    }

    /// As [`Sweep::seeds`], on any host.
    pub fn seeds_on(&self, host: Host, from: u64, count: u64) -> Tally {
        let cases: Cases = Cases::Seeds { from, count };
        self.all(host, &cases, &|case| self.base.with_seed(case.seed, self.faults)).0
    }

    /// Plays a seed with a crash at every point, with every answer to what is in doubt there, and with second crashes.
    pub fn crashes(&self, seed: u64) -> Tally {
        let points = match Points::of(self.base, seed, self.faults) {
            Ok(points) => points,
            Err(violation) => {
                let mut tally = Tally::default();
                tally.add(Case { seed, crash: None }, Err(*violation));
                return tally;
            }
        };
        let scenario = |case: Case| points.scenario(case);
        let single: Vec<Case> = points.singles().map(|crash| Case { seed, crash: Some(crash) }).collect();
        let (mut tally, lasts) = self.all(Host::Direct, &Cases::Listed(single.clone()), &scenario);
        let clean = single.into_iter().zip(lasts).filter_map(|(case, last)| {
            Some((case.crash.filter(|crash| crash.answer == Fate::Clean)?, last?))
        });
        let double: Vec<Case> = clean
            .flat_map(|(crash, last)| {
                let near = crash.point + SECONDS_EACH;
                let seconds = (crash.point + 1..=last)
                    .filter(move |at| *at <= near || (*at - near).is_multiple_of(SECONDS_EVERY));
                seconds.map(move |second| CrashAt { second: Some(second), ..crash })
            })
            .map(|crash| Case { seed, crash: Some(crash) })
            .collect();
        tally.add_all(self.all(Host::Direct, &Cases::Listed(double), &scenario).0);
        tally
    }

    /// Plays all cases; returns what they came to, and how many kill points each of them had, when it was sound.
    fn all(
        &self,
        host: Host,
        cases: &Cases,
        scenario: &(dyn Fn(Case) -> Scenario + Sync),
    ) -> (Tally, Vec<Option<u32>>) {
        let (count, done) = (cases.count(), AtomicU64::new(0));
        let chunk = |index: usize| {
            let (mut tally, mut points) = (Tally::default(), Vec::new());
            for index in index * CHUNK..count.min((index + 1) * CHUNK) {
                let case = cases.get(index);
                let played = host.play(&scenario(case));
                if cases.is_listed() {
                    points.push(played.as_ref().ok().map(|run| run.kill_points));
                }
                tally.add(case, played.as_ref().map_err(|violation| (**violation).clone()));
                (self.done)(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
            (tally, points)
        };
        let mut all = Tally::default();
        let mut points = Vec::new();
        for (tally, mut part) in in_parallel_on(self.jobs, count.div_ceil(CHUNK), chunk) {
            all.add_all(tally);
            points.append(&mut part);
        }
        (all, points)
    }
}

enum Cases {
    Seeds { from: u64, count: u64 },
    Listed(Vec<Case>),
}

impl Cases {
    fn count(&self) -> usize {
        match self {
            Self::Seeds { count, .. } => usize::try_from(*count).unwrap_or(usize::MAX),
            Self::Listed(cases) => cases.len(),
        }
    }

    fn get(&self, index: usize) -> Case {
        match self {
            Self::Seeds { from, .. } => Case { seed: from.wrapping_add(index as u64), crash: None },
            Self::Listed(cases) => cases[index],
        }
    }

    const fn is_listed(&self) -> bool {
        matches!(self, Self::Listed(_))
    }
}

/// The kill points of one seed's run, and what is in doubt at each.
pub struct Points {
    scenario: Scenario,
    doubts: Vec<Vec<IntentId>>,
}

impl Points {
    /// Plays the seed once without a crash and takes its points down.
    ///
    /// # Errors
    ///
    /// When that run is not sound.
    pub fn of(base: &Scenario, seed: u64, faults: &Faults) -> Result<Self, Box<Violation>> {
        let scenario = base.with_seed(seed, faults);
        let run = Run::new(scenario.clone()).with_doubts().go()?;
        Ok(Self { scenario, doubts: run.doubts.unwrap_or_default() })
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.doubts.len()
    }

    /// Returns every point with every answer that makes a difference there.
    fn singles(&self) -> impl Iterator<Item = CrashAt> {
        self.doubts.iter().zip(1..).flat_map(|(doubts, point)| {
            let differs = |answer: &Fate| *answer == Fate::Clean || !doubts.is_empty();
            Fate::ALL.into_iter().filter(differs).map(move |answer| CrashAt { point, answer, second: None })
        })
    }

    /// Returns the run of one case.
    pub fn scenario(&self, case: Case) -> Scenario {
        let mut scenario = self.scenario.clone();
        let Some(crash) = case.crash else { return scenario };
        let place = usize::try_from(crash.point).unwrap_or(usize::MAX).wrapping_sub(1);
        let doubts = self.doubts.get(place).map_or(&[][..], Vec::as_slice);
        if crash.answer != Fate::Clean {
            scenario.fates = doubts.iter().map(|id| (*id, crash.answer)).collect();
        }
        let mut rng = SplitMix64::new(case.seed ^ u64::from(crash.point) << 20);
        let mut down = || {
            // Mostly at once, as a supervisor does it; sometimes long enough for deadlines to pass.
            let longest = if rng.below(4) == 0 { 65_000 } else { 4_000 };
            Duration::from_millis(rng.below(longest))
        };
        let points = [Some(crash.point), crash.second].into_iter().flatten();
        scenario.crashes = points.map(|point| (point, down())).collect();
        scenario
    }
}
