//! YAML text to a tree with positions, for a strict subset.
//!
//! No anchors, aliases, merge keys, tags, duplicate or non-text keys, and one document: each is a finding with a span.
//! Plain scalars are read by the JSON grammar only, so `no`, `1_000`, `0x10` and `12:30` stay text, and a number keeps
//! its source text for ever. Only this file touches the parser crate.

use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, options};

use super::codes;
use super::finding::Finding;
use super::tree::{Entry, Kind, Node, join};

/// No mapping of a plan has more than a few dozen keys; look-ups are linear, so a file of nothing but keys is refused.
const MAX_KEYS: usize = 1_000;

/// A plan of ten thousand pairs would need twenty thousand wallets.
const MAX_ITEMS: usize = 10_000;

/// Nobody reads more about what is outside the subset.
const MAX_FINDINGS: usize = 1_000;

/// A comment, kept because it may suppress a finding or name the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    /// Bytes of the source, `#` included.
    pub(crate) span: Range<usize>,
    /// Text after the `#`.
    pub(crate) text: String,
}

/// What a text parses to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parsed {
    /// The tree; `None` when the text is no YAML or holds nothing.
    pub(crate) root: Option<Node>,
    /// All comments, in order.
    pub(crate) comments: Vec<Comment>,
    /// What is outside the subset.
    pub(crate) findings: Vec<Finding>,
}

/// A collection that is being read.
enum Frame {
    Seq { start: Range<usize>, flow: bool, items: Vec<Node> },
    Map { start: Range<usize>, flow: bool, entries: Vec<Entry>, key: Option<Key> },
}

/// A key that waits for its value. `name` is `None` for one that cannot be kept.
struct Key {
    name: Option<String>,
    span: Range<usize>,
}

/// Parses `text`.
pub(crate) fn parse(text: &str) -> Parsed {
    let settings = options! {
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        disallow_directives: true,
        strict_indentation: true,
        flow_nesting_limit: 64,
        block_nesting_limit: 64,
        max_buffered_comment_events: 100_000,
    };
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(text, settings) {
        match next {
            Ok((event, span)) => {
                if !builder.event(event, span) {
                    break;
                }
            }
            Err(error) => {
                builder.syntax(text, &error);
                break;
            }
        }
    }
    builder.parsed
}

#[derive(Default)]
struct Builder {
    stack: Vec<Frame>,
    documents: usize,
    parsed: Parsed,
}

impl Builder {
    /// Takes one event; `false` when nothing more is wanted.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        let range = span.byte_range().unwrap_or_default();
        if self.refuse_flood(&range) || self.refuse_crowd(&range) {
            return false;
        }
        self.refuse_tag(&event, &span);
        match event {
            Event::DocumentStart(..) => return self.document(range),
            Event::Comment(text, _) => {
                self.parsed.comments.push(Comment { span: range, text: text.into_owned() });
            }
            Event::Scalar(text, style, ..) => self.node(Node::new(resolve(text.into_owned(), style), range)),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let at = self.next_pointer();
                self.refuse_anchor("an alias", &at, range.clone());
                self.alias(range);
            }
            Event::Anchor(..) => {
                let at = self.pointer();
                self.refuse_anchor("an anchor", &at, range);
            }
            Event::SequenceStart(style, ..) => self.stack.push(Frame::Seq {
                start: range,
                flow: style == StructureStyle::Flow,
                items: Vec::new(),
            }),
            Event::MappingStart(style, ..) => self.stack.push(Frame::Map {
                start: range,
                flow: style == StructureStyle::Flow,
                entries: Vec::new(),
                key: None,
            }),
            Event::SequenceEnd | Event::MappingEnd => self.close(range),
            _ => {}
        }
        true
    }

    /// Gives up on a text that is no plan in every line.
    fn refuse_flood(&mut self, range: &Range<usize>) -> bool {
        let flood = self.parsed.findings.len() >= MAX_FINDINGS;
        if flood {
            let message = format!("more than {MAX_FINDINGS} places are outside of what plans have of YAML");
            self.too_large(message, range);
        }
        flood
    }

    fn too_large(&mut self, message: String, range: &Range<usize>) {
        let finding = Finding::error(codes::TOO_LARGE, message)
            .at(&self.pointer(), Some(range.clone()))
            .help("check that this is the right file; nothing below was read");
        self.parsed.findings.push(finding);
    }

    /// Gives up on a collection that is larger than any of a plan.
    fn refuse_crowd(&mut self, range: &Range<usize>) -> bool {
        let crowd = match self.stack.last() {
            Some(Frame::Map { entries, .. }) if entries.len() > MAX_KEYS => {
                format!("a mapping with more than {MAX_KEYS} keys")
            }
            Some(Frame::Seq { items, .. }) if items.len() > MAX_ITEMS => {
                format!("a list with more than {MAX_ITEMS} items")
            }
            _ => return false,
        };
        self.too_large(crowd, range);
        true
    }

    fn document(&mut self, range: Range<usize>) -> bool {
        self.documents += 1;
        if self.documents > 1 {
            let finding = Finding::error(codes::MULTI_DOCUMENT, "a second document starts here")
                .at("", Some(range))
                .help("one plan a file: move what follows `---` to a file of its own");
            self.parsed.findings.push(finding);
        }
        self.documents == 1
    }

    fn close(&mut self, end: Range<usize>) {
        let node = match self.stack.pop() {
            Some(Frame::Seq { start, flow, items }) => {
                let last = items.last().map(|item| item.span.end);
                Node::new(Kind::Seq(items), whole(&start, flow, last, &end))
            }
            Some(Frame::Map { start, flow, entries, .. }) => {
                let last = entries.last().map(|entry| entry.value.span.end.max(entry.key_span.end));
                Node::new(Kind::Map(entries), whole(&start, flow, last, &end))
            }
            None => return,
        };
        self.node(node);
    }

    /// Puts nothing where an alias stands. As a key it is one mistake, and said already.
    fn alias(&mut self, span: Range<usize>) {
        match self.stack.last_mut() {
            Some(Frame::Map { key: slot @ None, .. }) => *slot = Some(Key { name: None, span }),
            _ => self.node(Node::new(Kind::Null, span)),
        }
    }

    /// Puts a finished node where it belongs.
    fn node(&mut self, node: Node) {
        let Some((innermost, outer)) = self.stack.split_last_mut() else {
            self.parsed.root = Some(node);
            return;
        };
        match innermost {
            Frame::Seq { items, .. } => items.push(node),
            Frame::Map { entries, key: slot, .. } => match slot.take() {
                None => {
                    let span = node.span.clone();
                    let (key, finding) = read_key(node, entries, &|| pointer_through(outer));
                    *slot = Some(Key { name: key, span });
                    self.parsed.findings.extend(finding);
                }
                Some(Key { name: Some(key), span }) => {
                    entries.push(Entry { key, key_span: span, value: node });
                }
                Some(Key { name: None, .. }) => {}
            },
        }
    }

    /// Returns the JSON pointer of the innermost open collection.
    fn pointer(&self) -> String {
        pointer_through(self.stack.split_last().map_or(&[], |(_, outer)| outer))
    }

    /// Returns the JSON pointer of the node that comes next; of its mapping, when that is a key.
    fn next_pointer(&self) -> String {
        match self.stack.last() {
            Some(Frame::Map { key: None, .. }) => self.pointer(),
            _ => pointer_through(&self.stack),
        }
    }

    fn refuse_tag(&mut self, event: &Event<'_>, span: &Span) {
        if event.tag().is_some() {
            let range = span.tag_span().unwrap_or(*span).byte_range();
            let finding = Finding::error(codes::YAML_TAG, "plans have no YAML tags")
                .at(&self.pointer(), range)
                .help("remove the tag; quote the value if it must be text");
            self.parsed.findings.push(finding);
        }
    }

    fn refuse_anchor(&mut self, what: &str, pointer: &str, range: Range<usize>) {
        let finding =
            Finding::error(codes::YAML_ANCHOR, format!("plans have no YAML anchors, and this is {what}"))
                .at(pointer, Some(range))
                .help("write the value out, or put it under `vars:` and use `{{ vars.name }}`");
        self.parsed.findings.push(finding);
    }

    fn syntax(&mut self, text: &str, error: &ScanError) {
        let offset = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
        let end = text[offset..].chars().next().map_or(offset, |c| offset + c.len_utf8());
        let finding = Finding::error(codes::YAML_SYNTAX, format!("not valid YAML: {}", error.info()))
            .at("", Some(offset..end))
            .help(format!("{}; nothing below was read", remedy(error.kind())));
        self.parsed.findings.push(finding);
        self.parsed.root = None;
    }
}

/// Returns what to write instead of what the parser refused.
fn remedy(kind: &ErrorKind) -> &'static str {
    match kind {
        // Many readers take these, and YAML does not: an editor would then disagree with the next one.
        ErrorKind::InvalidIndentation | ErrorKind::InvalidQuotedScalarIndent => {
            "indent every line inside brackets and quotes deeper than the key before them, the closing one as well"
        }
        ErrorKind::TabInIndentation | ErrorKind::TabInBlockIndentation => {
            "indent with spaces, never with tabs"
        }
        ErrorKind::DirectiveDisallowed => "remove the line: plans have no YAML directives",
        _ => "check the indentation, quotes and brackets here and just above",
    }
}

/// Returns the JSON pointer of what is being read inside `frames`.
fn pointer_through(frames: &[Frame]) -> String {
    frames.iter().fold(String::new(), |pointer, frame| match frame {
        Frame::Seq { items, .. } => format!("{pointer}/{}", items.len()),
        Frame::Map { key, .. } => {
            join(&pointer, key.as_ref().and_then(|key| key.name.as_deref()).unwrap_or_default())
        }
    })
}

/// A flow collection ends at its bracket; a block collection at the end of its last child.
fn whole(start: &Range<usize>, flow: bool, last: Option<usize>, end: &Range<usize>) -> Range<usize> {
    let stop = if flow { end.end } else { last.unwrap_or(start.end) };
    start.start..stop.max(start.start)
}

/// Reads a key; `None` when it is outside the subset, with the finding that says so.
fn read_key(
    node: Node,
    entries: &[Entry],
    pointer: &dyn Fn() -> String,
) -> (Option<String>, Option<Finding>) {
    let span = node.span.clone();
    let Some(name) = node.scalar().map(str::to_owned) else {
        let finding =
            Finding::error(codes::TEXT_KEY, format!("a key is text, and this is {}", node.describe()))
                .at(&pointer(), Some(span))
                .help("write a plain name before the colon; a value that starts with `{` needs quotes");
        return (None, Some(finding));
    };
    if name == "<<" {
        let finding = Finding::error(codes::YAML_ANCHOR, "plans have no YAML merge keys")
            .at(&pointer(), Some(span))
            .help("write the values out; what all pairs share belongs at the top level of the plan");
        return (None, Some(finding));
    }
    if let Some(first) = entries.iter().find(|entry| entry.key == name) {
        let at = join(&pointer(), &name);
        let finding = Finding::error(codes::DUPLICATE_KEY, format!("`{name}` is written twice"))
            .at(&at, Some(span))
            .related(&at, Some(first.key_span.clone()), "first written here")
            .help("keep one of them");
        return (None, Some(finding));
    }
    (Some(name), None)
}

fn resolve(text: String, style: ScalarStyle) -> Kind {
    if style != ScalarStyle::Plain {
        return Kind::Text(text);
    }
    match text.as_str() {
        "" | "~" | "null" => Kind::Null,
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        _ if is_json_number(&text) => Kind::Number(text),
        _ => Kind::Text(text),
    }
}

/// Returns whether `text` is a number by the JSON grammar.
pub(crate) fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes_of(text: &str) -> Vec<&'static str> {
        parse(text).findings.iter().map(|finding| finding.rule.code).collect()
    }

    #[test]
    fn numbers_keep_their_text_and_nothing_else_is_one() {
        for number in ["0", "-0", "1e400", "0.10", "100.950", "123456789012345678901234567890"] {
            assert!(is_json_number(number), "{number}");
        }
        for text in ["", "-", "01", "1_000", "0x10", ".5", "5.", "+1", "NaN", ".inf", "1e", "12:30"] {
            assert!(!is_json_number(text), "{text}");
        }
    }

    #[test]
    fn what_is_outside_the_subset_is_named() {
        assert_eq!(codes_of("a: &x 1\nb: *x\n"), ["LP005", "LP005"]);
        assert_eq!(codes_of("a: *missing\n"), ["LP005"]);
        assert_eq!(codes_of("*missing : a\n"), ["LP005"]);
        assert_eq!(codes_of("<<: {a: 1}\nb: 2\n"), ["LP005"]);
        assert_eq!(codes_of("a: !!str 1\n"), ["LP006"]);
        assert_eq!(codes_of("a: 1\na: 2\n"), ["LP007"]);
        assert_eq!(codes_of("a: 1\n---\nb: 2\n"), ["LP008"]);
        assert_eq!(codes_of("{[1]: 2}\n"), ["LP009"]);
        assert_eq!(codes_of("a: [1\n"), ["LP001"]);
        assert_eq!(codes_of(&"[".repeat(100_000)), ["LP001"]);
    }

    #[test]
    fn crowds_are_refused_while_they_are_read() {
        let keys: String = (0..50_000).map(|i| format!("k{i}: 1\n")).collect();
        assert_eq!(codes_of(&keys), ["LP003"]);
        assert_eq!(codes_of(&format!("a: [{}]", "x,".repeat(50_000))), ["LP003"]);
        assert!(codes_of(&format!("a: [{}]", "x,".repeat(5_000))).is_empty());
    }

    #[test]
    fn a_flood_of_mistakes_is_cut_short() {
        let flood = codes_of(&"a: 1\n".repeat(100_000));
        assert_eq!((flood.len(), flood.last()), (MAX_FINDINGS + 1, Some(&"LP003")));
    }

    #[test]
    fn every_node_knows_its_place() {
        let text = "pairs:\n  - id: é\n    long: { account: 7 }\n# end\n";
        let root = parse(text).root.unwrap();
        let slice = |pointer: &str| &text[root.at(pointer).unwrap().span.clone()];
        assert_eq!(slice("/pairs/0/id"), "é");
        assert_eq!(slice("/pairs/0/long"), "{ account: 7 }");
        assert_eq!(slice("/pairs/0/long/account"), "7");
        assert_eq!(slice("/pairs/0"), "id: é\n    long: { account: 7 }");
        assert_eq!(&text[root.span_at("/pairs/0/long/key").unwrap()], "long");
        assert_eq!(parse(text).comments.len(), 1);
    }

    #[test]
    fn a_duplicate_shows_both_places() {
        let parsed = parse("risk:\n  a: 1\n  a: 2\n");
        assert_eq!(parsed.findings[0].pointer, "/risk/a");
        assert_eq!(parsed.findings[0].span, Some(15..16));
        assert_eq!(parsed.findings[0].related[0].span, Some(8..9));
    }
}
