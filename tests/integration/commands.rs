use crate::common::{Bench, PLAN};

#[test]
fn init_writes_a_plan_that_is_sound_to_the_last_hint() {
    let bench = Bench::new();
    for market in ["SOL", "ETH", "BTC", "DOGE", "HYPE", "XRP"] {
        let file = format!("{market}.yaml");
        bench.run(&["init", "--market", market, "--pair", "7:8", "--pair", "9:10", &file]).expect(0);
        bench.run(&["validate", "--strict", &file]).expect(0);
        bench.run(&["plan", &file]).expect(0);
    }
    let text = bench.read("SOL.yaml");
    assert!(text.starts_with("# yaml-language-server: $schema="), "{text}");
    assert!(text.contains("\n# $schema: "), "both header forms: {text}");
    let run = bench.run(&["init", "SOL.yaml"]).expect(3);
    assert!(run.stderr.contains("--force"), "{}", run.stderr);
    bench.run(&["init", "--force", "SOL.yaml"]).expect(0);
}

#[test]
fn init_refuses_what_would_be_unsound() {
    let bench = Bench::new();
    bench.run(&["init", "--buy-price", "102", "--sell-price", "101", "a.yaml"]).expect(2);
    bench.run(&["init", "--market", "NOPE", "a.yaml"]).expect(2);
    bench.run(&["init", "--pair", "7:7", "a.yaml"]).expect(2);
    bench.run(&["init", "--sell-price", "0", "a.yaml"]).expect(2);
    bench.run(&["init", "--sell-price", "79228162514264337593543950335", "a.yaml"]).expect(2);
    assert!(!bench.path("a.yaml").exists());
}

#[test]
fn plan_shows_orders_in_the_venues_integers() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    let run = bench.run(&["plan", "plan.yaml"]).expect(0);
    for part in [
        "buy 2.500 at 99.900 (2500 lots at 99900 ticks, market 2)",
        "sell 2.500 at 100.100",
        "margin 50.05, liquidated at 293.0664",
        "500 USDC in all legs of 2000 allowed",
        "worst minute 17, allowed 40",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    bench.run(&["plan", "--detailed-exitcode", "plan.yaml"]).expect(10);
    let run = bench.run(&["plan", "--graph", "json", "plan.yaml"]).expect(0);
    let graph: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(graph["pairs"][0]["orders"][1]["price_ticks"], 100_100);
    assert_eq!(graph["pairs"][0]["steps"][1]["name"], "alpha/place.long");
    assert!(
        bench
            .run(&["plan", "--graph", "mermaid", "plan.yaml"])
            .expect(0)
            .stdout
            .starts_with("flowchart LR\n")
    );
    assert!(
        bench.run(&["plan", "--graph", "dot", "plan.yaml"]).expect(0).stdout.starts_with("digraph plan {\n")
    );
}

#[test]
fn plan_refuses_what_validate_refuses() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN.replace("leverage: 5", "leverage: 99"));
    let run = bench.run(&["plan", "plan.yaml"]).expect(1);
    assert!(run.stderr.contains("LP307"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    bench.run(&["plan", "missing.yaml"]).expect(3);
}

#[test]
fn schema_is_the_file_in_the_repository() {
    let bench = Bench::new();
    let run = bench.run(&["schema"]).expect(0);
    let shipped = include_str!("../../schemas/plan.v1.schema.json");
    assert_eq!(run.stdout, shipped, "run `lighter-plan schema --out schemas/plan.v1.schema.json`");
    bench.run(&["schema", "--out", "s.json"]).expect(0);
    bench.run(&["schema", "--check", "s.json"]).expect(0);
    bench.write("s.json", "{}").run(&["schema", "--check", "s.json"]).expect(1);
}

#[test]
fn explain_takes_code_and_slug() {
    let bench = Bench::new();
    let by_code = bench.run(&["explain", "LP306"]).expect(0).stdout;
    assert_eq!(by_code, bench.run(&["explain", "self-cross"]).expect(0).stdout);
    assert!(by_code.contains("cannot be ignored") && by_code.contains("Bad:") && by_code.contains("Good:"));
    let run = bench.run(&["explain", "self-cros"]).expect(2);
    assert!(run.stderr.contains("did you mean `self-cross`?"), "{}", run.stderr);
}

#[test]
fn rules_lists_every_rule() {
    let bench = Bench::new();
    let run = bench.run(&["rules"]).expect(0);
    let listed: serde_json::Value =
        serde_json::from_str(&bench.run(&["rules", "--format", "json"]).expect(0).stdout).unwrap();
    assert_eq!(run.stdout.lines().count(), listed["rules"].as_array().unwrap().len());
}

#[test]
fn usage_errors_are_2_and_help_is_0() {
    let bench = Bench::new();
    bench.run(&[]).expect(2);
    bench.run(&["nonsense"]).expect(2);
    bench.run(&["validate", "--format", "sarif2"]).expect(2);
    for command in ["init", "validate", "explain", "rules", "schema", "plan"] {
        let run = bench.run(&[command, "--help"]).expect(0);
        assert!(run.stdout.contains("Examples:"), "{command} has examples");
    }
    bench.run(&["--version"]).expect(0);
}

/// Another owner's key is found out by the check, before anything is sent, and shown nowhere.
#[test]
fn the_fast_route_asks_for_the_accounts_own_owner() {
    let bench = Bench::new();
    let worlds = concat!("world: ", env!("CARGO_MANIFEST_DIR"), "/tests/");
    let plan = include_str!("../../plans/fast-withdrawal.yaml").replace("world: ../tests/", worlds);
    bench.write("plan.yaml", plan.replacen("l1_key: paper", "l1_key: env:OWNER", 1));
    let key = "5e".repeat(32);
    let apply = ["--state", "state", "apply", "plan.yaml", "--auto-approve"];
    let run = bench.run_with(&apply, "", &[("OWNER", &key)]).expect(28);
    let told = run.stdout + &run.stderr;
    assert!(told.contains("account 1001 (long) belongs to 0x"), "{told}");
    assert!(!told.contains(&key) && !told.contains("sent"), "{told}");
    let run = bench.run(&apply).expect(1);
    assert!(run.stderr.contains("no `l1_key` for account 1001"), "{}", run.stderr);
}

/// U-04: who says no, or nothing at all, is told so with a code of its own; nothing was begun.
#[test]
fn u_04_declining_has_its_own_code() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    for answer in ["no\n", ""] {
        let run = bench.run_with(&["apply", "plan.yaml"], answer, &[]).expect(20);
        assert!(run.stderr.contains("declined; nothing was sent"), "{}", run.stderr);
        assert!(!bench.path(".lighter-plan").exists(), "a declined run left something behind");
    }
}
