//! `key` does not say where the key comes from.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::BAD_KEY_SOURCE,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "`key` does not say where the key comes from.",
    reason: "It is `env:NAME`, `file:PATH`, `sealed:PATH`, or `paper` with `network: paper`; a webhook is `env:NAME`.",
    bad: Example::Fragment(
        r#"pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: ALPHA_LONG }
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
