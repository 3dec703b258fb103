//! Whole runs, killed and resumed, behind a network that loses, doubles, delays and cuts.

use std::collections::BTreeMap;
use std::time::Duration;

use lighter_plan::rt::SplitMix64;

use crate::case::Slot;
use crate::process::Ended;
use crate::proof;
use crate::proxy::{Harm, Proxy};
use crate::stage::{Kill, Scene, Stage};
use crate::{Failure, ensure};

/// Runs of the default run; `LIGHTER_PLAN_KILLS=N` for N.
const RUNS: u64 = 6;
/// Processes that a run gets while the network is bad.
const BAD_LIVES: usize = 3;
/// Processes that it gets at most.
const LIVES: usize = 12;

/// Kills the first processes of a run at seeded moments, and brings it to its end.
fn play(stage: &Stage, proxy: &Proxy, seed: u64) -> Result<i32, Failure> {
    let mut rng = SplitMix64::new(seed);
    for life in 0..LIVES {
        if life == BAD_LIVES {
            proxy.calm_down();
        }
        let kill = match life {
            0 | 1 => Kill::After(Duration::from_millis(500 + rng.below(3_500))),
            _ => Kill::None,
        };
        match stage.go(&kill)? {
            Ended::Code(code @ (0 | 22)) => return Ok(code),
            // 1, 3: the exchange could not be reached before anything was sent. 21, 23, 24: to be gone on with.
            Ended::Killed | Ended::Code(1 | 3 | 21 | 23 | 24 | 28) => {}
            other => return Err(format!("process {life} ended with {other:?}")),
        }
        // Ended for good: every later process says the same code.
        if life + 1 == LIVES {
            break;
        }
    }
    Err(format!("no end within {LIVES} processes"))
}

/// F-02, F-05, U-11: whatever the network does between two kills, nothing is placed twice and nothing is
/// left, by the exchange's own record.
#[test]
fn a_bad_network_places_nothing_twice_and_leaves_nothing() {
    let wanted = std::env::var("LIGHTER_PLAN_KILLS").ok().and_then(|text| text.parse().ok());
    let mut harm: BTreeMap<Harm, u64> = BTreeMap::new();
    let mut codes: BTreeMap<i32, u64> = BTreeMap::new();
    for seed in 1..=wanted.unwrap_or(RUNS) {
        let _slot = Slot::take();
        let (stage, proxy) =
            Stage::behind_proxy(if seed % 3 == 0 { Scene::LongFills } else { Scene::BothFill }, seed)
                .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        let proved = play(&stage, &proxy, seed).and_then(|code| {
            let evidence = proof::sound(&stage)?;
            for account in &evidence.accounts {
                ensure!(account.position.is_zero(), "account {} holds {}", account.index, account.position);
                ensure!(account.live_orders().is_empty(), "account {} has open orders", account.index);
            }
            Ok(code)
        });
        match proved {
            Ok(code) => *codes.entry(code).or_default() += 1,
            Err(failure) => panic!("seed {seed}: {failure}\n{:?}\n{}", proxy.counts(), stage.tails()),
        }
        for (kind, count) in proxy.counts() {
            *harm.entry(kind).or_default() += count;
        }
    }
    eprintln!("exit codes {codes:?}, connections {harm:?}");
    let harmed: u64 = harm.iter().filter(|(kind, _)| **kind != Harm::Pass).map(|(_, count)| count).sum();
    assert!(harmed >= 20 && harm.len() >= 5, "the network was good: {harm:?}");
}
