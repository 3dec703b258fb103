//! What stands under the cursor: the findings, what a key means, and what a value becomes at the venue.

use serde_json::{Value, json};

use super::document::Document;
use super::place::Encoding;
use crate::lint::find_rule;
use crate::model::{Market, Side, Usdc, find_market, snapshot_markets};
use crate::plan::{Node, PairPlan, field_at, format_usdc, initial_margin, liquidation, orders_at};

/// Answers `textDocument/hover`.
pub(super) fn hover(document: &Document, params: &Value, encoding: Encoding) -> Value {
    let offset = encoding.offset(document.text(), &params["position"]);
    let mut parts = Vec::new();
    for finding in document.findings_at(offset) {
        let rule = find_rule(finding.rule.code);
        let why = rule.map_or_else(String::new, |rule| format!("\n\n{}", rule.reason));
        parts.push(format!("**{} {}**: {}{why}", finding.rule.code, finding.rule.slug, finding.message));
    }
    if let Some(pointer) = document.tree.as_ref().and_then(|tree| pointer_at(&tree.root, offset)) {
        parts.extend(meaning(&pointer));
        parts.extend(at_the_venue(document, &pointer));
    }
    if parts.is_empty() {
        return Value::Null;
    }
    json!({ "contents": { "kind": "markdown", "value": parts.join("\n\n---\n\n") } })
}

/// Returns the JSON pointer of the key or value at an offset.
fn pointer_at(root: &Node, offset: usize) -> Option<String> {
    let mut node = root;
    let mut pointer = String::new();
    loop {
        let entry = node.entries().iter().find(|entry| {
            let on_key = entry.key_span.start <= offset && offset <= entry.key_span.end;
            on_key || (entry.value.span.start <= offset && offset <= entry.value.span.end)
        });
        if let Some(entry) = entry {
            pointer = format!("{pointer}/{}", entry.key);
            if offset <= entry.key_span.end {
                return Some(pointer);
            }
            node = &entry.value;
            continue;
        }
        let item = node.items().iter().enumerate();
        let item = item.into_iter().find(|(_, item)| item.span.start <= offset && offset <= item.span.end);
        let Some((index, item)) = item else { break };
        pointer = format!("{pointer}/{index}");
        node = item;
    }
    (!pointer.is_empty()).then_some(pointer)
}

/// Says what a key means, its default and its range. A pair's own value means what the plan's does.
fn meaning(pointer: &str) -> Option<String> {
    let name = pointer.rsplit('/').next()?;
    let field = field_at(pointer).or_else(|| field_at(&of_the_plan(pointer)?))?;
    let mut text = format!("`{name}`: {}", field.description);
    match (field.minimum, field.maximum) {
        (Some(low), Some(high)) => text.push_str(&format!(" From {low} to {high}.")),
        (Some(low), None) => text.push_str(&format!(" At least {low}.")),
        (None, Some(high)) => text.push_str(&format!(" At most {high}.")),
        (None, None) => {}
    }
    Some(text)
}

fn of_the_plan(pointer: &str) -> Option<String> {
    let rest = pointer.strip_prefix("/pairs/")?;
    rest.split_once('/').map(|(_, path)| format!("/{path}"))
}

/// Says what a market, a price or a size is in the venue's integers; of the plan's own, for the first pair.
fn at_the_venue(document: &Document, pointer: &str) -> Option<String> {
    let own = pointer.strip_prefix("/pairs/").and_then(|rest| rest.split('/').next()?.parse().ok());
    let index: usize = own.unwrap_or(0);
    let path = of_the_plan(pointer).unwrap_or_else(|| pointer.to_owned());
    let pair = document.draft.as_ref()?.pairs.get(index)?;
    let market = find_market(snapshot_markets(), &pair.market)?;
    match path.as_str() {
        "/market" => Some(market_text(market)),
        "/prices" | "/prices/buy" | "/prices/sell" | "/size" | "/notional_usdc" | "/leverage"
        | "/minimum_usdc" => orders_text(pair, market),
        _ => None,
    }
}

fn market_text(market: &Market) -> String {
    let smallest = |decimals| rust_decimal::Decimal::new(1, decimals);
    format!(
        "**{}**, market {}: tick {}, lot {}; a resting order is at least {} and {} USDC, any order at most {} USDC; \
         leverage up to {}x, maintenance margin {} %",
        market.symbol,
        market.id,
        smallest(market.price_decimals),
        smallest(market.size_decimals),
        market.min_base.to_decimal(market),
        format_usdc(market.min_quote),
        format_usdc(market.order_quote_limit),
        market.max_leverage(),
        rust_decimal::Decimal::new(i64::from(market.maintenance_margin_fraction), 2).normalize(),
    )
}

fn orders_text(pair: &PairPlan, market: &Market) -> Option<String> {
    let (buy, sell, size) = orders_at(pair, market, market.mark_price).ok()?;
    let mut text = format!(
        "On {} the size is {} = {} lots.\n\n| leg | price | ticks | notional | initial margin | liquidated at |\n|---|---|---|---|---|---|\n",
        market.symbol,
        size.to_decimal(market),
        size.lots(),
    );
    for (name, side, price) in [("long buys", Side::Buy, buy), ("short sells", Side::Sell, sell)] {
        let end = liquidation(pair, market, side, price, size).map_or_else(
            || "never".to_owned(),
            |end| {
                format!(
                    "{} ({} % away)",
                    end.price.round_dp(market.price_decimals),
                    end.distance_pct.round_dp(1)
                )
            },
        );
        text.push_str(&format!(
            "| {name} | {} | {} | {} USDC | {} USDC | {end} |\n",
            price.to_decimal(market),
            price.ticks(),
            format_usdc(Usdc::notional(size, price, market)),
            format_usdc(initial_margin(pair, market, price, size)),
        ));
    }
    text.push_str(&format!("\nwith {} USDC in each wallet", format_usdc(pair.minimum_usdc)));
    Some(text)
}
