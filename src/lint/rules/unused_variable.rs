//! A variable is declared and never used.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::UNUSED_VARIABLE,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Comment,
    summary: "A variable is declared and never used.",
    reason: "Usually the place that should use it holds an old value.",
    bad: Example::Fragment(
        r#"vars: { size: 9 }
size: 2.5"#,
    ),
    good: Example::Fragment(
        r#"vars: { size: 2.5 }
size: "{{ vars.size }}""#,
    ),
    check: Check::Loading,
};
