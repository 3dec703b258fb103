//! Findings for programs: one document, or one line a finding.

use serde::Serialize;

use super::FileReport;
use super::rows::{Document, FileRow, Row, rows};

/// Version of both forms. Fields are only ever added within one.
const VERSION: u32 = 1;

/// Writes all files as one document, those without findings as well, so that an empty list is not mistaken for nothing
/// checked.
pub fn json(files: &[FileReport<'_>]) -> String {
    let document = Document { version: VERSION, files: files.iter().map(FileRow::new).collect() };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    path: &'a str,
    #[serde(flatten)]
    row: Row<'a>,
}

/// A rule that broke down, as a line.
#[derive(Serialize)]
struct FaultLine<'a> {
    version: u32,
    path: &'a str,
    fault: &'a str,
}

/// Writes one line of JSON a finding; a rule that broke down is a line with `fault`.
pub fn jsonl(files: &[FileReport<'_>]) -> String {
    let mut text = String::new();
    let mut push = |line: Result<String, serde_json::Error>| {
        text.push_str(&line.unwrap_or_default());
        text.push('\n');
    };
    for file in files {
        let path = file.source.name();
        for row in rows(file) {
            push(serde_json::to_string(&Line { version: VERSION, path, row }));
        }
        for fault in &file.checked.faults {
            push(serde_json::to_string(&FaultLine { version: VERSION, path, fault }));
        }
    }
    text
}
