//! Every rule's own examples: the bad one fires exactly that rule, the good one none.

use serde_yaml::Value;

use super::*;
use crate::model::snapshot_markets;
use crate::plan::{LoadOptions, SourceFile};

const BASE: &str = include_str!("../../plans/sol-pair.yaml");

/// Returns the base plan with an example in it.
fn plan_of(example: &Example) -> String {
    match example {
        Example::Fragment(text) => merged(text),
        Example::Text(text) => replaced(text),
        Example::Whole(text) | Example::Described(text) => (*text).to_owned(),
        Example::Files(..) => unreachable!("two files are checked by `codes_of`"),
    }
}

/// Merges mappings key by key; `~` takes a key away.
fn merged(fragment: &str) -> String {
    let mut base: Value = serde_yaml::from_str(BASE).unwrap();
    if fragment.starts_with('#') {
        return fragment.to_owned()
            + "\n"
            + BASE.split_once("\nversion").map(|(_, rest)| format!("version{rest}")).unwrap().as_str();
    }
    // The other library cannot hold what some examples show; those are put in as text.
    let Ok(over) = serde_yaml::from_str::<Value>(fragment) else { return replaced(fragment) };
    merge(&mut base, &over);
    format!("# $schema: plan.v1.schema.json\n{}", serde_yaml::to_string(&base).unwrap())
}

fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Mapping(base), Value::Mapping(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(key);
                } else if let Some(old) = base.get_mut(key) {
                    merge(old, value);
                } else {
                    base.insert(key.clone(), value.clone());
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// Replaces top-level blocks by their text.
fn replaced(text: &str) -> String {
    let key_of = |line: &str| line.split_once(':').map(|(key, _)| key.to_owned());
    let keys: Vec<String> =
        text.lines().filter(|l| !l.starts_with([' ', '-', '#'])).filter_map(key_of).collect();
    let mut kept = String::new();
    let mut keep = true;
    for line in BASE.lines() {
        if !line.starts_with([' ', '-']) {
            keep = !key_of(line).is_some_and(|key| keys.contains(&key));
        }
        if keep {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    let taken: Vec<&str> = text.lines().filter(|line| !line.ends_with(": ~")).collect();
    kept + &taken.join("\n") + "\n"
}

fn codes_in(text: &str) -> Vec<&'static str> {
    let checked =
        check(&SourceFile::from_text("plan.yaml", text), &LoadOptions::default(), snapshot_markets());
    assert_eq!(checked.faults, Vec::<String>::new());
    let mut codes: Vec<_> = checked.findings.iter().map(|finding| finding.rule.code).collect();
    codes.dedup();
    codes
}

/// Checks an example; two files are looked at together as well.
fn codes_of(example: &Example) -> Vec<&'static str> {
    let Example::Files(one, other) = example else { return codes_in(&plan_of(example)) };
    let texts = [("one.yaml", merged(one)), ("other.yaml", merged(other))];
    let checked = texts.map(|(name, text)| {
        check(&SourceFile::from_text(name, &text), &LoadOptions::default(), snapshot_markets())
    });
    let across = check_across(&checked.each_ref().map(|checked| checked.footprint.as_ref()));
    assert_eq!(across.faults, Vec::<String>::new());
    let single = checked.iter().flat_map(|checked| &checked.findings);
    single
        .chain(across.findings.iter().map(|(_, finding)| finding))
        .map(|finding| finding.rule.code)
        .collect()
}

#[test]
fn every_bad_example_fires_exactly_its_rule() {
    let mut wrong = Vec::new();
    for rule in all_rules() {
        if matches!(rule.bad, Example::Described(_)) {
            continue;
        }
        let found = codes_of(&rule.bad);
        if found != [rule.id.code] {
            wrong.push(format!("{} {}: {found:?}", rule.id.code, rule.id.slug));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_good_example_fires_anything() {
    let mut wrong = Vec::new();
    for rule in all_rules() {
        let found = codes_of(&rule.good);
        if !found.is_empty() {
            wrong.push(format!("{} {}: {found:?}", rule.id.code, rule.id.slug));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn codes_and_slugs_are_unique_and_complete() {
    let rules = all_rules();
    assert!(rules.is_sorted_by(|a, b| a.id.code < b.id.code), "in the order of their codes, no code twice");
    for rule in rules {
        assert_eq!(find_rule(rule.id.slug).map(|found| found.id), Some(rule.id));
        assert_eq!(find_rule(&rule.id.code.to_lowercase()).map(|found| found.id), Some(rule.id));
        assert!(rule.summary.ends_with('.') && !rule.reason.is_empty(), "{}", rule.id.code);
    }
    let declared = include_str!("../plan/codes.rs").matches("RuleId::new(").count();
    assert_eq!(rules.len(), declared, "every code has a rule with its text");
}

/// One edit of a text: at a place, take some characters away and put something in.
fn edits() -> impl proptest::strategy::Strategy<Value = (usize, usize, String)> {
    use proptest::prelude::*;
    let pieces = prop_oneof![
        Just("{{ vars.x }}".to_owned()),
        Just("\n".to_owned()),
        Just("  ".to_owned()),
        Just("- ".to_owned()),
        Just(": ".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("!!x ".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("-0".to_owned()),
        Just("1e28".to_owned()),
        Just("7922816251426433759354395033".to_owned()),
        Just("0.0000000000000000000000000001".to_owned()),
        Just("'".to_owned()),
        Just("\"".to_owned()),
        Just("#".to_owned()),
        Just("é€😀".to_owned()),
        Just("\t".to_owned()),
        Just("30d".to_owned()),
        Just("0s".to_owned()),
        Just("{ peg: mid }".to_owned()),
        "\\PC{0,8}",
    ];
    (0_usize..2_000, 0_usize..12, pieces)
}

/// U-24, F-29: whatever stands in a file, no rule breaks down, every span is inside it, and what is called sound compiles.
#[test]
fn u_24_no_text_breaks_the_checker() {
    use proptest::prelude::*;
    let markets = snapshot_markets();
    let lenient = everything_off();
    proptest!(ProptestConfig::default(), |(edits in proptest::collection::vec(edits(), 1..5))| {
        let mut text: Vec<char> = BASE.chars().collect();
        for (at, taken, put) in edits {
            let start = at.min(text.len());
            let end = (start + taken).min(text.len());
            text.splice(start..end, put.chars());
        }
        let text: String = text.into_iter().collect();
        let source = SourceFile::from_text("plan.yaml", &text);
        let checked = check(&source, &LoadOptions::default(), markets);
        prop_assert_eq!(&checked.faults, &Vec::<String>::new());
        for span in checked.findings.iter().filter_map(|finding| finding.span.clone()) {
            prop_assert!(source.text().get(span.clone()).is_some() || source.text().is_empty(), "{:?}", span);
        }
        if let Some(plan) = &checked.plan {
            prop_assert!(crate::graph::compile(plan, markets).is_ok(), "{}", text);
        }
        if let Some(plan) = &check_with(&source, &LoadOptions::default(), markets, &lenient).plan {
            prop_assert!(crate::graph::compile(plan, markets).is_ok(), "with everything silenced: {}", text);
        }
        let report = formats::FileReport { source: &source, checked: &checked, floor: crate::plan::Severity::Info };
        let _shown = formats::human(&[report], &formats::Look::default());
    });
}

/// Checks the base plan with this line at its end, and returns (shown, ignored) codes.
fn with_line(line: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let text = format!("{}{line}\n", replaced("on_missed: ~\n"));
    let checked =
        check(&SourceFile::from_text("plan.yaml", &text), &LoadOptions::default(), snapshot_markets());
    let shown = checked.findings.iter().map(|finding| finding.rule.code).collect();
    (shown, checked.ignored.iter().map(|ignored| ignored.finding.rule.code).collect())
}

/// U-18: an ignore comment holds for its line or file, with a reason.
#[test]
fn ignore_comments_hold_where_they_stand() {
    let stale = "on_missed: { place: continue }";
    assert_eq!(with_line(stale), (vec!["LP603"], vec![]));
    assert_eq!(
        with_line(&format!("{stale} # lighter-plan: ignore[LP603] far away")),
        (vec![], vec!["LP603"])
    );
    assert_eq!(
        with_line(&format!("# lighter-plan: ignore[stale-entry] far away\n\n# more\n{stale}")),
        (vec![], vec!["LP603"])
    );
    assert_eq!(
        with_line(&format!("# lighter-plan: ignore-file[LP603] far away\non_stop: cancel_open\n{stale}")),
        (vec![], vec!["LP603"])
    );
    // On another line it holds for nothing, and says so.
    let (shown, ignored) =
        with_line(&format!("{stale}\non_stop: cancel_open # lighter-plan: ignore[LP603] no"));
    assert_eq!((shown, ignored), (vec!["LP603", "LP011"], vec![]));
    // Inside a text it is no comment.
    let (shown, _) = with_line(&format!("{stale}\nvars: {{ a: 'x # lighter-plan: ignore[LP603] no' }}"));
    assert_eq!(shown, ["LP603", "LP203"]);
}

#[test]
fn ignore_comments_that_cannot_hold_are_findings() {
    for (comment, code) in [
        ("ignore[LP603]", "LP010"),
        ("ignore[LP999] why", "LP012"),
        ("ignore[LP403] why", "LP012"),
        ("ignore[LP101] why", "LP012"),
        ("ignore LP603 why", "LP012"),
        ("ignore[] why", "LP012"),
        ("ignore[LP603 why", "LP012"),
        ("ingore[LP603] why", "LP012"),
    ] {
        let (shown, ignored) = with_line(&format!("on_stop: cancel_open # lighter-plan: {comment}"));
        assert_eq!((shown, ignored), (vec![code], vec![]), "{comment}");
    }
}

/// Returns a policy that switches off whatever a policy can.
fn everything_off() -> Policy {
    let line = |rule: &&&Rule| format!("{} = {{ severity = \"off\", reason = \"test\" }}\n", rule.id.code);
    let lines: String =
        all_rules().iter().filter(|rule| rule.silence != Silence::Never).map(|r| line(&r)).collect();
    Policy::parse(std::path::Path::new("lighter-plan.toml"), &format!("[rules]\n{lines}")).unwrap()
}

/// A rule that may be silenced is one that the engine does without: what is then called sound compiles.
#[test]
fn what_a_policy_lets_through_compiles() {
    let markets = snapshot_markets();
    let policy = everything_off();
    let mut wrong = Vec::new();
    for rule in all_rules().iter().filter(|rule| rule.silence != Silence::Never) {
        // Two files are each sound by themselves.
        if matches!(rule.bad, Example::Described(_) | Example::Files(..)) {
            continue;
        }
        let source = SourceFile::from_text("plan.yaml", &plan_of(&rule.bad));
        let checked = check_with(&source, &LoadOptions::default(), markets, &policy);
        match &checked.plan {
            None => wrong.push(format!("{}: {:?}", rule.id, checked.findings)),
            Some(plan) => {
                if let Err(error) = crate::graph::compile(plan, markets) {
                    wrong.push(format!("{}: {error}", rule.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_comment_is_called_unused_while_its_rule_cannot_look() {
    let text = BASE.replacen("buy: 99.900", "buy: 99.9004", 1).replacen(
        "sell: 100.100 }",
        "sell: 100.100 } # lighter-plan: ignore[LP303] rounding is fine",
        1,
    );
    assert_eq!(codes_in(&text), Vec::<&str>::new());
    assert_eq!(codes_in(&text.replacen("market: SOL", "market: SOLL", 1)), ["LP301"]);
}

/// Invariant 13: a reason is shown by json and sarif, and holds whatever somebody pasted.
#[test]
fn a_key_in_a_reason_is_covered() {
    let key = "ab12".repeat(20);
    let line = format!("on_missed: {{ place: continue }} # lighter-plan: ignore[LP603] {key}");
    let text = format!("{}{line}\n", replaced("on_missed: ~\n"));
    let source = SourceFile::from_text("plan.yaml", &text);
    let checked = check(&source, &LoadOptions::default(), snapshot_markets());
    assert_eq!(checked.ignored.len(), 1);
    assert!(!format!("{:?}", checked.ignored).contains(&key));
}

/// A price that is no integer of the venue is not a matter of rounding: silencing the rounding does not let it through.
#[test]
fn what_no_rounding_mends_cannot_be_silenced() {
    for edit in ["buy: 0.0000001", "buy: 99999999999999"] {
        let text = BASE.replacen("buy: 99.900", edit, 1).replacen(
            "100.100 }",
            "100.100 } # lighter-plan: ignore[LP303] no",
            1,
        );
        let source = SourceFile::from_text("plan.yaml", &text);
        let checked = check_with(&source, &LoadOptions::default(), snapshot_markets(), &everything_off());
        assert!(checked.plan.is_none(), "{edit}");
        assert!(
            checked.findings.iter().any(|finding| finding.rule.code == "LP106"),
            "{edit}: {:?}",
            checked.findings
        );
    }
}
