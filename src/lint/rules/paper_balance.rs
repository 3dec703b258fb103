//! The paper wallets start with less than `minimum_usdc`.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes, format_usdc};

pub(super) const RULE: Rule = Rule {
    id: codes::PAPER_BALANCE,
    severity: Severity::Info,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "The paper wallets start with less than `minimum_usdc`.",
    reason: "The check ends such a run before any order, with exit code 28. Demo plans do it on purpose.",
    bad: Example::Fragment("paper: { usdc: 100 }"),
    good: Example::Fragment("paper: { usdc: 10000 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    let Some(paper) = &input.plan.paper else { return };
    for (index, pair) in input.pairs() {
        if paper.usdc < pair.minimum_usdc {
            let message = format!(
                "paper wallets start with {} USDC, and the pair asks for {}",
                format_usdc(paper.usdc),
                format_usdc(pair.minimum_usdc)
            );
            let minimum = input.site(index, "minimum_usdc");
            let finding = report.add(&RULE, input.document.place("/paper/usdc"), message);
            finding.help = Some(format!("at least {}", format_usdc(pair.minimum_usdc)));
            finding.related.push(Related::here(&minimum.pointer, minimum.span, "what is asked for"));
        }
    }
}
