//! `simulate`: plays a plan thousands of times with everything going wrong that can.

mod progress;
mod show;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::fault::Fault;
use super::input::Variables;
use super::plan::sound_plan;
use super::policy::PolicyArgs;
use super::{Context, Exit, out};
use crate::model::{Market, PairId, find_market, snapshot_markets};
use crate::paper::world::WorldSpec;
use crate::plan::{Network, PairPlan, Plan};
use crate::rt::processors;
use crate::simulate::{
    CrashAt, Faults, FullRun, Host, Points, Run, Scenario, Sweep, Tally, Violation, play, play_full,
    shrink_on,
};
use progress::Progress;
use show::{Report, Shown};

/// Seeds when nobody says how many.
const SEEDS: u64 = 1_000;

/// Play a plan in virtual time with crashes, lost answers and broken disks, and watch every invariant
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan simulate plans/sol-pair.yaml
  lighter-plan simulate plans/sol-pair.yaml --all-crashes
  lighter-plan simulate plans/sol-pair.yaml --faults disk,reply-lost --seeds 100000 --jobs 4
  lighter-plan simulate plans/sol-pair.yaml --seed 4711        # one run, with its event log
  lighter-plan simulate plans/sol-pair.yaml --seed 1 --at 57:late+63
  lighter-plan simulate plans/sol-pair.yaml --host full --seeds 200
  lighter-plan simulate plans/three-pairs.yaml --together --seeds 50

Faults: all, none, the groups network, process, disk, clock, market, or any names of docs/simulate.md.

Exit codes: 0 every invariant held, 1 one did not or the plan has findings of severity error, 2 usage,
3 the plan or its world could not be read.")]
pub(super) struct SimulateArgs {
    /// The plan
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Let the process die at every point, with every answer of the exchange, and at every point of the resume
    #[arg(long)]
    all_crashes: bool,
    /// What goes wrong, with commas between [default: all; with --all-crashes: none besides]
    #[arg(long, value_name = "LIST")]
    faults: Option<Faults>,
    /// How many seeds to play [default: 1000; with --all-crashes: 1]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    from: u64,
    /// Play this one seed and print its event log
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "all_crashes"])]
    seed: Option<u64>,
    /// With --seed: the crash of --all-crashes to play, such as `57`, `57:late` or `57+63`
    #[arg(long, value_name = "POINT", requires = "seed")]
    at: Option<CrashAt>,
    /// What plays: `full` takes client, server and signatures in, and is some hundred times slower
    #[arg(long, value_enum, value_name = "HOST", default_value_t = HostArg::Direct, conflicts_with_all = ["all_crashes", "at"])]
    host: HostArg,
    /// Play all pairs in one run, on the full host, and watch what they do to each other
    #[arg(long, conflicts_with_all = ["pair", "all_crashes", "at"])]
    together: bool,
    /// Only this pair
    #[arg(long, value_name = "PAIR")]
    pair: Option<PairId>,
    /// How many runs at a time [default: the number of processors]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// How the result is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    variables: Variables,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HostArg {
    /// Engine and exchange core
    Direct,
    /// Client, server and signatures too, over a network in memory
    Full,
}

impl HostArg {
    const fn host(self) -> Host {
        match self {
            Self::Direct => Host::Direct,
            Self::Full => Host::Full,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Human,
    /// One JSON object
    Json,
}

impl SimulateArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let plan = &match sound_plan(&self.file, &self.policy, &self.variables, context)? {
            Ok(plan) => plan,
            Err(exit) => return Ok(exit),
        };
        let world = world(plan)?;
        let pairs = self.pairs(plan)?;
        tell_limits(plan, pairs.len() > 1 && !self.together);
        // What panics is told as a broken invariant, and needs no second report.
        std::panic::set_hook(Box::new(|_| {}));
        if let Some(seed) = self.seed {
            return self.one(&self.bases(plan, &pairs, &world)?, seed);
        }
        let mut told = Report::new(plan);
        for base in self.bases(plan, &pairs, &world)? {
            let tally = self.sweep(&base);
            told.add(&names(&base), &tally, self.shrunk(&base, &tally));
        }
        let text = match self.format {
            Format::Human => told.human(),
            Format::Json => told.json()?,
        };
        out::text(&text)?;
        Ok(if told.is_sound() { Exit::OK } else { Exit::FAILED })
    }

    /// Returns what is played: each pair by itself, or all in one run.
    fn bases(&self, plan: &Plan, pairs: &[&PairPlan], world: &WorldSpec) -> Result<Vec<Scenario>, Fault> {
        let pairs: Vec<_> =
            pairs.iter().map(|pair| Ok((*pair, market(pair)?))).collect::<Result<_, Fault>>()?;
        if self.together {
            return Ok(vec![Scenario::of_pairs(plan, &pairs, world)]);
        }
        Ok(pairs.iter().map(|(pair, market)| Scenario::of_pair(plan, pair, market, world)).collect())
    }

    const fn host(&self) -> Host {
        if self.together { Host::Full } else { self.host.host() }
    }

    fn faults(&self) -> Faults {
        let by_mode = if self.all_crashes || self.at.is_some() { Faults::none() } else { Faults::all() };
        self.faults.clone().unwrap_or(by_mode)
    }

    fn pairs<'a>(&self, plan: &'a Plan) -> Result<Vec<&'a PairPlan>, Fault> {
        let wanted = |pair: &&PairPlan| self.pair.as_ref().is_none_or(|id| *id == pair.id);
        let pairs: Vec<_> = plan.pairs.iter().filter(wanted).collect();
        if pairs.is_empty() {
            let known: Vec<_> = plan.pairs.iter().map(|pair| pair.id.as_str()).collect();
            return Err(Fault::usage("the plan has no pair of that name")
                .hint(format!("its pairs are {}", known.join(", "))));
        }
        Ok(pairs)
    }

    fn sweep(&self, base: &Scenario) -> Tally {
        let faults = self.faults();
        let total = (!self.all_crashes).then(|| self.seeds.unwrap_or(SEEDS));
        let names = names(base);
        let progress = Progress::new(&names, total);
        let sweep = Sweep {
            base,
            faults: &faults,
            jobs: self.jobs.unwrap_or_else(processors).max(1),
            done: &|done| progress.tell(done),
        };
        let tally = match total {
            Some(count) => sweep.seeds_on(self.host(), self.from, count),
            None => {
                let seeds = self.from..self.from.saturating_add(self.seeds.unwrap_or(1));
                seeds.fold(Tally::default(), |mut tally, seed| {
                    tally.add_all(sweep.crashes(seed));
                    tally
                })
            }
        };
        progress.end(tally.runs());
        tally
    }

    /// Returns the first broken run in its smallest form, and the command that plays it.
    fn shrunk(&self, base: &Scenario, tally: &Tally) -> Option<Shown> {
        let (case, violation) = tally.violations.first()?;
        let faults = self.faults();
        let scenario = match case.crash {
            None => base.with_seed(case.seed, &faults),
            Some(_) => Points::of(base, case.seed, &faults).ok()?.scenario(*case),
        };
        let which =
            if self.together { "--together".to_owned() } else { format!("--pair {}", base.spec.plan.id) };
        let mut command = format!("lighter-plan simulate {} {which} {case}", self.file.display());
        if let Some(faults) = &self.faults {
            command.push_str(&format!(" --faults {faults}"));
        }
        if self.host == HostArg::Full {
            command.push_str(" --host full");
        }
        let (smallest, shown) = shrink_on(self.host(), &scenario, violation.clone());
        Some(Shown { command, schedule: smallest.schedule(), violation: shown })
    }

    /// Plays one run of each base and prints all that happened in it.
    fn one(&self, bases: &[Scenario], seed: u64) -> Result<Exit, Fault> {
        let mut exit = Exit::OK;
        for base in bases {
            let played = match self.host() {
                Host::Direct => self.played(base, seed).map(|run| show::log(base, &run)),
                Host::Full => self.played_full(base, seed).map(|run| show::full_log(base, &run)),
            };
            match played {
                Ok(log) => out::text(&log)?,
                Err(violation) => {
                    out::text(&format!("{violation}\n"))?;
                    exit = Exit::FAILED;
                }
            }
        }
        Ok(exit)
    }

    fn played(&self, base: &Scenario, seed: u64) -> Result<Run, Box<Violation>> {
        let faults = self.faults();
        let mut scenario = match self.at {
            None => base.with_seed(seed, &faults),
            Some(_) => {
                let case = crate::simulate::Case { seed, crash: self.at };
                Points::of(base, seed, &faults)?.scenario(case)
            }
        };
        scenario.trace = usize::MAX;
        out::text(&format!("pair {}, seed {seed}\n{}", names(base), scenario.schedule())).ok();
        play(&scenario)
    }

    fn played_full(&self, base: &Scenario, seed: u64) -> Result<FullRun, Box<Violation>> {
        let scenario = Scenario { trace: usize::MAX, ..base.with_seed(seed, &self.faults()) };
        out::text(&format!("pair {}, seed {seed}\n{}", names(base), scenario.schedule())).ok();
        play_full(&scenario)
    }
}

/// Returns the names of the pairs that are played.
fn names(base: &Scenario) -> String {
    let others = base.beside.iter().map(|beside| beside.spec.plan.id.as_str());
    std::iter::once(base.spec.plan.id.as_str()).chain(others).collect::<Vec<_>>().join(", ")
}

fn market(pair: &PairPlan) -> Result<&'static Market, Fault> {
    let listed = find_market(snapshot_markets(), &pair.market);
    listed.ok_or_else(|| Fault::tool(format!("`{}` is not among the markets of this program", pair.market)))
}

fn world(plan: &Plan) -> Result<WorldSpec, Fault> {
    let Some(paper) = &plan.paper else { return Ok(WorldSpec::default()) };
    WorldSpec::load(&paper.world).map_err(|error| {
        Fault::tool(error).hint(format!("the plan names the world `{}` under `paper`", paper.world))
    })
}

/// Says where the simulation differs from the plan.
fn tell_limits(plan: &Plan, alone: bool) {
    if plan.network != Network::Paper {
        out::note("note: nothing is sent; the plan is played on a paper market of the same name and rules");
    }
    if alone {
        out::note("note: each pair is played by itself; `--together` plays them in one run");
    }
    if plan.pairs.iter().any(PairPlan::withdraws_fast) {
        out::note("note: the fast withdrawal route is played as the secure one");
    }
}
