//! A template cannot be read or rendered.

use crate::lint::rule::{Example, Rule};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::BAD_TEMPLATE,
    severity: Severity::Error,
    suppressible: true,
    summary: "A template cannot be read or rendered.",
    reason: "Templates stand inside values only, as `\"{{ vars.name }}\"`.",
    bad: Example::Fragment(r#"name: "{{ vars.a""#),
    good: Example::Fragment(r#"name: "sol-pair""#),
    check: None,
};
