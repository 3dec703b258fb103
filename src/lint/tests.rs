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

#[test]
fn every_bad_example_fires_exactly_its_rule() {
    let mut wrong = Vec::new();
    for rule in all_rules() {
        if matches!(rule.bad, Example::Described(_)) {
            continue;
        }
        let found = codes_in(&plan_of(&rule.bad));
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
        let found = codes_in(&plan_of(&rule.good));
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
