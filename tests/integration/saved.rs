//! Plans saved by `plan --out`, and `apply` of them.

use std::os::unix::fs::PermissionsExt as _;

use crate::common::{Bench, KEY, PLAN};

/// The plan with real keys, on another network.
fn with_keys(network: &str) -> String {
    let paper = PLAN.lines().find(|line| line.starts_with("paper:")).unwrap();
    PLAN.replace(&format!("{paper}\n"), "")
        .replace("network: paper", &format!("network: {network}"))
        .replacen("key: paper", "key: env:LONG_KEY", 1)
        .replacen("key: paper", "key: file:short.key", 1)
}

/// U-06: the saved plan holds where the keys are, and neither them nor any other value of the environment; only its owner
/// can read it.
#[test]
fn u_06_a_saved_plan_holds_no_secret() {
    let bench = Bench::new();
    let plan =
        with_keys("testnet").replace("size: 2.5", "vars: { size: \"2.5\" }\nsize: \"{{ vars.size }}\"");
    bench.write("plan.yaml", plan + "notify: [{ webhook: env:ALERT_URL, on: [stuck] }]\n");
    bench.write("short.key", KEY);
    let environment =
        [("LONG_KEY", KEY), ("ALERT_URL", "https://example.org/hook/4f5e6d"), ("UNUSED", "nobody-asked")];
    let arguments = ["plan", "plan.yaml", "--set", "size=2.4", "--out", "saved.lplan"];
    bench.run_with(&arguments, "", &environment).expect(0);
    let saved = bench.read("saved.lplan");
    for secret in [KEY, &KEY[..16], "4f5e6d", "nobody-asked"] {
        assert!(!saved.contains(secret), "{secret} is in the saved plan");
    }
    for name in ["LONG_KEY", "short.key", "ALERT_URL", "{{ vars.size }}"] {
        assert!(saved.contains(name), "{name}: {saved}");
    }
    let value: serde_json::Value = serde_json::from_str(&saved).unwrap();
    assert_eq!(value["plan"]["pairs"][0]["size"]["base"], "2.4");
    let mode = std::fs::metadata(bench.path("saved.lplan")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A saved plan is what was looked at, or it is refused: after an edit of the plan file, of itself, or half of it lost.
#[test]
fn a_stale_saved_plan_is_refused_with_26() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.run(&["plan", "plan.yaml", "--out", "saved.lplan"]).expect(0);
    let saved = bench.read("saved.lplan");
    let apply = ["apply", "saved.lplan"];
    // As it was saved: it comes to the question, and nobody answers.
    bench.run(&apply).expect(20);
    bench.run(&["apply", "saved.lplan", "--set", "size=1"]).expect(2);
    let version = env!("CARGO_PKG_VERSION");
    let edits = [
        (saved.replace("\"2.5\"", "\"2.6\""), "was changed after it was written"),
        (saved.replace("\"lighter_plan_artifact\": 1", "\"lighter_plan_artifact\": 2"), "has format 2"),
        (saved[..saved.len() / 2].to_owned(), "is no saved plan"),
        (saved.replace(version, "0.0.0"), "was changed after it was written"),
    ];
    for (text, told) in edits {
        assert_ne!(text, saved, "{told}");
        bench.write("edited.lplan", text);
        let run = bench.run(&["apply", "edited.lplan", "--auto-approve"]).expect(26);
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
    }
    bench.write("plan.yaml", PLAN.replace("size: 2.5", "size: 2.4"));
    let run = bench.run(&["apply", "saved.lplan", "--auto-approve"]).expect(26);
    assert!(run.stderr.contains("is stale") && run.stderr.contains("plan.yaml"), "{}", run.stderr);
    // Where the plan file is not at hand, what was saved holds.
    std::fs::remove_file(bench.path("plan.yaml")).unwrap();
    bench.run(&apply).expect(20);
    assert!(!bench.path(".lighter-plan").exists(), "something was begun");
}

/// With real money `--auto-approve` answers for a saved plan and for no other.
#[test]
fn a_saved_plan_can_be_approved_beforehand() {
    let bench = Bench::new();
    // No loopback by its name, and nobody answers there.
    let network = "{ http: \"http://0.0.0.0:9\", ws: \"ws://0.0.0.0:9\", chain_id: 304 }";
    bench.write("plan.yaml", with_keys(network)).write("short.key", KEY);
    let keys = [("LONG_KEY", KEY)];
    bench.run_with(&["apply", "plan.yaml", "--auto-approve"], "", &keys).expect(20);
    bench.run(&["plan", "plan.yaml", "--out", "saved.lplan"]).expect(0);
    bench.run(&["apply", "saved.lplan"]).expect(20);
    let run = bench.run_with(&["apply", "saved.lplan", "--auto-approve"], "", &keys);
    assert!(run.code != 20 && !run.stderr.contains("declined"), "{}", run.stderr);
    // It comes to the keys, and this one is of nobody.
    assert!(run.stderr.contains("no key for account 1001"), "{}", run.stderr);
}
