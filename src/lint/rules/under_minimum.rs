//! An order is smaller than the market's minimum at its own price.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::UNDER_MINIMUM,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "An order is smaller than the market's minimum at its own price.",
    reason: "The smallest order that may rest is the larger of the market's base minimum and its USDC minimum at the order's price; the venue refuses less with 21706. Immediate orders are exempt, so a hedge goes down to one lot.",
    bad: Example::Fragment("size: 0.05"),
    good: Example::Fragment("size: 2.5"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, _) in input.pairs() {
        let (Some(market), Some((buy, sell, size))) = (input.market(index), input.orders(index)) else {
            continue;
        };
        // The lower price needs the larger size.
        let needed = market.min_size_at(buy.min(sell));
        if size < needed {
            let (size, needed) = (size.to_decimal(market), needed.to_decimal(market));
            let symbol = &market.symbol;
            let message =
                format!("{size} {symbol} is less than the smallest order that may rest, {needed} {symbol}");
            report.add(&RULE, input.size_site(index), message).help = Some(format!("at least {needed}"));
        }
    }
}
