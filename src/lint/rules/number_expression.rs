//! A template computes where a number is meant.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::NUMBER_EXPRESSION,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A template computes where a number is meant.",
    reason: "Template arithmetic is floating point: 0.1 + 0.2 is not 0.3 there. Only `{{ vars.name }}` stands for a number, exact to the letter.",
    bad: Example::Fragment(
        r#"vars: { size: 1.25 }
size: "{{ vars.size * 2 }}""#,
    ),
    good: Example::Fragment(
        r#"vars: { size: 2.5 }
size: "{{ vars.size }}""#,
    ),
    check: Check::Loading,
};
