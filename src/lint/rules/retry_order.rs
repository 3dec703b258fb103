//! The retry times are not in order: initial ≤ max ≤ budget.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes, format_duration};

pub(super) const RULE: Rule = Rule {
    id: codes::RETRY_ORDER,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The retry times are not in order: initial ≤ max ≤ budget.",
    reason: "A first delay beyond the budget means no retry at all.",
    bad: Example::Fragment("retry: { initial: 20s, max: 10s }"),
    good: Example::Fragment("retry: { initial: 250ms, max: 10s }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    let retry = &input.plan.retry;
    let times = [("initial", retry.initial), ("max", retry.max), ("budget", retry.budget)];
    for ((earlier, first), (later, second)) in times.iter().zip(&times[1..]) {
        if first > second {
            let message = format!(
                "`retry.{earlier}` ({}) is longer than `retry.{later}` ({})",
                format_duration(*first),
                format_duration(*second)
            );
            let other = input.document.place(&format!("/retry/{later}"));
            let finding = report.add(&RULE, input.document.place(&format!("/retry/{earlier}")), message);
            finding.help = Some("initial ≤ max ≤ budget".to_owned());
            finding.related.push(Related::here(&other.pointer, other.span, "the longer one"));
        }
    }
}
