//! What the withdrawal keeps leaves nothing to withdraw.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Usdc;
use crate::plan::{Related, Severity, WithdrawRoute, WithdrawWhen, codes, format_usdc};

pub(super) const RULE: Rule = Rule {
    id: codes::KEEP_TOO_MUCH,
    severity: Severity::Info,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "What the withdrawal keeps leaves nothing to withdraw.",
    reason: "A wallet that holds just `minimum_usdc` has no more than that to give. The venue takes withdrawals from 1 USDC on by the secure route and from 4 USDC on by the fast one; less stays where it is.",
    bad: Example::Fragment("withdraw: { keep_usdc: 500 }"),
    good: Example::Fragment("withdraw: { keep_usdc: 100 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        if pair.withdraw.when == WithdrawWhen::Never || pair.withdraw.keep == Usdc::ZERO {
            continue;
        }
        let smallest = match pair.withdraw.route {
            WithdrawRoute::Secure => Usdc::whole(1),
            WithdrawRoute::Fast => Usdc::whole(4),
        };
        if pair.withdraw.keep.plus(smallest) > pair.minimum_usdc {
            let (keep, minimum) = (format_usdc(pair.withdraw.keep), format_usdc(pair.minimum_usdc));
            let message = format!(
                "a wallet at its minimum, {minimum} USDC, keeps {keep} USDC, and nothing of it is withdrawn"
            );
            let other = input.site(index, "minimum_usdc");
            let finding = report.add(&RULE, input.site(index, "withdraw/keep_usdc"), message);
            // On paper the wallets hold what the plan says, and not more.
            let has = input.plan.paper.as_ref().map(|paper| paper.usdc);
            if has.is_some_and(|has| pair.withdraw.keep.plus(smallest) > has) {
                finding.severity = Severity::Warning;
            }
            finding.help =
                Some("keep less, raise `minimum_usdc`, or write `withdraw: { when: never }`".to_owned());
            finding.related.push(Related::here(&other.pointer, other.span, "what each wallet must have"));
        }
    }
}
