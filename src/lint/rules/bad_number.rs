//! A number cannot be read exactly.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::BAD_NUMBER,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A number cannot be read exactly.",
    reason: "Prices and sizes are read from their text and never rounded: NaN, exponents out of range and more than 28 digits have no exact value.",
    bad: Example::Fragment("size: 1e400"),
    good: Example::Fragment("size: 2.5"),
    check: Check::Loading,
};
