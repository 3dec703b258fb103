//! Workflow commands of GitHub Actions: annotations on the lines of a pull request.

use super::FileReport;
use super::rows::place;
use crate::plan::{Finding, Severity};

/// GitHub shows ten annotations of a kind a step; the worst must be among them.
const SHOWN: usize = 10;

/// Writes the ten worst findings, and how many more there are.
pub fn github(files: &[FileReport<'_>]) -> String {
    let mut all: Vec<(&FileReport<'_>, &Finding)> =
        files.iter().flat_map(|file| file.findings().map(move |finding| (file, finding))).collect();
    all.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    let mut text = String::new();
    for (file, finding) in all.iter().take(SHOWN) {
        text.push_str(&annotation(file, finding));
    }
    for (file, fault) in files.iter().flat_map(|file| file.checked.faults.iter().map(move |f| (file, f))) {
        let name = property(file.source.name());
        text.push_str(&format!("::error file={name},title=lighter-plan broke down::{}\n", data(fault)));
    }
    let more = all.len().saturating_sub(SHOWN);
    if more > 0 {
        let findings = if more == 1 { "finding is" } else { "findings are" };
        text.push_str(&format!(
            "::notice title=lighter-plan::{more} more {findings} not annotated; `lighter-plan validate` shows all\n"
        ));
    }
    text
}

fn annotation(file: &FileReport<'_>, finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let mut text = format!("::{level} file={}", property(file.source.name()));
    if let Some(place) = place(file.source, finding.span.as_ref()) {
        text.push_str(&format!(",line={},endLine={}", place.start.line, place.end.line));
        // Columns of an annotation over several lines mean nothing there.
        if place.start.line == place.end.line {
            text.push_str(&format!(",col={},endColumn={}", place.start.column, place.end.column));
        }
    }
    let title = format!("{} {}", finding.rule.code, finding.rule.slug);
    let message = match &finding.help {
        Some(help) => format!("{}\nhelp: {help}", finding.message),
        None => finding.message.clone(),
    };
    text.push_str(&format!(",title={}::{}\n", property(&title), data(&message)));
    text
}

/// Escapes what would end a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes what would end a property as well.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
