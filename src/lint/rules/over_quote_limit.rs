//! An order is larger than the market's limit.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Usdc;
use crate::plan::{Severity, codes, format_usdc};

pub(super) const RULE: Rule = Rule {
    id: codes::OVER_QUOTE_LIMIT,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "An order is larger than the market's limit.",
    reason: "The venue refuses it with 21706.",
    bad: Example::Fragment(
        r#"market: WTI
prices: { buy: 103, sell: 103.2 }
size: 900000
risk: { max_order_usdc: 100000000, max_position_usdc: 100000000, max_exposure_usdc: 200000000, max_drawdown_usdc: 10000000 }
hedge: { max_naked_loss_usdc: 1000000 }
minimum_usdc: 20000000
paper: { usdc: 100000000 }
network: paper"#,
    ),
    good: Example::Fragment("size: 2.5"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, _) in input.pairs() {
        let (Some(market), Some((_, sell, size))) = (input.market(index), input.orders(index)) else {
            continue;
        };
        let notional = Usdc::notional(size, sell, market);
        if notional > market.order_quote_limit {
            let limit = format_usdc(market.order_quote_limit);
            let notional = format_usdc(notional);
            let message =
                format!("an order of {notional} USDC is over the limit of {}, {limit} USDC", market.symbol);
            report.add(&RULE, input.size_site(index), message).help = Some("split the pair".to_owned());
        }
    }
}
