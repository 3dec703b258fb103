//! Completion: keys by where the cursor stands, and the values that a key takes.
//!
//! A text that is being written seldom parses, so the place is told from indentation and brackets alone.

use serde_json::{Value, json};

use super::document::Document;
use super::place::Encoding;
use crate::model::{MarketKind, MarketStatus, snapshot_markets};
use crate::plan::{field_at, format_usdc, names_at, values_at};

/// The protocol's kinds of completions.
const PROPERTY: u32 = 10;
const VALUE: u32 = 12;
const VARIABLE: u32 = 6;

/// What is being written at the cursor.
#[derive(Debug, PartialEq, Eq)]
enum Spot {
    /// A key of the block at this pointer.
    Key(String),
    /// The value of the key at this pointer.
    Value(String),
    /// The name of a variable.
    Variable,
}

/// Answers `textDocument/completion`.
pub(super) fn complete(document: &Document, params: &Value, encoding: Encoding) -> Value {
    let text = document.text();
    let offset = encoding.offset(text, &params["position"]);
    let items = match spot(&text[..offset]) {
        Spot::Key(pointer) => keys(document, &pointer),
        Spot::Value(pointer) => values(&pointer),
        Spot::Variable => variables(document),
    };
    json!({ "isIncomplete": false, "items": items })
}

fn keys(document: &Document, pointer: &str) -> Vec<Value> {
    let there = document.tree.as_ref().and_then(|tree| tree.root.at(pointer));
    let written = |name: &str| there.is_some_and(|block| block.entry(name).is_some());
    let names = names_at(pointer).into_iter().filter(|name| !written(name));
    names
        .map(|name| {
            let below = format!("{pointer}/{name}");
            let field = field_at(&below);
            json!({
                "label": name,
                "kind": PROPERTY,
                "insertText": format!("{name}: "),
                "documentation": field.map_or("", |field| field.description.as_str()),
                "detail": field.and_then(|field| field.default.as_ref()).map(|value| format!("default {value}")),
            })
        })
        .collect()
}

fn values(pointer: &str) -> Vec<Value> {
    let name = pointer.rsplit('/').next().unwrap_or_default();
    if name == "market" {
        return markets();
    }
    if matches!(name, "key" | "l1_key") && pointer.starts_with("/pairs/") {
        let forms = [
            ("env:", "an environment variable"),
            ("file:", "a file that only you can read"),
            ("sealed:", "a file that `keys seal` wrote"),
            ("paper", "the embedded exchange makes it; only with `network: paper`"),
        ];
        return forms
            .map(|(label, detail)| json!({ "label": label, "kind": VALUE, "detail": detail }))
            .to_vec();
    }
    let words = values_at(pointer).into_iter();
    words.map(|word| json!({ "label": word, "kind": VALUE })).collect()
}

fn markets() -> Vec<Value> {
    let open = snapshot_markets()
        .iter()
        .filter(|market| market.kind == MarketKind::Perp && market.status == MarketStatus::Active);
    open.map(|market| {
        let detail = format!(
            "market {}, from {} USDC, up to {}x",
            market.id,
            format_usdc(market.min_quote),
            market.max_leverage()
        );
        json!({ "label": market.symbol, "kind": VALUE, "detail": detail })
    })
    .collect()
}

fn variables(document: &Document) -> Vec<Value> {
    let vars = document.tree.as_ref().and_then(|tree| tree.root.at("/vars"));
    let entries = vars.map(|vars| vars.entries()).unwrap_or_default();
    let item = |entry: &crate::plan::Entry| json!({ "label": entry.key, "kind": VARIABLE, "detail": entry.value.scalar().unwrap_or_default() });
    entries.iter().map(item).collect()
}

/// Tells from the text before the cursor what is being written.
fn spot(before: &str) -> Spot {
    let line = before.rsplit('\n').next().unwrap_or_default();
    if line.rfind("{{").is_some_and(|open| !line[open..].contains("}}")) {
        return Spot::Variable;
    }
    let above = &before[..before.len() - line.len()];
    let indent = line.len() - line.trim_start_matches([' ', '-']).len();
    let mut pointer = block_above(above, indent, line.trim_start().starts_with('-'));
    let mut rest = line.trim_start_matches([' ', '-']);
    // Into the flow mappings that are still open on this line.
    while let Some((key, inside)) = rest.split_once(": {").or_else(|| rest.split_once(":{")) {
        let key = key.rsplit([',', '{']).next().unwrap_or_default().trim();
        if closes(inside) {
            rest = inside.split_once('}').map_or("", |(_, rest)| rest);
        } else {
            pointer = format!("{pointer}/{key}");
            rest = inside;
        }
    }
    let last = rest.rsplit([',', '{']).next().unwrap_or_default();
    match last.split_once(':') {
        Some((key, _)) => Spot::Value(format!("{pointer}/{}", key.trim().trim_matches(['"', '\'']))),
        None => Spot::Key(pointer),
    }
}

/// Returns whether the mapping that was just opened is closed again in this text.
fn closes(inside: &str) -> bool {
    let mut depth = 1_i32;
    for character in inside.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return true;
        }
    }
    false
}

/// Returns the pointer of the block that a line with this indentation stands in.
fn block_above(above: &str, mut indent: usize, is_item: bool) -> String {
    let mut path: Vec<String> = Vec::new();
    let mut items = usize::from(is_item);
    for line in above.lines().rev() {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let own = line.len() - content.len();
        let dash = content.starts_with("- ") || content == "-";
        let inner = line.len() - line.trim_start_matches([' ', '-']).len();
        if dash && inner == indent {
            // The line that begins the item, or one before it in the list.
            items += 1;
            continue;
        }
        if own < indent
            && !dash
            && let Some((key, value)) = content.split_once(':')
            && (value.trim().is_empty() || value.trim_start().starts_with('#'))
        {
            if items > 0 {
                path.push((items - 1).to_string());
                items = 0;
            }
            path.push(key.trim().to_owned());
            indent = own;
        }
        if dash && inner < indent {
            items += 1;
            let key = content
                .trim_start_matches(['-', ' '])
                .split_once(':')
                .filter(|(_, value)| value.trim().is_empty());
            if let Some((key, _)) = key {
                path.push(key.trim().to_owned());
            }
            indent = inner;
        }
    }
    path.iter().rev().map(|segment| format!("/{segment}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_told_from_an_unfinished_text() {
        let key = |pointer: &str| Spot::Key(pointer.to_owned());
        let value = |pointer: &str| Spot::Value(pointer.to_owned());
        for (text, wanted) in [
            ("version: 1\nnet", key("")),
            ("version: 1\nnetwork: pa", value("/network")),
            ("hedge: { wait: 20s, pre", key("/hedge")),
            ("hedge: { wait: 20s, prefer: ", value("/hedge/prefer")),
            ("risk:\n  max_order_usdc: 1\n  max_p", key("/risk")),
            ("prices: { buy: { peg: m", value("/prices/buy/peg")),
            ("prices: { buy: { peg: mid }, se", key("/prices")),
            ("pairs:\n  - id: a\n    long: { account: 1, ke", key("/pairs/0/long")),
            ("pairs:\n  - id: a\n    market: S", value("/pairs/0/market")),
            ("pairs:\n  - id: a\n    long: { account: 1 }\n  - id: b\n    sh", key("/pairs/1")),
            ("pairs:\n  - id: a\n    long:\n      key: ", value("/pairs/0/long/key")),
            ("size: \"{{ vars.", Spot::Variable),
            ("on_missed: { place: cancel }\non_st", key("")),
        ] {
            assert_eq!(spot(text), wanted, "{text}");
        }
    }
}
