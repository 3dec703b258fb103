//! A position is held for weeks, and no loss ends it.

use std::time::Duration;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Severity, codes, format_duration};

pub(super) const RULE: Rule = Rule {
    id: codes::UNBOUNDED_WATCH,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "A position is held for weeks, and no loss ends it.",
    reason: "The legs are neutral, but funding, a liquidation of one leg and a venue that is down are not. Beyond a week `max_hold` alone is no exit rule.",
    bad: Example::Fragment("watch: { max_hold: 30d }"),
    good: Example::Fragment("watch: { max_hold: 30d, stop_loss_usdc: 50 }"),
    check: Check::Plan(check),
};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        if pair.watch.max_hold > WEEK && pair.watch.stop_loss.is_none() {
            let message = format!(
                "the position is held for up to {}, and no `stop_loss_usdc` ends it before",
                format_duration(pair.watch.max_hold)
            );
            let finding = report.add(&RULE, input.site(index, "watch/max_hold"), message);
            finding.help = Some("add `watch.stop_loss_usdc`, or hold for a week at most".to_owned());
        }
    }
}
