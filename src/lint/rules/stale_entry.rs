//! An entry at a fixed price goes on after a downtime.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{MissedPlace, PairPlan, PriceSpec, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::STALE_ENTRY,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Comment,
    summary: "An entry at a fixed price goes on after a downtime.",
    reason: "While the process was down the market moved; the entry that was meant for then may be a gift now. The collar still holds.",
    bad: Example::Fragment("on_missed: { place: continue }"),
    good: Example::Fragment("on_missed: { place: cancel }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    let fixed = |(_, pair): (usize, &PairPlan)| {
        [pair.buy, pair.sell].iter().any(|price| matches!(price, PriceSpec::Fixed(_)))
    };
    if input.plan.on_missed.place == MissedPlace::Continue && input.pairs().any(fixed) {
        let message = "an entry at a fixed price goes on, however long the process was down".to_owned();
        let finding = report.add(&RULE, input.document.place("/on_missed/place"), message);
        finding.help = Some("write `cancel`, or peg the prices".to_owned());
    }
}
