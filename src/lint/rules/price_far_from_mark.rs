//! A price is beyond the plan's own collar, as far as the shipped market list knows the mark.

use rust_decimal::Decimal;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{PriceSpec, Related, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::PRICE_FAR_FROM_MARK,
    severity: Severity::Info,
    since: "0.1.0",
    silence: Silence::Comment,
    summary: "A price is beyond the plan's own collar, as far as the shipped market list knows the mark.",
    reason: "The check before the first order uses the mark of that moment and ends the run with 28. The shipped mark ages, so this is information; on paper, whose default market starts from that very mark, it is a warning.",
    bad: Example::Fragment(
        r#"paper: { world: default }
prices: { buy: 90, sell: 101.180 }"#,
    ),
    good: Example::Fragment("prices: { buy: 101.050, sell: 101.180 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    let starts_at_mark = input.plan.paper.as_ref().is_some_and(|paper| paper.world == "default");
    for (index, pair) in input.pairs() {
        let Some(mark) = input.market(index).and_then(|market| market.mark_price) else { continue };
        for (path, spec) in [("prices/buy", pair.buy), ("prices/sell", pair.sell)] {
            let PriceSpec::Fixed(price) = spec else { continue };
            let limit = pair.risk.max_price_deviation_bps;
            let Some(bps) = deviation_bps(price, mark) else { continue };
            if bps > Decimal::from(limit) {
                let message = format!(
                    "{price} is {bps} bps from the listed mark {mark}, and the collar is {limit} bps"
                );
                let collar = input.site(index, "risk/max_price_deviation_bps");
                let finding = report.add(&RULE, input.site(index, path), message);
                if starts_at_mark {
                    finding.severity = Severity::Warning;
                }
                finding.help = Some("move the price, or widen `risk.max_price_deviation_bps`".to_owned());
                finding.related.push(Related::here(&collar.pointer, collar.span, "the collar"));
            }
        }
    }
}

fn deviation_bps(price: Decimal, mark: Decimal) -> Option<Decimal> {
    let share = price.checked_sub(mark)?.abs().checked_div(mark)?;
    Some(share.checked_mul(Decimal::from(10_000))?.round())
}
