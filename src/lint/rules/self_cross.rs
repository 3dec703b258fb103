//! A buy price of the plan reaches a sell price of the plan in the same market.

use std::collections::HashMap;

use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::Side;
use crate::plan::{PriceSpec, Related, Severity, codes, price_at};

pub(super) const RULE: Rule = Rule {
    id: codes::SELF_CROSS,
    severity: Severity::Error,
    since: "0.1.0",
    silence: Silence::Never,
    summary: "A buy price of the plan reaches a sell price of the plan in the same market.",
    reason: "Two own orders would trade with each other: a wash trade, with fees. The venue's own protection covers one account only. The buy price is at least one tick below the sell price, after rounding, within a pair and across pairs.",
    bad: Example::Fragment("prices: { buy: 101.180, sell: 101.180 }"),
    good: Example::Fragment("prices: { buy: 101.050, sell: 101.180 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for indices in input.by_market().values() {
        fixed(input, report, indices);
        pegged(input, report, indices);
    }
}

/// Each buy is held against the lowest sell: one finding for each order that must move.
fn fixed(input: &Input<'_>, report: &mut Report, indices: &[usize]) {
    let Some(market) = indices.first().and_then(|index| input.market(*index)) else { return };
    let price = |spec, side| match spec {
        PriceSpec::Fixed(_) => price_at(spec, side, market, None).ok(),
        PriceSpec::Peg { .. } => None,
    };
    let sound = |index: usize, path| !input.document.is_broken(&input.site(index, path).pointer);
    let lowest = indices
        .iter()
        .filter(|index| sound(**index, "prices/sell"))
        .filter_map(|index| Some((price(input.plan.pairs[*index].sell, Side::Sell)?, *index)))
        .min();
    let Some((sell, seller)) = lowest else { return };
    for index in indices {
        let Some(buy) = price(input.plan.pairs[*index].buy, Side::Buy) else { continue };
        if buy >= sell {
            let (buy, sell) = (buy.to_decimal(market), sell.to_decimal(market));
            crossed(
                input,
                report,
                *index,
                seller,
                &format!("buy at {buy} reaches the plan's own sell at {sell}"),
            );
        }
    }
}

/// Pegs to one reference cross when their offsets do; pegs to different ones are kept apart while running.
fn pegged(input: &Input<'_>, report: &mut Report, indices: &[usize]) {
    let peg = |spec| match spec {
        PriceSpec::Peg { reference, offset_bps, .. } => Some((reference, offset_bps)),
        PriceSpec::Fixed(_) => None,
    };
    let mut lowest: HashMap<String, (i32, usize)> = HashMap::new();
    for index in indices {
        let Some((reference, offset)) = peg(input.plan.pairs[*index].sell) else { continue };
        let found = lowest.entry(format!("{reference:?}")).or_insert((offset, *index));
        *found = (*found).min((offset, *index));
    }
    for index in indices {
        let Some((reference, buy)) = peg(input.plan.pairs[*index].buy) else { continue };
        if let Some((sell, seller)) = lowest.get(&format!("{reference:?}")).copied()
            && buy >= sell
        {
            let message =
                format!("buy at {buy} bps reaches the plan's own sell at {sell} bps of the same reference");
            crossed(input, report, *index, seller, &message);
        }
    }
}

fn crossed(input: &Input<'_>, report: &mut Report, buyer: usize, seller: usize, message: &str) {
    let other = input.site(seller, "prices/sell");
    let finding = report.add(&RULE, input.site(buyer, "prices/buy"), message.to_owned());
    finding.help = Some("leave at least one tick between every buy and every sell of a market".to_owned());
    let label = if buyer == seller { "the sell price" } else { "the sell price of another pair" };
    finding.related.push(Related::here(&other.pointer, other.span, label));
}
