//! The venue lists no such market.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::UNKNOWN_MARKET,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The venue lists no such market.",
    reason: "Symbols are the venue's own. The check uses the list that is shipped with the program.",
    bad: Example::Fragment("market: SOLL"),
    good: Example::Fragment("market: SOL"),
    check: Check::Loading,
};
