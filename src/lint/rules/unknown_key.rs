//! A key is not part of the plan language.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::UNKNOWN_KEY,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A key is not part of the plan language.",
    reason: "A misspelt limit is no limit. Nothing unknown is ever ignored.",
    bad: Example::Fragment("watch: { max_hodl: 1h, max_hold: 1h }"),
    good: Example::Fragment("watch: { max_hold: 1h }"),
    check: Check::Loading,
};
