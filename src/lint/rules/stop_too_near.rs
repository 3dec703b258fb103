//! A stop wakes nearer to the entry than the pair's own orders may trade.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::STOP_TOO_NEAR,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "A stop wakes nearer to the entry than the pair's own orders may trade.",
    reason: "A hedge may be filled `max_slippage_bps` from mark. A stop within that distance wakes from the hedge that made its leg, or from the next tick after it, and closes a pair that was neutral.",
    bad: Example::Fragment("protect: { stop_bps: 40, limit_bps: 50 }"),
    good: Example::Fragment("protect: { stop_bps: 200, limit_bps: 100 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let Some(protect) = pair.protect else { continue };
        let slippage = pair.hedge.max_slippage_bps;
        if protect.stop_bps <= slippage {
            let message = format!(
                "a stop wakes {} bps from the entry, and a hedge may trade {slippage} bps from mark",
                protect.stop_bps
            );
            let other = input.site(index, "hedge/max_slippage_bps");
            let finding = report.add(&RULE, input.site(index, "protect/stop_bps"), message);
            finding.help = Some(format!("more than {slippage}"));
            finding.related.push(Related::here(&other.pointer, other.span, "how far a hedge may trade"));
        }
    }
}
