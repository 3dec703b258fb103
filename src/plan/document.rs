//! A parsed plan with its places: what rules ask for spans.

use std::collections::BTreeSet;
use std::ops::Range;

use super::secrets;
use super::source::SourceFile;
use super::tree::{Kind, Node};
use super::vars::is_key;
use super::yaml::Comment;

/// A place in a plan: what a finding about a value marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// JSON pointer; of where the value would stand, when it is a default.
    pub pointer: String,
    /// Bytes of the source; of what is nearest above, when the value is a default.
    pub span: Option<Range<usize>>,
    /// Whether the value is written in the file.
    pub written: bool,
}

/// A parsed plan with its places.
#[derive(Clone, Debug)]
pub struct Document {
    pub(crate) root: Node,
    pub(crate) comments: Vec<Comment>,
    pub(crate) broken: BTreeSet<String>,
    covers: Vec<Range<usize>>,
}

impl Document {
    pub(crate) fn new(root: Option<Node>, comments: Vec<Comment>, source: &SourceFile) -> Self {
        let mut covers = secrets::key_spans(source.text());
        if root.is_none() {
            cover_lines(source.text(), &mut covers);
        }
        let mut root = root.unwrap_or_else(|| Node::new(Kind::Null, 0..0));
        cover_values(&mut root, &mut covers);
        Self { root, comments, broken: BTreeSet::new(), covers }
    }

    /// Returns where the value of `path` (such as `risk/max_order_usdc`) comes from for a pair: the pair's own, else the
    /// plan's.
    pub fn site(&self, pair: Option<usize>, path: &str) -> Site {
        self.find(pair, path).0
    }

    /// Returns the same with the node that stands there.
    pub(crate) fn find(&self, pair: Option<usize>, path: &str) -> (Site, Option<&Node>) {
        // Rules ask for hundreds of places, and most of them are the plan's: nothing is written down on the way.
        let of_pair = pair.and_then(|index| {
            let found = self.root.entry("pairs")?.value.items().get(index)?.find_below(path);
            found.node.map(|_| (format!("/pairs/{index}/{path}"), found))
        });
        let (pointer, found) = of_pair.unwrap_or_else(|| (["/", path].concat(), self.root.find_below(path)));
        (Site { pointer, span: found.span, written: found.node.is_some() }, found.node)
    }

    /// Returns the place of a JSON pointer.
    pub fn place(&self, pointer: &str) -> Site {
        let found = self.root.find(pointer);
        Site { pointer: pointer.to_owned(), span: found.span, written: found.node.is_some() }
    }

    /// Returns whether something at or above a pointer was found wrong already, so that what follows from it says nothing.
    pub fn is_broken(&self, pointer: &str) -> bool {
        if self.broken.is_empty() {
            return false;
        }
        let mut rest = pointer;
        loop {
            if self.broken.contains(rest) {
                return true;
            }
            match rest.rsplit_once('/') {
                Some((parent, _)) if !parent.is_empty() => rest = parent,
                _ => return false,
            }
        }
    }

    /// Returns the plan's text with key material covered by `*`, byte for byte, so that spans stay true. Whatever prints
    /// a part of a plan prints this.
    pub fn covered_text(&self, source: &SourceFile) -> String {
        secrets::cover(source.text(), &self.covers)
    }

    /// Returns the comments with their spans, in order.
    pub fn comments(&self) -> impl Iterator<Item = (&str, &Range<usize>)> {
        self.comments.iter().map(|comment| (comment.text.as_str(), &comment.span))
    }
}

/// Covers what stands where a secret may stand by mistake: a `key:` that names no source, any value under a name that
/// promises a secret, and seed phrases.
fn cover_values(root: &mut Node, covers: &mut Vec<Range<usize>>) {
    root.for_each_scalar("", &mut |pointer, node| {
        let Some(text) = node.scalar() else { return };
        let name = pointer.rsplit('/').next().unwrap_or_default();
        let bare_key = is_key(pointer) && !names_a_source(text);
        let bare_webhook = name == "webhook" && !text.starts_with("env:");
        if bare_key || bare_webhook || secrets::names_a_secret(name) || secrets::looks_like_key(text) {
            covers.push(node.span.clone());
        }
    });
}

/// Covers the same in a text that is no YAML, line by line: the line of a syntax error is shown as well.
fn cover_lines(text: &str, covers: &mut Vec<Range<usize>>) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        for (at, _) in line.match_indices(':') {
            let name =
                line[..at].rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
            let value = line[at + 1..].trim_start().trim_start_matches(['"', '\'']);
            let secret = (matches!(name, "key" | "l1_key" | "webhook") && !names_a_source(value))
                || secrets::names_a_secret(name);
            if secret && !value.starts_with("paper") {
                covers.push(start + at + 1..start + line.trim_end().len().max(at + 1));
            }
        }
        start += line.len();
    }
}

/// Returns whether a `key:` is of the form that names a source rather than being a key.
pub(crate) fn names_a_source(text: &str) -> bool {
    text == "paper"
        || ["env:", "file:", "sealed:"].iter().any(|scheme| text.starts_with(scheme))
        || text.contains("{{")
}
