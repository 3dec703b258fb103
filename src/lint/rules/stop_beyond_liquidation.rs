//! A stop at the venue lies beyond the liquidation price of its leg.

use rust_decimal::Decimal;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Side;
use crate::plan::{Related, Severity, codes, format_usdc, liquidation};

pub(super) const RULE: Rule = Rule {
    id: codes::STOP_BEYOND_LIQUIDATION,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "A stop at the venue lies beyond the liquidation price of its leg.",
    reason: "With a wallet that holds just `minimum_usdc` the venue closes the leg, for a fee, before the stop has sold its last: the stop protects nothing.",
    bad: Example::Fragment(
        "size: 15\nminimum_usdc: 350\nrisk: { max_exposure_usdc: 4000 }\nprotect: { stop_bps: 6000 }",
    ),
    good: Example::Fragment(
        "size: 15\nminimum_usdc: 350\nrisk: { max_exposure_usdc: 4000 }\nprotect: { stop_bps: 1000 }",
    ),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let (Some(protect), Some(market), Some((buy, sell, size))) =
            (pair.protect, input.market(index), input.orders(index))
        else {
            continue;
        };
        let reach = Decimal::new(i64::from(protect.stop_bps) + i64::from(protect.limit_bps), 2);
        let distances = [(Side::Buy, buy, "long"), (Side::Sell, sell, "short")];
        let nearest = distances.into_iter().filter_map(|(side, price, leg)| {
            Some((liquidation(pair, market, side, price, size)?.distance_pct, leg))
        });
        let Some((distance, leg)) = nearest.min().filter(|(distance, _)| *distance <= reach) else {
            continue;
        };
        let message = format!(
            "the {leg} leg's stop trades down to {reach}% from its entry, and with {} USDC the venue closes the leg at {}%",
            format_usdc(pair.minimum_usdc),
            distance.round_dp(1),
        );
        let minimum = input.site(index, "minimum_usdc");
        let finding = report.add(&RULE, input.site(index, "protect/stop_bps"), message);
        finding.help = Some("a nearer stop, more `minimum_usdc`, or a smaller size".to_owned());
        finding.related.push(Related::here(&minimum.pointer, minimum.span, "the balance that is asked for"));
    }
}
