//! The deadlines are not in order: wait < max_naked < entry_deadline < expires_in.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes, format_duration};

pub(super) const RULE: Rule = Rule {
    id: codes::DEADLINE_ORDER,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "The deadlines are not in order: wait < max_naked < entry_deadline < expires_in.",
    reason: "A hedge that starts after its own hard cap is always an emergency; a deadline behind the venue's expiry never comes.",
    bad: Example::Fragment("hedge: { wait: 40s, max_naked: 30s }"),
    good: Example::Fragment("hedge: { wait: 20s, max_naked: 30s }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let deadlines = [
            ("hedge/wait", pair.hedge.wait),
            ("hedge/max_naked", pair.hedge.max_naked),
            ("watch/entry_deadline", pair.watch.entry_deadline),
            ("place/expires_in", pair.place.expires_in),
        ];
        for ((earlier, first), (later, second)) in deadlines.iter().zip(&deadlines[1..]) {
            if first >= second {
                let (early, late) = (earlier.replace('/', "."), later.replace('/', "."));
                let message = format!(
                    "`{early}` ({}) must be shorter than `{late}` ({})",
                    format_duration(*first),
                    format_duration(*second)
                );
                let other = input.site(index, later);
                let finding = report.add(&RULE, input.site(index, earlier), message);
                finding.help =
                    Some("hedge.wait < hedge.max_naked < watch.entry_deadline < place.expires_in".to_owned());
                finding.related.push(Related::here(&other.pointer, other.span, "the later one"));
            }
        }
    }
}
