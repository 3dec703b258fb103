//! All legs together are more than `risk.max_exposure_usdc`.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Usdc;
use crate::plan::{Related, Severity, codes, format_usdc};

pub(super) const RULE: Rule = Rule {
    id: codes::EXPOSURE_OVER_LIMIT,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "All legs together are more than `risk.max_exposure_usdc`.",
    reason: "The limit holds for the whole run: every leg of every pair, with orders in doubt counted as filled.",
    bad: Example::Fragment("risk: { max_order_usdc: 400, max_position_usdc: 400, max_exposure_usdc: 400 }"),
    good: Example::Fragment("risk: { max_exposure_usdc: 2000 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    let mut total = Usdc::ZERO;
    for (index, _) in input.pairs() {
        let (Some(market), Some((buy, sell, size))) = (input.market(index), input.orders(index)) else {
            return;
        };
        total = total.plus(Usdc::notional(size, buy, market)).plus(Usdc::notional(size, sell, market));
    }
    let tightest = input.pairs().map(|(index, pair)| (pair.risk.max_exposure, index)).min();
    let Some((limit, index)) = tightest else { return };
    if total > limit {
        let (total, limit) = (format_usdc(total), format_usdc(limit));
        let message =
            format!("all legs together are {total} USDC, over `risk.max_exposure_usdc`, {limit} USDC");
        let finding = report.add(&RULE, input.site(index, "risk/max_exposure_usdc"), message);
        finding.help = Some("make the sizes smaller, or raise the limit if it is meant".to_owned());
        let size = input.size_site(index);
        finding.related.push(Related::here(&size.pointer, size.span, "the size of each leg"));
    }
}
