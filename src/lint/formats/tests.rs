//! Every format against a reader of its own kind: schemas, and a look at what only people can say.

use serde_json::Value;

use super::*;
use crate::lint::check;
use crate::model::snapshot_markets;
use crate::plan::LoadOptions;

const SOUND: &str = include_str!("../../../plans/sol-pair.yaml");

/// A plan with errors and warnings, at a path that every format has to escape.
fn broken() -> String {
    SOUND
        .replace("leverage: 5", "leverage: 500\nfirst: 1\nsecond: { third: 1 }")
        .replace("keep_usdc: 0", "keep_usdc: x, keep: 1")
}

fn checked(name: &str, text: &str) -> (SourceFile, Checked) {
    let source = SourceFile::from_text(name, text);
    let checked = check(&source, &LoadOptions::default(), snapshot_markets());
    (source, checked)
}

/// Writes a sound file, a broken one and a rule that broke down.
fn written(format: impl Fn(&[FileReport<'_>]) -> String) -> String {
    let (sound, nothing) = checked("plans/sound.yaml", SOUND);
    let (source, mut some) = checked("plans/50%, <b>&.yaml", &broken());
    assert!(some.findings.len() > 2, "{:?}", some.findings);
    some.faults.push("rule LP999 (\"x\") broke\ndown".to_owned());
    let floor = Severity::Info;
    format(&[
        FileReport { source: &sound, checked: &nothing, floor },
        FileReport { source: &source, checked: &some, floor },
    ])
}

#[track_caller]
fn valid(schema: &str, document: &Value) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

#[test]
fn json_is_what_its_schema_says() {
    let document: Value = serde_json::from_str(&written(json)).unwrap();
    valid(&findings_schema_text(), &document);
    assert_eq!(document["files"][0]["findings"], Value::Array(Vec::new()));
    assert_eq!(document["files"][1]["faults"][0], "rule LP999 (\"x\") broke\ndown");
}

#[test]
fn the_schema_file_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/findings.v1.schema.json");
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(
        kept == findings_schema_text(),
        "run `lighter-plan schema findings > schemas/findings.v1.schema.json`"
    );
}

#[test]
fn json_lines_are_the_rows_of_the_document() {
    let document: Value = serde_json::from_str(&written(json)).unwrap();
    let lines: Vec<Value> = written(jsonl).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows = document["files"][1]["findings"].as_array().unwrap();
    assert_eq!(lines.len(), rows.len() + 1);
    for (line, row) in lines.iter().zip(rows) {
        let mut line = line.as_object().unwrap().clone();
        assert_eq!(line.remove("version"), Some(1.into()));
        assert_eq!(line.remove("path"), Some("plans/50%, <b>&.yaml".into()));
        assert_eq!(&Value::Object(line), row);
    }
    assert_eq!(lines.last().unwrap()["fault"], document["files"][1]["faults"][0]);
}

/// U-19: SARIF 2.1.0 by the official schema; empty results and all rules are kept.
#[test]
fn sarif_is_valid() {
    // The official file has a stray `]` in the pattern of one field that is not ours; strict readers refuse it.
    let schema =
        include_str!("../../../tests/fixtures/formats/sarif-2.1.0.schema.json").replace("{2}]?$", "{2}$");
    let schema = schema.as_str();
    let log: Value = serde_json::from_str(&written(sarif)).unwrap();
    valid(schema, &log);
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), crate::lint::all_rules().len());
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    for result in run["results"].as_array().unwrap() {
        let rule =
            &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
    }
    assert_eq!(run["artifacts"][1]["location"]["uri"], "plans/50%25%2C%20%3Cb%3E%26.yaml");

    let (source, nothing) = checked("plans/sound.yaml", SOUND);
    let quiet = [FileReport { source: &source, checked: &nothing, floor: Severity::Error }];
    let log: Value = serde_json::from_str(&sarif(&quiet)).unwrap();
    valid(schema, &log);
    assert_eq!(log["runs"][0]["results"], Value::Array(Vec::new()));
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], true);
}

#[test]
fn fingerprints_stay_when_lines_move() {
    let prints = |text: &str| -> Vec<String> {
        let (source, checked) = checked("plan.yaml", text);
        let log: Value = serde_json::from_str(&sarif(&[FileReport {
            source: &source,
            checked: &checked,
            floor: Severity::Warning,
        }]))
        .unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        results.iter().map(|row| row["partialFingerprints"]["lighterPlan/v1"].to_string()).collect()
    };
    let here = prints(&broken());
    let moved = prints(&broken().replace("\nversion", "\n# one\n# two\n\nversion"));
    assert_eq!(here, moved);
    let once: std::collections::BTreeSet<_> = here.iter().collect();
    assert_eq!(once.len(), here.len(), "two findings share a name");
}

/// U-27: GitHub shows ten annotations a step; the worst come first, and the rest is counted.
#[test]
fn github_shows_the_ten_worst_and_counts_the_rest() {
    let many = SOUND.replace(
        "version: 1\n",
        &(0..12).map(|n| format!("x{n}: 1\n")).fold("version: 1\n".to_owned(), |a, b| a + &b),
    );
    let (source, checked) = checked("a:b,c.yaml", &many);
    let text = github(&[FileReport { source: &source, checked: &checked, floor: Severity::Info }]);
    assert_eq!(text.lines().filter(|line| line.starts_with("::error ")).count(), 10, "{text}");
    assert!(text.lines().all(|line| line.starts_with("::")), "{text}");
    assert!(
        text.contains("file=a%3Ab%2Cc.yaml,line=") && text.contains("more findings are not annotated"),
        "{text}"
    );
    assert!(written(github).contains("broke%0Adown"));
}

#[test]
fn gitlab_is_an_array_of_rows_with_their_place() {
    let rows: Vec<Value> = serde_json::from_str(&written(gitlab)).unwrap();
    for row in &rows {
        for field in ["description", "check_name", "fingerprint", "severity"] {
            assert!(row[field].as_str().is_some_and(|text| !text.is_empty()), "{row}");
        }
        assert!(row["location"]["lines"]["begin"].as_u64().is_some_and(|line| line >= 1), "{row}");
    }
    assert_eq!(gitlab(&[]), "[]\n");
}

#[test]
fn junit_escapes_and_counts() {
    let text = written(junit);
    assert!(text.contains("classname=\"plans/50%, &lt;b&gt;&amp;.yaml\""), "{text}");
    assert_eq!(text.matches("<testcase ").count(), text.matches("</testcase>").count() + 1, "{text}");
    let (failures, errors) = (text.matches("<failure ").count(), text.matches("<error ").count());
    let head = format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"", failures + errors + 1);
    assert!(text.contains(&head), "{text}");
    assert!(!text.contains("broke\u{0}"), "{text}");
}
