//! The outline of a plan, and where a variable is declared.

use std::ops::Range;

use serde_json::{Value, json};

use super::document::Document;
use super::place::Encoding;
use crate::plan::Node;

/// The protocol's kinds of symbols.
const OBJECT: u32 = 19;
const ARRAY: u32 = 18;
const FIELD: u32 = 8;

/// Answers `textDocument/documentSymbol`: blocks, pairs by their id, legs.
pub(super) fn symbols(document: &Document, _params: &Value, encoding: Encoding) -> Value {
    let Some(tree) = &document.tree else { return json!([]) };
    Value::Array(children(&tree.root, document.text(), encoding))
}

fn children(node: &Node, text: &str, encoding: Encoding) -> Vec<Value> {
    let mut found = Vec::new();
    for entry in node.entries() {
        let whole = entry.key_span.start..entry.value.span.end.max(entry.key_span.end);
        found.push(symbol(&entry.key, &entry.value, whole, entry.key_span.clone(), text, encoding));
    }
    for (index, item) in node.items().iter().enumerate() {
        let id = item.at("/id").and_then(Node::scalar).map_or_else(|| index.to_string(), str::to_owned);
        found.push(symbol(&id, item, item.span.clone(), item.span.start..item.span.start, text, encoding));
    }
    found
}

fn symbol(
    name: &str,
    value: &Node,
    whole: Range<usize>,
    key: Range<usize>,
    text: &str,
    encoding: Encoding,
) -> Value {
    let below = children(value, text, encoding);
    let kind = match (value.entries().is_empty(), value.items().is_empty()) {
        (false, _) => OBJECT,
        (_, false) => ARRAY,
        _ => FIELD,
    };
    json!({
        "name": if name.is_empty() { "?" } else { name },
        "detail": value.scalar().unwrap_or_default(),
        "kind": kind,
        "range": encoding.range(text, &whole),
        "selectionRange": encoding.range(text, &key),
        "children": below,
    })
}

/// Answers `textDocument/definition`: from `{{ vars.NAME }}` to where it is declared.
pub(super) fn definition(document: &Document, params: &Value, encoding: Encoding) -> Value {
    let text = document.text();
    let offset = encoding.offset(text, &params["position"]);
    let is_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.');
    let start = text[..offset]
        .rfind(|c| !is_name(c))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let end = text[offset..].find(|c| !is_name(c)).map_or(text.len(), |at| offset + at);
    let declared = text[start..end].strip_prefix("vars.").and_then(|name| {
        let entry = document.tree.as_ref()?.root.at("/vars")?.entry(name)?;
        Some(json!({ "uri": document.uri, "range": encoding.range(text, &entry.key_span) }))
    });
    declared.unwrap_or(Value::Null)
}
