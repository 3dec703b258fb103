//! Code actions: the safe fixes, and an ignore comment where a comment may speak.

use serde_json::{Value, json};

use super::document::Document;
use super::place::Encoding;
use crate::lint::fix::mend;
use crate::lint::{Silence, find_rule};
use crate::plan::Finding;

/// Answers `textDocument/codeAction`.
pub(super) fn actions(document: &Document, params: &Value, encoding: Encoding) -> Value {
    let span = encoding.span(document.text(), &params["range"]);
    let only: Vec<&str> =
        params["context"]["only"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let wanted = |kind: &str| only.is_empty() || only.iter().any(|only| kind.starts_with(only));
    let mut found = Vec::new();
    if wanted("quickfix") {
        let here = document.checked.findings.iter().filter(|finding| {
            finding.span.as_ref().is_some_and(|place| place.start <= span.end && span.start <= place.end)
        });
        for finding in here {
            found.extend(quick_fix(document, finding, encoding));
            found.extend(ignore(document, finding, encoding));
        }
    }
    if wanted("source.fixAll") {
        found.extend(fix_all(document, encoding));
    }
    Value::Array(found)
}

fn quick_fix(document: &Document, finding: &Finding, encoding: Encoding) -> Option<Value> {
    let fix = finding.fix.as_ref()?;
    let edits: Vec<Value> = fix
        .edits
        .iter()
        .map(|edit| json!({ "range": encoding.range(document.text(), &edit.span), "newText": edit.text }))
        .collect();
    Some(json!({
        "title": fix.title,
        "kind": "quickfix",
        "isPreferred": true,
        "diagnostics": [document.diagnostic(finding, encoding)],
        "edit": { "changes": { &document.uri: edits } },
    }))
}

/// The reason is left for whoever ignores it: without one, the comment is a finding itself.
fn ignore(document: &Document, finding: &Finding, encoding: Encoding) -> Option<Value> {
    let rule = find_rule(finding.rule.code).filter(|rule| rule.silence == Silence::Comment)?;
    let text = document.text();
    let start = finding.span.as_ref()?.start;
    let line = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = if text[..line].ends_with('\r') { line - 1 } else { line };
    let at = encoding.position(text, end);
    let comment = format!(" # lighter-plan: ignore[{}] ", rule.id.code);
    Some(json!({
        "title": format!("ignore {} here; write the reason behind the comment", rule.id.code),
        "kind": "quickfix",
        "diagnostics": [document.diagnostic(finding, encoding)],
        "edit": { "changes": { &document.uri: [{ "range": { "start": at, "end": at }, "newText": comment }] } },
    }))
}

fn fix_all(document: &Document, encoding: Encoding) -> Option<Value> {
    let mended =
        mend(document.source.clone(), document.checked.clone(), &|_| true, &|source| document.check(source));
    if mended.applied.is_empty() {
        return None;
    }
    let whole = encoding.range(document.text(), &(0..document.text().len()));
    Some(json!({
        "title": "apply all safe fixes",
        "kind": "source.fixAll",
        "edit": { "changes": { &document.uri: [{ "range": whole, "newText": mended.source.text() }] } },
    }))
}
