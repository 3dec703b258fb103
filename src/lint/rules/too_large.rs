//! The file is larger than a plan can be.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::TOO_LARGE,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The file is larger than a plan can be.",
    reason: "A plan is a page of text. A huge file is a mistake or an attack on whoever validates it, and is not parsed.",
    bad: Example::Described("(more than 1 MiB of anything)"),
    good: Example::Text("name: sol-pair"),
    check: Check::Loading,
};
