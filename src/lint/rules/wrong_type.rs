//! A value is of the wrong type.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::WRONG_TYPE,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A value is of the wrong type.",
    reason: "A list where a number is meant is never guessed at.",
    bad: Example::Fragment("size: [2.5]"),
    good: Example::Fragment("size: 2.5"),
    check: Check::Loading,
};
