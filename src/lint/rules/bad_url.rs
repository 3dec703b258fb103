//! The address of a custom network is no URL of its kind.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::BAD_URL,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The address of a custom network is no URL of its kind.",
    reason: "The program must not guess where signed orders go; credentials in a URL end up in logs.",
    bad: Example::Fragment(
        r#"network: { http: 'localhost', ws: 'ws://localhost', chain_id: 304 }
paper: ~"#,
    ),
    good: Example::Fragment(
        r#"network: { http: 'http://localhost', ws: 'ws://localhost', chain_id: 304 }
paper: ~"#,
    ),
    check: Check::Loading,
};
