//! A template cannot be read or rendered.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::BAD_TEMPLATE,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A template cannot be read or rendered.",
    reason: "Templates stand inside values only, as `\"{{ vars.name }}\"`.",
    bad: Example::Fragment(r#"name: "{{ vars.a""#),
    good: Example::Fragment(r#"name: "sol-pair""#),
    check: Check::Loading,
};
