//! `file:line:col: severity[CODE] message`, one line a finding: for terminals, editors and grep.

use super::{FileReport, shown_name};

/// Writes all findings of all files.
pub fn concise(files: &[FileReport<'_>]) -> String {
    let mut text = String::new();
    for file in files {
        for finding in file.findings() {
            let start = finding.span.as_ref().map_or(0, |span| span.start);
            let at = file.source.position(start);
            text.push_str(&format!(
                "{}:{}:{}: {}[{}] {}\n",
                shown_name(file.source),
                at.line,
                at.column,
                finding.severity,
                finding.rule,
                finding.message
            ));
        }
    }
    text
}
