//! A template or --set refers to a variable that does not exist.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::UNKNOWN_VARIABLE,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A template or --set refers to a variable that does not exist.",
    reason: "A misspelt variable must not become an empty value.",
    bad: Example::Fragment(r#"size: "{{ vars.sise }}""#),
    good: Example::Fragment(
        r#"vars: { size: 2.5 }
size: "{{ vars.size }}""#,
    ),
    check: Check::Loading,
};
