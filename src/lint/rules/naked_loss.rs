//! A naked leg may lose more than `hedge.max_naked_loss_usdc` within `hedge.max_naked`.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Usdc;
use crate::plan::{Related, Severity, codes, format_duration, format_usdc};

pub(super) const RULE: Rule = Rule {
    id: codes::NAKED_LOSS,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "A naked leg may lose more than `hedge.max_naked_loss_usdc` within `hedge.max_naked`.",
    reason: "The loss is three standard deviations of the price over `max_naked`, at the yearly volatility that `risk.volatility_pct` states. Where it is above the limit, the limit fires in markets that are merely lively, and the hedge pays the spread each time.",
    bad: Example::Fragment(r#"hedge: { max_naked_loss_usdc: 0.5 }"#),
    good: Example::Fragment(r#"hedge: { max_naked_loss_usdc: 5 }"#),
    check: Check::Plan(check),
};

const SECONDS_A_YEAR: u128 = 365 * 86_400;

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let (Some(market), Some((buy, sell, size))) = (input.market(index), input.orders(index)) else {
            continue;
        };
        let notional = Usdc::notional(size, buy.max(sell), market);
        let volatility = pair.risk.volatility_pct;
        let loss = three_deviations(notional, volatility, u128::from(pair.hedge.max_naked.as_secs()));
        if loss > pair.hedge.max_naked_loss {
            let limit = format_usdc(pair.hedge.max_naked_loss);
            let message = format!(
                "a naked leg of {} USDC may lose {} USDC in {}, three deviations at {volatility}% a year; the limit is {limit}",
                format_usdc(notional),
                format_usdc(loss),
                format_duration(pair.hedge.max_naked),
            );
            let naked = input.site(index, "hedge/max_naked");
            let finding = report.add(&RULE, input.site(index, "hedge/max_naked_loss_usdc"), message);
            finding.help = Some(
                "make `max_naked` or the size smaller, raise the limit, or state another volatility"
                    .to_owned(),
            );
            finding.related.push(Related::here(&naked.pointer, naked.span, "the naked time allowed here"));
        }
    }
}

/// Three times notional × volatility × √(time in years), in whole millionths.
fn three_deviations(notional: Usdc, volatility_pct: u32, seconds: u128) -> Usdc {
    let root_e6 = (seconds * 1_000_000_000_000 / SECONDS_A_YEAR).isqrt();
    let micros =
        u128::from(notional.micros().unsigned_abs()) * u128::from(volatility_pct) * 3 * root_e6 / 100_000_000;
    Usdc::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_at_a_hundred_percent_is_a_nineteenth() {
        // √(1/365) = 0.052342; three of them on 1,000 USDC.
        let loss = three_deviations(Usdc::whole(1_000), 100, 86_400);
        assert_eq!(format_usdc(loss), "157.026");
    }
}
