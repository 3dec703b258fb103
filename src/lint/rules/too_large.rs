//! The file is larger than a plan can be.

use crate::lint::rule::{Example, Rule};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::TOO_LARGE,
    severity: Severity::Error,
    suppressible: false,
    summary: "The file is larger than a plan can be.",
    reason: "A plan is a page of text. A huge file is a mistake or an attack on whoever validates it, and is not parsed.",
    bad: Example::Described("(more than 1 MiB of anything)"),
    good: Example::Text("name: sol-pair"),
    check: None,
};
