//! GitLab's code-quality report: a JSON array that merge requests show.

use serde_json::{Value, json};

use super::FileReport;
use super::fingerprint::Fingerprints;
use super::rows::place;
use crate::plan::{Finding, Severity};

/// Writes all findings; the array is there also when it is empty.
pub fn gitlab(files: &[FileReport<'_>]) -> String {
    let rows: Vec<Value> = files.iter().flat_map(rows).collect();
    let mut text = serde_json::to_string_pretty(&rows).unwrap_or_default();
    text.push('\n');
    text
}

fn rows(file: &FileReport<'_>) -> Vec<Value> {
    let mut fingerprints = Fingerprints::default();
    let mut rows: Vec<Value> =
        file.findings().map(|finding| row(file, finding, &fingerprints.of(file, finding))).collect();
    rows.extend(file.checked.faults.iter().map(|fault| {
        json!({
            "description": fault,
            "check_name": "lighter-plan-fault",
            "fingerprint": fault,
            "severity": "blocker",
            "location": { "path": path(file), "lines": { "begin": 1 } },
        })
    }));
    rows
}

fn row(file: &FileReport<'_>, finding: &Finding, fingerprint: &str) -> Value {
    let severity = match finding.severity {
        Severity::Error => "critical",
        Severity::Warning => "minor",
        Severity::Info => "info",
    };
    let line = place(file.source, finding.span.as_ref()).map_or(1, |place| place.start.line);
    json!({
        "description": format!("{}: {}", finding.rule.code, finding.message),
        "check_name": format!("{} {}", finding.rule.code, finding.rule.slug),
        "fingerprint": fingerprint,
        "severity": severity,
        "location": { "path": path(file), "lines": { "begin": line } },
    })
}

/// GitLab matches paths from the repository's root, without `./`.
fn path<'a>(file: &'a FileReport<'_>) -> &'a str {
    let name = file.source.name();
    name.strip_prefix("./").unwrap_or(name)
}
