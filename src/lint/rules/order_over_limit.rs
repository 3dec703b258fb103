//! The size is more than the plan's own limits allow.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Usdc;
use crate::plan::{Related, Severity, codes, format_usdc};

pub(super) const RULE: Rule = Rule {
    id: codes::ORDER_OVER_LIMIT,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "The size is more than the plan's own limits allow.",
    reason: "The risk gate would refuse the order; better to hear it now.",
    bad: Example::Fragment("risk: { max_order_usdc: 200 }"),
    good: Example::Fragment("size: 2.5"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let (Some(market), Some((buy, sell, size))) = (input.market(index), input.orders(index)) else {
            continue;
        };
        let notional = Usdc::notional(size, buy.max(sell), market);
        let limits = [
            ("risk/max_order_usdc", pair.risk.max_order),
            ("risk/max_position_usdc", pair.risk.max_position),
        ];
        if let Some((path, limit)) = limits.into_iter().find(|(_, limit)| notional > *limit) {
            let site = input.site(index, path);
            let (notional, limit) = (format_usdc(notional), format_usdc(limit));
            let message =
                format!("a leg of {notional} USDC is over `{}`, {limit} USDC", path.replace('/', "."));
            let finding = report.add(&RULE, input.size_site(index), message);
            finding.help = Some("make the size smaller, or raise the limit if it is meant".to_owned());
            finding.related.push(Related::here(&site.pointer, site.span, "the limit"));
        }
    }
}
