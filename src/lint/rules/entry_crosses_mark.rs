//! An entry stands on the wrong side of the price that its market starts from.

use rust_decimal::Decimal;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::{Side, TimeInForce};
use crate::plan::{PriceSpec, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::ENTRY_CROSSES_MARK,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Comment,
    summary: "An entry stands on the wrong side of the price that its market starts from.",
    reason: "A buy above the market or a sell below it takes instead of making: post-only, the venue cancels it and the pair ends flat; good-till-time, it pays the spread. Only the default paper market starts from a price that is known beforehand.",
    bad: Example::Fragment(
        r#"paper: { world: default }
prices: { buy: 101.300, sell: 101.450 }"#,
    ),
    good: Example::Fragment(
        r#"paper: { world: default }
prices: { buy: 101.050, sell: 101.250 }"#,
    ),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    if input.plan.paper.as_ref().is_none_or(|paper| paper.world != "default") {
        return;
    }
    for (index, pair) in input.pairs() {
        let Some(mark) = input.market(index).and_then(|market| market.mark_price) else { continue };
        let what = match pair.place.time_in_force {
            TimeInForce::PostOnly => "is cancelled by the venue, as post-only",
            TimeInForce::GoodTillTime | TimeInForce::ImmediateOrCancel => "takes, and pays the spread",
        };
        for (path, side, spec) in
            [("prices/buy", Side::Buy, pair.buy), ("prices/sell", Side::Sell, pair.sell)]
        {
            let PriceSpec::Fixed(price) = spec else { continue };
            if crosses(side, price, mark) {
                let message = format!("{side} at {price}, with the market at {mark}: the order {what}");
                let finding = report.add(&RULE, input.site(index, path), message);
                finding.help = Some("put the buy below the market and the sell above it".to_owned());
            }
        }
    }
}

/// A tenth of a percent beyond: nearer than that, the market may be on either side by the time the order arrives.
fn crosses(side: Side, price: Decimal, mark: Decimal) -> bool {
    let near = mark / Decimal::ONE_THOUSAND;
    match side {
        Side::Buy => price > mark + near,
        Side::Sell => price < mark - near,
    }
}
