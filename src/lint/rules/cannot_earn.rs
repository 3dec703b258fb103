//! The pair cannot earn what the plan waits for.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::{Price, Usdc};
use crate::plan::{PriceSpec, Related, Severity, codes, format_usdc};

pub(super) const RULE: Rule = Rule {
    id: codes::CANNOT_EARN,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "The pair cannot earn what the plan waits for.",
    reason: "Once both legs are filled the pair is neutral: it earns the sell price less the buy price on its size, and pays its exit out of that. Funding comes in on one leg and goes out on the other. A take profit above that sum never fires. On a Premium account entry and exit cost fees as well (rules of the venue: 0.4 bps maker, 2.8 bps taker at most).",
    bad: Example::Fragment(r#"watch: { take_profit_usdc: 40 }"#),
    good: Example::Fragment(r#"watch: { take_profit_usdc: 0.1 }"#),
    check: Check::Plan(check),
};

/// Premium fees of an entry as maker and an exit as taker, both legs, in millionths of one leg.
const ROUND_TRIP_PREMIUM: i64 = 2 * (40 + 280);

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let fixed = |spec| matches!(spec, PriceSpec::Fixed(_));
        let (Some(market), Some((buy, sell, size))) = (input.market(index), input.orders(index)) else {
            continue;
        };
        if !fixed(pair.buy) || !fixed(pair.sell) || sell <= buy {
            continue;
        }
        let spread = Price::from_ticks(sell.ticks() - buy.ticks());
        let earns = Usdc::notional(size, spread, market);
        let prices = input.site(index, "prices/sell");
        if let Some(wanted) = pair.watch.take_profit.filter(|wanted| *wanted > earns) {
            let message = format!(
                "the pair earns {} USDC at most between its prices, and `take_profit_usdc` waits for {}",
                format_usdc(earns),
                format_usdc(wanted)
            );
            let finding = report.add(&RULE, input.site(index, "watch/take_profit_usdc"), message);
            finding.help = Some("take less, move the prices apart, or leave it to `max_hold`".to_owned());
            finding.related.push(Related::here(&prices.pointer, prices.span, "the sell price"));
            continue;
        }
        let fees = Usdc::notional(size, sell, market).micros().saturating_mul(ROUND_TRIP_PREMIUM) / 1_000_000;
        let fees = Usdc::from_micros(fees);
        let left = Usdc::from_micros(earns.micros().saturating_sub(fees.micros()));
        let wanted = pair.watch.take_profit.filter(|wanted| *wanted > left);
        let (site, then) = match wanted {
            _ if fees > earns => (prices, String::new()),
            Some(wanted) => (
                input.site(index, "watch/take_profit_usdc"),
                format!(", and `take_profit_usdc` waits for {}", format_usdc(wanted)),
            ),
            None => continue,
        };
        let message = format!(
            "the pair earns {} USDC between its prices; the fees of a Premium account are {}{then}",
            format_usdc(earns),
            format_usdc(fees)
        );
        let finding = report.add(&RULE, site, message);
        finding.severity = Severity::Info;
        finding.help =
            Some("a Standard account pays none; else move the prices apart, or take less".to_owned());
    }
}
