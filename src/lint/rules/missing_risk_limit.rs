//! A risk limit is missing.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::MISSING_RISK_LIMIT,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A risk limit is missing.",
    reason: "Limits have no defaults: the operator says what may be lost.",
    bad: Example::Text("risk: ~"),
    good: Example::Fragment("size: 2.5"),
    check: Check::Loading,
};
