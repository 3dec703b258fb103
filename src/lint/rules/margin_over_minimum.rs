//! `minimum_usdc` does not cover the margin of a leg.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes, format_usdc, initial_margin};

pub(super) const RULE: Rule = Rule {
    id: codes::MARGIN_OVER_MINIMUM,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "`minimum_usdc` does not cover the margin of a leg.",
    reason: "The check passes wallets that hold the minimum, and the venue would then refuse their order for lack of margin (21739).",
    bad: Example::Fragment(
        r#"size: 15
minimum_usdc: 100
leverage: 5
risk: { max_exposure_usdc: 4000, min_liquidation_distance_pct: 0 }"#,
    ),
    good: Example::Fragment("minimum_usdc: 500"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let (Some(market), Some((buy, sell, size))) = (input.market(index), input.orders(index)) else {
            continue;
        };
        let margin = initial_margin(pair, market, buy.max(sell), size);
        if margin > pair.minimum_usdc {
            let margin = format_usdc(margin);
            let message = format!(
                "a leg takes {margin} USDC of margin, and wallets are only asked for {}",
                format_usdc(pair.minimum_usdc)
            );
            let size = input.size_site(index);
            let finding = report.add(&RULE, input.site(index, "minimum_usdc"), message);
            finding.help = Some(format!("at least {margin}"));
            finding.related.push(Related::here(&size.pointer, size.span, "the size of each leg"));
        }
    }
}
