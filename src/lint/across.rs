//! What a plan does as other plans see it, and the rules about several plans at once.
//!
//! Of a sound plan only its footprint is kept, so that ten thousand files take no more memory than their orders and keys.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rust_decimal::Decimal;

use super::rule::{Check, Rule};
use super::rules;
use crate::model::{AccountIndex, ApiKeyIndex, Market, PairId, Side, find_market};
use crate::plan::{
    Document, Elsewhere, Finding, Network, PegReference, Plan, Position, PriceSpec, Related, Site,
    SourceFile, price_at,
};

/// What a sound plan does, with the places that say so.
#[derive(Clone, Debug)]
pub struct Footprint {
    /// What findings call the file.
    pub(crate) file: String,
    /// Where it trades.
    pub(crate) network: Network,
    /// Its entry orders.
    pub(crate) orders: Vec<OrderMark>,
    /// The key slots that it signs with.
    pub(crate) keys: Vec<KeyMark>,
}

/// An entry order.
#[derive(Clone, Debug)]
pub(crate) struct OrderMark {
    pub(crate) market: String,
    pub(crate) side: Side,
    pub(crate) price: MarkedPrice,
    pub(crate) pair: PairId,
    pub(crate) place: Place,
}

/// A price that can be compared with those of other plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkedPrice {
    /// On the market's grid.
    Fixed(Decimal),
    /// Basis points from a reference.
    Pegged(PegReference, i32),
}

/// A key slot.
#[derive(Clone, Debug)]
pub(crate) struct KeyMark {
    pub(crate) account: AccountIndex,
    pub(crate) slot: ApiKeyIndex,
    pub(crate) place: Place,
}

/// A place that stays true when the text is gone.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) site: Site,
    start: Position,
    end: Position,
}

impl Place {
    fn of(site: Site, source: &SourceFile) -> Self {
        let span = site.span.clone().unwrap_or(0..0);
        Self { start: source.position(span.start), end: source.position(span.end), site }
    }

    /// Returns the place as a finding of another file shows it.
    pub(crate) fn seen_from_elsewhere(&self, file: &str, message: impl Into<String>) -> Related {
        let elsewhere = Elsewhere { file: file.to_owned(), start: self.start, end: self.end };
        let related = Related::here(&self.site.pointer, self.site.span.clone(), message);
        Related { elsewhere: Some(elsewhere), ..related }
    }
}

impl Footprint {
    /// Returns what `plan` does.
    pub(crate) fn of(plan: &Plan, document: &Document, source: &SourceFile, markets: &[Market]) -> Self {
        let mut orders = Vec::new();
        let mut keys = Vec::new();
        for (index, pair) in plan.pairs.iter().enumerate() {
            let market = find_market(markets, &pair.market);
            for (side, spec, path) in
                [(Side::Buy, pair.buy, "prices/buy"), (Side::Sell, pair.sell, "prices/sell")]
            {
                let Some(price) = market.and_then(|market| marked(spec, side, market)) else { continue };
                let place = Place::of(document.site(Some(index), path), source);
                orders.push(OrderMark {
                    market: pair.market.clone(),
                    side,
                    price,
                    pair: pair.id.clone(),
                    place,
                });
            }
            for (name, leg) in [("long", &pair.long), ("short", &pair.short)] {
                let slots =
                    [("api_key_index", Some(leg.api_key_index)), ("guard_key_index", leg.guard_key_index)];
                for (key, slot) in slots.into_iter().filter_map(|(key, slot)| Some((key, slot?))) {
                    let site = document.place(&format!("/pairs/{index}/{name}/{key}"));
                    keys.push(KeyMark { account: leg.account, slot, place: Place::of(site, source) });
                }
            }
        }
        Self { file: source.name().to_owned(), network: plan.network.clone(), orders, keys }
    }
}

fn marked(spec: PriceSpec, side: Side, market: &Market) -> Option<MarkedPrice> {
    match spec {
        PriceSpec::Fixed(_) => {
            Some(MarkedPrice::Fixed(price_at(spec, side, market, None).ok()?.to_decimal(market)))
        }
        PriceSpec::Peg { reference, offset_bps, .. } => Some(MarkedPrice::Pegged(reference, offset_bps)),
    }
}

/// Findings about several files, each with the index of the file that it stands in.
#[derive(Debug, Default)]
pub(crate) struct AcrossReport {
    pub(crate) findings: Vec<(usize, Finding)>,
}

impl AcrossReport {
    /// Adds a finding at a place of the file with this index; more can be said through the reference.
    pub(crate) fn add(&mut self, rule: &Rule, file: usize, place: &Place, message: String) -> &mut Finding {
        let mut finding = Finding::error(rule.id, message).at(&place.site.pointer, place.site.span.clone());
        finding.severity = rule.severity;
        self.findings.push((file, finding));
        &mut self.findings.last_mut().expect("a finding was just pushed").1
    }
}

/// What looking at several files together gave.
#[derive(Debug, Default)]
pub struct Across {
    /// Findings with the index of the file that they stand in, in the order of the files.
    pub findings: Vec<(usize, Finding)>,
    /// Rules that broke down.
    pub faults: Vec<String>,
}

/// Runs the rules about several plans; `plans` has one entry a file, `None` where there is none that could meet another.
pub fn check_across(plans: &[Option<&Footprint>]) -> Across {
    let real: Vec<(usize, &Footprint)> =
        plans.iter().enumerate().filter_map(|(index, plan)| Some((index, (*plan)?))).collect();
    let mut across = Across::default();
    if real.len() < 2 {
        return across;
    }
    for rule in rules::ALL {
        let Check::Files(check) = rule.check else { continue };
        let mut report = AcrossReport::default();
        match catch_unwind(AssertUnwindSafe(|| check(&real, &mut report))) {
            Ok(()) => across.findings.extend(report.findings),
            Err(_) => across.faults.push(format!("rule {} ({}) broke down", rule.id.code, rule.id.slug)),
        }
    }
    across
        .findings
        .sort_by_key(|(file, finding)| (*file, finding.span.as_ref().map_or(0, |span| span.start)));
    across
}
