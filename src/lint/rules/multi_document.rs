//! A file holds more than one document.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::MULTI_DOCUMENT,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A file holds more than one document.",
    reason: "One plan a file: a second document would be ignored by most tools, and a limit may stand in it.",
    bad: Example::Text(
        r#"leverage: 5
---
leverage: 3"#,
    ),
    good: Example::Text("leverage: 5"),
    check: Check::Loading,
};
