//! The size is given in base units and in USDC.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::SIZE_TWICE,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The size is given in base units and in USDC.",
    reason: "One of the two would have to be ignored.",
    bad: Example::Fragment(
        r#"size: 2.5
notional_usdc: 250"#,
    ),
    good: Example::Fragment("size: 2.5"),
    check: Check::Loading,
};
