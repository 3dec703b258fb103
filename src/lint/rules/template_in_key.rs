//! A template stands in `key:`.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::TEMPLATE_IN_KEY,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A template stands in `key:`.",
    reason: "A review must see where a key comes from, and no variable may change it.",
    bad: Example::Fragment(
        r#"vars: { k: A }
name: "{{ vars.k }}"
pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: "env:{{ vars.k }}" }
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
