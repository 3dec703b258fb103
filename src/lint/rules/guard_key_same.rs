//! The guard key is the leg's own key slot.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::GUARD_KEY_SAME,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "The guard key is the leg's own key slot.",
    reason: "A guard key is there for the case that the first key's nonce stream is blocked; the same slot is blocked with it.",
    bad: Example::Fragment(
        r#"pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: paper, guard_key_index: 4 }
    short: { account: 1002, api_key_index: 4, key: paper }"#,
    ),
    good: Example::Fragment(
        r#"pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: paper }
    short: { account: 1002, api_key_index: 4, key: paper }"#,
    ),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        for (side, leg) in [("long", &pair.long), ("short", &pair.short)] {
            if leg.guard_key_index == Some(leg.api_key_index) {
                let site = input.document.place(&format!("/pairs/{index}/{side}/guard_key_index"));
                let message = format!("slot {} is the leg's own key", leg.api_key_index);
                report.add(&RULE, site, message).help =
                    Some("register a second key, and name its slot".to_owned());
            }
        }
    }
}
