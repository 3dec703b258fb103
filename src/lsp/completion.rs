//! What may be written at a place: keys, values, markets, variables, rules. The text need not be a plan yet.

use std::ops::Range;

use gen_lsp_types as types;
use serde_json::Value;
use types::{CompletionItem, CompletionItemKind};

use super::document::View;
use super::insert::{Insert, plain};
use super::sketch::{self, Cursor, Place};
use super::{hover, venue};
use crate::lint::{Silence, all_rules};
use crate::model::{Market, MarketKind, MarketStatus};
use crate::plan::is_key;
use crate::plan::schema::{choices_at, properties_at, schemas_at};
use crate::plan::tree::join;

/// Returns what may be written at a position.
pub(super) fn complete(view: View<'_>, position: types::Position) -> Option<types::CompletionList> {
    let offset = view.offset(position);
    let before = &view.text()[..offset];
    let line = &before[before.rfind(['\n', '\r']).map_or(0, |at| at + 1)..];
    let cursor = sketch::cursor(before);
    let site = Site { view, offset, cursor: &cursor };
    let items = match (&cursor.place, open_template(line)) {
        (Place::Comment, _) => site.rules(line),
        (Place::Value(_) | Place::Entry(_), Some(path)) => site.names(path),
        (Place::Entry(pointer), None) => site.entries(pointer),
        (Place::Value(pointer), None) => site.values(pointer),
        (Place::Nowhere, _) => Vec::new(),
    };
    (!items.is_empty()).then(|| types::CompletionList { items, ..Default::default() })
}

/// Returns what is written of the name in a template that is still open.
fn open_template(line: &str) -> Option<&str> {
    let open = line.rfind("{{")?;
    let inside = &line[open + 2..];
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    (!inside.contains("}}")).then(|| &inside[inside.trim_end_matches(word).len()..])
}

/// A place where something is completed.
struct Site<'a> {
    view: View<'a>,
    offset: usize,
    cursor: &'a Cursor,
}

/// How an item looks in the list.
struct Look<'a> {
    kind: CompletionItemKind,
    detail: String,
    documentation: &'a str,
}

impl Site<'_> {
    /// Returns an item that puts `text` in the place of a stretch of the line.
    fn item(
        &self,
        order: usize,
        label: &str,
        text: String,
        at: Range<usize>,
        look: Look<'_>,
    ) -> CompletionItem {
        let documentation =
            types::MarkupContent { kind: types::MarkupKind::Markdown, value: look.documentation.to_owned() };
        let edit = types::TextEdit { range: self.view.range(&at), new_text: text };
        CompletionItem {
            label: label.to_owned(),
            kind: Some(look.kind),
            detail: (!look.detail.is_empty()).then_some(look.detail),
            documentation: (!look.documentation.is_empty()).then(|| documentation.into()),
            sort_text: Some(format!("{order:04}")),
            filter_text: Some(label.to_owned()),
            text_edit: Some(edit.into()),
            ..Default::default()
        }
    }

    /// Keys, or what else a line may begin with.
    fn entries(&self, pointer: &str) -> Vec<CompletionItem> {
        let keys = properties_at(pointer);
        let list = schemas_at(pointer).into_iter().find_map(|schema| schema.get("items"));
        if let Some(items) = list.filter(|_| keys.is_empty() && !self.cursor.flow) {
            return vec![self.list_item(items)];
        }
        if keys.is_empty() {
            return self.values(pointer);
        }
        // The key that is being written is no reason to leave it out.
        let here = |key: &sketch::Key| key.span.start <= self.offset && self.offset <= key.span.end;
        let written: Vec<String> = sketch::keys(self.view.text())
            .into_iter()
            .filter(|key| key.parent == pointer && !here(key))
            .map(|key| key.name)
            .collect();
        let missing = keys.into_iter().filter(|(name, _)| !written.iter().any(|other| other == name));
        let mut items: Vec<CompletionItem> = missing
            .enumerate()
            .map(|(order, (name, schema))| self.key(order, pointer, name, schema))
            .collect();
        items.dedup_by(|a, b| a.label == b.label);
        items
    }

    /// Blanks before the lines below the one of the cursor: all of them, or those that come on top of the line's own when
    /// the client adds these.
    fn indent(&self) -> usize {
        if self.view.client.indents_as_told {
            return self.cursor.indent;
        }
        let line = self.view.open.text.line(self.view.open.text.line_of(self.offset));
        let own = self.view.text()[line].chars().take_while(|c| *c == ' ').count();
        self.cursor.indent.saturating_sub(own)
    }

    fn formed(&self, item: CompletionItem) -> CompletionItem {
        let format = match self.view.client.snippets {
            true => types::InsertTextFormat::Snippet,
            false => types::InsertTextFormat::PlainText,
        };
        let mode = self.view.client.indents_as_told.then_some(types::InsertTextMode::AsIs);
        CompletionItem { insert_text_format: Some(format), insert_text_mode: mode, ..item }
    }

    fn key(&self, order: usize, pointer: &str, name: &str, schema: &'static Value) -> CompletionItem {
        let rest = &self.view.text()[self.offset..];
        let tail = rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        let at = self.cursor.word..self.offset + tail;
        let documentation = hover::meaning(&join(pointer, name)).unwrap_or_default();
        let detail =
            schema.get("default").map_or_else(String::new, |value| format!("default {}", plain(value)));
        let look = Look { kind: CompletionItemKind::Property, detail, documentation: &documentation };
        // A key that has its colon keeps its value.
        if rest[tail..].trim_start().starts_with(':') {
            return self.item(order, name, name.to_owned(), at, look);
        }
        let mut insert = Insert::new(self.view.client.snippets, self.indent());
        insert.key(name, schema, self.cursor.flow);
        self.formed(self.item(order, name, insert.finish(), at, look))
    }

    fn list_item(&self, items: &'static Value) -> CompletionItem {
        let mut insert = Insert::new(self.view.client.snippets, self.indent());
        insert.item(items);
        let documentation = items.get("description").and_then(Value::as_str).unwrap_or_default();
        let look = Look { kind: CompletionItemKind::Snippet, detail: "one more".to_owned(), documentation };
        self.formed(self.item(0, "- ", insert.finish(), self.cursor.word..self.offset, look))
    }

    /// Values that are known by name.
    fn values(&self, pointer: &str) -> Vec<CompletionItem> {
        let mut words: Vec<(String, String, String)> = Vec::new();
        let mut add = |word: &str, detail: &str, why: &str| {
            words.push((word.to_owned(), detail.to_owned(), why.to_owned()));
        };
        if pointer == "/market" || (pointer.starts_with("/pairs/") && pointer.ends_with("/market")) {
            return self.markets();
        }
        if is_key(pointer) {
            self.key_sources(&mut add);
        }
        match pointer {
            "/version" => add("1", "", "The version of the plan language."),
            "/paper/prices" => {
                add("seeded", "default", "Prices made from the seed.");
                add("file:", "", "A recording, relative to the plan.");
                add("live:mainnet", "", "The public streams of mainnet.");
                add("live:testnet", "", "The public streams of the test network.");
            }
            pointer if pointer.ends_with("/webhook") => {
                add("env:", "", "The environment variable that holds the webhook's URL.");
            }
            _ => {}
        }
        for (word, why) in choices_at(pointer) {
            add(word, "", why);
        }
        if words.is_empty() {
            let default = schemas_at(pointer).into_iter().find_map(|schema| schema.get("default"));
            words.extend(default.map(|value| (plain(value), "default".to_owned(), String::new())));
        }
        let all = words.into_iter().enumerate();
        all.map(|(order, (word, detail, why))| {
            let look = Look { kind: CompletionItemKind::EnumMember, detail, documentation: &why };
            self.value(order, &word, look)
        })
        .collect()
    }

    /// Returns a value, with the blank behind its colon and without a second pair of quotes.
    fn value(&self, order: usize, word: &str, look: Look<'_>) -> CompletionItem {
        let before = &self.view.text()[..self.offset];
        let written = &before[self.cursor.word.min(self.offset)..];
        let skipped = usize::from(written.starts_with(['"', '\'']));
        let blank = if before[..self.cursor.word].ends_with(':') { " " } else { "" };
        let at = self.cursor.word + skipped..self.offset;
        self.item(order, word, format!("{blank}{word}"), at, look)
    }

    fn key_sources(&self, add: &mut dyn FnMut(&str, &str, &str)) {
        add("env:", "", "An environment variable with the key as hexadecimal text.");
        add("file:", "", "A file with the key as hexadecimal text, relative to the plan.");
        add("sealed:", "", "A file that `lighter-plan keys seal` wrote, relative to the plan.");
        let network = self.view.document().root.at("/network").and_then(|node| node.scalar());
        if network.is_none_or(|network| network == "paper") {
            add("paper", "", "The embedded exchange makes the key from its seed.");
        }
    }

    fn markets(&self) -> Vec<CompletionItem> {
        let tradable =
            |market: &Market| market.kind == MarketKind::Perp && market.status == MarketStatus::Active;
        let markets = self.view.setting.markets.iter().enumerate();
        let item = |(index, market): (usize, &Market)| {
            let order = if tradable(market) { index } else { 5_000 + index };
            let documentation = venue::describe(market).join("\n");
            let detail = venue::summarize(market);
            let look = Look { kind: CompletionItemKind::Constant, detail, documentation: &documentation };
            self.value(order, &market.symbol, look)
        };
        markets.map(item).collect()
    }

    /// What a template may name.
    fn names(&self, written: &str) -> Vec<CompletionItem> {
        let at = self.offset - written.len()..self.offset;
        let mut names: Vec<(String, String)> = Vec::new();
        let vars = self.view.document().root.at("/vars");
        // While the text is no YAML, the names are known, and the values are not.
        let keys = sketch::keys(self.view.text()).into_iter().filter(|key| key.parent == "/vars");
        for key in keys {
            let value = vars.and_then(|vars| vars.entry(&key.name)?.value.scalar());
            names.push((format!("vars.{}", key.name), value.unwrap_or_default().to_owned()));
        }
        let in_pair = match &self.cursor.place {
            Place::Value(pointer) | Place::Entry(pointer) => pointer.starts_with("/pairs/"),
            _ => false,
        };
        if in_pair {
            names.extend(
                ["id", "long_account", "short_account"].map(|name| (format!("pair.{name}"), String::new())),
            );
        }
        names.push(("env.".to_owned(), "an environment variable".to_owned()));
        let all = names.into_iter().enumerate();
        all.map(|(order, (name, detail))| {
            let look = Look { kind: CompletionItemKind::Variable, detail, documentation: "" };
            self.item(order, &name, name.clone(), at.clone(), look)
        })
        .collect()
    }

    /// The rules that a comment may ignore, inside the brackets of one that does.
    fn rules(&self, line: &str) -> Vec<CompletionItem> {
        let Some((_, list)) = line.rsplit_once("lighter-plan:").and_then(|(_, rest)| rest.split_once('['))
        else {
            return Vec::new();
        };
        if list.contains(']') {
            return Vec::new();
        }
        let written = list.rsplit(',').next().unwrap_or_default().trim_start();
        let at = self.offset - written.len()..self.offset;
        let ignorable = all_rules().iter().filter(|rule| rule.silence == Silence::Comment);
        ignorable
            .enumerate()
            .map(|(order, rule)| {
                let detail = rule.id.slug.to_owned();
                let look = Look { kind: CompletionItemKind::Reference, detail, documentation: rule.summary };
                self.item(order, rule.id.code, rule.id.code.to_owned(), at.clone(), look)
            })
            .collect()
    }
}
