//! Real money, and nobody is told when something goes wrong.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::NO_ALERTS,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Comment,
    summary: "Real money is traded, and nobody is told when something goes wrong.",
    reason: "A liquidation, a naked leg that cannot be hedged or a venue that is down wants a person within minutes. Without `notify` it is told to a terminal, which nobody may look at.",
    bad: Example::Text(
        "network: mainnet\npaper: ~\npairs:\n  - id: alpha\n    long: { account: 1001, api_key_index: 4, key: 'env:LONG' }\n    short: { account: 1002, api_key_index: 4, key: 'env:SHORT' }",
    ),
    good: Example::Text(
        "network: mainnet\npaper: ~\npairs:\n  - id: alpha\n    long: { account: 1001, api_key_index: 4, key: 'env:LONG' }\n    short: { account: 1002, api_key_index: 4, key: 'env:SHORT' }\nnotify: [{ webhook: 'env:ALERT_URL', on: [liquidation, hedge, stuck, finished] }]",
    ),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    if !input.plan.network.counts_as_mainnet() || !input.plan.notify.is_empty() {
        return;
    }
    let message = "real money, and `notify` names nobody".to_owned();
    let finding = report.add(&RULE, input.document.place("/network"), message);
    finding.help = Some("add `notify: [{ webhook: env:ALERT_URL, on: [liquidation, stuck] }]`".to_owned());
}
