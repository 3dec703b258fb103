//! A private key is written in the plan.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::KEY_MATERIAL,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A private key is written in the plan.",
    reason: "Plans are shared, stored with their runs and printed in reviews. Whoever has the key can trade the account. Replace the key at the venue: it has been in a file.",
    bad: Example::Fragment(
        r#"pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0011223344556677' }
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
