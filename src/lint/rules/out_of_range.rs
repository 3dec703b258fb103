//! A number is outside the range of its key.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::OUT_OF_RANGE,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A number is outside the range of its key.",
    reason: "The range is what the venue or the arithmetic allows; `schema` and the editor show it.",
    bad: Example::Fragment("leverage: 0"),
    good: Example::Fragment("leverage: 5"),
    check: Check::Loading,
};
