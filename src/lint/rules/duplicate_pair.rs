//! Two pairs have the same id.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::DUPLICATE_PAIR,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "Two pairs have the same id.",
    reason: "Steps, journal entries and client order ids carry the id.",
    bad: Example::Fragment(
        r#"pairs:
  - { id: a, long: { account: 1, api_key_index: 4, key: paper }, short: { account: 2, api_key_index: 4, key: paper } }
  - { id: a, long: { account: 3, api_key_index: 4, key: paper }, short: { account: 4, api_key_index: 4, key: paper } }"#,
    ),
    good: Example::Fragment(
        r#"pairs:
  - { id: a, long: { account: 1, api_key_index: 4, key: paper }, short: { account: 2, api_key_index: 4, key: paper } }
  - { id: b, long: { account: 3, api_key_index: 4, key: paper }, short: { account: 4, api_key_index: 4, key: paper } }"#,
    ),
    check: Check::Loading,
};
