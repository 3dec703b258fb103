//! The file does not name its schema, or names another version.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Severity, Site, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::SCHEMA_HEADER,
    severity: Severity::Info,
    since: "0.1.0",
    silence: Silence::Comment,
    summary: "The file does not name its schema, or names another version.",
    reason: "Editors complete and check a plan while it is written, when its header names the schema; they differ in which form they read, so `init` writes both.",
    bad: Example::Fragment("# yaml-language-server: $schema=../schemas/plan.v0.schema.json"),
    good: Example::Fragment("# yaml-language-server: $schema=../schemas/plan.v1.schema.json"),
    check: Check::Plan(check),
};

/// The part of a header that names this version.
const SCHEMA: &str = "plan.v1.schema.json";

fn check(input: &Input<'_>, report: &mut Report) {
    let first_value = input.document.place("/version").span.map_or(usize::MAX, |span| span.start);
    let header =
        input.document.comments().find(|(text, span)| span.start < first_value && text.contains("$schema"));
    let help = format!(
        "start the file with `# yaml-language-server: $schema=…/{SCHEMA}`; `lighter-plan schema` writes the file"
    );
    match header {
        Some((text, _)) if text.contains(SCHEMA) => {}
        Some((_, span)) => {
            let site = Site { pointer: String::new(), span: Some(span.clone()), written: true };
            let finding = report.add(&RULE, site, "the header names another schema".to_owned());
            finding.severity = Severity::Warning;
            finding.help = Some(help);
        }
        None => {
            let site = Site { pointer: String::new(), span: Some(0..0), written: false };
            report.add(&RULE, site, "no header names the schema".to_owned()).help = Some(help);
        }
    }
}
