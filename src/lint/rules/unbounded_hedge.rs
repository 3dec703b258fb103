//! One emergency exit may cost more than the run may lose.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Usdc;
use crate::plan::{Related, Severity, codes, format_usdc};

pub(super) const RULE: Rule = Rule {
    id: codes::UNBOUNDED_HEDGE,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "One emergency exit may cost more than the run may lose.",
    reason: "An emergency order may be filled `emergency_slippage_bps` from mark. On the whole of both legs that must stay below `max_drawdown_usdc`, or the limit is passed by the very order that should keep it.",
    bad: Example::Fragment("risk: { max_drawdown_usdc: 16 }\nsize: 5"),
    good: Example::Fragment("risk: { max_drawdown_usdc: 30 }\nsize: 5"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let (Some(market), Some((buy, sell, size))) = (input.market(index), input.orders(index)) else {
            continue;
        };
        let both = Usdc::notional(size, buy, market).plus(Usdc::notional(size, sell, market));
        let bps = i128::from(pair.hedge.emergency_slippage_bps);
        let cost = i64::try_from(i128::from(both.micros()) * bps / 10_000).unwrap_or(i64::MAX);
        let cost = Usdc::from_micros(cost);
        if cost > pair.risk.max_drawdown {
            let message = format!(
                "an emergency exit at {bps} bps costs up to {} USDC, over `max_drawdown_usdc`, {}",
                format_usdc(cost),
                format_usdc(pair.risk.max_drawdown)
            );
            let limit = input.site(index, "risk/max_drawdown_usdc");
            let finding = report.add(&RULE, input.site(index, "hedge/emergency_slippage_bps"), message);
            finding.help = Some("make the bound or the size smaller, or raise the limit".to_owned());
            finding.related.push(Related::here(&limit.pointer, limit.span, "the limit"));
        }
    }
}
