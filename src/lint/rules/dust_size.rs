//! `hedge.dust_usdc` is less than a lot, or as much as a leg.

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::{Size, Usdc};
use crate::plan::{Related, Severity, codes, format_usdc};

pub(super) const RULE: Rule = Rule {
    id: codes::DUST_SIZE,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "`hedge.dust_usdc` is less than a lot, or as much as a leg.",
    reason: "What is worth less than the dust counts as flat. As much as a leg, a naked leg would count as nothing and never be hedged; less than a lot, it has no effect, because no order can be smaller than a lot.",
    bad: Example::Fragment("hedge: { dust_usdc: 300 }"),
    good: Example::Fragment("hedge: { dust_usdc: 1 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let (Some(market), Some((buy, sell, size))) = (input.market(index), input.orders(index)) else {
            continue;
        };
        let site = input.site(index, "hedge/dust_usdc");
        let dust = format_usdc(pair.hedge.dust);
        let leg = Usdc::notional(size, buy, market);
        let lot = Usdc::notional(Size::from_lots(1), sell, market);
        if pair.hedge.dust >= leg {
            let message = format!("{dust} USDC of dust is as much as a leg, {} USDC", format_usdc(leg));
            let origin = input.size_site(index);
            let finding = report.add(&RULE, site, message);
            finding.help = Some("a whole leg would count as flat; a dollar or two is usual".to_owned());
            finding.related.push(Related::here(&origin.pointer, origin.span, "the size of each leg"));
        } else if site.written && pair.hedge.dust < lot && pair.hedge.dust > Usdc::ZERO {
            let lot = format_usdc(lot);
            let message =
                format!("{dust} USDC of dust has no effect: the smallest hedge clip, one lot, is {lot} USDC");
            let finding = report.add(&RULE, site, message);
            finding.severity = Severity::Info;
            finding.help = Some(format!("at least {lot}, or leave it out"));
        }
    }
}
