//! A key is no plain text.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::TEXT_KEY,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A key is no plain text.",
    reason: "Usually a template without quotes: `{` starts a mapping in YAML.",
    bad: Example::Text(
        r#"vars: { size: 2.5 }
size: "{{ vars.size }}"
leverage: {{ vars.size }}"#,
    ),
    good: Example::Text(r#"leverage: "5""#),
    check: Check::Loading,
};
