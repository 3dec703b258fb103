//! The plans that ship, each run by the built binary over real sockets on the embedded exchange, ending as stated.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One run of a shipped plan.
struct Ended {
    state: tempfile::TempDir,
    output: Output,
    events: Vec<serde_json::Value>,
}

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_lighter-plan")
}

fn plan(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(format!("{name}.yaml"))
}

/// Applies `plans/NAME.yaml` in a state directory of its own.
fn apply(name: &str) -> Ended {
    let state = tempfile::tempdir().unwrap();
    let events = state.path().join("events.jsonl");
    let output = Command::new(binary())
        .args(["--state".as_ref(), state.path().as_os_str(), "apply".as_ref(), plan(name).as_os_str()])
        .args(["--auto-approve".as_ref(), "--events".as_ref(), events.as_os_str()])
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let lines = std::fs::read_to_string(&events).unwrap_or_default();
    let events = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Ended { state, output, events }
}

impl Ended {
    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    #[track_caller]
    fn ends_with(&self, code: i32, words: &[&str]) {
        let (out, err) = (self.stdout(), String::from_utf8_lossy(&self.output.stderr).into_owned());
        assert_eq!(self.output.status.code(), Some(code), "{out}\n{err}");
        for word in words {
            assert!(out.contains(word), "`{word}` is missing in\n{out}\n{err}");
        }
        let verified = Command::new(binary())
            .args(["--state".as_ref(), self.state.path().as_os_str(), "journal".as_ref(), "verify".as_ref()])
            .output()
            .unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    }

    /// The journal's result is the venue's own: the wire cuts amounts to millionths, so each leg may be one off, before and
    /// after a funding hour that the run happens to meet.
    #[track_caller]
    fn adds_up(&self) {
        let out = self.stdout();
        let told = out.split("(difference ").nth(1).and_then(|rest| rest.split(')').next());
        let difference: rust_decimal::Decimal = told.unwrap_or_else(|| panic!("{out}")).parse().unwrap();
        assert!(difference.abs() <= rust_decimal::Decimal::new(4, 6), "{out}");
    }

    /// Returns the entries of a kind, of one pair.
    fn entries(&self, pair: &str, kind: &str) -> Vec<&serde_json::Value> {
        let of = |news: &&serde_json::Value| news["pair"] == pair && news["entry"]["kind"] == kind;
        self.events.iter().filter(of).map(|news| &news["entry"]).collect()
    }

    /// Returns the position in lots that the fills of a leg make.
    fn position(&self, pair: &str, leg: &str) -> i64 {
        let signed = |fill: &&serde_json::Value| {
            let lots = fill["size"].as_i64().unwrap();
            if fill["side"] == "buy" { lots } else { -lots }
        };
        self.entries(pair, "fill").iter().filter(|fill| fill["leg"] == leg).map(signed).sum()
    }

    #[track_caller]
    fn flat_and_withdrawn(&self, pair: &str) {
        for leg in ["long", "short"] {
            assert_eq!(self.position(pair, leg), 0, "{}", self.stdout());
            let rows = self.entries(pair, "withdrawal");
            let last =
                rows.iter().rfind(|row| row["leg"] == leg).unwrap_or_else(|| panic!("{}", self.stdout()));
            assert!(last["status"] == "claimable" || last["status"] == "completed", "{last}");
            // Verified: what is left is under the venue's withdrawal minimum of 1 USDC.
            assert!(last["collateral"].as_i64().unwrap() < 1_000_000, "{last}");
        }
    }

    fn steps(&self, pair: &str) -> Vec<String> {
        let name = |entry: &&serde_json::Value| match &entry["to"] {
            serde_json::Value::String(name) => name.clone(),
            other => other.as_object().unwrap().keys().next().unwrap().clone(),
        };
        self.entries(pair, "step").iter().map(name).collect()
    }
}

#[test]
fn sol_pair_fills_holds_leaves_and_withdraws() {
    let run = apply("sol-pair");
    run.ends_with(0, &["held for max_hold"]);
    run.adds_up();
    run.flat_and_withdrawn("alpha");
    assert_eq!(run.steps("alpha").last().unwrap(), "done");
}

/// The fast route, with the owners' signatures: the receipt says which way the money went and what that cost.
#[test]
fn fast_withdrawal_goes_through_the_bridge() {
    let run = apply("fast-withdrawal");
    run.ends_with(
        0,
        &["held for max_hold", "fast, fee 1.000000 USDC", "by the fast route, fee 1.000000 USDC"],
    );
    run.adds_up();
    run.flat_and_withdrawn("alpha");
    let fast: Vec<_> = run
        .entries("alpha", "intent")
        .into_iter()
        .filter(|intent| intent["purpose"]["fast-withdraw"].is_object())
        .collect();
    assert_eq!(fast.len(), 2, "{}", run.stdout());
    assert!(fast.iter().all(|intent| intent["tx_type"] == 12), "{fast:?}");
    let rows = run.entries("alpha", "withdrawal");
    assert!(rows.iter().any(|row| row["status"] == "completed"), "{rows:?}");
}

/// killed when the venue has taken the long leg's transfer in and nobody has heard of it: `resume` finds it,
/// and no second one is signed.
#[cfg(feature = "killpoints")]
#[test]
fn r_26_a_fast_withdrawal_survives_a_crash_once() {
    let state = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], kill: &str| {
        let mut command = Command::new(binary());
        command.arg("--state").arg(state.path()).args(arguments).env("LIGHTER_PLAN_KILL_AT", kill);
        command.env_remove("RUST_LOG").output().unwrap()
    };
    let path = plan("fast-withdrawal");
    let killed = run(&["apply", path.to_str().unwrap(), "--auto-approve"], "send.fast:1");
    assert_eq!(killed.status.code(), None, "{}", String::from_utf8_lossy(&killed.stdout));
    let words = String::from_utf8_lossy(&killed.stderr).into_owned();
    let id = words.split_whitespace().skip_while(|word| *word != "run").nth(1).unwrap().to_owned();
    let resumed = run(&["resume", &id], "never:1");
    let told = String::from_utf8_lossy(&resumed.stdout).into_owned();
    assert_eq!(resumed.status.code(), Some(0), "{told}\n{}", String::from_utf8_lossy(&resumed.stderr));
    assert_eq!(told.matches("fast, fee 1.000000 USDC, completed").count(), 2, "{told}");
    let journal = run(&["journal", "export", &id], "never:1");
    let lines = String::from_utf8_lossy(&journal.stdout).into_owned();
    let signed =
        lines.matches("\\\"fast-withdraw\\\"").count() + lines.matches("{\"fast-withdraw\":").count();
    assert_eq!(signed, 2, "{lines}");
}

/// only one leg fills; what was filled, not what was ordered, is completed.
#[test]
fn long_only_is_completed_by_the_hedge() {
    let run = apply("long-only");
    run.ends_with(0, &["→ hedge", "held for max_hold"]);
    run.flat_and_withdrawn("alpha");
    let hedges: Vec<_> =
        run.entries("alpha", "intent").into_iter().filter(|intent| intent["purpose"] == "hedge").collect();
    assert!(hedges.iter().all(|hedge| hedge["leg"] == "short"), "{}", run.stdout());
    assert!(!hedges.is_empty(), "{}", run.stdout());
}

/// F-10: a leg that filled in part is completed or unwound by what is missing, within the limits.
#[test]
fn a_short_leg_filled_in_part_is_completed_or_unwound() {
    let run = apply("short-partial");
    run.ends_with(0, &["→ hedge"]);
    run.flat_and_withdrawn("alpha");
    let ordered: Vec<i64> = run
        .entries("alpha", "intent")
        .iter()
        .filter(|intent| intent["purpose"] == "hedge")
        .map(|intent| intent["order"]["size"].as_i64().unwrap())
        .collect();
    assert!(ordered.iter().all(|lots| *lots <= 2_500), "{ordered:?}");
}

/// a liquidation is noticed and answered: the survivor is closed reduce-only, the rest withdrawn.
#[test]
fn a_liquidated_long_leg_takes_the_short_one_along() {
    let run = apply("liquidated-long");
    run.ends_with(0, &["is being liquidated", "long leg was liquidated and answered"]);
    run.flat_and_withdrawn("alpha");
    for intent in run.entries("alpha", "intent").iter().filter(|intent| intent["purpose"] == "exit") {
        assert_eq!(intent["order"]["reduce_only"], true);
    }
}

#[test]
fn a_balance_under_the_minimum_stops_before_any_order() {
    let run = apply("under-minimum");
    run.ends_with(28, &["account 1001 (long) has 400", "100.000000 USDC less than minimum_usdc"]);
    assert!(run.entries("alpha", "intent").is_empty());
}

#[test]
fn one_failing_pair_of_three_leaves_the_others_unharmed() {
    let run = apply("three-pairs");
    run.ends_with(28, &["account 1005 (long)"]);
    run.flat_and_withdrawn("sol");
    run.flat_and_withdrawn("eth");
    assert!(run.entries("btc", "intent").is_empty());
}

#[test]
fn an_entry_that_never_fills_is_cancelled_at_its_deadline() {
    let run = apply("never-fills");
    run.ends_with(0, &["entry never filled and was cancelled"]);
    assert!(run.entries("alpha", "fill").is_empty());
    assert!(run.steps("alpha").contains(&"hedge".to_owned()));
}

/// U-17: a dry run says of every step whether it would run, would be skipped and why, or that only the venue can tell; and
/// it keeps nothing.
#[test]
fn u_17_a_dry_run_tells_run_skip_and_unknown_apart() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let output = Command::new(binary())
        .args(["--state".as_ref(), state.as_os_str(), "apply".as_ref(), plan("three-pairs").as_os_str()])
        .args(["--dry-run", "--auto-approve"])
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(28), "{said}");
    let verdict = |pair: &str, step: &str| {
        let line = said.lines().find(|line| {
            let mut words = line.split_whitespace();
            (words.next(), words.next()) == (Some(pair), Some(step))
        });
        line.and_then(|line| line.split_once(step)).map(|(_, verdict)| verdict.trim().to_owned())
    };
    for (pair, step, words) in [
        ("sol", "check", "would run: every rule holds here"),
        ("sol", "place.long", "would run: buy 2.500 at 99.900"),
        ("sol", "hedge", "unknown: what it has to do depends on the fills"),
        ("eth", "withdraw.short", "would run: "),
        ("btc", "check", "would run: it ends the pair here: account 1005 (long) has"),
        ("btc", "place.short", "would skip: account 1005 (long) has"),
        ("btc", "withdraw.long", "would skip: account 1005 (long) has"),
    ] {
        let told = verdict(pair, step).unwrap_or_default();
        assert!(told.starts_with(words), "{pair} {step}: `{told}` in\n{said}");
    }
    assert!(!state.join("journal.sqlite").exists(), "a dry run keeps nothing");
}
