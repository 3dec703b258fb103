//! An account is used by two legs.

use std::collections::BTreeMap;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::AccountIndex;
use crate::plan::{Related, Severity, Site, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::ACCOUNT_REUSED,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "An account is used by two legs.",
    reason: "Two legs on one account net each other: the pair would hold nothing and believe it is hedged. v1 allows an account in one pair only.",
    bad: Example::Fragment(
        r#"pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: paper }
    short: { account: 1001, api_key_index: 5, key: paper }"#,
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
    let mut seen: BTreeMap<AccountIndex, Site> = BTreeMap::new();
    for (index, pair) in input.pairs() {
        for (side, leg) in [("long", &pair.long), ("short", &pair.short)] {
            let site = input.document.place(&format!("/pairs/{index}/{side}/account"));
            if input.document.is_broken(&site.pointer) {
                continue;
            }
            if let Some(first) = seen.get(&leg.account) {
                let message = format!("account {} has a leg already", leg.account);
                let finding = report.add(&RULE, site, message);
                finding.help = Some("give every leg an account of its own; sub-accounts are free".to_owned());
                let first = first.clone();
                finding.related.push(Related::here(&first.pointer, first.span, "first used here"));
            } else {
                seen.insert(leg.account, site);
            }
        }
    }
}
