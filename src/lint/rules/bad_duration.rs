//! A duration cannot be read.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::BAD_DURATION,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A duration cannot be read.",
    reason: "A bare number is seconds to one reader and milliseconds to the next, so the unit is always written.",
    bad: Example::Fragment("hedge: { wait: 20 }"),
    good: Example::Fragment("hedge: { wait: 20s }"),
    check: Check::Loading,
};
