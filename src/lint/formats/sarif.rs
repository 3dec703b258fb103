//! SARIF 2.1.0 (OASIS), which code-scanning services read. Structures of our own: only what we fill in.

use serde_json::{Map, Value, json};

use super::FileReport;
use super::fingerprint::Fingerprints;
use super::rows::{Place, place, related_place};
use crate::lint::{Ignored, IgnoredBy, Rule, all_rules};
use crate::plan::{Edit, Finding, Fix, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Writes one run: all rules whether they found something or not, and all findings.
pub fn sarif(files: &[FileReport<'_>]) -> String {
    let rules: Vec<Value> = all_rules().iter().map(|rule| describe(rule)).collect();
    let results: Vec<Value> = files.iter().flat_map(results).collect();
    let faults: Vec<Value> = files.iter().flat_map(faults).collect();
    let artifacts: Vec<Value> = files
        .iter()
        .map(|file| json!({ "location": artifact(file.source.name()), "sourceLanguage": "yaml" }))
        .collect();
    let run = json!({
        "tool": { "driver": {
            "name": "lighter-plan",
            "version": env!("CARGO_PKG_VERSION"),
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules,
        }},
        "columnKind": "unicodeCodePoints",
        "invocations": [{
            "executionSuccessful": faults.is_empty(),
            "toolExecutionNotifications": faults,
        }],
        "artifacts": artifacts,
        "results": results,
    });
    let log = json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] });
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn describe(rule: &Rule) -> Value {
    json!({
        "id": rule.id.code,
        "name": rule.id.slug,
        "shortDescription": { "text": rule.summary },
        "fullDescription": { "text": rule.reason },
        "help": { "text": format!("`lighter-plan explain {}` shows examples; see {}", rule.id.code, rule.id.doc()) },
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn results(file: &FileReport<'_>) -> Vec<Value> {
    let mut fingerprints = Fingerprints::default();
    let shown = file.findings().map(|finding| result(file, finding, fingerprints.of(file, finding)));
    let mut rows: Vec<Value> = shown.collect();
    // What is ignored is told as such: services then show it as dismissed, with the reason.
    for Ignored { finding, reason, by } in &file.checked.ignored {
        let mut row = result(file, finding, fingerprints.of(file, finding));
        let kind = match by {
            IgnoredBy::Comment => "inSource",
            IgnoredBy::Policy => "external",
        };
        if let Some(row) = row.as_object_mut() {
            row.insert("suppressions".to_owned(), json!([{ "kind": kind, "justification": reason }]));
        }
        rows.push(row);
    }
    rows
}

fn result(file: &FileReport<'_>, finding: &Finding, fingerprint: String) -> Value {
    let text = match &finding.help {
        Some(help) => format!("{}\nhelp: {help}", finding.message),
        None => finding.message.clone(),
    };
    let mut result = json!({
        "ruleId": finding.rule.code,
        "level": level(finding.severity),
        "message": { "text": text },
        "locations": [location(file.source.name(), place(file.source, finding.span.as_ref()), Some(&finding.pointer))],
        "partialFingerprints": { "lighterPlan/v1": fingerprint },
    });
    let fields = result.as_object_mut();
    let rule = all_rules().iter().position(|rule| rule.id == finding.rule);
    if let (Some(fields), Some(index)) = (fields, rule) {
        fields.insert("ruleIndex".to_owned(), json!(index));
        related(file, finding, fields);
        if let Some(fix) = &finding.fix {
            fields.insert("fixes".to_owned(), json!([fix_of(file, fix)]));
        }
    }
    result
}

fn related(file: &FileReport<'_>, finding: &Finding, fields: &mut Map<String, Value>) {
    let written = finding.related.iter().filter(|related| related.span.is_some());
    let rows: Vec<Value> = written
        .map(|related| {
            let name = related.elsewhere.as_ref().map_or(file.source.name(), |elsewhere| &elsewhere.file);
            let mut row = location(name, related_place(file.source, related), Some(&related.pointer));
            if let Some(row) = row.as_object_mut() {
                row.insert("message".to_owned(), json!({ "text": related.message }));
            }
            row
        })
        .collect();
    if !rows.is_empty() {
        fields.insert("relatedLocations".to_owned(), Value::Array(rows));
    }
}

/// The one file that a fix changes, as SARIF's replacements.
fn fix_of(file: &FileReport<'_>, fix: &Fix) -> Value {
    let replacement = |edit: &Edit| {
        let replacement = json!({
            "deletedRegion": region(place(file.source, Some(&edit.span))?),
            "insertedContent": { "text": edit.text },
        });
        Some(replacement)
    };
    let replacements: Vec<Value> = fix.edits.iter().filter_map(replacement).collect();
    json!({
        "description": { "text": fix.title },
        "artifactChanges": [{
            "artifactLocation": artifact(file.source.name()),
            "replacements": replacements,
        }],
    })
}

fn region(place: Place) -> Value {
    json!({
        "startLine": place.start.line,
        "startColumn": place.start.column,
        "endLine": place.end.line,
        "endColumn": place.end.column,
    })
}

fn location(name: &str, place: Option<Place>, pointer: Option<&str>) -> Value {
    let mut physical = json!({ "artifactLocation": artifact(name) });
    if let (Some(fields), Some(place)) = (physical.as_object_mut(), place) {
        fields.insert("region".to_owned(), region(place));
    }
    match pointer.filter(|pointer| !pointer.is_empty()) {
        Some(pointer) => {
            json!({ "physicalLocation": physical, "logicalLocations": [{ "fullyQualifiedName": pointer }] })
        }
        None => json!({ "physicalLocation": physical }),
    }
}

/// Relative paths stay relative to where the program ran; services take that for the repository's root.
fn artifact(name: &str) -> Value {
    if name.starts_with('/') {
        json!({ "uri": format!("file://{}", uri(name)) })
    } else {
        json!({ "uri": uri(name.strip_prefix("./").unwrap_or(name)), "uriBaseId": "%SRCROOT%" })
    }
}

/// Percent-encodes what a path in a URI cannot hold (RFC 3986).
fn uri(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn faults(file: &FileReport<'_>) -> Vec<Value> {
    let row = |fault: &String| {
        json!({
            "level": "error",
            "message": { "text": fault },
            "locations": [{ "physicalLocation": { "artifactLocation": artifact(file.source.name()) } }],
        })
    };
    file.checked.faults.iter().map(row).collect()
}
