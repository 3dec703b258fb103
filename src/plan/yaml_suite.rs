//! The front end against the YAML test suite: what it accepts, it reads as the standard says; what it refuses, it
//! refuses with a place and a code; what is no YAML, it never accepts.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value as Json;

use super::finding::Severity;
use super::source::SourceFile;
use super::tree::{Entry, Kind, Node};
use super::yaml::{Parsed, is_json_number, parse};

/// Valid YAML that plans do not have, by the rules that say so.
///
/// LP001 directives, LP005 anchors, aliases and merge keys, LP006 tags, LP008 several documents, LP009 keys that are no
/// text. `Expected::read` finds these reasons in the suite's events, so that nothing is refused for another reason.
const REFUSED_BY_DESIGN: [(&str, usize); 12] = [
    ("LP001", 19),
    ("LP001 LP006", 2),
    ("LP005", 19),
    ("LP005 LP006", 6),
    ("LP005 LP006 LP008", 1),
    ("LP005 LP009", 6),
    ("LP006", 18),
    ("LP006 LP008", 1),
    ("LP006 LP009", 2),
    ("LP008", 12),
    ("LP008 LP009", 1),
    ("LP009", 19),
];

/// Cases that are read, every one to the suite's events and its JSON.
const READ: usize = 202;

const CASES: &str = include_str!("../../tests/fixtures/yaml-test-suite/cases.jsonl");

#[derive(Deserialize)]
struct Case {
    id: String,
    yaml: String,
    #[serde(default)]
    fail: bool,
    #[serde(default)]
    tree: String,
    json: Option<String>,
}

/// What the standard reads, as the suite writes it down.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Plain(String),
    Quoted(String),
    Seq(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Alias,
}

/// The events of one case, read back.
#[derive(Debug, Default)]
struct Expected {
    documents: Vec<Value>,
    /// Why we refuse it by design, as the codes that say so.
    refused: Vec<&'static str>,
}

fn cases() -> Vec<Case> {
    CASES.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

impl Expected {
    fn read(case: &Case) -> Self {
        let mut lines = case.tree.lines().map(str::trim_start).peekable();
        let mut expected = Self::default();
        while let Some(line) = lines.next() {
            if line.starts_with("+DOC") {
                let value = expected.value(&mut lines);
                expected.documents.push(value);
            }
        }
        if expected.documents.len() > 1 {
            expected.refused.push("LP008");
        }
        if has_directive(&case.yaml) {
            expected.refused.push("LP001");
        }
        expected
    }

    fn value<'a>(&mut self, lines: &mut impl Iterator<Item = &'a str>) -> Value {
        let line = lines.next().expect("a value");
        self.value_of(line, lines)
    }

    fn value_of<'a>(&mut self, line: &str, lines: &mut impl Iterator<Item = &'a str>) -> Value {
        if line.starts_with("=ALI") {
            self.refused.push("LP005");
            return Value::Alias;
        }
        let (kind, mut rest) = line.split_at(4);
        rest = rest.trim_start();
        for style in ["[]", "{}"] {
            rest = rest.strip_prefix(style).unwrap_or(rest).trim_start();
        }
        if rest.starts_with('&') {
            self.refused.push("LP005");
            rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
        }
        if rest.starts_with('<') {
            self.refused.push("LP006");
            rest = rest.split_once("> ").map_or("", |(_, rest)| rest);
        }
        match kind {
            "+SEQ" => Value::Seq(self.items(lines, "-SEQ")),
            "+MAP" => {
                let items = self.items(lines, "-MAP");
                let entries: Vec<_> =
                    items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
                self.keys(&entries);
                Value::Map(entries)
            }
            _ => match rest.split_at(1) {
                (":", text) => Value::Plain(unescape(text)),
                (_, text) => Value::Quoted(unescape(text)),
            },
        }
    }

    fn items<'a>(&mut self, lines: &mut impl Iterator<Item = &'a str>, end: &str) -> Vec<Value> {
        let mut items = Vec::new();
        loop {
            match lines.next().expect("an end") {
                line if line == end => return items,
                line => items.push(self.value_of(line, lines)),
            }
        }
    }

    /// Keys that we refuse: those that are no text, and those written twice.
    fn keys(&mut self, entries: &[(Value, Value)]) {
        let mut seen = Vec::new();
        for (key, _) in entries {
            match key {
                Value::Plain(text) if matches!(text.as_str(), "" | "~" | "null") => {
                    self.refused.push("LP009")
                }
                Value::Plain(text) | Value::Quoted(text) => {
                    if text == "<<" {
                        self.refused.push("LP005");
                    }
                    if seen.contains(text) {
                        self.refused.push("LP007");
                    }
                    seen.push(text.clone());
                }
                Value::Seq(_) | Value::Map(_) => self.refused.push("LP009"),
                Value::Alias => {}
            }
        }
    }
}

/// A directive stands where a document may begin; anywhere else a `%` is text.
fn has_directive(yaml: &str) -> bool {
    let mut between = true;
    yaml.lines().any(|line| {
        let found = between && line.starts_with('%');
        between = line == "..." || (between && (line.is_empty() || line.starts_with('#')));
        found
    })
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('b') => '\u{8}',
                Some('\\') => '\\',
                other => panic!("an escape `{other:?}` in {text}"),
            },
            c => c,
        });
    }
    out
}

/// Returns our tree as the suite's.
fn read(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Plain(String::new()),
        Kind::Bool(value) => Value::Plain(value.to_string()),
        Kind::Number(text) => Value::Plain(text.clone()),
        Kind::Text(text) => Value::Quoted(text.clone()),
        Kind::Seq(items) => Value::Seq(items.iter().map(read).collect()),
        Kind::Map(entries) => {
            let key = |key: &str| Value::Quoted(key.to_owned());
            Value::Map(entries.iter().map(|entry| (key(&entry.key), read(&entry.value))).collect())
        }
    }
}

/// Returns the suite's tree with plain scalars resolved as plans do: JSON's words and numbers, and text; keys are text.
fn resolved(value: &Value) -> Value {
    match value {
        Value::Plain(text) => match text.as_str() {
            "" | "~" | "null" => Value::Plain(String::new()),
            "true" | "false" => value.clone(),
            _ if is_json_number(text) => value.clone(),
            _ => Value::Quoted(text.clone()),
        },
        Value::Quoted(_) | Value::Alias => value.clone(),
        Value::Seq(items) => Value::Seq(items.iter().map(resolved).collect()),
        Value::Map(entries) => {
            let key = |key: &Value| match key {
                Value::Plain(text) | Value::Quoted(text) => Value::Quoted(text.clone()),
                other => other.clone(),
            };
            Value::Map(entries.iter().map(|(name, value)| (key(name), resolved(value))).collect())
        }
    }
}

/// Returns whether our tree is the suite's JSON. A plain word that YAML's core schema reads as a number or a boolean of a
/// form that JSON does not have stays text here, to the letter.
fn agrees(node: &Node, json: &Json) -> bool {
    match (&node.kind, json) {
        (Kind::Null, Json::Null) => true,
        (Kind::Bool(ours), Json::Bool(theirs)) => ours == theirs,
        (Kind::Number(ours), Json::Number(_)) => {
            let amount = |text: &str| text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text));
            amount(ours).ok() == amount(&json.to_string()).ok()
        }
        (Kind::Text(ours), Json::String(theirs)) => ours == theirs,
        (Kind::Text(ours), Json::Number(_) | Json::Bool(_) | Json::Null) => !is_json_number(ours),
        (Kind::Seq(items), Json::Array(values)) => {
            items.len() == values.len() && items.iter().zip(values).all(|(item, value)| agrees(item, value))
        }
        (Kind::Map(entries), Json::Object(values)) => {
            let same =
                |entry: &Entry| values.get(&entry.key).is_some_and(|value| agrees(&entry.value, value));
            entries.len() == values.len() && entries.iter().all(same)
        }
        _ => false,
    }
}

/// Every finding has a place inside the text, and every node as well.
fn assert_places(case: &Case, parsed: &Parsed) {
    let source = SourceFile::from_text(&case.id, &case.yaml);
    let inside = |span: &std::ops::Range<usize>, what: &str| {
        let sound = span.start <= span.end && case.yaml.get(span.clone()).is_some();
        assert!(sound, "{}: {what} is at {span:?} of {}", case.id, case.yaml.len());
        let at = source.position(span.start);
        assert!(at.line >= 1 && at.column >= 1, "{}: {what} is at {at:?}", case.id);
    };
    for finding in &parsed.findings {
        assert_eq!(finding.severity, Severity::Error, "{}", case.id);
        assert!(finding.rule.code.starts_with("LP0"), "{}: {finding:?}", case.id);
        inside(finding.span.as_ref().expect("a place"), &finding.message);
    }
    for comment in &parsed.comments {
        inside(&comment.span, "a comment");
        assert!(case.yaml[comment.span.clone()].starts_with('#'), "{}: {comment:?}", case.id);
    }
    if let Some(root) = &parsed.root {
        assert_node(case, root, &inside);
    }
}

fn assert_node(case: &Case, node: &Node, inside: &dyn Fn(&std::ops::Range<usize>, &str)) {
    inside(&node.span, node.describe());
    let within = |inner: &Node| {
        let held = node.span.start <= inner.span.start && inner.span.end <= node.span.end;
        assert!(held, "{}: {:?} is outside of {:?}", case.id, inner.span, node.span);
    };
    match &node.kind {
        Kind::Seq(items) => items.iter().for_each(|item| {
            within(item);
            assert_node(case, item, inside);
        }),
        Kind::Map(entries) => entries.iter().for_each(|entry| {
            inside(&entry.key_span, "a key");
            within(&entry.value);
            assert_node(case, &entry.value, inside);
        }),
        Kind::Number(text) => assert_eq!(&case.yaml[node.span.clone()], text, "{}", case.id),
        Kind::Null | Kind::Bool(_) | Kind::Text(_) => {}
    }
}

/// What became of the suite, case by case.
#[derive(Default)]
struct Tally {
    /// To the suite's events, and to its JSON where it has some.
    read: usize,
    refused_as_bad: usize,
    by_design: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Tally {
    fn case(&mut self, case: &Case) {
        let parsed = parse(&case.yaml);
        assert_places(case, &parsed);
        let mut codes: Vec<_> = parsed.findings.iter().map(|finding| finding.rule.code).collect();
        codes.sort_unstable();
        codes.dedup();
        if case.fail {
            match codes.is_empty() {
                true => self.wrong.push(format!("{} is no YAML, and was read as {:?}", case.id, parsed.root)),
                false => self.refused_as_bad += 1,
            }
            return;
        }
        let expected = Expected::read(case);
        if codes.is_empty() {
            self.accepted(case, &expected, &parsed);
        } else if codes.iter().all(|code| expected.refused.contains(code)) {
            *self.by_design.entry(codes.join(" ")).or_default() += 1;
        } else {
            let why = &parsed.findings;
            self.wrong.push(format!("{} is YAML, and was refused: {why:?}\n{}", case.id, case.yaml));
        }
    }

    fn accepted(&mut self, case: &Case, expected: &Expected, parsed: &Parsed) {
        if !expected.refused.is_empty() {
            self.wrong.push(format!("{} was read in spite of {:?}", case.id, expected.refused));
            return;
        }
        let ours = parsed.root.as_ref().map(read);
        let theirs = expected.documents.first().map(resolved);
        if ours.clone().unwrap_or(Value::Plain(String::new()))
            != theirs.clone().unwrap_or(Value::Plain(String::new()))
        {
            self.wrong.push(format!("{}\n{}\nours   {ours:?}\ntheirs {theirs:?}", case.id, case.yaml));
            return;
        }
        let json = case.json.as_deref().filter(|json| !json.trim().is_empty());
        let json = json.map(|json| serde_json::from_str(json).expect("JSON"));
        if let (Some(root), Some(json)) = (&parsed.root, &json)
            && !agrees(root, json)
        {
            self.wrong.push(format!("{}\n{}\nours {ours:?}\nJSON {json}", case.id, case.yaml));
            return;
        }
        self.read += 1;
    }
}

#[test]
fn the_suite_is_read_as_the_standard_says_or_refused_with_a_place() {
    let mut tally = Tally::default();
    let cases = cases();
    cases.iter().for_each(|case| tally.case(case));
    assert!(tally.wrong.is_empty(), "{}\n{} cases", tally.wrong.join("\n\n"), tally.wrong.len());
    let counts: Vec<_> = tally.by_design.iter().map(|(code, count)| (code.as_str(), *count)).collect();
    assert_eq!(counts, REFUSED_BY_DESIGN);
    assert_eq!((cases.len(), tally.refused_as_bad, tally.read), (402, 94, READ));
}
