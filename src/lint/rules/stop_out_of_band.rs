//! The venue refuses an entry whose stop trades too far from the market.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Side;
use crate::plan::{Related, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::STOP_OUT_OF_BAND,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The venue refuses an entry whose stop trades too far from the market.",
    reason: "The venue takes no order to sell below 95 % of the best bid, and none to buy above 105 % of the best ask, stops included. A stop that goes out with its entry is refused with it.",
    bad: Example::Fragment("protect: { stop_bps: 400, limit_bps: 200 }"),
    good: Example::Fragment("protect: { stop_bps: 200, limit_bps: 100 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let (Some(protect), Some((buy, sell, _))) = (pair.protect, input.orders(index)) else { continue };
        let (_, lowest) = protect.prices(Side::Buy, buy);
        let (_, highest) = protect.prices(Side::Sell, sell);
        // At best the touch is where the quote is.
        let below = lowest.ticks().saturating_mul(100) < buy.ticks().saturating_mul(95);
        let above = highest.ticks().saturating_mul(100) > sell.ticks().saturating_mul(105);
        if below || above {
            let reach = protect.stop_bps + protect.limit_bps;
            let message =
                format!("a stop may trade {reach} bps from its entry, and the venue takes about 500");
            let other = input.site(index, "protect/limit_bps");
            let finding = report.add(&RULE, input.site(index, "protect/stop_bps"), message);
            finding.help = Some(
                "`stop_bps` and `limit_bps` together stay below 500, with room for the market to move"
                    .to_owned(),
            );
            finding.related.push(Related::here(&other.pointer, other.span, "how far beyond the stop"));
        }
    }
}
