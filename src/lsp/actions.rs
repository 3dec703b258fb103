//! What can be done about findings: their fixes, all safe fixes at once, and ignoring with a comment.

use std::collections::HashMap;
use std::ops::Range;

use gen_lsp_types as types;
use types::CodeActionKind;

use super::diagnostics::{diagnostic, span_of};
use super::document::View;
use crate::lint::fix::{Mended, mend};
use crate::lint::{Silence, find_rule};
use crate::plan::{Finding, Severity, SourceFile, outline};

/// The kind of "fix everything", below the one that editors run on save.
const FIX_ALL: &str = "source.fixAll.lighter-plan";

/// Returns the actions for a range of a document.
pub(super) fn actions(view: View<'_>, params: &types::CodeActionParams) -> Vec<types::CodeActionResponse> {
    let wanted = |kind: &CodeActionKind| is_wanted(kind, params.context.only.as_deref());
    let range = view.open.text.span(params.range, view.client.encoding);
    let touches = |finding: &&Finding| {
        let span = span_of(view, finding);
        span.start <= range.end && range.start <= span.end
    };
    let mut found = Vec::new();
    if wanted(&CodeActionKind::QuickFix) {
        let here: Vec<&Finding> = view.checked().findings.iter().filter(touches).collect();
        found.extend(here.iter().filter_map(|finding| fix(view, finding)));
        found.extend(here.iter().filter_map(|finding| ignore(view, finding)));
    }
    if wanted(&CodeActionKind::from(FIX_ALL.to_owned())) {
        found.extend(fix_all(view));
    }
    found.into_iter().map(types::CodeActionResponse::CodeAction).collect()
}

/// Returns whether the client asked for a kind; a kind stands for all below it.
fn is_wanted(kind: &CodeActionKind, only: Option<&[CodeActionKind]>) -> bool {
    let kind = String::from(kind.clone());
    only.is_none_or(|only| {
        only.iter().any(|only| {
            let only = String::from(only.clone());
            only.is_empty()
                || kind == only
                || kind.strip_prefix(&only).is_some_and(|rest| rest.starts_with('.'))
        })
    })
}

/// Applies fixes as `validate --fix` does: proved to change nothing else, or left out.
fn mended(view: View<'_>, wanted: &dyn Fn(&Finding) -> bool) -> Mended {
    let check = |source: &SourceFile| view.open.check(source, view.setting);
    mend(view.open.source().clone(), view.checked().clone(), wanted, &check)
}

fn fix(view: View<'_>, finding: &Finding) -> Option<types::CodeAction> {
    let fix = finding.fix.as_ref()?;
    let proved = mended(view, &|other| other == finding).applied;
    let edits = fix.edits.iter().map(|edit| (edit.span.clone(), edit.text.clone()));
    (proved.len() == 1).then(|| types::CodeAction {
        title: capital(&fix.title),
        kind: Some(CodeActionKind::QuickFix),
        diagnostics: Some(vec![diagnostic(view, finding)]),
        is_preferred: Some(true),
        edit: Some(edit_of(view, edits)),
        ..Default::default()
    })
}

/// Offers the fixes of all findings that `validate --fix` would mend.
fn fix_all(view: View<'_>) -> Option<types::CodeAction> {
    let wanted = |finding: &Finding| finding.severity >= Severity::Warning;
    if !view.checked().findings.iter().any(|finding| finding.fix.is_some() && wanted(finding)) {
        return None;
    }
    let mended = mended(view, &wanted);
    let count = mended.applied.len();
    let (span, text) = difference(view.text(), mended.source.text())?;
    Some(types::CodeAction {
        title: format!("Fix all that is safe to fix ({count})"),
        kind: Some(CodeActionKind::from(FIX_ALL.to_owned())),
        edit: Some(edit_of(view, [(span, text.to_owned())])),
        ..Default::default()
    })
}

/// Offers the comment that ignores a finding. Its reason is left to the author; until it is written, LP010 asks for it and
/// the finding stays.
fn ignore(view: View<'_>, finding: &Finding) -> Option<types::CodeAction> {
    let code = finding.rule.code;
    if find_rule(code)?.silence != Silence::Comment {
        return None;
    }
    let text = view.text();
    let (at, comment) = match &finding.span {
        Some(span) if !span.is_empty() => {
            let line = &view.open.text.line(view.open.text.line_of(span.start));
            let indent: String = text[line.clone()].chars().take_while(|c| *c == ' ').collect();
            (line.start, format!("{indent}# lighter-plan: ignore[{code}]"))
        }
        _ => (0, format!("# lighter-plan: ignore-file[{code}]")),
    };
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let put = format!("{comment}{end}");
    // Inside a text of several lines a comment would be part of the text.
    let after = format!("{}{put}{}", &text[..at], &text[at..]);
    let (before, after) = (outline(text)?, outline(&after)?);
    let same = before.scalars == after.scalars && after.comments.len() == before.comments.len() + 1;
    same.then(|| types::CodeAction {
        title: format!("Ignore {code} ({}) with a comment: write the reason behind it", finding.rule.slug),
        kind: Some(CodeActionKind::QuickFix),
        diagnostics: Some(vec![diagnostic(view, finding)]),
        edit: Some(edit_of(view, [(at..at, put)])),
        ..Default::default()
    })
}

/// Returns edits of a document in the form that the client knows.
pub(super) fn edit_of(
    view: View<'_>,
    edits: impl IntoIterator<Item = (Range<usize>, String)>,
) -> types::WorkspaceEdit {
    let uri = types::Uri(view.open.uri.clone());
    let edits: Vec<types::TextEdit> = edits
        .into_iter()
        .map(|(span, new_text)| types::TextEdit { range: view.range(&span), new_text })
        .collect();
    if !view.client.versioned_edits {
        return types::WorkspaceEdit { changes: Some(HashMap::from([(uri, edits)])), ..Default::default() };
    }
    let edit = types::TextDocumentEdit {
        text_document: types::OptionalVersionedTextDocumentIdentifier {
            version: Some(view.open.version),
            text_document_identifier: types::TextDocumentIdentifier { uri },
        },
        edits: edits.into_iter().map(Into::into).collect(),
    };
    types::WorkspaceEdit { document_changes: Some(vec![edit.into()]), ..Default::default() }
}

/// Returns the stretch in which two texts differ, and what stands there in the new one; `None` when they are the same.
fn difference<'a>(old: &str, new: &'a str) -> Option<(Range<usize>, &'a str)> {
    if old == new {
        return None;
    }
    let same = |pair: &(char, char)| pair.0 == pair.1;
    let length = |pairs: &mut dyn Iterator<Item = (char, char)>| {
        pairs.take_while(same).map(|(c, _)| c.len_utf8()).sum::<usize>()
    };
    let start = length(&mut old.chars().zip(new.chars()));
    let tail = length(&mut old[start..].chars().rev().zip(new[start..].chars().rev()));
    Some((start..old.len() - tail, &new[start..new.len() - tail]))
}

fn capital(title: &str) -> String {
    let mut chars = title.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_as_small_as_can_be() {
        assert_eq!(difference("aéb", "aéb"), None);
        assert_eq!(difference("aéb", "aüb"), Some((1..3, "ü")));
        assert_eq!(difference("aa", "aaa"), Some((2..2, "a")));
        assert_eq!(difference("abc", ""), Some((0..3, "")));
        assert_eq!(difference("", "x"), Some((0..0, "x")));
    }

    #[test]
    fn a_kind_stands_for_all_below_it() {
        let kind = CodeActionKind::from(FIX_ALL.to_owned());
        let asks = |only: &str| is_wanted(&kind, Some(&[CodeActionKind::from(only.to_owned())]));
        assert!(
            asks("source") && asks("source.fixAll") && asks(FIX_ALL) && asks("") && is_wanted(&kind, None)
        );
        assert!(!asks("source.fix") && !asks("quickfix") && !is_wanted(&kind, Some(&[])));
    }
}
