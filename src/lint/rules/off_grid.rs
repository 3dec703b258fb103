//! A price or size is finer than the market's grid.

use rust_decimal::Decimal;

use super::out_of_range;
use crate::lint::rule::{Check, Example, Input, Report, Rule, Silence};
use crate::model::{Market, Price, Rounding, Side, Size};
use crate::plan::{PriceSpec, Severity, Site, SizeSpec, codes, price_at};

pub(super) const RULE: Rule = Rule {
    id: codes::OFF_GRID,
    severity: Severity::Warning,
    since: "0.1.0",
    silence: Silence::Comment,
    summary: "A price or size is finer than the market's grid.",
    reason: "The venue takes whole ticks and lots. Buy prices are rounded down, sell prices up, sizes down; what is rounded is worth knowing before the order is sent.",
    bad: Example::Fragment("prices: { buy: 101.0505, sell: 101.180 }"),
    good: Example::Fragment("prices: { buy: 101.050, sell: 101.180 }"),
    check: Check::Plan(check),
};

fn check(input: &Input<'_>, report: &mut Report) {
    for (index, pair) in input.pairs() {
        let Some(market) = input.market(index) else { continue };
        for (path, spec, side) in
            [("prices/buy", pair.buy, Side::Buy), ("prices/sell", pair.sell, Side::Sell)]
        {
            let PriceSpec::Fixed(value) = spec else { continue };
            let site = input.site(index, path);
            match (Price::on_grid(value, market), price_at(spec, side, market, None)) {
                (Ok(_), _) => {}
                (Err(_), Ok(rounded)) => {
                    let why = match side {
                        Side::Buy => "buy prices are rounded down",
                        Side::Sell => "sell prices are rounded up",
                    };
                    let becomes = Rounded { value, to: rounded.to_decimal(market), unit: "tick", why };
                    becomes.report(report, site, rounded.ticks(), market);
                }
                (Err(_), Err(error)) => impossible(report, site, &error.to_string()),
            }
        }
        size(input, report, index, market);
    }
}

fn size(input: &Input<'_>, report: &mut Report, index: usize, market: &Market) {
    let SizeSpec::Base(value) = input.plan.pairs[index].size else { return };
    let site = input.site(index, "size");
    match (Size::on_grid(value, market), Size::rounded(value, market, Rounding::Down)) {
        (Ok(_), _) => {}
        (Err(_), Ok(rounded)) => {
            let to = rounded.to_decimal(market);
            let becomes = Rounded { value, to, unit: "lot", why: "sizes are rounded down" };
            becomes.report(report, site, rounded.lots(), market);
        }
        (Err(_), Err(error)) => impossible(report, site, &error.to_string()),
    }
}

/// What a value becomes on the grid.
struct Rounded {
    value: Decimal,
    to: Decimal,
    unit: &'static str,
    why: &'static str,
}

impl Rounded {
    fn report(&self, report: &mut Report, site: Site, units: i64, market: &Market) {
        let Self { value, to, unit, why } = self;
        let message = format!(
            "`{value}` is no whole number of {unit}s of {}, and becomes {to} ({units} {unit}s): {why}",
            market.symbol
        );
        report.add(&RULE, site, message).help = Some(format!("write {to}"));
    }
}

/// No rounding makes an order of it, so nothing may silence it as it may silence the rounding.
fn impossible(report: &mut Report, site: Site, message: &str) {
    report.add(&out_of_range::RULE, site, message.to_owned()).help =
        Some("check the market, and the decimal point".to_owned());
}
