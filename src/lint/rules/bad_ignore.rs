//! A `lighter-plan:` comment cannot be read, or names a rule that a comment may not silence.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::BAD_IGNORE,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A `lighter-plan:` comment cannot be read, or names a rule that a comment may not silence.",
    reason: "A comment that was meant to hold and does not is worse than none. Risk limits and wallets (LP4xx, LP5xx) are the desk's: only a policy file silences those rules.",
    bad: Example::Text("on_stop: cancel_open # lighter-plan: ignore[LP403] it will be all right"),
    good: Example::Text(
        "on_missed: { place: continue } # lighter-plan: ignore[stale-entry] the quote is far from any fill",
    ),
    check: Check::Loading,
};
