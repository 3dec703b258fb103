//! Findings as one JSON document, for programs. Fields are only ever added.

use std::ops::Range;

use serde_json::{Value, json as object};

use super::FileReport;
use crate::plan::{Finding, SourceFile};

/// Writes all files, those without findings as well, so that an empty list is not mistaken for nothing checked.
pub fn json(files: &[FileReport<'_>]) -> String {
    let files: Vec<Value> = files
        .iter()
        .map(|file| {
            let findings: Vec<Value> =
                file.findings().map(|finding| describe(file.source, finding)).collect();
            object!({ "path": file.source.name(), "findings": findings, "faults": file.checked.faults })
        })
        .collect();
    let document = object!({ "version": 1, "files": files });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn describe(source: &SourceFile, finding: &Finding) -> Value {
    let related: Vec<Value> = finding
        .related
        .iter()
        .map(|related| object!({ "message": related.message, "pointer": related.pointer, "range": range(source, related.span.as_ref()) }))
        .collect();
    object!({
        "code": finding.rule.code,
        "slug": finding.rule.slug,
        "severity": finding.severity,
        "message": finding.message,
        "help": finding.help,
        "pointer": finding.pointer,
        "range": range(source, finding.span.as_ref()),
        "related": related,
    })
}

/// Lines and columns from 1, columns in Unicode scalars; bytes from 0.
fn range(source: &SourceFile, span: Option<&Range<usize>>) -> Value {
    let Some(span) = span.map(|span| source.clamp(span.clone())) else { return Value::Null };
    let (start, end) = (source.position(span.start), source.position(span.end));
    object!({
        "start": { "line": start.line, "column": start.column, "byte": span.start },
        "end": { "line": end.line, "column": end.column, "byte": span.end },
    })
}
