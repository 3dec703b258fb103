//! The market takes no new positions, or is no perpetual.

use crate::lint::rule::{Example, Rule};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::MARKET_CLOSED,
    severity: Severity::Error,
    suppressible: true,
    summary: "The market takes no new positions, or is no perpetual.",
    reason: "Delisted markets stay in the list and accept reduce-only orders only; spot has no short side.",
    bad: Example::Fragment("market: ETH/USDC"),
    good: Example::Fragment("market: SOL"),
    check: None,
};
