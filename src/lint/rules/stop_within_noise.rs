//! A stop at the venue is nearer than the price ordinarily moves while the pair is held.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::plan::{Related, Severity, codes, format_duration};

pub(super) const RULE: Rule = Rule {
    id: codes::STOP_WITHIN_NOISE,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "A stop at the venue is nearer than the price ordinarily moves while the pair is held.",
    reason: "A held pair is neutral: what one leg loses the other earns. A stop that is nearer than one standard deviation of the price over `max_hold`, at the yearly volatility that `risk.volatility_pct` states, closes one leg in an ordinary market, and the pair leaves at the cost of both spreads.",
    bad: Example::Fragment("protect: { stop_bps: 100 }\nwatch: { max_hold: 24h }"),
    good: Example::Fragment("protect: { stop_bps: 300 }\nwatch: { max_hold: 1h }"),
    check: Check::Plan(check),
};

const SECONDS_A_YEAR: u128 = 365 * 86_400;

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let Some(protect) = pair.protect else { continue };
        let hold = pair.watch.max_hold;
        let ordinary = deviation_bps(pair.risk.volatility_pct, u128::from(hold.as_secs()));
        if u128::from(protect.stop_bps) < ordinary {
            let message = format!(
                "a stop {} bps from the entry fires in an ordinary market: in {} the price moves {ordinary} bps, one deviation at {}% a year",
                protect.stop_bps,
                format_duration(hold),
                pair.risk.volatility_pct,
            );
            let held = input.site(index, "watch/max_hold");
            let finding = report.add(&RULE, input.site(index, "protect/stop_bps"), message);
            finding.help = Some(format!("at least {ordinary}, a shorter `max_hold`, or another volatility"));
            finding.related.push(Related::here(&held.pointer, held.span, "how long the pair is held"));
        }
    }
}

/// Volatility × √(time in years), in whole basis points.
fn deviation_bps(volatility_pct: u32, seconds: u128) -> u128 {
    let root_e6 = (seconds * 1_000_000_000_000 / SECONDS_A_YEAR).isqrt();
    u128::from(volatility_pct) * 100 * root_e6 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_at_a_hundred_percent_is_523_basis_points() {
        assert_eq!(deviation_bps(100, 86_400), 523);
    }
}
