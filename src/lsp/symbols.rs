//! The outline of a plan: blocks, pairs and their legs.

use std::ops::Range;

use gen_lsp_types as types;
use types::{DocumentSymbol, SymbolKind};

use super::document::View;
use crate::plan::tree::{Entry, Kind, Node};

/// Returns the outline of a document; empty while it is no YAML.
pub(super) fn symbols(view: View<'_>) -> types::DocumentSymbolResponse {
    let symbols: Vec<DocumentSymbol> = plan(view).into_iter().collect();
    if view.client.nested_symbols {
        return symbols.into();
    }
    let mut flat = Vec::new();
    flatten(view, symbols, None, &mut flat);
    flat.into()
}

fn plan(view: View<'_>) -> Option<DocumentSymbol> {
    let root = &view.document().root;
    let Kind::Map(entries) = &root.kind else { return None };
    let name = root.entry("name").and_then(|entry| entry.value.scalar()).filter(|name| !name.is_empty());
    let selection = root.entry("name").map_or(root.span.start..root.span.start, whole);
    let children = entries.iter().filter_map(|entry| block(view, entry)).collect();
    let (name, detail) = (name.unwrap_or("plan").to_owned(), scalar(root, "network"));
    Some(symbol(view, name, detail, SymbolKind::Module, &(0..view.text().len()), &selection, children))
}

fn block(view: View<'_>, entry: &Entry) -> Option<DocumentSymbol> {
    let (kind, children) = match (entry.key.as_str(), &entry.value.kind) {
        ("pairs", Kind::Seq(items)) => {
            let pairs = items.iter().enumerate().filter_map(|(index, item)| pair(view, index, item));
            (SymbolKind::Array, pairs.collect())
        }
        ("vars", Kind::Map(entries)) => {
            let variable = |entry: &Entry| {
                let name = entry.key.clone();
                symbol(view, name, None, SymbolKind::Variable, &whole(entry), &entry.key_span, Vec::new())
            };
            (SymbolKind::Namespace, entries.iter().map(variable).collect())
        }
        (_, Kind::Map(_)) => (SymbolKind::Object, Vec::new()),
        (_, Kind::Seq(_)) => (SymbolKind::Array, Vec::new()),
        _ => return None,
    };
    Some(symbol(view, entry.key.clone(), None, kind, &whole(entry), &entry.key_span, children))
}

fn pair(view: View<'_>, index: usize, item: &Node) -> Option<DocumentSymbol> {
    let Kind::Map(entries) = &item.kind else { return None };
    let inner = |entry: &Entry| match entry.key.as_str() {
        "long" | "short" => {
            let account = scalar(&entry.value, "account").map(|account| format!("account {account}"));
            let name = entry.key.clone();
            Some(symbol(view, name, account, SymbolKind::Object, &whole(entry), &entry.key_span, Vec::new()))
        }
        _ => block(view, entry),
    };
    let children = entries.iter().filter_map(inner).collect();
    let selection = item.entry("id").map_or(item.span.start..item.span.start, whole);
    let name = scalar(item, "id").unwrap_or_else(|| format!("pair {}", index + 1));
    Some(symbol(view, name, scalar(item, "market"), SymbolKind::Class, &item.span, &selection, children))
}

fn scalar(node: &Node, key: &str) -> Option<String> {
    node.entry(key)?.value.scalar().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn whole(entry: &Entry) -> Range<usize> {
    entry.key_span.start..entry.value.span.end.max(entry.key_span.end)
}

#[expect(deprecated, reason = "the field stands in the protocol, empty")]
fn symbol(
    view: View<'_>,
    name: String,
    detail: Option<String>,
    kind: SymbolKind,
    span: &Range<usize>,
    selection: &Range<usize>,
    children: Vec<DocumentSymbol>,
) -> DocumentSymbol {
    DocumentSymbol {
        name,
        detail,
        kind,
        tags: None,
        deprecated: None,
        range: view.range(span),
        selection_range: view.range(selection),
        children: Some(children),
    }
}

/// Writes the outline as the list that older clients know.
#[expect(deprecated, reason = "the field stands in the protocol, empty")]
fn flatten(
    view: View<'_>,
    symbols: Vec<DocumentSymbol>,
    container: Option<&str>,
    flat: &mut Vec<types::SymbolInformation>,
) {
    for symbol in symbols {
        let location = types::Location { uri: types::Uri(view.open.uri.clone()), range: symbol.range };
        flat.push(types::SymbolInformation {
            deprecated: None,
            location,
            base_symbol_information: types::BaseSymbolInformation {
                name: symbol.name.clone(),
                kind: symbol.kind,
                tags: None,
                container_name: container.map(str::to_owned),
            },
        });
        flatten(view, symbol.children.unwrap_or_default(), Some(&symbol.name), flat);
    }
}
