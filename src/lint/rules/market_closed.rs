//! The market takes no new positions, or is no perpetual.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::MARKET_CLOSED,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The market takes no new positions, or is no perpetual.",
    reason: "Delisted markets stay in the list and accept reduce-only orders only; spot has no short side.",
    bad: Example::Fragment("market: ETH/USDC"),
    good: Example::Fragment("market: SOL"),
    check: Check::Loading,
};
