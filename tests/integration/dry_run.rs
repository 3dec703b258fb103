//! What a dry run says of every step, with the program's exchange behind real sockets.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::{Bench, Run};

/// A quick plan on a world of the tests, with a holding time and a `withdraw.when`.
fn plan(world: &str, hold: &str, withdraw: &str) -> String {
    format!(
        "\
version: 1
name: rehearsed
network: paper
paper: {{ usdc: 10000, seed: 7, world: {}/tests/fixtures/worlds/{world}.yaml, time_scale: 20 }}
market: SOL
size: 2.5
leverage: 5
prices: {{ buy: 99.920, sell: 100.080 }}
minimum_usdc: 500
pairs:
  - id: alpha
    long:  {{ account: 1001, api_key_index: 4, key: paper }}
    short: {{ account: 1002, api_key_index: 4, key: paper }}
place: {{ time_in_force: post_only, expires_in: 30m }}
watch: {{ entry_deadline: 1m, on_entry_timeout: flatten, max_hold: {hold} }}
hedge: {{ wait: 2s, max_naked: 40s, attempts: 10, max_slippage_bps: 100 }}
risk:
  max_order_usdc: 2000
  max_position_usdc: 2000
  max_exposure_usdc: 2000
  max_price_deviation_bps: 100
  max_drawdown_usdc: 150
  min_liquidation_distance_pct: 10
  max_messages_per_minute: 60
  max_loss_if_venue_down_usdc: 300
withdraw: {{ when: {withdraw}, route: secure, keep_usdc: 0, verify_within: 24h }}
",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// Returns every step with its verdict as printed, and holds the events file against it.
fn verdicts(bench: &Bench, run: &Run) -> Vec<(String, String)> {
    let rows = run.stdout.lines().filter_map(|line| line.strip_prefix("  alpha/")?.split_once(' '));
    let told: Vec<_> = rows.map(|(step, verdict)| (step.to_owned(), verdict.trim().to_owned())).collect();
    let events = bench.read("events.jsonl");
    let lines = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let written = lines.filter(|line| line.get("verdict").is_some()).map(|line| {
        assert_eq!(line["pair"], "alpha");
        let verdict = line["verdict"].as_str().unwrap();
        let reason = line["reason"].as_str().map_or_else(String::new, |reason| format!(" ({reason})"));
        (line["step"].as_str().unwrap().to_owned(), format!("{verdict}{reason}"))
    });
    assert_eq!(told, written.collect::<Vec<_>>(), "{}", run.stdout);
    told
}

#[track_caller]
fn expect(told: &[(String, String)], wanted: [(&str, &str); 8]) {
    let starts = |((step, verdict), (name, words)): (&(String, String), &(&str, &str))| {
        assert_eq!(step, name, "{told:#?}");
        assert!(verdict.starts_with(words), "{step}: `{verdict}` is not `{words}`: {told:#?}");
    };
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    told.iter().zip(&wanted).for_each(starts);
}

const DRY: &[&str] = &["apply", "plan.yaml", "--dry-run", "--events", "events.jsonl"];

/// U-17: every step that ran would run, and one that the plan forbids would be skipped, with the reason.
#[test]
fn u_17_a_dry_run_says_what_would_run_and_what_would_be_skipped() {
    let bench = Bench::new();
    bench.write("plan.yaml", plan("quick_long_only", "8s", "never"));
    let run = bench.run(DRY).expect(0);
    let never = "would-skip (`withdraw.when` is `never`)";
    let told = verdicts(&bench, &run);
    expect(
        &told,
        [
            ("check", "would-run"),
            ("place.long", "would-run"),
            ("place.short", "would-run"),
            ("watch", "would-run"),
            ("hedge", "would-run"),
            ("withdraw.long", never),
            ("withdraw.short", never),
            ("done", "would-run"),
        ],
    );
    assert!(!bench.path(".lighter-plan").exists(), "a dry run keeps nothing");
}

/// U-17: a check that does not hold skips all that comes after it, and the reason is the rule; an entry that never fills
/// leaves nothing to close.
#[test]
fn u_17_a_dry_run_names_why_steps_would_be_skipped() {
    let bench = Bench::new();
    bench.write("plan.yaml", plan("quick_still", "8s", "on_exit").replace("usdc: 10000", "usdc: 400"));
    let run = bench.run(DRY).expect(28);
    let short = "would-skip (account 1001 (long) has 400.000000 USDC available";
    expect(
        &verdicts(&bench, &run),
        [
            ("check", "would-run"),
            ("place.long", short),
            ("place.short", short),
            ("watch", short),
            ("hedge", short),
            ("withdraw.long", short),
            ("withdraw.short", short),
            ("done", "would-run"),
        ],
    );
    let bench = Bench::new();
    bench.write("plan.yaml", plan("quick_still", "8s", "on_exit"));
    let run = bench.run(DRY).expect(0);
    expect(
        &verdicts(&bench, &run),
        [
            ("check", "would-run"),
            ("place.long", "would-run"),
            ("place.short", "would-run"),
            ("watch", "would-run"),
            ("hedge", "would-skip (nothing filled"),
            ("withdraw.long", "would-run"),
            ("withdraw.short", "would-run"),
            ("done", "would-run"),
        ],
    );
}

/// U-17: what a dry run did not come to is unknown, and not skipped.
#[test]
fn u_17_a_dry_run_that_is_stopped_leaves_steps_unknown() {
    let bench = Bench::new();
    bench.write("plan.yaml", plan("quick", "30m", "on_exit").replace("wait: 2s", "wait: 30s"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_lighter-plan"))
        .args(DRY)
        .env_clear()
        .current_dir(bench.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut stdout = String::new();
    while !stdout.contains("dead man's switch cleared") {
        assert_ne!(lines.read_line(&mut stdout).unwrap(), 0, "it ended early: {stdout}");
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    lines.read_to_string(&mut stdout).unwrap();
    let code = child.wait().unwrap().code().expect("an exit code, no signal");
    let run = Run { code, stdout, stderr: String::new() }.expect(21);
    let unknown = "unknown (the dry run ended before it: stopped on request";
    expect(
        &verdicts(&bench, &run),
        [
            ("check", "would-run"),
            ("place.long", "would-run"),
            ("place.short", "would-run"),
            ("watch", "would-run"),
            ("hedge", unknown),
            ("withdraw.long", unknown),
            ("withdraw.short", unknown),
            ("done", unknown),
        ],
    );
}
