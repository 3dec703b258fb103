//! A value is none of those that the key takes.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::UNKNOWN_VALUE,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A value is none of those that the key takes.",
    reason: "A misspelt choice must not fall back to another one.",
    bad: Example::Fragment("on_stop: flaten"),
    good: Example::Fragment("on_stop: flatten"),
    check: Check::Loading,
};
