//! The message budget cannot carry the plan.

use std::time::Duration;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Severity, codes, format_duration, messages_in_worst_minute, start_up};

pub(super) const RULE: Rule = Rule {
    id: codes::MESSAGE_BUDGET,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "The message budget cannot carry the plan.",
    reason: "An entry with its leverage and its dead man's switch, the cancels, all hedge attempts and an exit may fall into one minute. A budget below that is exceeded: what takes risk away is never held back. A Standard account has 60 requests a minute, for all pairs together.",
    bad: Example::Fragment("risk: { max_messages_per_minute: 8 }"),
    good: Example::Fragment("risk: { max_messages_per_minute: 40 }"),
    check: Check::Plan(check),
};

/// Requests a minute of a Standard account, transactions included.
const STANDARD: u32 = 60;

/// Nothing is told more exactly.
const MINUTE: Duration = Duration::from_secs(60);

fn check(input: &Input<'_>, report: &mut Report) {
    let (mut total, mut pairs) = (0_u32, 0_u32);
    for (index, pair) in input.pairs() {
        let needed = messages_in_worst_minute(pair);
        total = total.saturating_add(needed);
        pairs = pairs.saturating_add(1);
        let budget = pair.risk.max_messages_per_minute;
        if needed > budget {
            let message =
                format!("the worst minute of this pair takes {needed} messages, and {budget} are allowed");
            let site = input.site(index, "risk/max_messages_per_minute");
            let finding = report.add(&RULE, site, message);
            finding.help = Some(format!(
                "at least {needed}: leverage, entry, dead man's switch, cancel and exit of both legs, {} hedge attempts",
                pair.hedge.attempts
            ));
        }
    }
    if total > STANDARD {
        let message = format!(
            "the worst minute of all pairs takes {total} messages, and a Standard account has {STANDARD}; \
             its limits let the last pair quote after {}",
            format_duration(start_up(pairs).standard.max(MINUTE))
        );
        let finding = report.add(&RULE, input.document.place("/pairs"), message);
        finding.severity = Severity::Warning;
        finding.help = Some("run fewer pairs from one address, or use a Premium account".to_owned());
    }
}
