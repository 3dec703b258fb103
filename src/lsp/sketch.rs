//! What stands where in a text that need not be YAML: half a line is what completion is asked about most.
//!
//! Lines are read by their indentation and their brackets, and nothing is ever refused. Where the text is a plan, this
//! finds the same keys as the real reader; a test holds the two against each other.

use std::ops::Range;

use crate::plan::tree::join;

/// A key of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// JSON pointer of its mapping.
    pub(super) parent: String,
    /// The key, without quotes.
    pub(super) name: String,
    /// Its bytes, with quotes.
    pub(super) span: Range<usize>,
}

/// What a cursor is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Where a key may be written, or an item of a list, or a value on a line of its own; the schema knows which.
    /// The JSON pointer is that of what would hold it.
    Entry(String),
    /// The value at a JSON pointer.
    Value(String),
    /// A comment; the word begins at its `#`.
    Comment,
    /// Nothing that has a name: behind a finished value.
    Nowhere,
}

/// Where a cursor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) place: Place,
    /// Where the word begins that is being written.
    pub(super) word: usize,
    /// Column that the lines below belong to, when something with lines is put in.
    pub(super) indent: usize,
    /// Whether brackets are open.
    pub(super) flow: bool,
}

/// Returns every key of a text, in order.
pub(super) fn keys(text: &str) -> Vec<Key> {
    let mut scanner = Scanner::default();
    scanner.run(text);
    scanner.keys
}

/// Returns where the end of `text` is: what stands before a cursor.
pub(super) fn cursor(text: &str) -> Cursor {
    let mut scanner = Scanner::default();
    scanner.run(text);
    scanner.cursor(text.len())
}

/// A collection that is open.
#[derive(Debug)]
struct Frame {
    pointer: String,
    shape: Shape,
}

#[derive(Debug, PartialEq, Eq)]
enum Shape {
    /// With the key whose value comes, and whether that has begun.
    Map {
        at: Column,
        key: Option<String>,
        filled: bool,
    },
    Seq {
        at: Column,
        index: usize,
    },
}

/// Where a collection's lines start; none inside brackets.
type Column = Option<usize>;

impl Frame {
    fn map(pointer: String, at: Column) -> Self {
        Self { pointer, shape: Shape::Map { at, key: None, filled: false } }
    }

    fn seq(pointer: String, at: Column) -> Self {
        Self { pointer, shape: Shape::Seq { at, index: 0 } }
    }

    fn column(&self) -> Column {
        match self.shape {
            Shape::Map { at, .. } | Shape::Seq { at, .. } => at,
        }
    }

    fn is_seq(&self) -> bool {
        matches!(self.shape, Shape::Seq { .. })
    }

    /// Returns the pointer of what comes next inside.
    fn child(&self) -> String {
        match &self.shape {
            Shape::Map { key: Some(key), .. } => join(&self.pointer, key),
            Shape::Map { key: None, .. } => self.pointer.clone(),
            Shape::Seq { index, .. } => format!("{}/{index}", self.pointer),
        }
    }
}

/// What the end of a line is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    /// Nothing written yet; the column of the end.
    #[default]
    Blank,
    /// A word at a place for keys, with where it starts.
    Word(usize),
    /// A value, with where it starts.
    Value(usize),
    /// A comment, with where it starts.
    Comment(usize),
    /// Inside brackets.
    Flow,
    /// Behind something finished.
    Done,
}

#[derive(Debug, Default)]
struct Scanner {
    frames: Vec<Frame>,
    keys: Vec<Key>,
    /// Lines deeper than this are text of a block scalar.
    text_below: Option<usize>,
    /// Column of the line that opened the first bracket.
    opened_at: usize,
    /// Start of what is being read inside brackets, and its quote.
    token: Option<usize>,
    quote: Option<char>,
    /// Column of the last line, and what its end is in.
    column: usize,
    end: End,
}

impl Scanner {
    fn run(&mut self, text: &str) {
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            self.line(start, line.trim_end_matches(['\n', '\r']));
            start += line.len();
        }
        if text.is_empty() || text.ends_with('\n') {
            self.line(text.len(), "");
        }
    }

    fn in_flow(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.column().is_none())
    }

    fn line(&mut self, start: usize, line: &str) {
        let body = line.trim_start_matches(' ');
        let column = line.len() - body.len();
        if self.in_flow() {
            if !self.is_abandoned(column, body) {
                return self.flow(start, line);
            }
            self.leave_flow();
        }
        (self.column, self.end) = (column, End::Blank);
        if body.is_empty() {
            return;
        }
        if self.text_below.is_some_and(|above| column > above) {
            self.end = End::Done;
            return;
        }
        self.text_below = None;
        self.block(start + column, column, body);
    }

    /// A bracket that was never closed ends where a key of the lines around it starts.
    fn is_abandoned(&self, column: usize, body: &str) -> bool {
        column <= self.opened_at && (find_colon(body).is_some() || body.starts_with("- "))
    }

    fn leave_flow(&mut self) {
        self.frames.retain(|frame| frame.column().is_some());
        (self.token, self.quote) = (None, None);
    }

    /// Reads what stands on a line from a column on.
    fn block(&mut self, at: usize, column: usize, body: &str) {
        if body.starts_with('#') {
            self.end = End::Comment(at);
        } else if body == "-" || body.starts_with("- ") {
            self.item(column);
            let rest = body[1..].trim_start_matches(' ');
            let skipped = body.len() - rest.len();
            self.column = column + skipped.max(2);
            self.end = End::Word(at + skipped);
            if !rest.is_empty() {
                self.block(at + skipped, column + skipped, rest);
            }
        } else if body.starts_with(['{', '[']) {
            self.open(column);
            self.flow(at, body);
        } else if let Some(colon) = find_colon(body) {
            self.key(at, column, &body[..colon]);
            self.value(at + colon + 1, column, &body[colon + 1..]);
        } else {
            self.column = column;
            self.end = End::Word(at);
        }
    }

    /// Closes what a line of this column is no part of.
    fn close_below(&mut self, column: usize) {
        while self.frames.last().is_some_and(|frame| frame.column().is_some_and(|at| at > column)) {
            self.frames.pop();
        }
    }

    fn child(&self) -> String {
        self.frames.last().map(Frame::child).unwrap_or_default()
    }

    /// A `-` at a column.
    fn item(&mut self, column: usize) {
        self.close_below(column);
        match self.frames.last_mut() {
            Some(Frame { shape: Shape::Seq { at, index }, .. }) if *at == Some(column) => *index += 1,
            _ => {
                let frame = Frame::seq(self.child(), Some(column));
                self.frames.push(frame);
            }
        }
    }

    /// A key at a column.
    fn key(&mut self, at: usize, column: usize, raw: &str) {
        self.close_below(column);
        if self.frames.last().is_some_and(|frame| frame.is_seq() && frame.column() == Some(column)) {
            self.frames.pop();
        }
        if self.frames.last().is_none_or(|frame| frame.column() != Some(column)) {
            let frame = Frame::map(self.child(), Some(column));
            self.frames.push(frame);
        }
        self.record(at, raw);
    }

    /// Notes a key of the innermost mapping.
    fn record(&mut self, at: usize, raw: &str) {
        let written = raw.trim_end();
        let name = unquoted(written).to_owned();
        if let Some(Frame { pointer, shape: Shape::Map { key, filled, .. } }) = self.frames.last_mut() {
            self.keys.push(Key { parent: pointer.clone(), name: name.clone(), span: at..at + written.len() });
            (*key, *filled) = (Some(name), false);
        }
    }

    /// What stands behind a colon.
    fn value(&mut self, at: usize, column: usize, rest: &str) {
        let body = rest.trim_start();
        let start = at + rest.len() - body.len();
        self.column = column;
        if body.is_empty() {
            self.end = End::Value(start);
            return;
        }
        if body.starts_with('#') {
            self.end = End::Comment(start);
            return;
        }
        if let Some(Frame { shape: Shape::Map { filled, .. }, .. }) = self.frames.last_mut() {
            *filled = true;
        }
        if body.starts_with(['{', '[']) {
            self.open(column);
            return self.flow(start, body);
        }
        if body.starts_with(['|', '>']) {
            self.text_below = Some(column);
        }
        self.end = match body.find(" #") {
            Some(comment) if !quotes_are_open(&body[..comment]) => End::Comment(start + comment + 1),
            _ => End::Value(start),
        };
    }

    /// Remembers the column of the line that opens brackets.
    fn open(&mut self, column: usize) {
        self.opened_at =
            self.frames.iter().rev().find(|frame| !frame.is_seq()).and_then(Frame::column).unwrap_or(column);
    }

    /// Reads a line, or its rest, inside brackets.
    fn flow(&mut self, start: usize, text: &str) {
        self.end = End::Flow;
        let mut before = ' ';
        let mut escaped = false;
        for (index, c) in text.char_indices() {
            let at = start + index;
            if let Some(quote) = self.quote {
                if escaped {
                    escaped = false;
                } else if c == '\\' && quote == '"' {
                    escaped = true;
                } else if c == quote {
                    self.quote = None;
                }
                before = c;
                continue;
            }
            let next = text[index + c.len_utf8()..].chars().next();
            match c {
                '#' if before.is_whitespace() => {
                    self.end = End::Comment(at);
                    return;
                }
                '"' | '\'' if self.token.is_none() => (self.token, self.quote) = (Some(at), Some(c)),
                ':' if next.is_none_or(|next| " ,}]".contains(next)) => {
                    let from = self.token.take().unwrap_or(at);
                    if !self.in_flow_value() {
                        self.record(from, &text[from.saturating_sub(start).min(index)..index]);
                    }
                }
                '{' | '[' | '}' | ']' | ',' => {
                    self.token = None;
                    self.bracket(c);
                    if !self.in_flow() {
                        self.end = End::Done;
                        return;
                    }
                }
                _ if c.is_whitespace() => {}
                _ => self.token = self.token.or(Some(at)),
            }
            before = c;
        }
    }

    fn in_flow_value(&self) -> bool {
        match self.frames.last().map(|frame| &frame.shape) {
            Some(Shape::Map { key, .. }) => key.is_some(),
            _ => true,
        }
    }

    fn bracket(&mut self, c: char) {
        match (c, self.frames.last_mut().map(|frame| &mut frame.shape)) {
            ('{', _) => {
                let frame = Frame::map(self.child(), None);
                self.frames.push(frame);
            }
            ('[', _) => {
                let frame = Frame::seq(self.child(), None);
                self.frames.push(frame);
            }
            (',', Some(Shape::Map { key, .. })) => *key = None,
            (',', Some(Shape::Seq { index, .. })) => *index += 1,
            (',', None) => {}
            _ => {
                self.frames.pop();
            }
        }
    }

    /// Says where the end of what was read is.
    fn cursor(mut self, end: usize) -> Cursor {
        let (column, flow) = (self.column, self.in_flow());
        let cursor = |place, word, indent| Cursor { place, word, indent, flow };
        match self.end {
            End::Comment(from) => cursor(Place::Comment, from, column),
            End::Done => cursor(Place::Nowhere, end, column),
            End::Value(from) => cursor(Place::Value(self.child()), from, column),
            End::Flow => {
                let word = self.token.unwrap_or(end);
                let place = match self.frames.last() {
                    Some(frame @ Frame { shape: Shape::Map { key: None, .. }, .. }) => {
                        Place::Entry(frame.pointer.clone())
                    }
                    _ => Place::Value(self.child()),
                };
                cursor(place, word, self.opened_at)
            }
            End::Blank => {
                self.close_below(column);
                let place = self.entry_at(column);
                cursor(place, end, column)
            }
            End::Word(from) => {
                self.close_below(column);
                let place = self.entry_at(column);
                cursor(place, from, column)
            }
        }
    }

    /// Returns what may be written at a column, now that everything deeper is closed.
    fn entry_at(&self, column: usize) -> Place {
        let Some((top, outer)) = self.frames.split_last() else { return Place::Entry(String::new()) };
        let here = top.column() == Some(column);
        match &top.shape {
            // A list that stands as far left as its key: what is no item belongs to the mapping around it.
            Shape::Seq { .. } if here => match outer.last() {
                Some(parent) if parent.column() == Some(column) => Place::Entry(parent.pointer.clone()),
                _ => Place::Entry(top.pointer.clone()),
            },
            Shape::Seq { .. } => Place::Entry(top.child()),
            Shape::Map { .. } if here => Place::Entry(top.pointer.clone()),
            Shape::Map { filled: true, .. } => Place::Nowhere,
            Shape::Map { .. } => Place::Entry(top.child()),
        }
    }
}

/// Returns where the colon behind a key is.
fn find_colon(body: &str) -> Option<usize> {
    let ends_key = |at: usize| body[at + 1..].chars().next().is_none_or(char::is_whitespace);
    if let Some(quote) = body.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let close = body[1..].find(quote)? + 2;
        let blank = body[close..].len() - body[close..].trim_start().len();
        return body[close + blank..].starts_with(':').then_some(close + blank).filter(|at| ends_key(*at));
    }
    let comment = body.find(" #").unwrap_or(body.len());
    body[..comment].match_indices(':').map(|(at, _)| at).find(|at| ends_key(*at))
}

fn quotes_are_open(text: &str) -> bool {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    quote.is_some_and(|quote| text.matches(quote).count() % 2 == 1)
}

fn unquoted(raw: &str) -> &str {
    let inner = |quote| raw.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::all_rules;
    use crate::plan::tree::{Kind, Node};
    use crate::plan::yaml_tree;

    /// Returns the place at `|`.
    fn place(text: &str) -> Place {
        cursor(text.split_once('|').unwrap().0).place
    }

    fn entry(pointer: &str) -> Place {
        Place::Entry(pointer.to_owned())
    }

    fn value(pointer: &str) -> Place {
        Place::Value(pointer.to_owned())
    }

    #[test]
    fn the_place_follows_from_the_column() {
        let pairs = "pairs:\n  - id: a\n    long: { account: 1 }\n";
        assert_eq!(place("|"), entry(""));
        assert_eq!(place("version: 1\nna|"), entry(""));
        assert_eq!(place("hedge:\n  |"), entry("/hedge"));
        assert_eq!(place("hedge:\n  wait: 20s\n  ma|"), entry("/hedge"));
        assert_eq!(place("hedge:\n  wait: 20s\n|"), entry(""));
        assert_eq!(place("pairs:\n  |"), entry("/pairs"));
        assert_eq!(place("pairs:\n  - |"), entry("/pairs/0"));
        assert_eq!(place(&format!("{pairs}    |")), entry("/pairs/0"));
        assert_eq!(place(&format!("{pairs}  |")), entry("/pairs"));
        assert_eq!(place(&format!("{pairs}  - i|")), entry("/pairs/1"));
        assert_eq!(place("pairs:\n- id: a\n  |"), entry("/pairs/0"));
        assert_eq!(place("pairs:\n- id: a\n|"), entry(""));
        assert_eq!(place("size: 2\n  |"), Place::Nowhere);
    }

    #[test]
    fn the_place_follows_from_the_brackets() {
        assert_eq!(place("hedge: { |"), entry("/hedge"));
        assert_eq!(place("hedge: { wait: 20s, ma|"), entry("/hedge"));
        assert_eq!(place("hedge: { prefer: |"), value("/hedge/prefer"));
        assert_eq!(place("hedge: { prefer: com|"), value("/hedge/prefer"));
        assert_eq!(place("hedge: { wait: 20s }|"), Place::Nowhere);
        assert_eq!(place("notify: [{ webhook: env:A, on: [hedge, |"), value("/notify/0/on/1"));
        assert_eq!(place("notify:\n  - { webhook: |"), value("/notify/0/webhook"));
        assert_eq!(place("hedge: {\n  wait: 1s,\n  |"), entry("/hedge"));
        // A bracket that is never closed does not swallow the rest.
        assert_eq!(place("hedge: { wait: 20s,\nnetwork: |"), value("/network"));
        assert_eq!(place("long: { key: \"a, b\", |"), entry("/long"));
    }

    #[test]
    fn values_and_comments_are_told_apart() {
        assert_eq!(place("network: |"), value("/network"));
        assert_eq!(place("network: pa|"), value("/network"));
        assert_eq!(cursor("network: pa").word, 9);
        assert_eq!(place("network: paper # x|"), Place::Comment);
        assert_eq!(place("# x|"), Place::Comment);
        assert_eq!(cursor("a: >\n  text").place, Place::Nowhere);
        assert_eq!(place("size: \"{{ vars.|"), value("/size"));
    }

    fn tree_keys(node: &Node, pointer: &str, found: &mut Vec<(usize, String)>) {
        match &node.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    let at = join(pointer, &entry.key);
                    found.push((entry.key_span.start, at.clone()));
                    tree_keys(&entry.value, &at, found);
                }
            }
            Kind::Seq(items) => {
                let all = items.iter().enumerate();
                all.for_each(|(index, item)| tree_keys(item, &format!("{pointer}/{index}"), found));
            }
            _ => {}
        }
    }

    /// Every plan of the repository and every whole example of a rule: the same keys at the same places.
    #[test]
    fn a_sound_text_has_the_keys_that_the_reader_finds() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/plans");
        let plans = std::fs::read_dir(folder).unwrap();
        let mut texts: Vec<String> =
            plans.map(|plan| std::fs::read_to_string(plan.unwrap().path()).unwrap()).collect();
        texts.extend(all_rules().iter().map(|rule| rule.good.text()));
        let mut compared = 0;
        for text in texts {
            let Some(root) = yaml_tree(&text) else { continue };
            let mut expected = Vec::new();
            tree_keys(&root, "", &mut expected);
            let found = keys(&text);
            let found: Vec<_> =
                found.iter().map(|key| (key.span.start, join(&key.parent, &key.name))).collect();
            assert_eq!(found, expected, "{text}");
            compared += expected.len();
        }
        assert!(compared > 500, "{compared}");
    }

    #[test]
    fn nothing_makes_it_fail() {
        let text = include_str!("../../plans/three-pairs.yaml");
        for (at, _) in text.char_indices() {
            cursor(&text[..at]);
            keys(&text[at..]);
        }
        for text in ["{", "}", "]", ",", ":", "- - - a", "\"", "'a':b", "- {[}]", "\t- a", ": :", "é: { ü: ö"]
        {
            keys(text);
            cursor(text);
        }
    }
}
