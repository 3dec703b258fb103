//! The plan is written for another version of the language.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::UNSUPPORTED_VERSION,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The plan is written for another version of the language.",
    reason: "A newer plan may hold rules that this program would not keep.",
    bad: Example::Fragment("version: 2"),
    good: Example::Fragment("version: 1"),
    check: Check::Loading,
};
