//! A stop may trade with the quotes of another pair.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::STOP_MEETS_PAIR,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A stop may trade with the quotes of another pair.",
    reason: "A stop wakes at the venue, and nobody can hold it back: a quote of another pair in the same market that rests in its way would trade with it, a wash trade. A pair with `protect` has its market to itself.",
    bad: Example::Fragment(
        r#"protect: { stop_bps: 200, limit_bps: 100 }
pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: paper }
    short: { account: 1002, api_key_index: 4, key: paper }
  - id: beta
    protect: { stop_bps: 250 }
    long: { account: 1003, api_key_index: 4, key: paper }
    short: { account: 1004, api_key_index: 4, key: paper }"#,
    ),
    good: Example::Fragment(
        r#"protect: { stop_bps: 200, limit_bps: 100 }
pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: paper }
    short: { account: 1002, api_key_index: 4, key: paper }"#,
    ),
    check: Check::Plan(check),
};

/// One finding for each pair with stops that is not alone.
fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs().filter(|(_, pair)| pair.protect.is_some()) {
        let other = input.pairs().find(|(other, row)| *other != index && row.market == pair.market);
        let Some((other, row)) = other else { continue };
        let message = format!("the stops of `{}` may trade with the quotes of `{}`", pair.id, row.id);
        let place = input.document.place(&format!("/pairs/{other}/id"));
        let finding = report.add(&RULE, input.site(index, "protect/stop_bps"), message);
        finding.help =
            Some("give the pair a market of its own, or a plan of its own without `protect`".to_owned());
        finding.related.push(Related::here(&place.pointer, place.span, "the other pair"));
    }
}
