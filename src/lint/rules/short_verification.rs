//! A withdrawal is given up before it can be confirmed.

use std::time::Duration;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Severity, WithdrawRoute, WithdrawWhen, codes, format_duration};

pub(super) const RULE: Rule = Rule {
    id: codes::SHORT_VERIFICATION,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "A withdrawal is given up before it can be confirmed.",
    reason: "A secure withdrawal can be claimed after the venue's delay: 1060 seconds when it was recorded, hours at times. A shorter `verify_within` hands every run over to the operator.",
    bad: Example::Fragment("withdraw: { verify_within: 10m }"),
    good: Example::Fragment("withdraw: { verify_within: 24h }"),
    check: Check::Plan(check),
};

/// `withdrawalDelay`, as recorded.
const DELAY: Duration = Duration::from_secs(1_060);

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let withdraw = &pair.withdraw;
        let secure = withdraw.when == WithdrawWhen::OnExit && withdraw.route == WithdrawRoute::Secure;
        if secure && withdraw.verify_within < DELAY {
            let message = format!(
                "{} is less than the venue's delay of a secure withdrawal, about {}",
                format_duration(withdraw.verify_within),
                format_duration(DELAY)
            );
            let finding = report.add(&RULE, input.site(index, "withdraw/verify_within"), message);
            finding.help = Some("24h covers a slow day".to_owned());
        }
    }
}
