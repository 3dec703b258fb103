//! A stop may trade further from the market than the venue takes orders.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::STOP_BEYOND_BAND,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A stop may trade further from the market than the venue takes orders.",
    reason: "The venue refuses a stop whose limit is more than 5 % beyond the best price (21735), and the entry goes out in the same transaction: nothing would be placed. `stop_bps` and `limit_bps` together stay below that, with room for an entry that is not at the touch.",
    bad: Example::Fragment("protect: { stop_bps: 400 }\nwatch: { max_hold: 1h }"),
    good: Example::Fragment("protect: { stop_bps: 300 }\nwatch: { max_hold: 1h }"),
    check: Check::Plan(check),
};

/// Of the 500 basis points that the venue allows, what is left to an entry behind the touch (rules.md §3.2).
const REACH_MAX_BPS: u32 = 450;

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let Some(protect) = pair.protect else { continue };
        let reach = protect.stop_bps.saturating_add(protect.limit_bps);
        if reach > REACH_MAX_BPS {
            let message = format!(
                "a stop may trade {reach} bps from its entry, and the venue refuses what is 5 % beyond the best price"
            );
            let finding = report.add(&RULE, input.site(index, "protect/stop_bps"), message);
            finding.help = Some(format!("`stop_bps` and `limit_bps` together at most {REACH_MAX_BPS}"));
        }
    }
}
