//! Which findings have a fix, and what it writes.

use std::ops::Range;

use super::guard::{is_free, is_protected};
use super::header;
use super::remove::remove_entry;
use crate::plan::schema::values_at;
use crate::plan::{
    Document, Edit, Finding, Fix, RuleId, SourceFile, codes, did_you_mean, parse_duration, shape,
};

/// What a fix is made from.
pub(super) struct View<'a> {
    pub(super) document: &'a Document,
    pub(super) source: &'a SourceFile,
    /// Whether it is certain which variables are used: all templates were read, and name them outright.
    uses_known: bool,
}

type Fixer = fn(&Finding, &View<'_>) -> Option<Fix>;

/// The rules whose findings may be mended, each with what does it.
const FIXERS: [(RuleId, Fixer); 5] = [
    (codes::UNKNOWN_KEY, rename_key),
    (codes::UNKNOWN_VALUE, choose_value),
    (codes::BAD_DURATION, write_duration),
    (codes::UNUSED_VARIABLE, remove_variable),
    (codes::SCHEMA_HEADER, header::write_header),
];

/// Returns whether findings of a rule can have a fix.
pub fn is_fixable(rule: RuleId) -> bool {
    // Its finding comes with the fix.
    rule == codes::UNUSED_IGNORE || FIXERS.iter().any(|(code, _)| *code == rule)
}

/// Adds the fix to every finding that can have one and has none yet.
pub(in crate::lint) fn offer(findings: &mut [Finding], document: &Document, source: &SourceFile) {
    let unread = |finding: &Finding| {
        [codes::BAD_TEMPLATE, codes::UNKNOWN_VARIABLE, codes::NUMBER_EXPRESSION, codes::TEMPLATE_IN_KEY]
            .contains(&finding.rule)
    };
    // Asked once a file, because it reads the whole text.
    let asked = findings.iter().any(|finding| finding.rule == codes::UNUSED_VARIABLE);
    let uses_known = asked && !findings.iter().any(unread) && !names_variables_indirectly(source.text());
    let view = View { document, source, uses_known };
    for finding in findings.iter_mut().filter(|finding| finding.fix.is_none()) {
        let fixer = FIXERS.iter().find(|(code, _)| *code == finding.rule);
        finding.fix = fixer.and_then(|(_, fixer)| fixer(finding, &view));
    }
}

impl View<'_> {
    /// Returns the bytes of a scalar without its quotes, when they say what the scalar says: no template, no escape.
    fn plain_span(&self, pointer: &str) -> Option<(Range<usize>, &str)> {
        let node = self.document.root.at(pointer)?;
        let value = node.scalar()?;
        let raw = self.source.text().get(node.span.clone())?;
        if raw == value {
            return Some((node.span.clone(), value));
        }
        let quoted = |quote| raw.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
        let inner = quoted('"').or_else(|| quoted('\''))?;
        (inner == value).then(|| (node.span.start + 1..node.span.end - 1, value))
    }
}

/// A misspelt key gets its name, unless that would say what a price, a size, a wallet or a limit is: such a key never had
/// an effect, and nobody but the author gives it one.
fn rename_key(finding: &Finding, view: &View<'_>) -> Option<Fix> {
    let root = &view.document.root;
    let target = shape::meant(finding).filter(|target| is_free(target) && root.at(target).is_none())?;
    let mut below = root.at(&finding.pointer)?.clone();
    let mut protected = false;
    below.for_each_scalar(&target, &mut |pointer, _| protected |= is_protected(pointer));
    if protected {
        return None;
    }
    let span = root.key_span_at(&finding.pointer)?;
    let raw = view.source.text().get(span.clone())?;
    let name = target.rsplit('/').next()?;
    let key = finding.pointer.rsplit('/').next()?;
    // A quoted key keeps its quotes.
    let at = raw.find(key)?;
    let span = span.start + at..span.start + at + key.len();
    Some(Fix {
        title: format!("rename `{key}` to `{name}`"),
        edits: vec![Edit { span, text: name.to_owned() }],
    })
}

/// A misspelt choice gets its name.
fn choose_value(finding: &Finding, view: &View<'_>) -> Option<Fix> {
    if is_protected(&finding.pointer) {
        return None;
    }
    let (span, value) = view.plain_span(&finding.pointer)?;
    let name = did_you_mean(value, values_at(&finding.pointer))?;
    Some(Fix { title: format!("write `{name}`"), edits: vec![Edit { span, text: name.to_owned() }] })
}

/// `30 S` becomes `30s`. A number without a unit stays: only the author knows which one was meant.
fn write_duration(finding: &Finding, view: &View<'_>) -> Option<Fix> {
    if is_protected(&finding.pointer) {
        return None;
    }
    let (span, value) = view.plain_span(&finding.pointer)?;
    let text: String = value.split_whitespace().collect::<String>().to_ascii_lowercase();
    parse_duration(&text).ok()?;
    Some(Fix { title: format!("write `{text}`"), edits: vec![Edit { span, text }] })
}

/// A variable that nothing uses goes, with its line; the last one takes `vars:` with it.
fn remove_variable(finding: &Finding, view: &View<'_>) -> Option<Fix> {
    if !view.uses_known {
        return None;
    }
    let root = &view.document.root;
    let (parent, name) = finding.pointer.rsplit_once('/')?;
    let (owner, key) = match root.at(parent)?.entries() {
        [_] => (root, "vars"),
        _ => (root.at(parent)?, name),
    };
    let edit = remove_entry(view, owner, key)?;
    Some(Fix { title: format!("remove the variable `{name}`"), edits: vec![edit] })
}

/// Returns whether a template may reach a variable other than as `vars.name`, such as `vars["name"]`.
fn names_variables_indirectly(text: &str) -> bool {
    text.match_indices("vars").any(|(at, word)| {
        let next = text[at + word.len()..].trim_start_matches([' ', '"', '\'']).chars().next();
        next.is_some_and(|next| matches!(next, '[' | '|' | '}' | '%' | ')' | ',' | '~'))
    })
}
