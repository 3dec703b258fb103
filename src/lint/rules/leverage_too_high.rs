//! The leverage is more than the market allows.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::LEVERAGE_TOO_HIGH,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "The leverage is more than the market allows.",
    reason: "The venue refuses the setting with 21113.",
    bad: Example::Fragment("leverage: 50"),
    good: Example::Fragment("leverage: 5"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let Some(market) = input.market(index) else { continue };
        if pair.initial_margin_fraction() < market.min_initial_margin_fraction {
            let max = market.max_leverage();
            let message =
                format!("{} takes at most {max}x leverage, and this is {}x", market.symbol, pair.leverage);
            report.add(&RULE, input.site(index, "leverage"), message).help = Some(format!("at most {max}"));
        }
    }
}
