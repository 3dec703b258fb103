//! The file is no UTF-8 text.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::NOT_TEXT,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The file is no UTF-8 text.",
    reason: "Somebody handed over the wrong file, or an editor saved it in another encoding.",
    bad: Example::Text("name: \u{0}"),
    good: Example::Text("name: sol-pair"),
    check: Check::Loading,
};
