//! `key: paper` stands in a plan that does not run on paper.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{KeySource, Network, Related, Severity, codes, is_loopback};

pub(super) const RULE: Rule = Rule {
    id: codes::PAPER_KEY,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "`key: paper` stands in a plan that does not run on paper.",
    reason: "Paper keys are made from a seed that is written in the plan: everybody knows them.",
    bad: Example::Fragment(
        r#"network: testnet
paper: ~
pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: paper }
    short: { account: 1002, api_key_index: 4, key: paper }"#,
    ),
    good: Example::Fragment(
        r#"pairs:
  - id: alpha
    long: { account: 1001, api_key_index: 4, key: paper }
    short: { account: 1002, api_key_index: 4, key: paper }"#,
    ),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    // A custom network on loopback is a `lighter-plan paper` server, which registers paper keys as well.
    let paper = match &input.plan.network {
        Network::Paper => true,
        Network::Custom { http, .. } => is_loopback(http),
        Network::Testnet | Network::Mainnet | Network::Robinhood | Network::RobinhoodTestnet => false,
    };
    if paper {
        return;
    }
    for (index, pair) in input.pairs() {
        for (side, leg) in [("long", &pair.long), ("short", &pair.short)] {
            let named = [("key", Some(&leg.key)), ("l1_key", leg.l1_key.as_ref())];
            for (name, _) in named.into_iter().filter(|(_, key)| *key == Some(&KeySource::Paper)) {
                let site = input.document.place(&format!("/pairs/{index}/{side}/{name}"));
                let network = input.document.place("/network");
                let finding =
                    report.add(&RULE, site, format!("`{name}: paper` is only for the paper exchange"));
                finding.help = Some("write `env:NAME`, `file:PATH` or `sealed:PATH`".to_owned());
                finding.related.push(Related::here(&network.pointer, network.span, "the network"));
            }
        }
    }
}
