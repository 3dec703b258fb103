//! A plan's YAML as a tree in which every node knows where it was written.

use std::borrow::Cow;
use std::ops::Range;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Nothing after the colon, `~` or `null`.
    Null,
    /// `true` or `false`; YAML 1.1's `yes` and `on` are text.
    Bool(bool),
    /// A plain scalar of the JSON number grammar, as written.
    Number(String),
    /// Any other scalar.
    Text(String),
    /// A sequence.
    Seq(Vec<Node>),
    /// A mapping; keys are unique.
    Map(Vec<Entry>),
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// Bytes of the source.
    pub(crate) span: Range<usize>,
    /// The value.
    pub(crate) kind: Kind,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Node,
}

/// What stands at a JSON pointer.
#[derive(Clone, Debug)]
pub(crate) struct Found<'a> {
    /// The node; `None` when there is none.
    pub(crate) node: Option<&'a Node>,
    /// What a finding marks: the node, or what is nearest above it.
    pub(crate) span: Option<Range<usize>>,
}

impl Node {
    pub(crate) fn new(kind: Kind, span: Range<usize>) -> Self {
        Self { span, kind }
    }

    /// Returns what the node is, as messages call it.
    pub(crate) fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// Returns the entry of a key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// Returns the items of a sequence.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Seq(items) => items,
            _ => &[],
        }
    }

    /// Returns the entries of a mapping.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the scalar's text; `None` for anything else.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Number(text) | Kind::Text(text) => Some(text),
            Kind::Bool(true) => Some("true"),
            Kind::Bool(false) => Some("false"),
            Kind::Null | Kind::Seq(_) | Kind::Map(_) => None,
        }
    }

    fn child(&self, segment: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(_) => self.entry(segment).map(|entry| &entry.value),
            Kind::Seq(items) => items.get(segment.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// Returns the node at a JSON pointer.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Self> {
        segments(pointer).try_fold(self, |node, segment| node.child(&segment))
    }

    /// Returns the span that a finding about `pointer` marks: the node, or what is nearest above it. A mapping or list
    /// is marked by its key, so that a finding about a block does not underline a page.
    pub(crate) fn span_at(&self, pointer: &str) -> Option<Range<usize>> {
        self.find(pointer).span
    }

    /// Looks for a JSON pointer: what is there, and what a finding about it marks.
    pub(crate) fn find(&self, pointer: &str) -> Found<'_> {
        match pointer.strip_prefix('/') {
            Some(path) => self.find_below(path),
            None => Found { node: Some(self), span: None },
        }
    }

    /// Looks for a JSON pointer without its first slash.
    pub(crate) fn find_below(&self, path: &str) -> Found<'_> {
        let mut found = Found { node: Some(self), span: None };
        let mut node = self;
        for segment in path.split('/').map(unescape) {
            let (child, key) = match &node.kind {
                Kind::Map(_) => match node.entry(&segment) {
                    Some(entry) => (&entry.value, Some(&entry.key_span)),
                    None => return Found { node: None, ..found },
                },
                _ => match node.child(&segment) {
                    Some(item) => (item, None),
                    None => return Found { node: None, ..found },
                },
            };
            let marked = match (&child.kind, key) {
                (Kind::Map(_) | Kind::Seq(_) | Kind::Null, Some(key)) => key,
                (Kind::Map(entries), None) => entries.first().map_or(&child.span, |entry| &entry.key_span),
                _ => &child.span,
            };
            found = Found { node: Some(child), span: Some(marked.clone()) };
            node = child;
        }
        found
    }

    /// Returns the span of the key at a JSON pointer.
    pub(crate) fn key_span_at(&self, pointer: &str) -> Option<Range<usize>> {
        let (parent, key) = pointer.rsplit_once('/')?;
        self.at(parent)?.entry(&unescape(key)).map(|entry| entry.key_span.clone())
    }

    /// Calls `visit` for every scalar, with its JSON pointer; `pointer` is that of the node itself.
    pub(crate) fn for_each_scalar(&mut self, pointer: &str, visit: &mut dyn FnMut(&str, &mut Self)) {
        self.scalars_below(&mut pointer.to_owned(), visit);
    }

    fn scalars_below(&mut self, pointer: &mut String, visit: &mut dyn FnMut(&str, &mut Self)) {
        let here = pointer.len();
        match &mut self.kind {
            Kind::Seq(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    push(pointer, &index.to_string());
                    item.scalars_below(pointer, visit);
                    pointer.truncate(here);
                }
            }
            Kind::Map(entries) => {
                for entry in entries {
                    push(pointer, &entry.key);
                    entry.value.scalars_below(pointer, visit);
                    pointer.truncate(here);
                }
            }
            _ => visit(pointer, self),
        }
    }
}

/// Returns the JSON pointer of `key` below `pointer`.
pub(crate) fn join(pointer: &str, key: &str) -> String {
    let mut joined = String::with_capacity(pointer.len() + 1 + key.len());
    joined.push_str(pointer);
    push(&mut joined, key);
    joined
}

/// Appends `key` to a JSON pointer.
fn push(pointer: &mut String, key: &str) {
    pointer.push('/');
    if key.contains(['~', '/']) {
        pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
    } else {
        pointer.push_str(key);
    }
}

/// Keys of plans have nothing to unescape; rules ask for thousands of places.
fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') {
        Cow::Owned(segment.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(segment)
    }
}

fn segments(pointer: &str) -> impl Iterator<Item = Cow<'_, str>> {
    pointer.split('/').skip(1).map(unescape)
}
