//! `validate --fix` and `--diff` on files.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::common::{Bench, KEY, PLAN};

/// A plan with three slips: two that can be mended, and a limit that cannot.
fn slips() -> String {
    PLAN.replace("when: on_exit", "when: on_exti # ask the desk\n ")
        .replace("withdraw: { ", "withdraw: {\n  ")
        .replace("place: {", "plcae: {")
        .replace("max_hold: 2m", "max_hodl: 2m")
}

fn one_slip() -> String {
    PLAN.replace("when: on_exit", "when: on_exti")
}

#[test]
fn fix_writes_what_is_safe_and_reports_what_is_left() {
    let bench = Bench::new();
    bench.write("a.yaml", slips()).write("b.yaml", one_slip()).write("good.yaml", PLAN);
    let run =
        bench.run(&["validate", "--fix", "--format", "concise", "a.yaml", "b.yaml", "good.yaml"]).expect(1);
    assert_eq!(run.stderr, "fixed 3 findings in 2 files\n");
    assert!(run.stdout.starts_with("a.yaml:19:56: error[LP101] `max_hodl`"), "{}", run.stdout);
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(bench.read("a.yaml"), slips().replace("on_exti", "on_exit").replace("plcae", "place"));
    assert_eq!(bench.read("b.yaml"), PLAN);
    assert_eq!(bench.read("good.yaml"), PLAN);
    let run = bench.run(&["validate", "--fix", "b.yaml", "good.yaml"]).expect(0);
    assert_eq!(run.stderr, "");
    let left: Vec<_> =
        std::fs::read_dir(bench.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "no temporary file stays: {left:?}");
}

#[test]
fn diff_shows_the_change_and_makes_none() {
    let bench = Bench::new();
    bench.write("plan.yaml", one_slip()).write("good.yaml", PLAN);
    let run = bench.run(&["validate", "--diff", "plan.yaml", "good.yaml"]).expect(1);
    insta::assert_snapshot!(run.stdout, @"
    --- plan.yaml
    +++ plan.yaml
    @@ -27,4 +27,4 @@
       min_liquidation_distance_pct: 10
       max_messages_per_minute: 40
       max_loss_if_venue_down_usdc: 300
    -withdraw: { when: on_exti, route: secure, keep_usdc: 0, verify_within: 24h }
    +withdraw: { when: on_exit, route: secure, keep_usdc: 0, verify_within: 24h }
    ");
    assert_eq!(run.stderr, "would fix 1 finding in 1 file\n");
    assert_eq!(bench.read("plan.yaml"), one_slip());
    // What is left does not count: whether there is something to fix is the whole question.
    bench.write("plan.yaml", PLAN.replace("max_hold: 2m", "max_hodl: 2m"));
    let run = bench.run(&["validate", "--diff", "--format", "json:out.json", "plan.yaml"]).expect(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    assert!(bench.read("out.json").contains("max_hodl"));
    bench.run(&["validate", "--diff", "missing.yaml"]).expect(3);
    bench.run(&["validate", "--diff", "--fix", "plan.yaml"]).expect(2);
}

#[test]
fn standard_input_is_mended_to_standard_output() {
    let bench = Bench::new();
    let run = bench.run_with(&["validate", "--fix", "-"], &one_slip(), &[]).expect(0);
    assert_eq!(run.stdout, PLAN);
    assert!(
        run.stderr.starts_with("fixed 1 finding in 1 file\n1 plan checked: no findings"),
        "{}",
        run.stderr
    );
    let run = bench.run_with(&["validate", "--fix", "-"], PLAN, &[]).expect(0);
    assert_eq!(run.stdout, PLAN, "a pipe carries on what needs nothing");
    let run = bench.run_with(&["validate", "--fix", "-"], &slips(), &[]).expect(1);
    assert!(run.stdout.contains("when: on_exit") && run.stderr.contains("max_hodl"));
}

#[test]
fn only_what_is_reported_is_fixed() {
    let bench = Bench::new();
    let (_, bare) = PLAN.split_once("\nversion").unwrap();
    let bare = format!("version{bare}");
    bench.write("plans/plan.yaml", &bare).write("schemas/plan.v1.schema.json", "{}");
    bench.run(&["validate", "--fix", "plans/plan.yaml"]).expect(0);
    assert_eq!(bench.read("plans/plan.yaml"), bare, "information is below the floor");
    bench.run(&["validate", "--fix", "--strict", "--ignore", "LP901", "plans/plan.yaml"]).expect(0);
    assert_eq!(bench.read("plans/plan.yaml"), bare);
    bench.run(&["validate", "--fix", "--strict", "plans/plan.yaml"]).expect(0);
    let header = "# yaml-language-server: $schema=../schemas/plan.v1.schema.json\n# $schema: ../schemas/plan.v1.schema.json\n";
    assert_eq!(bench.read("plans/plan.yaml"), format!("{header}{bare}"));
}

#[test]
fn links_modes_and_line_ends_stay() {
    let bench = Bench::new();
    let dos = format!("\u{feff}{}", one_slip().replace('\n', "\r\n"));
    bench.write("real/plan.yaml", &dos);
    std::fs::set_permissions(bench.path("real/plan.yaml"), PermissionsExt::from_mode(0o640)).unwrap();
    symlink("real/plan.yaml", bench.path("link.yaml")).unwrap();
    bench.run(&["validate", "--fix", "link.yaml"]).expect(0);
    assert!(bench.path("link.yaml").is_symlink());
    assert_eq!(bench.read("real/plan.yaml"), dos.replace("on_exti", "on_exit"));
    let mode = std::fs::metadata(bench.path("real/plan.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

/// A file that cannot be written is a fault of its own, and takes nothing from the others.
#[test]
fn a_file_that_cannot_be_written_is_a_fault() {
    let bench = Bench::new();
    bench.write("a.yaml", one_slip()).write("b.yaml", one_slip());
    std::fs::set_permissions(bench.path("a.yaml"), PermissionsExt::from_mode(0o444)).unwrap();
    let run = bench.run(&["validate", "--fix", "a.yaml", "b.yaml"]).expect(3);
    assert!(run.stderr.contains("cannot write `a.yaml`: it is read-only"), "{}", run.stderr);
    assert_eq!(bench.read("a.yaml"), one_slip());
    assert_eq!(bench.read("b.yaml"), PLAN);
}

/// Key material never leaves the file, whatever is written about it.
#[test]
fn a_diff_covers_keys() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        one_slip().replace("verify_within: 24h }", &format!("verify_within: 24h }} # {KEY}")),
    );
    let run = bench.run(&["validate", "--diff", "plan.yaml"]);
    assert!(run.stdout.contains("+withdraw: { when: on_exit"), "{}", run.stdout);
    assert!(!run.stdout.contains(KEY) && !run.stderr.contains(KEY));
}

#[test]
fn every_format_says_how_to_fix_it() {
    let bench = Bench::new();
    bench.write("plan.yaml", one_slip());
    let run = bench.run(&["validate", "plan.yaml"]).expect(1);
    assert!(run.stdout.contains("(fixable with --fix)"), "{}", run.stdout);
    let run = bench.run(&["validate", "--format", "json", "plan.yaml"]).expect(1);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let fix = &document["files"][0]["findings"][0]["fix"];
    assert_eq!(fix["title"], "write `on_exit`");
    assert_eq!(fix["edits"][0]["text"], "on_exit");
    assert_eq!(fix["edits"][0]["range"]["start"]["byte"], one_slip().find("on_exti").unwrap());
    let run = bench.run(&["validate", "--format", "sarif", "plan.yaml"]).expect(1);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let change = &document["runs"][0]["results"][0]["fixes"][0]["artifactChanges"][0];
    assert_eq!(change["replacements"][0]["insertedContent"]["text"], "on_exit");
    assert_eq!(change["artifactLocation"]["uri"], "plan.yaml");
    assert!(bench.run(&["explain", "LP104"]).expect(0).stdout.contains("fixable"));
    assert!(!bench.run(&["explain", "LP306"]).expect(0).stdout.contains("fixable"));
}
