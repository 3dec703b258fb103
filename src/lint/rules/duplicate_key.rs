//! A key is written twice.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::DUPLICATE_KEY,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A key is written twice.",
    reason: "Most readers silently keep one of the two, and not all of them the same.",
    bad: Example::Text(
        r#"leverage: 5
leverage: 3"#,
    ),
    good: Example::Text("leverage: 5"),
    check: Check::Loading,
};
