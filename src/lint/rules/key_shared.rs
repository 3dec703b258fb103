//! Two legs take their key from the same place.

use std::collections::HashMap;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{KeySource, Related, Severity, Site, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::KEY_SHARED,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "Two legs take their key from the same place.",
    reason: "One key for two accounts means one leak for two accounts, and usually a copied line.",
    bad: Example::Fragment(
        r#"network: testnet
paper: ~
pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: 'env:KEY' }
    short: { account: 1002, api_key_index: 4, key: 'env:KEY' }"#,
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
    let mut seen: HashMap<String, Site> = HashMap::new();
    for (index, pair) in input.pairs() {
        for (side, leg) in [("long", &pair.long), ("short", &pair.short)] {
            if leg.key == KeySource::Paper {
                continue;
            }
            let site = input.document.place(&format!("/pairs/{index}/{side}/key"));
            let source = format!("{:?}", leg.key);
            if let Some(first) = seen.get(&source) {
                let first = first.clone();
                let finding = report.add(&RULE, site, "another leg takes its key from here".to_owned());
                finding.help = Some("give every account a key of its own".to_owned());
                finding.related.push(Related::here(&first.pointer, first.span, "first used here"));
            } else {
                seen.insert(source, site);
            }
        }
    }
}
