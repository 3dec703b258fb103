//! An ignore comment ignores nothing.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::UNUSED_IGNORE,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "An ignore comment ignores nothing.",
    reason: "What it spoke of is gone. Left in place, it would hide the next finding of that rule without anybody having decided so.",
    bad: Example::Text(
        "on_missed: { place: cancel } # lighter-plan: ignore[LP603] the quote is far from any fill",
    ),
    good: Example::Text(
        "on_missed: { place: continue } # lighter-plan: ignore[LP603] the quote is far from any fill",
    ),
    check: Check::Loading,
};
