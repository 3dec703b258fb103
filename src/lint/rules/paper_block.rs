//! `paper:` stands in a plan that does not run on paper.

use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::PAPER_BLOCK,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "`paper:` stands in a plan that does not run on paper.",
    reason: "Its balances and its speed would be believed.",
    bad: Example::Fragment(
        r#"network: testnet
pairs:
  - id: alpha
    long: { account: 1, api_key_index: 4, key: 'env:A' }
    short: { account: 2, api_key_index: 4, key: 'env:B' }"#,
    ),
    good: Example::Fragment("network: paper"),
    check: Check::Loading,
};
