//! Taking an entry out of a mapping, with what belongs to it and nothing else.

use std::ops::Range;

use super::offer::View;
use crate::plan::tree::{Entry, Node};
use crate::plan::{Comment, Edit};

/// Returns the edit that takes `key` out of `owner`; `None` where it cannot be told from what stands around it.
pub(super) fn remove_entry(view: &View<'_>, owner: &Node, key: &str) -> Option<Edit> {
    let text = view.source.text();
    let entries = owner.entries();
    let index = entries.iter().position(|entry| entry.key == key)?;
    let span = if text.get(owner.span.clone())?.starts_with('{') {
        in_flow(view, entries, index)?
    } else {
        in_block(view, entries, index)?
    };
    Some(Edit { span, text: String::new() })
}

/// Whole lines, with the comment at their end. A comment on a line of its own is about more than the entry.
fn in_block(view: &View<'_>, entries: &[Entry], index: usize) -> Option<Range<usize>> {
    let text = view.source.text();
    let entry = &entries[index];
    if entries.len() == 1 {
        return None;
    }
    let start = text[..entry.key_span.start].rfind('\n').map_or(0, |at| at + 1);
    if !text[start..entry.key_span.start].chars().all(|c| c == ' ') {
        return None;
    }
    let last = end_of(entry);
    let rest = text[last..].split('\n').next()?;
    let said = rest.trim();
    if !(said.is_empty() || said.starts_with('#')) {
        return None;
    }
    let end = (last + rest.len() + 1).min(text.len());
    let own_line = |comment: &Range<usize>| {
        let line = text[..comment.start].rfind('\n').map_or(0, |at| at + 1);
        text[line..comment.start].trim().is_empty()
    };
    let keeps = !comments_in(view, &(start..end)).iter().any(|comment| own_line(&comment.span));
    keeps.then_some(start..end)
}

/// The entry with one comma. A comment in between may be about its neighbour, so it ends the attempt.
fn in_flow(view: &View<'_>, entries: &[Entry], index: usize) -> Option<Range<usize>> {
    let entry = &entries[index];
    let span = match (entries.get(index + 1), index.checked_sub(1).and_then(|before| entries.get(before))) {
        (Some(next), _) => entry.key_span.start..next.key_span.start,
        (None, Some(before)) => end_of(before)..end_of(entry),
        (None, None) => return None,
    };
    comments_in(view, &span).is_empty().then_some(span)
}

fn end_of(entry: &Entry) -> usize {
    entry.value.span.end.max(entry.key_span.end)
}

/// Returns the comments that begin in a stretch; they are in order, so few are looked at.
fn comments_in<'a>(view: &View<'a>, span: &Range<usize>) -> &'a [Comment] {
    let comments = &view.document.comments;
    let from = comments.partition_point(|comment| comment.span.start < span.start);
    let to = comments.partition_point(|comment| comment.span.start < span.end);
    comments.get(from..to).unwrap_or_default()
}
