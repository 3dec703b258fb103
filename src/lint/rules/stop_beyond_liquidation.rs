//! The venue liquidates a leg before its stop is through.

use rust_decimal::Decimal;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Side;
use crate::plan::{Related, Severity, codes, format_usdc, liquidation};

pub(super) const RULE: Rule = Rule {
    id: codes::STOP_BEYOND_LIQUIDATION,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "The venue liquidates a leg before its stop is through.",
    reason: "A stop that wakes at the liquidation price, or may trade only beyond it, protects nothing: the venue closes the position first, with its fee. It is counted with a wallet that holds just `minimum_usdc`.",
    bad: Example::Fragment(
        r#"size: 15
leverage: 20
minimum_usdc: 100
risk: { max_exposure_usdc: 4000, min_liquidation_distance_pct: 1 }
protect: { stop_bps: 330, limit_bps: 120 }"#,
    ),
    good: Example::Fragment("protect: { stop_bps: 200, limit_bps: 100 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let Some(protect) = pair.protect else { continue };
        let (Some(market), Some((buy, sell, size))) = (input.market(index), input.orders(index)) else {
            continue;
        };
        let reach = Decimal::new(i64::from(protect.stop_bps + protect.limit_bps), 2);
        let nearest = [(Side::Buy, buy), (Side::Sell, sell)]
            .into_iter()
            .filter_map(|(side, price)| Some(liquidation(pair, market, side, price, size)?.distance_pct))
            .min();
        if let Some(nearest) = nearest.filter(|nearest| *nearest <= reach) {
            let message = format!(
                "a stop may trade up to {}% from the entry, and with {} USDC a leg is liquidated at {}%",
                reach.normalize(),
                format_usdc(pair.minimum_usdc),
                nearest.round_dp(2).normalize()
            );
            let minimum = input.site(index, "minimum_usdc");
            let finding = report.add(&RULE, input.site(index, "protect/stop_bps"), message);
            finding.help =
                Some("set the stop nearer, raise `minimum_usdc`, or make the size smaller".to_owned());
            finding.related.push(Related::here(
                &minimum.pointer,
                minimum.span,
                "the balance that is asked for",
            ));
        }
    }
}
