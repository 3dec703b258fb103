//! Whole runs over a network that drops, delays, doubles, cuts and half-closes what it carries, some of them killed too.

use std::time::Duration;

use lighter_plan::rt::SplitMix64;

use crate::case::Slot;
use crate::process::Ended;
use crate::proof;
use crate::proxy::{Mishap, Proxy};
use crate::stage::{Host, Kill, Scene, Stage};
use crate::{Failure, ensure};

/// Runs of the default test; `LIGHTER_PLAN_KILLS=N` for more.
const RUNS: u64 = 6;
/// How often a run is killed: `apply`, `resume`, and the resume of the resume.
const KILLS: usize = 3;
/// The longest that a process lives before it is killed; an undisturbed run takes about four seconds.
const LIFE_MS: u64 = 3_000;
/// How often a run is gone on with. A bad network may end a process with an open run, more than once.
const GOES_MAX: usize = 12;

/// A stage whose plan reaches the exchange through a proxy.
#[derive(Debug)]
struct Link {
    stage: Stage,
    proxy: Proxy,
}

impl Link {
    fn new(scene: Scene, seed: u64) -> Result<Self, Failure> {
        let stage = Stage::new(Host::Apart, scene)?;
        let proxy = Proxy::start(stage.authority()?, seed)?;
        stage.edit_plan(stage.authority()?, &proxy.authority())?;
        Ok(Self { stage, proxy })
    }

    /// Goes on, killed at first as `kills` say, until the run ends; everything is held against the record after every
    /// process. Returns the code of the end.
    fn play(&self, kills: &[Kill]) -> Result<i32, Failure> {
        let kills = kills.iter().chain(std::iter::repeat(&Kill::None));
        for kill in kills.take(GOES_MAX) {
            let ended = self.stage.go(kill)?;
            match ended {
                Ended::Code(0) => return proof::finished(&self.stage, 0).map(|_| 0),
                Ended::Code(22) => return self.ended_flat().map(|()| 22),
                // 1: the first question, before any pair begins, had no answer. Else left because nothing could be asked.
                Ended::Code(1 | 3 | 21 | 23 | 24 | 28) | Ended::Killed => self.holds()?,
                Ended::Code(code) => return Err(format!("a bad network ended a process with {code}")),
            }
        }
        Err("the run does not end, however often it is resumed".to_owned())
    }

    /// 22, "failed after something was sent; flat": where orders, hedges and looks come late, the plan may unwind instead of
    /// holding. Both records still agree in everything, and nothing is left at risk.
    fn ended_flat(&self) -> Result<(), Failure> {
        let evidence = proof::sound(&self.stage)?;
        ensure!(evidence.journal.run.status == "ended", "the status is {}", evidence.journal.run.status);
        for account in &evidence.accounts {
            ensure!(
                account.position.is_zero(),
                "account {} is left with {}",
                account.index,
                account.position
            );
            ensure!(account.live_orders().is_empty(), "account {} has open orders", account.index);
        }
        Ok(())
    }

    /// What must hold whenever no process runs: nothing at the exchange that is in no intent, each once.
    fn holds(&self) -> Result<(), Failure> {
        if self.stage.run_id().is_none() {
            let quiet = self.stage.accounts()?.iter().all(|account| account.transactions.is_empty());
            ensure!(quiet, "something was sent without a run in the journal");
        }
        Ok(())
    }
}

fn runs() -> u64 {
    std::env::var("LIGHTER_PLAN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(RUNS)
}

/// Plays one run for each seed and returns which mishaps there were.
fn prove(seeds: std::ops::Range<u64>, kills: impl Fn(u64) -> Vec<Kill> + Sync) {
    let one = |seed: u64| {
        let _slot = Slot::take();
        let scene = if seed.is_multiple_of(2) { Scene::BothFill } else { Scene::LongFills };
        let link = Link::new(scene, seed).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        let kills = kills(seed);
        match link.play(&kills) {
            Ok(code) => eprintln!("seed {seed}: ended with {code}, spoilt {:?}", link.proxy.spoilt()),
            Err(failure) => panic!(
                "seed {seed}, {scene:?}, {kills:?}, spoilt {:?} of {:?}\n{failure}\n{}",
                link.proxy.spoilt(),
                Mishap::ALL,
                link.stage.tails()
            ),
        }
        link.proxy.spoilt()
    };
    let spoilt: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = seeds.map(|seed| scope.spawn(move || one(seed))).collect();
        threads.into_iter().map(|thread| thread.join().expect("the seed's failure is above")).collect()
    });
    // Which connections there are depends on the moment, so not every kind is met every time.
    let count =
        |place: usize| spoilt.iter().map(|counts: &[usize; Mishap::ALL.len()]| counts[place]).sum::<usize>();
    let met = (0..Mishap::ALL.len()).filter(|place| count(*place) > 0).count();
    assert!(met >= 4 || spoilt.len() < 4, "only {met} kinds of mishap: {spoilt:?}");
}

/// F-03: requests and answers over REST and WebSocket are dropped, late, doubled, cut and half-closed, as bytes between two
/// processes; every run ends as planned, each order placed once and each withdrawal made once.
#[test]
fn over_a_bad_network_every_run_ends_as_planned() {
    prove(0..runs(), |_| Vec::new());
}

/// F-03, U-01: the same network, and `apply`, `resume` and the resume of the resume are killed at random moments.
#[test]
fn over_a_bad_network_the_resume_of_a_resume_goes_on() {
    prove(1_000..1_000 + runs(), |seed| {
        let mut rng = SplitMix64::new(seed);
        (0..KILLS).map(|_| Kill::After(Duration::from_millis(100 + rng.below(LIFE_MS)))).collect()
    });
}
