//! The USDC is withdrawn on exit, and no rule makes the pair flat for certain.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::WITHDRAW_WITHOUT_EXIT,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The USDC is withdrawn on exit, and no rule makes the pair flat for certain.",
    reason: "A withdrawal happens only from a flat account. Take profit and stop loss may never fire, so a plan says how long it holds at most.",
    bad: Example::Text("watch: { take_profit_usdc: 0.1 }"),
    good: Example::Text("watch: { take_profit_usdc: 0.1, max_hold: 24h }"),
    check: Check::Loading,
};
