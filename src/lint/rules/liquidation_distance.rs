//! A wallet that holds just `minimum_usdc` is nearer to liquidation than the plan allows.

use rust_decimal::Decimal;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Side;
use crate::plan::{Related, Severity, codes, format_usdc, liquidation};

pub(super) const RULE: Rule = Rule {
    id: codes::LIQUIDATION_DISTANCE,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "A wallet that holds just `minimum_usdc` is nearer to liquidation than the plan allows.",
    reason: "The check before the first order counts with the real balance and ends the run with 28 when the distance is too small.",
    bad: Example::Fragment(
        r#"size: 15
minimum_usdc: 350
risk: { max_exposure_usdc: 4000, min_liquidation_distance_pct: 40 }"#,
    ),
    good: Example::Fragment("risk: { min_liquidation_distance_pct: 10 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let (Some(market), Some((buy, sell, size))) = (input.market(index), input.orders(index)) else {
            continue;
        };
        let wanted = pair.risk.min_liquidation_distance_pct;
        let distances = [(Side::Buy, buy), (Side::Sell, sell)].into_iter().filter_map(|(side, price)| {
            Some((liquidation(pair, market, side, price, size)?.distance_pct, side))
        });
        let near: Vec<_> = distances.filter(|(distance, _)| *distance < wanted).collect();
        if !near.is_empty() {
            let leg = |(distance, side): &(Decimal, Side)| {
                let leg = if *side == Side::Buy { "long" } else { "short" };
                format!("the {leg} leg is {}% from liquidation", distance.round_dp(1))
            };
            let message = format!(
                "with {} USDC {}, and the plan asks for {wanted}%",
                format_usdc(pair.minimum_usdc),
                near.iter().map(leg).collect::<Vec<_>>().join(" and ")
            );
            let minimum = input.site(index, "minimum_usdc");
            let site = input.site(index, "risk/min_liquidation_distance_pct");
            let finding = report.add(&RULE, site, message);
            finding.help = Some("raise `minimum_usdc`, or make the size smaller".to_owned());
            finding.related.push(Related::here(
                &minimum.pointer,
                minimum.span,
                "the balance that is asked for",
            ));
        }
    }
}
