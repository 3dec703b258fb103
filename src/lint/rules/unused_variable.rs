//! A variable is declared and never used.

use crate::lint::rule::{Example, Rule};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::UNUSED_VARIABLE,
    severity: Severity::Warning,
    suppressible: true,
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
    check: None,
};
