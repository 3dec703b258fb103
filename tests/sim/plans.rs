//! Any plan that `validate --strict` accepts compiles, and its run breaks no invariant of DESIGN §8.
//!
//! What differs from `apply --dry-run`: the same engine meets the same exchange core and world, in virtual time and
//! without sockets, signatures and request budget; the pairs of a plan run one after another rather than side by side.
//! A few plans are run by the program itself, which has all of that.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lighter_plan::engine::PairSpec;
use lighter_plan::graph;
use lighter_plan::lint::check;
use lighter_plan::model::{find_market, snapshot_markets};
use lighter_plan::paper::world::{Action, Duration as Span, MarketSpec, ScriptEntry, WorldSpec};
use lighter_plan::plan::{LoadOptions, MissedPlace, MissedWithdraw, Plan, SourceFile};
use lighter_plan::rt::{SplitMix64, in_parallel};
use lighter_plan::simulate::{LONG, SHORT, Scenario, near};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::draft::{Draft, drafts};
use super::{number, sound};

/// Plans of the default test run.
const PLANS: u64 = 300;

/// Of the plans drawn, at least so many percent must be accepted: a property of nothing proves nothing.
const ACCEPTED_PERCENT: u64 = 30;

/// Real dry runs of the default test run; each takes seconds.
const DRY_RUNS: u64 = 2;

/// Longer than this a plan is not played: days of nothing but holding.
const PLAYED: Duration = Duration::from_secs(3 * 3_600);

/// Tries in the search for a smaller plan that fails.
const SHRINKS: u32 = 200;

/// What became of the plans.
#[derive(Default)]
struct Tally {
    drawn: u64,
    accepted: u64,
    played: u64,
    refusals: BTreeMap<String, u64>,
    ends: BTreeMap<String, u64>,
}

/// How a pair ended.
struct End {
    words: String,
    /// Whether the minute's messages were spent when the pair was flat.
    withdrawal_waited: bool,
}

/// What became of one plan.
enum Fate {
    Refused(Vec<&'static str>),
    /// Accepted, and how each pair that was played ended.
    Accepted(Vec<End>),
}

/// `LIGHTER_PLAN_PLANS=N` draws N plans, `LIGHTER_PLAN_PLAN=S` the one plan of seed S.
#[test]
fn an_accepted_plan_compiles_and_keeps_the_invariants() {
    if let Some(seed) = number("LIGHTER_PLAN_PLAN") {
        let draft = drawn(seed);
        eprintln!("{}", draft.text());
        if let Fate::Refused(codes) = fate(&draft.text(), seed) {
            eprintln!("refused: {codes:?}");
        }
        return;
    }
    let plans = number("LIGHTER_PLAN_PLANS").unwrap_or(PLANS);
    let next = AtomicU64::new(1);
    let tally = Mutex::new(Tally::default());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > plans {
                        return;
                    }
                    match catch_unwind(|| fate(&drawn(seed).text(), seed)) {
                        Ok(fate) => tally.lock().expect("no one panics with it").count(&fate),
                        Err(_) => failed.lock().expect("no one panics with it").push(seed),
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().expect("all threads are done");
    eprintln!("{}", tally.report());
    let failed = failed.into_inner().expect("all threads are done");
    if let Some(seed) = failed.first() {
        let smaller = shrunk(*seed);
        panic!(
            "plans {failed:?} of {plans} break an invariant; LIGHTER_PLAN_PLAN=S plays one. The smallest of seed {seed}:\n{}",
            smaller.text()
        );
    }
    assert!(tally.accepted * 100 >= tally.drawn * ACCEPTED_PERCENT, "{}", tally.report());
}

impl Tally {
    fn count(&mut self, fate: &Fate) {
        self.drawn += 1;
        match fate {
            Fate::Refused(codes) => {
                for code in codes {
                    *self.refusals.entry((*code).to_owned()).or_default() += 1;
                }
            }
            Fate::Accepted(ends) => {
                self.accepted += 1;
                self.played += ends.len() as u64;
                for end in ends {
                    *self.ends.entry(end.words.clone()).or_default() += 1;
                }
            }
        }
    }

    fn report(&self) -> String {
        let Self { drawn, accepted, played, refusals, ends } = self;
        format!(
            "{drawn} plans drawn, {accepted} accepted, {played} pairs played\nrefused by {refusals:?}\n{ends:#?}"
        )
    }
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Config::default(), rng)
}

fn drawn(seed: u64) -> Draft {
    drafts().new_tree(&mut runner(seed)).expect("nothing is filtered").current()
}

/// Returns a smaller plan that fails as the one of `seed` does.
fn shrunk(seed: u64) -> Draft {
    let fails = |draft: &Draft| catch_unwind(AssertUnwindSafe(|| fate(&draft.text(), seed))).is_err();
    let mut tree = drafts().new_tree(&mut runner(seed)).expect("nothing is filtered");
    let mut smallest = tree.current();
    let mut tries = 0;
    let mut moved = tree.simplify();
    while moved && tries < SHRINKS {
        tries += 1;
        let draft = tree.current();
        if fails(&draft) {
            smallest = draft;
            moved = tree.simplify();
        } else {
            moved = tree.complicate();
        }
    }
    smallest
}

/// Checks a plan as `validate --strict` does, compiles it, and plays its pairs.
fn fate(text: &str, seed: u64) -> Fate {
    let source = SourceFile::from_text("drawn.yaml", text);
    let checked = check(&source, &LoadOptions::default(), snapshot_markets());
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
    if !checked.findings.is_empty() {
        return Fate::Refused(checked.findings.iter().map(|finding| finding.rule.code).collect());
    }
    let plan = checked.plan.expect("no finding, so a plan");
    let graph = graph::compile(&plan, snapshot_markets()).expect("an accepted plan compiles");
    assert!(!graph::json(&graph).is_empty());
    let pairs = (0..plan.pairs.len()).filter(|index| lasts(&plan, *index) <= PLAYED);
    Fate::Accepted(pairs.map(|index| play(&plan, index, seed)).collect())
}

/// How long a pair may take, withdrawal included.
fn lasts(plan: &Plan, index: usize) -> Duration {
    let pair = &plan.pairs[index];
    pair.watch.entry_deadline + pair.watch.max_hold + pair.withdraw.verify_within
}

/// Plays one pair: every other plan undisturbed, as a dry run is; the others in a market that moves, with faults and
/// crashes. Returns how it ended.
fn play(plan: &Plan, index: usize, seed: u64) -> End {
    let calm = seed.is_multiple_of(2);
    let scenario = scenario(plan, index, seed, calm);
    let name = format!("{} ends with", scenario.name);
    let run = sound(scenario);
    let pair = run.outcome.as_ref().expect("it ended");
    let withdrawal_waited = run.watch.withdrawal_waited;
    let Some(end) = pair.end() else { return End { words: format!("{name} 21 stopped"), withdrawal_waited } };
    if calm {
        assert!(
            [0, 22, 28].contains(&end.code),
            "an undisturbed run ends with {end:?}\n{}",
            run.watch.trace()
        );
    }
    let words: Vec<&str> =
        end.summary.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit())).collect();
    End { words: format!("{name} {}: {}", end.code, words.join(" ")), withdrawal_waited }
}

/// An exit in many clips, as the book is thin within the slippage that is allowed, spends the minute's messages: moved
/// quotes must have left room for it, and the withdrawals wait.
const MANY_CLIPS: &str = "\
# yaml-language-server: $schema=plan.v1.schema.json
version: 1
name: many-clips
network: paper
paper: { usdc: 31555, seed: 0 }
market: ETH
size: 4.3635
leverage: 1
minimum_usdc: 31555
prices: { buy: { peg: mid, offset_bps: -21, reprice_bps: 20 }, sell: 2346.86 }
pairs:
  - id: p0
    long: { account: 1001, api_key_index: 4, key: paper }
    short: { account: 1002, api_key_index: 4, key: paper }
place: { time_in_force: post_only, expires_in: 11m }
watch: { entry_deadline: 12s, on_entry_timeout: hedge, max_hold: 2s }
hedge:
  { wait: 3s, max_naked: 7s, max_naked_loss_usdc: 105, attempts: 7, max_slippage_bps: 14, emergency_slippage_bps: 14, dust_usdc: 0 }
risk:
  max_order_usdc: 10500
  max_position_usdc: 10500
  max_exposure_usdc: 21000
  max_price_deviation_bps: 101
  max_drawdown_usdc: 1799
  min_liquidation_distance_pct: 6
  max_messages_per_minute: 19
  max_loss_if_venue_down_usdc: 1908
withdraw: { when: on_exit, keep_usdc: 26, verify_within: 1h }
";

#[test]
fn the_message_budget_holds_over_an_exit_in_many_clips() {
    let mut waited = 0;
    for seed in (2..=24).step_by(2) {
        let Fate::Accepted(ends) = fate(MANY_CLIPS, seed) else { panic!("the plan is sound") };
        waited += u32::from(ends.iter().any(|end| end.withdrawal_waited));
    }
    assert!(waited > 0, "no run spends its minute: this proves nothing");
}

/// The program itself, over sockets and with all pairs side by side: `LIGHTER_PLAN_DRY_RUNS=N` runs N accepted plans.
#[test]
fn a_real_dry_run_of_an_accepted_plan_ends_as_it_may() {
    let runs = number("LIGHTER_PLAN_DRY_RUNS").unwrap_or(DRY_RUNS);
    let accepted = (1..).map(|seed| (seed, brisk(drawn(seed)))).filter(|(_, draft)| {
        let source = SourceFile::from_text("drawn.yaml", &draft.text());
        check(&source, &LoadOptions::default(), snapshot_markets()).findings.is_empty()
    });
    let plans: Vec<_> = accepted.take(usize::try_from(runs).unwrap_or(1)).collect();
    let ends: Vec<(u64, i32, String)> = in_parallel(plans.len(), |index| {
        let (seed, draft) = &plans[index];
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("drawn.yaml");
        std::fs::write(&path, draft.text()).expect("a file");
        let mut program = Command::new(env!("CARGO_BIN_EXE_lighter-plan"));
        program.args(["apply", "--dry-run"]).arg(&path).env_clear().current_dir(folder.path());
        let output = program.output().expect("the program runs");
        let text = [output.stdout, output.stderr].concat();
        (*seed, output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    });
    for (seed, code, text) in &ends {
        eprintln!("plan {seed}: {code} {}", text.trim_end().lines().last().unwrap_or_default());
        let flat = [0, 22, 28].contains(code) && !text.contains("panicked");
        assert!(flat, "plan {seed} ends with {code}\n{}\n{text}", brisk(drawn(*seed)).text());
    }
}

/// The same plan in less time, as fast as a busy machine can follow.
fn brisk(draft: Draft) -> Draft {
    draft
        .with("paper/time_scale", "20")
        .with("pairs/watch/entry_deadline", "95s")
        .with("pairs/watch/max_hold", "20s")
}

fn scenario(plan: &Plan, index: usize, seed: u64, calm: bool) -> Scenario {
    let mut rng = SplitMix64::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(index as u64));
    let mut scenario = Scenario::calm(seed);
    scenario.name = if calm { "calm" } else { "stormy" }.to_owned();
    let mut pair = plan.pairs[index].clone();
    (pair.long.account, pair.short.account) = (LONG, SHORT);
    scenario.market = find_market(snapshot_markets(), &pair.market).expect("a listed market").clone();
    let usdc = plan.paper.as_ref().expect("a plan on paper").usdc;
    for (opening, leg) in scenario.accounts.iter_mut().zip([&pair.long, &pair.short]) {
        opening.2 = [Some(leg.api_key_index), leg.guard_key_index].into_iter().flatten().collect();
        opening.3 = usdc;
    }
    scenario.spec = PairSpec {
        plan: pair,
        on_stop: plan.on_stop,
        restart_missed_entry: plan.on_missed.place == MissedPlace::Continue,
        continue_missed_withdrawal: plan.on_missed.withdraw == MissedWithdraw::Continue,
        ..scenario.spec
    };
    scenario.retry = plan.retry;
    scenario.world = WorldSpec::default();
    scenario.end_by = lasts(plan, index) + Duration::from_secs(1_800);
    if !calm {
        scenario.world.markets = vec![swing(&scenario, &mut rng)];
        scenario.world.script = vec![walk(&scenario, &mut rng)];
        scenario.disturb(&mut rng);
    }
    scenario
}

fn swing(scenario: &Scenario, rng: &mut SplitMix64) -> MarketSpec {
    MarketSpec {
        market: scenario.market.symbol.clone(),
        price: None,
        volatility_bps: Some(u32::try_from(2 + rng.below(17)).unwrap_or(10)),
        depth_percent: None,
        makers: None,
        takers: None,
    }
}

/// The price goes somewhere else within a minute.
fn walk(scenario: &Scenario, rng: &mut SplitMix64) -> ScriptEntry {
    let far = i64::try_from(rng.below(601)).unwrap_or(0) - 300;
    ScriptEntry {
        at: Span(Duration::from_secs(3 + rng.below(58))),
        market: Some(scenario.market.symbol.clone()),
        every: None,
        action: Action::MoveTo {
            price: near(&scenario.market, far),
            over: Span(Duration::from_secs(rng.below(16))),
        },
    }
}
