//! A buy price of one plan reaches a sell price of another plan in the same market.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::lint::across::{AcrossReport, Footprint, MarkedPrice, OrderMark};
use crate::lint::rule::{Check, Example, Rule, Silence};
use crate::model::Side;
use crate::plan::{Severity, codes};

pub(super) const RULE: Rule = Rule {
    id: codes::SELF_CROSS_FILES,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Policy,
    summary: "A buy price of one plan reaches a sell price of another plan in the same market.",
    reason: "If both run at the same time, own orders meet: a wash trade, with fees. The gate of a state directory keeps them apart by holding one back, which then misses its price; two state directories do not know of each other. Plans of paper exchanges are left out, since each run has its own.",
    bad: Example::Files(
        "network: testnet\npaper: ~\npairs:\n  - id: alpha\n    long: { account: 1001, api_key_index: 4, key: 'env:A' }\n    short: { account: 1002, api_key_index: 4, key: 'env:B' }\nprices: { buy: 101.050, sell: 101.180 }",
        "network: testnet\npaper: ~\npairs:\n  - id: beta\n    long: { account: 1003, api_key_index: 4, key: 'env:C' }\n    short: { account: 1004, api_key_index: 4, key: 'env:D' }\nprices: { buy: 100.950, sell: 101.040 }",
    ),
    good: Example::Files(
        "network: testnet\npaper: ~\npairs:\n  - id: alpha\n    long: { account: 1001, api_key_index: 4, key: 'env:A' }\n    short: { account: 1002, api_key_index: 4, key: 'env:B' }\nprices: { buy: 101.050, sell: 101.180 }",
        "network: testnet\npaper: ~\npairs:\n  - id: beta\n    long: { account: 1003, api_key_index: 4, key: 'env:C' }\n    short: { account: 1004, api_key_index: 4, key: 'env:D' }\nprices: { buy: 100.950, sell: 101.060 }",
    ),
    check: Check::Files(check),
};

/// Orders that can be compared: of one network, market and reference (an empty one for fixed prices).
type Book<'a> = BTreeMap<(String, &'a str, String), Vec<(usize, &'a Footprint, &'a OrderMark, Decimal)>>;

fn check(plans: &[(usize, &Footprint)], report: &mut AcrossReport) {
    let mut books = Book::new();
    for (file, plan) in plans {
        for order in &plan.orders {
            let (reference, price) = match order.price {
                MarkedPrice::Fixed(price) => (String::new(), price),
                MarkedPrice::Pegged(reference, bps) => (format!("{reference:?}"), Decimal::from(bps)),
            };
            let key = (format!("{:?}", plan.network), order.market.as_str(), reference);
            books.entry(key).or_default().push((*file, plan, order, price));
        }
    }
    for ((_, market, reference), orders) in &books {
        // The lowest sell, and the lowest of any other file: each buy is held against one of the two.
        let mut sells: Vec<_> = orders.iter().filter(|(_, _, order, _)| order.side == Side::Sell).collect();
        sells.sort_by_key(|sell| sell.3);
        let Some(lowest) = sells.first() else { continue };
        let second = sells.iter().find(|sell| sell.0 != lowest.0);
        for (file, _, buy, price) in orders.iter().filter(|(_, _, order, _)| order.side == Side::Buy) {
            let other = if lowest.0 == *file { second } else { Some(lowest) };
            let Some((_, plan, sell, sell_price)) = other.filter(|sell| *price >= sell.3) else { continue };
            let unit = if reference.is_empty() { "" } else { " bps of the same reference" };
            let message = format!(
                "buy at {price} reaches the sell at {sell_price}{unit} of pair `{}` in `{}`, on {market}",
                sell.pair, plan.file
            );
            let finding = report.add(&RULE, *file, &buy.place, message);
            finding.help =
                Some("leave a tick between them, or never run the two at the same time".to_owned());
            finding.related.push(sell.place.seen_from_elsewhere(&plan.file, "the sell price"));
        }
    }
}
