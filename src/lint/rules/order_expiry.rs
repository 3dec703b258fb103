//! The order expiry is outside what the venue accepts.

use std::time::Duration;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Severity, codes, format_duration};

pub(super) const RULE: Rule = Rule {
    id: codes::ORDER_EXPIRY,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "The order expiry is outside what the venue accepts.",
    reason: "The venue takes 5 minutes to 30 days, and refuses the rest with 21711. Our own cancel ends the entry; the expiry is only the backstop.",
    bad: Example::Fragment(
        r#"place: { expires_in: 2m }
watch: { entry_deadline: 1m, max_hold: 2m }"#,
    ),
    good: Example::Fragment("place: { expires_in: 30m }"),
    check: Check::Plan(check),
};

const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let expires_in = pair.place.expires_in;
        if !(SHORTEST..=LONGEST).contains(&expires_in) {
            let message = format!(
                "an order cannot expire in {}: the venue takes 5m to 30d",
                format_duration(expires_in)
            );
            let help = "keep it at 5m or more; `watch.entry_deadline` ends the entry as early as you like";
            report.add(&RULE, input.site(index, "place/expires_in"), message).help = Some(help.to_owned());
        }
    }
}
