//! One open file: its text, what is found in it, and what the last readable text looked like.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::place::Encoding;
use crate::lint::{Checked, Policy, check_with};
use crate::model::snapshot_markets;
use crate::plan::{Document as Tree, Finding, LoadOptions, Plan, Severity, SourceFile, load};

/// An open file.
pub(super) struct Document {
    pub(super) uri: String,
    pub(super) version: Value,
    /// Whether the client calls it a plan, whatever it looks like.
    named_plan: bool,
    path: PathBuf,
    /// As the client has it; of what is no text, `source` keeps a part only, and changes would go astray.
    text: String,
    pub(super) source: SourceFile,
    pub(super) checked: Checked,
    /// Of the last text that could be read.
    pub(super) tree: Option<Tree>,
    pub(super) draft: Option<Plan>,
}

impl Document {
    pub(super) fn open(uri: &str, language: &str, version: Value, text: &str) -> Self {
        let path = path_of(uri);
        let mut document = Self {
            uri: uri.to_owned(),
            version,
            named_plan: language == "lighter-plan",
            text: String::new(),
            source: SourceFile::from_text("", ""),
            checked: Checked::default(),
            tree: None,
            draft: None,
            path,
        };
        document.set(text);
        document
    }

    /// Takes a new text and checks it.
    pub(super) fn set(&mut self, text: &str) {
        text.clone_into(&mut self.text);
        let folder = self.path.parent().map(Path::to_owned).unwrap_or_default();
        self.source = SourceFile::from_text(&self.path.display().to_string(), text).in_directory(folder);
        self.checked = Checked::default();
        if !self.is_plan() {
            return;
        }
        self.checked = self.check(&self.source);
        let loaded = load(&self.source, &LoadOptions::from_environment(), snapshot_markets());
        if loaded.draft.is_some() {
            self.tree = Some(loaded.document);
            self.draft = loaded.draft;
        }
    }

    /// Applies the changes of a notification, in their order.
    pub(super) fn change(&mut self, changes: &Value, version: Value, encoding: Encoding) {
        let mut text = self.text.clone();
        for change in changes.as_array().into_iter().flatten() {
            let put = change["text"].as_str().unwrap_or_default();
            if change["range"].is_object() {
                text.replace_range(encoding.span(&text, &change["range"]), put);
            } else {
                put.clone_into(&mut text);
            }
        }
        self.version = version;
        self.set(&text);
    }

    /// Checks a text as `validate` would, under the policy of the file's repository. A policy that cannot be used is told
    /// by the command line; here the rules then hold as they are.
    pub(super) fn check(&self, source: &SourceFile) -> Checked {
        let policy = Policy::find(&self.path).and_then(|file| Policy::read(&file).ok()).unwrap_or_default();
        check_with(source, &LoadOptions::from_environment(), snapshot_markets(), &policy)
    }

    /// Other YAML is none of this server's business.
    fn is_plan(&self) -> bool {
        self.named_plan || (self.source.may_be_a_plan() && !self.source.text().trim().is_empty())
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the findings at a byte offset.
    pub(super) fn findings_at(&self, offset: usize) -> impl Iterator<Item = &Finding> {
        self.checked.findings.iter().filter(move |finding| {
            finding.span.as_ref().is_some_and(|span| span.start <= offset && offset <= span.end)
        })
    }

    /// Returns what the client shows beside the text.
    pub(super) fn diagnostics(&self, encoding: Encoding) -> Vec<Value> {
        self.checked.findings.iter().map(|finding| self.diagnostic(finding, encoding)).collect()
    }

    pub(super) fn diagnostic(&self, finding: &Finding, encoding: Encoding) -> Value {
        let severity = match finding.severity {
            Severity::Error => 1,
            Severity::Warning => 2,
            Severity::Info => 3,
        };
        let message = match &finding.help {
            Some(help) => format!("{}\nhelp: {help}", finding.message),
            None => finding.message.clone(),
        };
        let span = self.source.clamp(finding.span.clone().unwrap_or(0..0));
        let related: Vec<Value> = finding
            .related
            .iter()
            .filter(|related| related.elsewhere.is_none())
            .filter_map(|related| {
                let range = encoding.range(self.text(), &self.source.clamp(related.span.clone()?));
                Some(json!({ "location": { "uri": self.uri, "range": range }, "message": related.message }))
            })
            .collect();
        // What nothing uses is shown faded.
        let unused = matches!(finding.rule.slug, "unused-variable" | "unused-ignore");
        json!({
            "range": encoding.range(self.text(), &span),
            "severity": severity,
            "code": finding.rule.code,
            "source": "lighter-plan",
            "message": message,
            "relatedInformation": related,
            "tags": if unused { vec![1] } else { vec![] },
        })
    }
}

/// Returns the path of a `file:` URI; of any other, its text.
fn path_of(uri: &str) -> PathBuf {
    let Some(path) = uri.strip_prefix("file://") else { return PathBuf::from(uri) };
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = rest.by_ref().take(2).collect();
        let value = std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend(value);
    }
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_find_their_place_behind_what_is_no_text() {
        let mut document = Document::open("file:///p.yaml", "lighter-plan", json!(1), "a: \0\nb: 1\n");
        let range = json!({ "start": { "line": 1, "character": 3 }, "end": { "line": 1, "character": 4 } });
        let changes = json!([{ "range": range, "text": "2" }]);
        document.change(&changes, json!(2), Encoding::Utf16);
        assert_eq!(document.text(), "a: \0\nb: 2\n");
        let codes: Vec<_> = document.checked.findings.iter().map(|finding| finding.rule.code).collect();
        assert_eq!(codes, ["LP002"]);
    }

    #[test]
    fn paths_come_out_of_uris() {
        assert_eq!(path_of("file:///a%20b/%C3%A9.yaml"), PathBuf::from("/a b/é.yaml"));
        assert_eq!(path_of("untitled:1"), PathBuf::from("untitled:1"));
    }
}
