//! How findings are shown. The format never changes what is found, nor the exit code.

mod concise;
mod fingerprint;
mod github;
mod gitlab;
mod human;
mod json;
mod junit;
mod look;
mod rows;
mod sarif;

pub use concise::concise;
pub use github::github;
pub use gitlab::gitlab;
pub use human::human;
pub use json::{json, jsonl};
pub use junit::junit;
pub use look::{Links, Look};
pub use rows::findings_schema_text;
pub use sarif::sarif;

use std::borrow::Cow;

use super::Checked;
use crate::plan::{Finding, Severity, SourceFile};

/// One checked file with its findings at or above the floor.
#[derive(Debug)]
pub struct FileReport<'a> {
    /// The file.
    pub source: &'a SourceFile,
    /// What checking it gave.
    pub checked: &'a Checked,
    /// Findings below this are not shown.
    pub floor: Severity,
}

impl FileReport<'_> {
    /// Returns the findings that are shown.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.checked.findings.iter().filter(|finding| finding.severity >= self.floor)
    }
}

/// Returns a file's name on one line: names may hold line breaks, and what follows one would pass for a finding.
fn shown_name(source: &SourceFile) -> Cow<'_, str> {
    let name = source.name();
    if !name.contains(char::is_control) {
        return name.into();
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    name.chars().map(escaped).collect::<String>().into()
}

#[cfg(test)]
mod tests;
