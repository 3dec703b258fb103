//! The USDC leaves by the fast route, and a leg does not say where its owner's key is.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::FAST_WITHOUT_OWNER,
    severity: Severity::Error,
    // Silenced, the plan would trade and then be unable to withdraw.
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The USDC leaves by the fast route, and a leg does not say where its owner's key is.",
    reason: "A fast withdrawal is a transfer to the venue's bridge, and the venue takes it only with the signature of the account's Ethereum key.",
    bad: Example::Text("withdraw: { when: on_exit, route: fast }"),
    good: Example::Fragment(
        r#"pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: paper, l1_key: paper }
    short: { account: 1002, api_key_index: 4, key: paper, l1_key: paper }
withdraw: { when: on_exit, route: fast }"#,
    ),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs().filter(|(_, pair)| pair.withdraws_fast()) {
        for (side, leg) in [("long", &pair.long), ("short", &pair.short)] {
            if leg.l1_key.is_some() {
                continue;
            }
            let site = input.document.place(&format!("/pairs/{index}/{side}"));
            let route = input.site(index, "withdraw/route");
            let finding = report.add(&RULE, site, format!("`{side}` has no `l1_key`"));
            finding.help = Some(
                "name the owner's Ethereum key (`l1_key: env:NAME`), or write `route: secure`".to_owned(),
            );
            finding.related.push(Related::here(&route.pointer, route.span, "the route"));
        }
    }
}
