//! Two limits contradict each other.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes, format_usdc};

pub(super) const RULE: Rule = Rule {
    id: codes::IMPOSSIBLE_RISK_LIMIT,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "Two limits contradict each other.",
    reason: "A limit behind a tighter one is never reached, so it protects nothing, and somebody believes it does.",
    bad: Example::Fragment("risk: { max_order_usdc: 3000, max_position_usdc: 2000 }"),
    good: Example::Fragment("risk: { max_order_usdc: 2000, max_position_usdc: 2000 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let risk = &pair.risk;
        let limits = [
            (
                "risk/max_order_usdc",
                Some(risk.max_order),
                "risk/max_position_usdc",
                risk.max_position,
                Severity::Error,
            ),
            (
                "risk/max_position_usdc",
                Some(risk.max_position),
                "risk/max_exposure_usdc",
                risk.max_exposure,
                Severity::Error,
            ),
            (
                "watch/stop_loss_usdc",
                pair.watch.stop_loss,
                "risk/max_drawdown_usdc",
                risk.max_drawdown,
                Severity::Warning,
            ),
            (
                "hedge/max_naked_loss_usdc",
                Some(pair.hedge.max_naked_loss),
                "risk/max_drawdown_usdc",
                risk.max_drawdown,
                Severity::Warning,
            ),
        ];
        for (inner, amount, outer, bound, severity) in limits {
            let Some(amount) = amount.filter(|amount| *amount > bound) else { continue };
            let (amount, bound) = (format_usdc(amount), format_usdc(bound));
            let message =
                format!("{amount} USDC can never be reached: `{}` is {bound} USDC", outer.replace('/', "."));
            let bounding = input.site(index, outer);
            let finding = report.add(&RULE, input.site(index, inner), message);
            finding.severity = severity;
            finding.help = Some(format!("at most {bound}, or raise `{}`", outer.replace('/', ".")));
            finding.related.push(Related::here(&bounding.pointer, bounding.span, "the tighter limit"));
        }
    }
}
