//! An ignore comment gives no reason.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::IGNORE_WITHOUT_REASON,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "An ignore comment gives no reason.",
    reason: "Whoever reads the plan next must be able to tell a decision from a slip. Without a reason the comment does not hold.",
    bad: Example::Text("on_stop: cancel_open # lighter-plan: ignore[LP603]"),
    good: Example::Text(
        "on_missed: { place: continue } # lighter-plan: ignore[LP603] the quote is far from any fill",
    ),
    check: Check::Loading,
};
