//! Many runs of one scenario: seed after seed, or a crash at every point.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::fault::Faults;
use super::host::{KillPoint, Run};
use super::link::Fate;
use super::played::{Host, Played};
use super::scenario::{Scenario, TRACE};
use super::tally::{Case, CrashAt, Tally};
use super::violation::{Invariant, Violation};
use crate::rt::{SplitMix64, in_parallel_on};

/// Runs that a worker takes at a time.
const CHUNK: usize = 64;
/// After a first crash, the second comes at each of so many points: the look at the venue, and what follows it.
pub const SECONDS_EACH: u32 = 24;
/// Later ones are tried at every so many.
pub const SECONDS_EVERY: u32 = 8;
/// Of points before which only time has passed, every so many is tried.
pub const STILL_EVERY: u32 = 8;

/// Plays a scenario once; when something does not hold, again with a trace.
///
/// # Errors
///
/// What did not hold.
pub fn play(scenario: &Scenario) -> Result<Run, Box<Violation>> {
    play_with(scenario, direct(Keep::Nothing))
}

/// What a run keeps of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Points,
    Nothing,
}

fn direct(keep: Keep) -> impl Fn(&Scenario) -> Result<Run, Box<Violation>> {
    move |scenario| {
        let run = Run::new(scenario.clone());
        match keep {
            Keep::Points => run.with_points().go(),
            Keep::Nothing => run.go(),
        }
    }
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
        let played = |case: Case| host.play(&self.base.with_seed(case.seed, self.faults));
        self.all(&cases, &|case| played(case).map(|played| (played, Vec::new()))).0
    }

    /// Plays a seed with a crash at every point, with every answer to what is in doubt there, and with second crashes.
    pub fn crashes(&self, seed: u64) -> Tally {
        self.crash_once(seed, |points, tally, found| {
            let double = found.into_iter().flat_map(|(crash, notable)| {
                let chosen = notable.into_iter().enumerate().filter(|(index, _)| {
                    *index < SECONDS_EACH as usize || index.is_multiple_of(SECONDS_EVERY as usize)
                });
                let second = move |(_, second)| CrashAt { second: Some(second), ..crash };
                chosen.map(second).collect::<Vec<_>>()
            });
            let double = double.map(|crash| Case { seed, crash: Some(crash) }).collect();
            tally.add_all(self.all(&Cases::Listed(double), &|case| points.play(case)).0);
        })
    }

    /// As [`Sweep::crashes`], without second crashes.
    pub fn single_crashes(&self, seed: u64) -> Tally {
        self.crash_once(seed, |_, _, _| {})
    }

    /// Plays all single crashes; `then` gets those with undisturbed answers, each with the points of its resume.
    fn crash_once(
        &self,
        seed: u64,
        then: impl FnOnce(&Points, &mut Tally, Vec<(CrashAt, Vec<u32>)>),
    ) -> Tally {
        let points = match Points::of(self.base, seed, self.faults) {
            Ok(points) => points,
            Err(violation) => {
                let mut tally = Tally::default();
                tally.add(Case { seed, crash: None }, Err(*violation));
                return tally;
            }
        };
        let single: Vec<Case> = points.singles().map(|crash| Case { seed, crash: Some(crash) }).collect();
        let (mut tally, notable) = self.all(&Cases::Listed(single.clone()), &|case| points.play(case));
        let clean = single.iter().zip(notable).filter_map(|(case, notable)| {
            let crash = case.crash.filter(|crash| crash.answer == Fate::Clean)?;
            Some((crash, notable.into_iter().filter(|point| *point > crash.point).collect()))
        });
        then(&points, &mut tally, clean.collect());
        tally
    }

    /// Plays all cases; returns what they came to, and of listed ones the kill points at which something had happened.
    fn all(&self, cases: &Cases, play: &Play<'_>) -> (Tally, Vec<Vec<u32>>) {
        let (count, done) = (cases.count(), AtomicU64::new(0));
        let chunk = |index: usize| {
            let (mut tally, mut points) = (Tally::default(), Vec::new());
            for index in index * CHUNK..count.min((index + 1) * CHUNK) {
                let case = cases.get(index);
                match play(case) {
                    Ok((played, notable)) => {
                        tally.add(case, Ok(&played));
                        points.push(notable);
                    }
                    Err(violation) => {
                        tally.add(case, Err(*violation));
                        points.push(Vec::new());
                    }
                }
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

/// Returns the kill points, from 1, at which something had happened since the one before, and every eighth of the others:
/// there only time has passed.
fn notable(run: &Run) -> Vec<u32> {
    let points = run.points.as_deref().unwrap_or_default().iter().zip(1..);
    points.filter(|(point, at)| !point.is_still || at % STILL_EVERY == 0).map(|(_, at)| at).collect()
}

/// Plays one case.
type Play<'a> = dyn Fn(Case) -> Result<(Played, Vec<u32>), Box<Violation>> + Sync + 'a;

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
}

/// The kill points of one seed's run, and what is in doubt at each.
pub struct Points {
    scenario: Scenario,
    /// Every point, and whether a crash there is worth a run.
    points: Vec<(KillPoint, bool)>,
}

impl Points {
    /// Plays the seed once without a crash and takes its points down.
    ///
    /// # Errors
    ///
    /// When that run is not sound.
    pub fn of(base: &Scenario, seed: u64, faults: &Faults) -> Result<Self, Box<Violation>> {
        let scenario = base.with_seed(seed, faults);
        let run = play_with(&scenario, direct(Keep::Points))?;
        let notable = notable(&run);
        let points = run.points.unwrap_or_default().into_iter().zip(1..);
        let points = points.map(|(point, at)| (point, notable.binary_search(&at).is_ok()));
        Ok(Self { scenario, points: points.collect() })
    }

    /// Returns every point that counts with every answer that makes a difference there.
    fn singles(&self) -> impl Iterator<Item = CrashAt> {
        let counted = self.points.iter().zip(1..).filter(|((_, counts), _)| *counts);
        counted.flat_map(|((known, _), point)| {
            let differs = |answer: &Fate| *answer == Fate::Clean || !known.in_doubt.is_empty();
            let crash = move |answer| CrashAt { point, answer, second: None };
            Fate::ALL.into_iter().filter(differs).map(crash)
        })
    }

    /// Plays one case; returns the kill points, too, at which something had happened: second crashes come there.
    fn play(&self, case: Case) -> Result<(Played, Vec<u32>), Box<Violation>> {
        let run = play_with(&self.scenario(case), direct(Keep::Points))?;
        Ok((Played::of(&run), notable(&run)))
    }

    /// Returns the run of one case.
    pub fn scenario(&self, case: Case) -> Scenario {
        let mut scenario = self.scenario.clone();
        let Some(crash) = case.crash else { return scenario };
        let place = usize::try_from(crash.point).unwrap_or(usize::MAX).wrapping_sub(1);
        let in_doubt = self.points.get(place).map_or(&[][..], |(point, _)| point.in_doubt.as_slice());
        if crash.answer != Fate::Clean {
            scenario.fates = in_doubt.iter().map(|id| (*id, crash.answer)).collect();
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
