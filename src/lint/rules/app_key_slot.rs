//! A key slot of the web and mobile apps is used.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Network, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::APP_KEY_SLOT,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "A key slot of the web and mobile apps is used.",
    reason: "Slots 0 to 3 belong to the venue's apps: whoever opens one moves the nonce, and the run stops with 25.",
    bad: Example::Fragment(
        r#"network: testnet
paper: ~
pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 1, key: 'env:A' }
    short: { account: 1002, api_key_index: 4, key: 'env:B' }"#,
    ),
    good: Example::Fragment(
        r#"pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: paper }
    short: { account: 1002, api_key_index: 4, key: paper }"#,
    ),
    check: Check::Plan(check),
};

/// The first slot that no app uses.
const FIRST_FREE: u8 = 4;

fn check(input: &Input<'_>, report: &mut Report) {
    if input.plan.network == Network::Paper {
        return;
    }
    for (index, pair) in input.pairs() {
        for (side, leg) in [("long", &pair.long), ("short", &pair.short)] {
            let slots =
                [("api_key_index", Some(leg.api_key_index)), ("guard_key_index", leg.guard_key_index)];
            for (key, slot) in slots {
                let Some(slot) = slot.filter(|slot| slot.get() < FIRST_FREE) else { continue };
                let site = input.document.place(&format!("/pairs/{index}/{side}/{key}"));
                let message = format!("slot {slot} belongs to the venue's own apps");
                report.add(&RULE, site, message).help =
                    Some("register a key in a slot from 4 to 254".to_owned());
            }
        }
    }
}
