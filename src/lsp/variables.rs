//! Where the variables of a plan are declared and used: definition, references, rename.

use std::ops::Range;

use gen_lsp_types as types;

use super::actions::edit_of;
use super::document::View;
use super::sketch;
use super::wire::Failure;

/// A variable's name in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) name: String,
    /// Bytes of the name.
    span: Range<usize>,
    /// Bytes that belong to it: in a template, `vars.` as well.
    whole: Range<usize>,
    is_declaration: bool,
}

/// Returns every mention of a variable, in order. The text need not be a plan.
fn mentions(view: View<'_>) -> Vec<Mention> {
    let text = view.text();
    let comments: Vec<Range<usize>> = view.document().comments().map(|(_, span)| span.clone()).collect();
    let declared = sketch::keys(text).into_iter().filter(|key| key.parent == "/vars").map(|key| {
        // A quoted key is its name inside the quotes.
        let at = text[key.span.clone()].find(&key.name).unwrap_or_default() + key.span.start;
        let span = at..at + key.name.len();
        Mention { name: key.name, whole: key.span, span, is_declaration: true }
    });
    let in_comment = |mention: &Mention| comments.iter().any(|comment| comment.contains(&mention.span.start));
    let mut all: Vec<Mention> = declared.chain(uses(text)).filter(|mention| !in_comment(mention)).collect();
    all.sort_by_key(|mention| mention.span.start);
    all
}

/// Returns the uses inside templates.
fn uses(text: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    for template in templates(text) {
        for (at, word) in text[template.clone()].match_indices("vars") {
            let start = template.start + at;
            let before = text[..start].chars().next_back();
            if before.is_some_and(|c| is_name(c) || c == '.') {
                continue;
            }
            let behind = start + word.len();
            if let Some(span) = name_behind(&text[behind..template.end]) {
                let span = behind + span.start..behind + span.end;
                let name = text[span.clone()].to_owned();
                found.push(Mention { name, whole: start..span.end, span, is_declaration: false });
            }
        }
    }
    found
}

/// Returns the bytes between `{{` and `}}`, and between `{%` and `%}`; one without an end has that of its line.
fn templates(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find(['{']).map(|at| from + at) {
        let close = match text[open..].get(..2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            _ => {
                from = open + 1;
                continue;
            }
        };
        let line_end = text[open..].find('\n').map_or(text.len(), |at| open + at);
        let end = text[open + 2..line_end].find(close).map_or(line_end, |at| open + 2 + at);
        found.push(open + 2..end);
        from = end;
    }
    found
}

/// Returns the name in `.name`, `["name"]` or `['name']`.
fn name_behind(text: &str) -> Option<Range<usize>> {
    let start = ["[\"", "['", "."].into_iter().find(|open| text.starts_with(open))?.len();
    let length = text[start..].find(|c| !is_name(c)).unwrap_or(text.len() - start);
    (length > 0).then(|| start..start + length)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the variable at an offset, and every mention of it.
pub(super) fn at(view: View<'_>, offset: usize) -> Option<(Mention, Vec<Mention>)> {
    let all = mentions(view);
    let here = |mention: &&Mention| mention.whole.start <= offset && offset <= mention.whole.end;
    let mention = all.iter().find(here)?.clone();
    let same = all.into_iter().filter(|other| other.name == mention.name).collect();
    Some((mention, same))
}

fn location(view: View<'_>, mention: &Mention) -> types::Location {
    types::Location { uri: types::Uri(view.open.uri.clone()), range: view.range(&mention.span) }
}

/// Returns where the variable at a position is declared.
pub(super) fn definition(view: View<'_>, position: types::Position) -> Option<types::Location> {
    let (_, all) = at(view, view.offset(position))?;
    all.iter().find(|mention| mention.is_declaration).map(|mention| location(view, mention))
}

/// Returns where the variable at a position is used.
pub(super) fn references(view: View<'_>, params: &types::ReferenceParams) -> Option<Vec<types::Location>> {
    let (_, all) = at(view, view.offset(params.text_document_position_params.position))?;
    let wanted = |mention: &&Mention| params.context.include_declaration || !mention.is_declaration;
    Some(all.iter().filter(wanted).map(|mention| location(view, mention)).collect())
}

/// Returns what would be renamed at a position.
pub(super) fn prepare(view: View<'_>, position: types::Position) -> Option<types::PrepareRenamePlaceholder> {
    let (mention, all) = at(view, view.offset(position))?;
    let declared = all.iter().any(|mention| mention.is_declaration);
    declared.then(|| types::PrepareRenamePlaceholder {
        range: view.range(&mention.span),
        placeholder: mention.name,
    })
}

/// Returns the edits that give the variable at a position another name, everywhere in the file.
pub(super) fn rename(
    view: View<'_>,
    params: &types::RenameParams,
) -> Result<Option<types::WorkspaceEdit>, Failure> {
    let name = params.new_name.as_str();
    let offset = view.offset(params.text_document_position_params.position);
    let (mention, all) = at(view, offset).ok_or_else(|| Failure::refused("there is no variable here"))?;
    if !all.iter().any(|mention| mention.is_declaration) {
        let message = format!("`{}` is not declared in this file", mention.name);
        return Err(Failure::refused(message));
    }
    let starts_well = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Failure::refused(format!("`{name}` is no name: use letters, digits and `_`")));
    }
    let taken = |other: &Mention| other.is_declaration && other.name == name && other.name != mention.name;
    if mentions(view).iter().any(taken) {
        return Err(Failure::refused(format!("there is a variable `{name}` already")));
    }
    let edits = all.iter().map(|mention| (mention.span.clone(), name.to_owned()));
    Ok(Some(edit_of(view, edits)))
}
