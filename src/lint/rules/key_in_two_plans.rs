//! Two plans sign with the same key slot.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::lint::across::{AcrossReport, Footprint, KeyMark};
use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::KEY_IN_TWO_PLANS,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "Two plans sign with the same key slot.",
    reason: "A key has one stream of nonces and one writer. With one state directory the second run is refused (25); with two, each takes the other's transactions for a stranger's. Plans of paper exchanges are left out, since each run has its own.",
    bad: Example::Files(
        "network: testnet\npaper: ~\npairs:\n  - id: alpha\n    long: { account: 1001, api_key_index: 4, key: 'env:A' }\n    short: { account: 1002, api_key_index: 4, key: 'env:B' }",
        "network: testnet\npaper: ~\npairs:\n  - id: beta\n    long: { account: 1003, api_key_index: 4, key: 'env:C' }\n    short: { account: 1002, api_key_index: 4, key: 'env:B' }",
    ),
    good: Example::Files(
        "network: testnet\npaper: ~\npairs:\n  - id: alpha\n    long: { account: 1001, api_key_index: 4, key: 'env:A' }\n    short: { account: 1002, api_key_index: 4, key: 'env:B' }",
        "network: testnet\npaper: ~\npairs:\n  - id: beta\n    long: { account: 1003, api_key_index: 4, key: 'env:C' }\n    short: { account: 1002, api_key_index: 5, key: 'env:D' }",
    ),
    check: Check::Files(check),
};

fn check(plans: &[(usize, &Footprint)], report: &mut AcrossReport) {
    let mut seen: HashMap<(String, i64, u8), (usize, &Footprint, &KeyMark)> = HashMap::new();
    for (file, plan) in plans {
        let network = format!("{:?}", plan.network);
        for key in &plan.keys {
            let (account, slot) = (key.account.get(), key.slot.get());
            match seen.entry((network.clone(), account, slot)) {
                Entry::Vacant(free) => {
                    free.insert((*file, plan, key));
                }
                Entry::Occupied(first) => {
                    let (first_file, first_plan, first_key) = first.get();
                    // Within one file other rules speak.
                    if first_file == file {
                        continue;
                    }
                    let message = format!(
                        "key {slot} of account {account} is used by `{}` as well; the two cannot run at the same time",
                        first_plan.file
                    );
                    let finding = report.add(&RULE, *file, &key.place, message);
                    finding.help = Some("give each plan a key slot of its own".to_owned());
                    finding
                        .related
                        .push(first_key.place.seen_from_elsewhere(&first_plan.file, "first used here"));
                }
            }
        }
    }
}
