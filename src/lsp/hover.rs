//! What stands at a place: what is wrong with it, what its key means, and what it becomes at the venue.

use std::ops::Range;

use gen_lsp_types as types;

use super::diagnostics::span_of;
use super::document::View;
use super::{sketch, variables, venue};
use crate::lint::find_rule;
use crate::plan::Finding;
use crate::plan::schema::{choices_at, field_at, properties_at};
use crate::plan::shape::readable;
use crate::plan::tree::{Kind, Node, join};

/// Returns what is known about a position; `None` when that is nothing.
pub(super) fn hover(view: View<'_>, position: types::Position) -> Option<types::Hover> {
    let offset = view.offset(position);
    let mut parts: Vec<String> = findings(view, offset).map(|finding| explain(view, finding)).collect();
    let mut range = None;
    if let Some((mention, all)) = variables::at(view, offset) {
        parts.push(variable(view, &mention.name, all.len()));
    }
    if let Some(hit) = hit(view, offset) {
        parts.extend(meaning(&hit.pointer));
        let document = view.document();
        let lines = view
            .open
            .draft(view.setting)
            .map(|plan| venue::lines(plan, document, view.setting.markets, &hit.pointer));
        parts.extend(lines.filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n")));
        range = Some(view.range(&hit.span));
    }
    let value = parts.join("\n\n---\n\n");
    (!value.is_empty()).then(|| types::Hover {
        contents: types::MarkupContent { kind: types::MarkupKind::Markdown, value }.into(),
        range,
    })
}

/// A key or value of the text.
struct Hit {
    pointer: String,
    span: Range<usize>,
}

fn hit(view: View<'_>, offset: usize) -> Option<Hit> {
    let root = &view.document().root;
    if matches!(root.kind, Kind::Map(_)) {
        return node_at(root, "", offset);
    }
    // No YAML: the keys are known all the same.
    let key = sketch::keys(view.text())
        .into_iter()
        .find(|key| key.span.start <= offset && offset <= key.span.end)?;
    Some(Hit { pointer: join(&key.parent, &key.name), span: key.span })
}

fn node_at(node: &Node, pointer: &str, offset: usize) -> Option<Hit> {
    let holds = |span: &Range<usize>| span.start <= offset && offset <= span.end;
    match &node.kind {
        Kind::Map(entries) => entries.iter().find_map(|entry| {
            let at = join(pointer, &entry.key);
            if holds(&entry.key_span) {
                return Some(Hit { pointer: at, span: entry.key_span.clone() });
            }
            holds(&entry.value.span).then(|| node_at(&entry.value, &at, offset)).flatten()
        }),
        Kind::Seq(items) => items.iter().enumerate().find_map(|(index, item)| {
            holds(&item.span).then(|| node_at(item, &format!("{pointer}/{index}"), offset)).flatten()
        }),
        _ => Some(Hit { pointer: pointer.to_owned(), span: node.span.clone() }),
    }
}

fn findings(view: View<'_>, offset: usize) -> impl Iterator<Item = &Finding> {
    let all = view.open.checked(view.setting).findings.iter();
    all.filter(move |finding| {
        let span = span_of(view, finding);
        span.start <= offset && offset <= span.end
    })
}

/// Says of a finding what `explain` says of its rule.
fn explain(view: View<'_>, finding: &Finding) -> String {
    let id = finding.rule;
    let name = match view.doc_url(id) {
        Some(url) => format!("[{} {}]({url})", id.code, id.slug),
        None => format!("{} {}", id.code, id.slug),
    };
    let mut text = format!("**{name}** ({}): {}", finding.severity, finding.message);
    if let Some(help) = &finding.help {
        text.push_str(&format!("\n\nhelp: {help}"));
    }
    if let Some(rule) = find_rule(id.code) {
        text.push_str(&format!("\n\n{} {}", rule.summary, rule.reason));
    }
    text
}

fn variable(view: View<'_>, name: &str, mentions: usize) -> String {
    let declared = view.document().root.at("/vars").and_then(|vars| vars.entry(name));
    let value = match declared.map(|entry| entry.value.scalar()) {
        Some(Some(value)) => format!("`{value}`"),
        Some(None) => "no value: give it one with `--set` or `--vars`".to_owned(),
        None => return format!("`vars.{name}`: not declared in this file"),
    };
    format!("`vars.{name}`: {value}, used {}", times(mentions.saturating_sub(1)))
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

/// Says what a key means, its default, its range and its choices, from the schema.
pub(super) fn meaning(pointer: &str) -> Option<String> {
    let (parent, key) = pointer.rsplit_once('/')?;
    if key.bytes().all(|b| b.is_ascii_digit()) {
        return meaning(parent);
    }
    let (_, schema) = properties_at(parent).into_iter().find(|(name, _)| *name == key)?;
    let description = schema.get("description").and_then(|text| text.as_str()).unwrap_or_default();
    let mut text = format!("**{}**\n\n{description}", readable(pointer));
    let field = field_at(pointer)?;
    let range = match (field.minimum, field.maximum, field.exclusive_minimum) {
        (_, _, Some(low)) => Some(format!("more than {low}")),
        (Some(low), Some(high), _) if low != high => Some(format!("from {low} to {high}")),
        (Some(low), None, _) => Some(format!("at least {low}")),
        (None, Some(high), _) => Some(format!("at most {high}")),
        _ => None,
    };
    if let Some(range) = range {
        text.push_str(&format!("\n\nRange: {range}."));
    }
    let mut choices = choices_at(pointer);
    if choices.is_empty() {
        // Of a list, those of its items.
        choices = choices_at(&format!("{pointer}/0"));
    }
    if !choices.is_empty() {
        text.push('\n');
    }
    for (word, why) in choices {
        text.push_str(&match why {
            "" => format!("\n- `{word}`"),
            why => format!("\n- `{word}`: {why}"),
        });
    }
    Some(text)
}
