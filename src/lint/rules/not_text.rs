//! The file is no UTF-8 text.

use crate::lint::rule::{Example, Rule};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::NOT_TEXT,
    severity: Severity::Error,
    suppressible: false,
    summary: "The file is no UTF-8 text.",
    reason: "Somebody handed over the wrong file, or an editor saved it in another encoding.",
    bad: Example::Text("name: \u{0}"),
    good: Example::Text("name: sol-pair"),
    check: None,
};
