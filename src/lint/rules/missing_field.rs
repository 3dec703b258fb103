//! A required key is missing.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::MISSING_FIELD,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A required key is missing.",
    reason: "What has no harmless default must be written.",
    bad: Example::Fragment(
        r#"pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4 }
    short: { account: 1002, api_key_index: 4, key: paper }"#,
    ),
    good: Example::Fragment(
        r#"pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: paper }
    short: { account: 1002, api_key_index: 4, key: paper }"#,
    ),
    check: Check::Loading,
};
