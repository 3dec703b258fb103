//! Prices and size of a pair.

use rust_decimal::Decimal;

use super::codes;
use super::finding::Finding;
use super::resolve::Resolver;
use super::resolved::{PegReference, PriceSpec, SizeSpec};
use super::tree::{Kind, Node};

/// Reads the buy and the sell price.
pub(crate) fn prices(r: &mut Resolver<'_>, index: usize) -> (PriceSpec, PriceSpec) {
    (price(r, index, "prices/buy"), price(r, index, "prices/sell"))
}

fn price(r: &mut Resolver<'_>, index: usize, path: &str) -> PriceSpec {
    let at = Some(index);
    let site = r.document().site(at, path);
    let placeholder = PriceSpec::Fixed(Decimal::ONE);
    if !site.written {
        if !r.is_broken(at, path) {
            let (block, side) = path.split_once('/').unwrap_or_default();
            let parent = r.document().place(&format!("/{block}"));
            let finding = Finding::error(codes::MISSING_FIELD, format!("there is no {side} price"))
                .at(&site.pointer, parent.span)
                .help("add `prices: { buy: …, sell: … }`, for the plan or for each pair");
            r.report(finding);
        }
        return placeholder;
    }
    if matches!(r.document().root.at(&site.pointer).map(|node| &node.kind), Some(Kind::Map(_))) {
        return peg(r, index, path, &site.pointer);
    }
    r.number(at, path).map_or(placeholder, PriceSpec::Fixed)
}

/// Reads a peg. It stands as a whole where it is written: a pair's peg takes nothing from the plan's.
fn peg(r: &mut Resolver<'_>, index: usize, path: &str, pointer: &str) -> PriceSpec {
    let at = pointer.starts_with("/pairs/").then_some(index);
    let written = |r: &Resolver<'_>, key: &str| r.document().root.at(&format!("{pointer}/{key}")).is_some();
    let offset = written(r, "offset_bps").then(|| r.integer(at, &format!("{path}/offset_bps"))).flatten();
    let reprice = written(r, "reprice_bps").then(|| r.integer(at, &format!("{path}/reprice_bps"))).flatten();
    PriceSpec::Peg {
        reference: r.choice(at, &format!("{path}/peg")).unwrap_or(PegReference::Mid),
        offset_bps: offset.unwrap_or(0),
        reprice_bps: reprice.unwrap_or(5),
    }
}

/// Reads `size` or `notional_usdc`; what the pair says goes before what the plan says.
pub(crate) fn size(r: &mut Resolver<'_>, index: usize) -> SizeSpec {
    let has = |r: &Resolver<'_>, pointer: &str| r.document().root.at(pointer).is_some();
    let own = format!("/pairs/{index}");
    for level in [own.as_str(), ""] {
        let (base, notional) = (format!("{level}/size"), format!("{level}/notional_usdc"));
        match (has(r, &base), has(r, &notional)) {
            (true, true) => {
                let (first, second) = (r.document().place(&base), r.document().place(&notional));
                if !r.document().is_broken(&second.pointer) {
                    let finding = Finding::error(codes::SIZE_TWICE, "the size is given twice")
                        .at(&second.pointer, second.span)
                        .related(&first.pointer, first.span, "and here in base units")
                        .help("keep either `size` or `notional_usdc`");
                    r.report(finding);
                }
                return SizeSpec::Base(Decimal::ONE);
            }
            (true, false) => {
                return r.number(Some(index), "size").map_or(SizeSpec::Base(Decimal::ONE), SizeSpec::Base);
            }
            (false, true) => {
                let value = r.number(Some(index), "notional_usdc");
                return value.map_or(SizeSpec::NotionalUsdc(Decimal::ONE), SizeSpec::NotionalUsdc);
            }
            (false, false) => {}
        }
    }
    if !r.is_broken(None, "size") {
        let finding = Finding::error(codes::MISSING_FIELD, "the plan has no `size`")
            .at("/size", r.document().root.items().first().map(|node: &Node| node.span.clone()))
            .help("add `size:` in base units, or `notional_usdc:`");
        r.report(finding);
    }
    SizeSpec::Base(Decimal::ONE)
}
