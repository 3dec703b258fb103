use crate::common::{Bench, KEY, PLAN};

fn edited(from: &str, to: &str) -> String {
    assert!(PLAN.contains(from), "{from}");
    PLAN.replacen(from, to, 1)
}

#[test]
fn human_shows_the_place_and_the_remedy() {
    let bench = Bench::new();
    bench.write("plan.yaml", edited("buy: 99.900", "buy: 100.200").replace("max_hold: 2m", "max_hodl: 2m"));
    let run = bench.run(&["validate", "plan.yaml"]).expect(1);
    insta::assert_snapshot!(run.stdout, @r"
    error[LP306]: buy at 100.200 reaches the plan's own sell at 100.100
      --> plan.yaml:12:16
       |
    12 | prices: { buy: 100.200, sell: 100.100 }
       |                ^^^^^^^        ------- the sell price
       |
       = help: leave at least one tick between every buy and every sell of a market

    error[LP101]: `max_hodl` is no key of `watch`
      --> plan.yaml:19:56
       |
    19 | watch: { entry_deadline: 10m, on_entry_timeout: hedge, max_hodl: 2m }
       |                                                        ^^^^^^^^
       |
       = help: did you mean `max_hold`?

    1 plan checked: 2 errors; `lighter-plan explain LP101` says more
    ");
    assert_eq!(run.stderr, "");
}

#[test]
fn concise_is_one_line_a_finding_in_characters() {
    let bench = Bench::new();
    bench.write("a.yaml", edited("name: sol-pair", "name: \"größe\"\n"));
    bench.write("b.yaml", edited("leverage: 5", "leverage: 50").replace("wait: 20s", "wait: 20"));
    let run = bench.run(&["validate", "--format", "concise", "a.yaml", "b.yaml"]).expect(1);
    insta::assert_snapshot!(run.stdout, @r"
    a.yaml:6:7: error[LP108] `name`: `größe` is no name
    b.yaml:11:11: error[LP307] SOL takes at most 25x leverage, and this is 50x
    b.yaml:20:16: error[LP107] `hedge.wait`: `20` has no unit
    ");
}

/// U-20: the format never changes the exit code, and an empty result is still a result.
#[test]
fn u_20_the_format_changes_nothing_else() {
    let bench = Bench::new();
    bench.write("good.yaml", PLAN).write("bad.yaml", edited("size: 2.5", "size: NaN"));
    for format in ["human", "concise", "json"] {
        bench.run(&["validate", "--format", format, "good.yaml"]).expect(0);
        bench.run(&["validate", "--format", format, "bad.yaml"]).expect(1);
        bench.run(&["validate", "--format", format, "missing.yaml"]).expect(3);
    }
    let run = bench.run(&["validate", "--format", "json", "good.yaml"]).expect(0);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["files"][0]["findings"], serde_json::json!([]));
}

/// U-22: several formats in one run.
#[test]
fn u_22_formats_go_to_files_of_their_own() {
    let bench = Bench::new();
    bench.write("bad.yaml", edited("size: 2.5", "size: 1e400"));
    let run =
        bench.run(&["validate", "--format", "concise", "--format", "json:out.json", "bad.yaml"]).expect(1);
    assert_eq!(run.stdout, "bad.yaml:10:7: error[LP105] `size`: `1e400` is beyond what any amount can be\n");
    let document: serde_json::Value = serde_json::from_str(&bench.read("out.json")).unwrap();
    let finding = &document["files"][0]["findings"][0];
    assert_eq!(finding["slug"], "bad-number");
    assert_eq!(finding["pointer"], "/size");
    assert_eq!(
        finding["range"]["start"],
        serde_json::json!({ "line": 10, "column": 7, "byte": PLAN.find("2.5").unwrap() })
    );
    bench.run(&["validate", "--format", "concise", "--format", "json", "bad.yaml"]).expect(2);
}

/// U-21: a parse failure is a finding and a tool fault is exit 3; one bad file never hides the others.
#[test]
fn u_21_every_bad_input_has_its_message_and_code() {
    let bench = Bench::new();
    let ten_megabytes = "a: b\n".repeat(2 << 20);
    let deep = "[".repeat(200_000);
    let cases: [(&str, &[u8], &str); 9] = [
        ("malformed", b"pairs: [1, 2\nname: x\n", "LP001"),
        ("deep", deep.as_bytes(), "LP001"),
        ("huge", ten_megabytes.as_bytes(), "LP003"),
        ("binary", b"\x7fELF\x02\x01\x01\x00\xff", "LP002"),
        ("latin1", b"name: gr\xf6sse\n", "LP002"),
        ("empty", b"", "LP004"),
        ("list", b"- 1\n", "LP102"),
        ("text", b"hello\n", "LP102"),
        ("bom-only", b"\xef\xbb\xbf", "LP004"),
    ];
    for (name, content, code) in cases {
        let file = format!("{name}.yaml");
        bench.write(&file, content);
        let run = bench.run(&["validate", "--format", "concise", &file]).expect(1);
        assert!(
            run.stdout.starts_with(&format!("{file}:")) && run.stdout.contains(code),
            "{name}: {}",
            run.stdout
        );
    }
    bench.run(&["validate", "."]).expect(1);
    std::fs::create_dir(bench.path("folder")).unwrap();
    let run = bench.run(&["validate", "folder"]).expect(3);
    assert!(run.stderr.contains("`folder` holds no plan"), "{}", run.stderr);
    let run = bench.run(&["validate", "--format", "concise", "missing.yaml", "list.yaml"]).expect(3);
    assert!(run.stderr.contains("cannot read `missing.yaml`") && run.stdout.contains("LP102"));
}

#[test]
fn absurd_numbers_and_unknown_markets_are_findings() {
    let bench = Bench::new();
    let numbers = ["1e400", "NaN", "-0", "123456789012345678901234567890", ".inf", "1e-400", "-1", "0"];
    for number in numbers {
        for key in ["buy: 99.900", "size: 2.5", "max_drawdown_usdc: 150"] {
            let name = key.split(':').next().unwrap();
            bench.write("plan.yaml", edited(key, &format!("{name}: {number}")));
            let run = bench.run(&["validate", "--format", "concise", "plan.yaml"]).expect(1);
            assert_eq!(run.stdout.lines().count(), 1, "{key} {number}: {}", run.stdout);
            assert!(run.stdout.contains(name), "{}", run.stdout);
        }
    }
    bench.write("plan.yaml", edited("market: SOL", "market: SOLL"));
    let run = bench.run(&["validate", "plan.yaml"]).expect(1);
    assert!(run.stdout.contains("lists no market `SOLL`") && run.stdout.contains("did you mean `SOL`?"));
}

/// Invariant 13: no secret in any output, wherever somebody wrote it.
#[test]
fn no_format_shows_a_key() {
    let bench = Bench::new();
    let places = [
        edited("key: paper", &format!("key: {KEY}")),
        edited("key: paper", &format!("key: env:{KEY}")),
        edited("key: paper", &format!("private_key: {KEY}")),
        edited("name: sol-pair", &format!("name: {KEY}")),
        edited("market: SOL", &format!("{KEY}: SOL")),
        format!("{PLAN}# {KEY}\nbroken: [\n"),
        edited("size: 2.5", &format!("vars: {{ a: {KEY} }}\nsize: \"{{{{ vars.a }}}}\"")),
        edited("name: sol-pair", "name: \"{{ env.SECRET }}\""),
    ];
    for plan in places {
        bench.write("plan.yaml", &plan);
        for format in ["human", "concise", "json"] {
            let run = bench
                .run_with(&["validate", "--format", format, "plan.yaml"], "", &[("SECRET", KEY)])
                .expect(1);
            assert!(!run.stdout.contains(KEY) && !run.stderr.contains(KEY), "{format}:\n{}", run.stdout);
        }
        let run = bench.run_with(&["plan", "plan.yaml"], "", &[("SECRET", KEY)]).expect(1);
        assert!(!run.stdout.contains(KEY) && !run.stderr.contains(KEY), "{}", run.stderr);
    }
    bench.write("plan.yaml", "pairs: [{ long: { key: hunter2 ]\n");
    let run = bench.run(&["validate", "plan.yaml"]).expect(1);
    assert!(!run.stdout.contains("hunter2") && run.stdout.contains("LP001"), "{}", run.stdout);
    bench.write("plan.yaml", edited("key: paper", "key: hunter2"));
    let run = bench.run(&["validate", "plan.yaml"]).expect(1);
    assert!(!run.stdout.contains("hunter2") && run.stdout.contains("LP502"), "{}", run.stdout);
}

#[test]
fn variables_come_from_file_and_flag() {
    let bench = Bench::new();
    bench.write("plan.yaml", edited("size: 2.5", "vars: { size: }\nsize: \"{{ vars.size }}\""));
    bench.write("vars.yaml", "size: 0.01\n");
    let run = bench.run(&["validate", "--format", "concise", "plan.yaml"]).expect(1);
    assert_eq!(run.stdout, "plan.yaml:11:7: error[LP202] variable `size` has no value\n");
    let run = bench.run(&["validate", "--format", "concise", "--vars", "vars.yaml", "plan.yaml"]).expect(1);
    assert!(run.stdout.contains("LP304"), "{}", run.stdout);
    bench.run(&["validate", "--vars", "vars.yaml", "--set", "size=2.5", "plan.yaml"]).expect(0);
    bench.run(&["validate", "--set", "size", "plan.yaml"]).expect(2);
    bench.run(&["validate", "--vars", "none.yaml", "plan.yaml"]).expect(3);
}

#[test]
fn severity_has_a_floor() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        edited("on_entry_timeout: hedge", "on_entry_timeout: flatten").replace("usdc: 10000", "usdc: 100"),
    );
    bench.run(&["validate", "plan.yaml"]).expect(0);
    bench.run(&["validate", "--strict", "plan.yaml"]).expect(1);
    bench.write("plan.yaml", format!("{PLAN}on_stop: leave\n"));
    bench.run(&["validate", "plan.yaml"]).expect(1);
    bench.run(&["validate", "--min-severity", "error", "plan.yaml"]).expect(0);
}

/// Links are asked for here, because no test has a terminal; a file and the formats for programs have none even then.
#[test]
fn links_only_where_people_look() {
    let bench = Bench::new();
    bench.write("bad.yaml", edited("leverage: 5", "leverage: 50"));
    let forced = [("FORCE_HYPERLINK", "1"), ("LIGHTER_PLAN_PROJECT_URL", "https://example.org/x")];
    let run = bench.run_with(&["validate", "bad.yaml"], "", &forced).expect(1);
    assert!(run.stdout.contains("\u{1b}]8;;https://example.org/x/docs/rules.md#lp307-"), "{:?}", run.stdout);
    assert!(run.stdout.contains("/bad.yaml#"), "{:?}", run.stdout);
    let formats = ["concise", "github", "json", "human:shown.txt"];
    for format in formats {
        let run = bench.run_with(&["validate", "bad.yaml", "--format", format], "", &forced).expect(1);
        assert!(!run.stdout.contains('\u{1b}'), "{format}: {:?}", run.stdout);
    }
    assert!(!bench.read("shown.txt").contains('\u{1b}'));
    let run = bench.run(&["validate", "bad.yaml"]).expect(1);
    assert!(!run.stdout.contains('\u{1b}'), "{:?}", run.stdout);
}

#[test]
fn standard_input_has_the_name_it_is_given() {
    let bench = Bench::new();
    let arguments = ["validate", "--format", "concise", "--stdin-filename", "x/y.yaml", "-"];
    let run = bench.run_with(&arguments, "a: [", &[]).expect(1);
    assert!(run.stdout.starts_with("x/y.yaml:1:"), "{}", run.stdout);
    bench.run_with(&["validate", "-"], PLAN, &[]).expect(0);
}

#[test]
fn all_shipped_plans_are_sound() {
    let bench = Bench::new();
    let plans = concat!(env!("CARGO_MANIFEST_DIR"), "/plans");
    let run = bench.run(&["validate", plans]).expect(0);
    assert!(run.stdout.ends_with("plans checked: no findings\n"), "{}", run.stdout);
}

#[test]
fn rules_are_selected_and_ignored_but_never_the_ones_that_matter_most() {
    let bench = Bench::new();
    bench.write("plan.yaml", edited("size: 2.5", "size: 2.50001").replace("buy: 99.900", "buy: 102"));
    let run = bench.run(&["validate", "--format", "concise", "--ignore", "LP303", "plan.yaml"]).expect(1);
    assert!(run.stdout.contains("LP306") && !run.stdout.contains("LP303"), "{}", run.stdout);
    let run =
        bench.run(&["validate", "--format", "concise", "--select", "deadline-order", "plan.yaml"]).expect(1);
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    assert!(run.stdout.contains("LP306"), "what cannot be ignored is always reported: {}", run.stdout);
    bench.write("torn.yaml", "pairs: [");
    bench.run(&["validate", "--select", "leverage-too-high", "torn.yaml"]).expect(1);
    let run = bench.run(&["validate", "--ignore", "self-cross", "plan.yaml"]).expect(2);
    assert!(run.stderr.contains("cannot be ignored"), "{}", run.stderr);
    bench.run(&["validate", "--ignore", "LP999", "plan.yaml"]).expect(2);
}

/// A folder of plans holds other YAML too; what might be a broken plan is still looked at.
#[test]
fn folders_are_searched_for_plans_only() {
    let bench = Bench::new();
    bench
        .write("a/plan.yaml", PLAN)
        .write("a/b/compose.yml", "services: {}\n")
        .write("a/.hidden/x.yaml", "pairs: [");
    let run = bench.run(&["validate", "a"]).expect(0);
    assert!(run.stdout.starts_with("1 plan checked"), "{}", run.stdout);
    bench.write("a/b/torn.yaml", "name: x\npairs: [");
    bench.run(&["validate", "a"]).expect(1);
    bench.run(&["validate", "a/.hidden"]).expect(1);
    bench.write("c/compose.yml", "services: {}\n");
    bench.run(&["validate", "c"]).expect(3);
}

/// What no single file shows: two plans that sign with one key, and whose prices meet. Runs on paper never meet.
#[test]
fn several_files_are_looked_at_together() {
    let bench = Bench::new();
    let plan = |account: &str, prices: &str| {
        let prices = format!("prices: {{ {prices} }}");
        PLAN.replace("account: 1001", account).replace("prices: { buy: 99.900, sell: 100.100 }", &prices)
    };
    let real = |text: String| {
        let kept = text.lines().filter(|line| !line.starts_with("paper:"));
        let text: String = kept.map(|line| format!("{line}\n")).collect();
        let text =
            text.replace("network: paper", "network: testnet").replacen("key: paper", "key: env:LONG", 1);
        text.replace("key: paper", "key: env:SHORT")
    };
    let one = plan("account: 11", "buy: 100.150, sell: 100.250");
    let other = plan("account: 12", "buy: 99.900, sell: 100.100");
    bench.write("one.yaml", &one).write("other.yaml", &other);
    let run = bench.run(&["validate", "--format", "concise"]).expect(0);
    assert_eq!(run.stdout, "");
    bench.write("one.yaml", real(one)).write("other.yaml", real(other));
    let run = bench.run(&["validate", "--format", "concise"]).expect(1);
    insta::assert_snapshot!(run.stdout, @r"
    ./one.yaml:11:16: warning[LP312] buy at 100.150 reaches the sell at 100.100 of pair `alpha` in `./other.yaml`, on SOL
    ./other.yaml:16:44: warning[LP511] key 4 of account 1002 is used by `./one.yaml` as well; the two cannot run at the same time
    ");
}
