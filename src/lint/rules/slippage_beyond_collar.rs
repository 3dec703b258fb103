//! A hedge may be filled further from mark than an entry may be placed.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::SLIPPAGE_BEYOND_COLLAR,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "A hedge may be filled further from mark than an entry may be placed.",
    reason: "The collar says how wrong a price may be. A normal hedge stays inside it; only the emergency bound may be wider, and it is never tighter than the normal one.",
    bad: Example::Fragment("hedge: { max_slippage_bps: 250, emergency_slippage_bps: 300 }"),
    good: Example::Fragment("hedge: { max_slippage_bps: 50 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let (normal, emergency) = (pair.hedge.max_slippage_bps, pair.hedge.emergency_slippage_bps);
        let collar = pair.risk.max_price_deviation_bps;
        if normal > collar {
            let message = format!("a hedge may be {normal} bps from mark, and the collar is {collar} bps");
            add(input, report, index, "risk/max_price_deviation_bps", message, format!("at most {collar}"));
        }
        if emergency < normal {
            let message =
                format!("a hedge may be {normal} bps from mark, and an emergency order only {emergency} bps");
            add(
                input,
                report,
                index,
                "hedge/emergency_slippage_bps",
                message,
                format!("at most {emergency}"),
            );
        }
    }
}

fn add(input: &Input<'_>, report: &mut Report, index: usize, other: &str, message: String, help: String) {
    let other = input.site(index, other);
    let finding = report.add(&RULE, input.site(index, "hedge/max_slippage_bps"), message);
    finding.help = Some(help);
    finding.related.push(Related::here(&other.pointer, other.span, "the bound"));
}
