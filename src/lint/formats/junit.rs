//! JUnit's XML, which every CI server shows: a file is a suite, a finding a failed test.

use super::rows::place;
use super::{FileReport, shown_name};
use crate::plan::Finding;

/// Writes all files; one without findings is a suite with one test that passed.
pub fn junit(files: &[FileReport<'_>]) -> String {
    let failures: usize = files.iter().map(|file| file.findings().count()).sum();
    let errors: usize = files.iter().map(|file| file.checked.faults.len()).sum();
    let tests: usize = files.iter().map(tests).sum();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str(&format!(
        "<testsuites name=\"lighter-plan\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n"
    ));
    for file in files {
        suite(&mut text, file);
    }
    text.push_str("</testsuites>\n");
    text
}

fn tests(file: &FileReport<'_>) -> usize {
    (file.findings().count() + file.checked.faults.len()).max(1)
}

fn suite(text: &mut String, file: &FileReport<'_>) {
    let name = escaped(&shown_name(file.source));
    text.push_str(&format!(
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
        tests(file),
        file.findings().count(),
        file.checked.faults.len()
    ));
    for finding in file.findings() {
        failed(text, file, finding, &name);
    }
    for fault in &file.checked.faults {
        let fault = escaped(fault);
        text.push_str(&format!(
            "    <testcase name=\"{fault}\" classname=\"{name}\">\n      <error message=\"{fault}\"/>\n    </testcase>\n"
        ));
    }
    if file.findings().next().is_none() && file.checked.faults.is_empty() {
        text.push_str(&format!("    <testcase name=\"no findings\" classname=\"{name}\"/>\n"));
    }
    text.push_str("  </testsuite>\n");
}

fn failed(text: &mut String, file: &FileReport<'_>, finding: &Finding, name: &str) {
    let at = place(file.source, finding.span.as_ref());
    let at = at.map_or_else(String::new, |place| format!(":{}:{}", place.start.line, place.start.column));
    let rule = format!("{} {}", finding.rule.code, finding.rule.slug);
    let help = finding.help.as_ref().map_or_else(String::new, |help| format!("\nhelp: {help}"));
    text.push_str(&format!(
        "    <testcase name=\"{}\" classname=\"{name}\">\n      <failure type=\"{}\" message=\"{}\">{name}{at}: {}{}</failure>\n    </testcase>\n",
        escaped(&format!("{rule}{at}")),
        finding.severity,
        escaped(&finding.message),
        escaped(&finding.message),
        escaped(&help),
    ));
}

/// Escapes for text and attributes; drops what XML 1.0 cannot hold at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push(character),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => {}
            other => out.push(other),
        }
    }
    out
}
