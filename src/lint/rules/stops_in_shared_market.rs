//! Pairs with stops at the venue share a market.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::STOPS_IN_SHARED_MARKET,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A pair with stops at the venue shares its market with another pair.",
    reason: "A stop fires by itself and takes what rests, the other pair's quote included: two own orders would trade with each other, and no gate of this program stands in between.",
    bad: Example::Fragment(
        "protect: { stop_bps: 300 }
watch: { max_hold: 1h }
pairs:
  - id: a
    long:  { account: 1001, api_key_index: 4, key: env:A }
    short: { account: 1002, api_key_index: 4, key: env:B }
  - id: b
    long:  { account: 1003, api_key_index: 4, key: env:C }
    short: { account: 1004, api_key_index: 4, key: env:D }",
    ),
    good: Example::Fragment(
        "protect: { stop_bps: 300 }
watch: { max_hold: 1h }
pairs:
  - id: a
    long:  { account: 1001, api_key_index: 4, key: env:A }
    short: { account: 1002, api_key_index: 4, key: env:B }",
    ),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for indices in input.by_market().values() {
        let stops = |index: &&usize| input.plan.pairs[**index].protect.is_some();
        let Some(first) = indices.iter().find(stops).filter(|_| indices.len() > 1) else { continue };
        let Some(other) = indices.iter().find(|index| *index != first) else { continue };
        let pairs = &input.plan.pairs;
        let message = format!(
            "a stop of pair `{}` may trade with quotes of pair `{}` in {}",
            pairs[*first].id, pairs[*other].id, pairs[*first].market
        );
        let beside = input.site(*other, "id");
        let finding = report.add(&RULE, input.site(*first, "protect/stop_bps"), message);
        finding.help = Some("one pair a market with `protect`, or run the others without it".to_owned());
        finding.related.push(Related::here(&beside.pointer, beside.span, "the other pair"));
    }
}
