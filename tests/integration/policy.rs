//! What is ignored, by comment and by policy; what shells and manuals get.

use std::process::Command;

use crate::common::{Bench, PLAN};

/// A plan whose leg is over its own limit.
fn over_limit() -> String {
    PLAN.replace("max_order_usdc: 2000", "max_order_usdc: 200")
}

#[test]
fn the_repositorys_policy_holds_and_the_command_line_can_name_another() {
    let bench = Bench::new();
    bench.write("plans/a.yaml", over_limit());
    bench.run(&["validate", "plans"]).expect(1);
    bench.write("lighter-plan.toml", "[rules]\nLP403 = \"off\"\n");
    let run = bench.run(&["validate", "plans"]).expect(2);
    assert!(
        run.stderr.contains("lighter-plan.toml:2:1: LP403 (order-over-limit) is about risk"),
        "{}",
        run.stderr
    );
    bench.write(
        "lighter-plan.toml",
        "[rules]\nLP403 = { severity = \"off\", reason = \"the risk system has it\" }\n",
    );
    let run = bench.run(&["validate", "plans"]).expect(0);
    assert_eq!(run.stdout, "1 plan checked: no findings, 1 ignored\n");
    bench.run(&["plan", "plans/a.yaml"]).expect(0);
    bench.run(&["validate", "--no-policy", "plans"]).expect(1);
    bench.write("strict.toml", "[rules]\nLP901 = \"error\"\n");
    bench.run(&["validate", "--policy", "strict.toml", "plans"]).expect(1);
    bench.run(&["validate", "--policy", "missing.toml", "plans"]).expect(3);
    bench.write("lighter-plan.toml", "[paths]\nexclude = [\"plans/old/**\"]\n");
    bench.write("plans/old/b.yaml", "pairs: [").write("plans/a.yaml", PLAN);
    bench.run(&["validate", "plans"]).expect(0);
    bench.run(&["validate", "plans/old/b.yaml"]).expect(1);
}

/// A limit of one folder is not lifted by the policy of the folder from which somebody names the plan.
#[test]
fn a_policy_does_not_reach_a_plan_that_is_named_by_way_of_its_folder() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path(".git")).unwrap();
    let off = "[rules]\nLP403 = { severity = \"off\", reason = \"only here\" }\n";
    bench
        .write("a/b/lighter-plan.toml", off)
        .write("a/b/y.yaml", over_limit())
        .write("a/c/x.yaml", over_limit());
    bench.run(&["validate", "a/b/y.yaml"]).expect(0);
    for way in ["a/c/x.yaml", "a/b/../c/x.yaml"] {
        bench.run(&["validate", way]).expect(1);
        bench.run(&["plan", way]).expect(1);
    }
    bench.run(&["validate", "a/c/../b/y.yaml"]).expect(0);
    let paths = "[rules]\nLP403 = { severity = \"off\", reason = \"there\", paths = [\"a/b/**\"] }\n";
    bench.write("named.toml", paths);
    bench.run(&["validate", "--policy", "named.toml", "a/b/../c/x.yaml"]).expect(1);
    bench.run(&["validate", "--policy", "named.toml", "a/c/../b/y.yaml"]).expect(0);
    bench.run(&["validate", "--isolated", "a/b/y.yaml"]).expect(1);
}

#[test]
fn what_is_ignored_is_told_with_its_reason() {
    let bench = Bench::new();
    let line = "on_missed: { place: continue } # lighter-plan: ignore[LP603] the quote is far away\n";
    bench.write("a.yaml", format!("{PLAN}{line}"));
    let run = bench.run(&["validate", "--format", "json", "a.yaml"]).expect(0);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let ignored = &document["files"][0]["ignored"][0];
    assert_eq!((&ignored["code"], &ignored["by"]), (&"LP603".into(), &"comment".into()));
    assert_eq!(ignored["reason"], "the quote is far away");
    let run = bench.run(&["validate", "--format", "sarif", "a.yaml"]).expect(0);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let result = &document["runs"][0]["results"][0];
    assert_eq!(result["suppressions"][0]["kind"], "inSource");
}

#[test]
fn a_shell_completes_commands_and_flags() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(bench.run(&["completions", shell]).expect(0).stdout.contains("lighter-plan"), "{shell}");
    }
    bench.write("done.bash", bench.run(&["completions", "bash"]).expect(0).stdout);
    // As bash calls it: by the function that `complete` names, with the words of the line.
    let script = "source ./done.bash; call=$(complete -p lighter-plan | sed 's/.*-F \\([^ ]*\\).*/\\1/'); \
                  COMP_WORDS=(lighter-plan val); COMP_CWORD=1; $call lighter-plan val lighter-plan; \
                  echo ${COMPREPLY[@]}; COMP_WORDS=(lighter-plan validate --min); COMP_CWORD=2; \
                  $call lighter-plan --min validate; echo ${COMPREPLY[@]}";
    let output = Command::new("bash").arg("-c").arg(script).current_dir(bench.path("")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, "validate\n--min-severity\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_command_has_a_manual_page() {
    let bench = Bench::new();
    bench.run(&["man", "--out", "man"]).expect(0);
    let main = bench.read("man/lighter-plan.1");
    for section in ["NAME", "SYNOPSIS", "OPTIONS", "SUBCOMMANDS", "\"EXIT STATUS\"", "ENVIRONMENT", "FILES"] {
        assert!(main.contains(&format!(".SH {section}\n")), "{section}\n{main}");
    }
    for page in ["validate", "apply", "keys-seal", "journal-verify", "man", "completions"] {
        let text = bench.read(&format!("man/lighter-plan-{page}.1"));
        assert!(
            text.contains(".SH SYNOPSIS") && text.contains(&page.replace('-', " ").replace(' ', "")[..3]),
            "{page}"
        );
    }
    assert!(bench.read("man/lighter-plan-validate.1").contains(".SH EXAMPLES\n.nf\n"));
}
