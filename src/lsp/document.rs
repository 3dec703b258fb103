//! Open documents, and what is known about each.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use gen_lsp_types as types;

use super::policies::Policies;
use super::text::{Encoding, Text};
use super::uri;
use crate::lint::{Checked, check_with};
use crate::model::Market;
use crate::plan::{Document, LoadOptions, Loaded, Plan, SourceFile, load, looks_like_a_plan};

/// The language id of editors that know plans by name.
pub(super) const LANGUAGE: &str = "lighter-plan";

/// What plans are checked with.
pub(super) struct Setting {
    pub(super) options: LoadOptions<'static>,
    pub(super) markets: &'static [Market],
    pub(super) policies: Policies,
    /// Where the documentation is served, without a slash at its end.
    pub(super) docs: Option<String>,
}

/// An open document.
pub(super) struct Open {
    pub(super) uri: String,
    pub(super) version: i32,
    pub(super) text: Text,
    language: String,
    /// Whether this was a plan at any time since it was opened: half-written, it may not look like one.
    is_plan: bool,
    /// Whether the client has the findings of this version.
    pub(super) told: bool,
    state: State,
}

/// What was found out about one version of a text.
#[derive(Default)]
struct State {
    source: OnceCell<SourceFile>,
    checked: OnceCell<Checked>,
    loaded: OnceCell<Loaded>,
}

impl Open {
    pub(super) fn new(item: types::TextDocumentItem) -> Self {
        let mut open = Self {
            uri: item.uri.0,
            version: item.version,
            text: Text::new(item.text),
            language: item.language_id.into(),
            is_plan: false,
            told: false,
            state: State::default(),
        };
        open.look();
        open
    }

    /// Takes changes of the client, one after another.
    pub(super) fn change(
        &mut self,
        version: i32,
        changes: Vec<types::TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) {
        use types::TextDocumentContentChangeEvent as Change;
        for change in changes {
            match change {
                Change::TextDocumentContentChangePartial(change) => {
                    self.text.replace(change.range, &change.text, encoding);
                }
                Change::TextDocumentContentChangeWholeDocument(change) => self.text = Text::new(change.text),
            }
        }
        self.version = version;
        self.forget();
        self.look();
    }

    /// Forgets what was found out, because something that it depends on has changed.
    pub(super) fn forget(&mut self) {
        self.state = State::default();
        self.told = false;
    }

    fn look(&mut self) {
        self.is_plan |= self.language == LANGUAGE || looks_like_a_plan(self.text.as_str());
    }

    /// Returns whether this is a plan; other YAML gets nothing.
    pub(super) fn is_plan(&self) -> bool {
        self.is_plan
    }

    /// Returns the file's path; what is not saved anywhere has its URI for one.
    pub(super) fn path(&self) -> PathBuf {
        uri::to_path(&self.uri).unwrap_or_else(|| PathBuf::from(&self.uri))
    }

    pub(super) fn source(&self) -> &SourceFile {
        self.state.source.get_or_init(|| {
            let path = self.path();
            let directory = path.parent().filter(|_| path.is_absolute()).map(Path::to_owned);
            SourceFile::from_text(&path.display().to_string(), self.text.as_str())
                .in_directory(directory.unwrap_or_default())
        })
    }

    /// Returns what `validate` would find.
    pub(super) fn checked(&self, setting: &Setting) -> &Checked {
        self.state.checked.get_or_init(|| self.check(self.source(), setting))
    }

    /// Checks another text in the place of this one.
    pub(super) fn check(&self, source: &SourceFile, setting: &Setting) -> Checked {
        let path = self.path();
        let policy = setting.policies.of(&path);
        if policy.excludes(&path) {
            return Checked::default();
        }
        check_with(source, &setting.options, setting.markets, &policy)
    }

    fn loaded(&self, setting: &Setting) -> &Loaded {
        self.state.loaded.get_or_init(|| load(self.source(), &setting.options, setting.markets))
    }

    /// Returns the places of the values.
    pub(super) fn document(&self, setting: &Setting) -> &Document {
        &self.loaded(setting).document
    }

    /// Returns the plan, with placeholders where something is wrong; `None` when there is nothing like a plan.
    pub(super) fn draft(&self, setting: &Setting) -> Option<&Plan> {
        self.loaded(setting).draft.as_ref()
    }
}

/// What a question about one document is answered from.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) open: &'a Open,
    pub(super) setting: &'a Setting,
    pub(super) client: &'a super::client::Client,
}

impl View<'_> {
    /// Returns the range of a stretch of bytes, as the client counts.
    pub(super) fn range(&self, span: &std::ops::Range<usize>) -> types::Range {
        self.open.text.range(span, self.client.encoding)
    }

    /// Returns the offset of a position of the client.
    pub(super) fn offset(&self, position: types::Position) -> usize {
        self.open.text.offset(position, self.client.encoding)
    }

    pub(super) fn document(&self) -> &Document {
        self.open.document(self.setting)
    }

    pub(super) fn checked(&self) -> &Checked {
        self.open.checked(self.setting)
    }

    pub(super) fn text(&self) -> &str {
        self.open.text.as_str()
    }

    /// Returns where a rule is explained, when the documentation is served anywhere.
    pub(super) fn doc_url(&self, rule: crate::plan::RuleId) -> Option<String> {
        let page = rule.doc();
        let base = self.setting.docs.as_ref()?;
        Some(format!("{base}/{}", page.strip_prefix("docs/").unwrap_or(&page)))
    }
}
