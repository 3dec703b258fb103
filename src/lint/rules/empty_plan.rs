//! The file holds nothing.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::EMPTY_PLAN,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The file holds nothing.",
    reason: "An empty file is no plan without findings: it is usually a failed copy or an unset variable in a script.",
    bad: Example::Whole("# nothing but a comment\n"),
    good: Example::Text("name: sol-pair"),
    check: Check::Loading,
};
