//! What is wrong with a plan, and where.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use super::source::Position;

/// A rule's code and slug; both stay for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RuleId {
    /// Such as `LP306`; the family is the first digit.
    pub code: &'static str,
    /// Such as `self-cross`.
    pub slug: &'static str,
}

impl RuleId {
    /// Names a rule.
    pub(crate) const fn new(code: &'static str, slug: &'static str) -> Self {
        Self { code, slug }
    }

    /// Returns where the rule is explained, from the root of the project's documentation.
    pub fn doc(&self) -> String {
        format!("docs/rules.md#{}-{}", self.code.to_ascii_lowercase(), self.slug)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Runs, but probably not as meant.
    Warning,
    /// Does not run.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Another place that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// JSON pointer of the place.
    pub pointer: String,
    /// Bytes of the source; `None` when the place is not written in the file (a default).
    pub span: Option<Range<usize>>,
    /// What is there.
    pub message: String,
    /// The file that the place is in, when it is not that of the finding.
    pub elsewhere: Option<Elsewhere>,
}

impl Related {
    /// Names a place of the finding's own file.
    pub fn here(pointer: &str, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), span, message: message.into(), elsewhere: None }
    }
}

/// A stretch of another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// What findings call the file.
    pub file: String,
    /// Where the stretch starts.
    pub start: Position,
    /// The first position behind it.
    pub end: Position,
}

/// A safe way to mend a finding: it never touches a price, a size, a wallet or a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an order: "rename `prefr` to `prefer`".
    pub title: String,
    /// What changes in the text, in order and apart from each other.
    pub edits: Vec<Edit>,
}

/// Text that takes the place of other text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the source that go; empty where something is put in.
    pub span: Range<usize>,
    /// What comes instead.
    pub text: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: RuleId,
    /// How bad.
    pub severity: Severity,
    /// What is wrong, one sentence without a period.
    pub message: String,
    /// JSON pointer of the place; empty for the file.
    pub pointer: String,
    /// Bytes of the source; `None` for the file as a whole.
    pub span: Option<Range<usize>>,
    /// Other places.
    pub related: Vec<Related>,
    /// What to write instead.
    pub help: Option<String>,
    /// A safe way to mend it.
    pub fix: Option<Fix>,
}

impl Finding {
    /// Makes an error about the whole file; narrow it with the other methods.
    pub fn error(rule: RuleId, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: Severity::Error,
            message: message.into(),
            pointer: String::new(),
            span: None,
            related: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, pointer: &str, span: Option<Range<usize>>) -> Self {
        pointer.clone_into(&mut self.pointer);
        self.span = span;
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Offers a safe way to mend it.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.fix = Some(Fix { title: title.into(), edits });
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, pointer: &str, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        self.related.push(Related::here(pointer, span, message));
        self
    }
}

/// Returns the known name nearest to `name`, when it is near enough to be a typing error.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase().replace('-', "_");
    let length = folded.chars().count();
    let allowed = (length / 3).max(1);
    known
        .into_iter()
        // What differs by more in length alone needs no comparing: a name may be as long as the file.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| {
            (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase().replace('-', "_")), candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let known = ["entry_deadline", "max_hold", "buy"];
        assert_eq!(did_you_mean("entry-deadlin", known), Some("entry_deadline"));
        assert_eq!(did_you_mean("maxhold", known), Some("max_hold"));
        assert_eq!(did_you_mean("byu", known), Some("buy"));
        assert_eq!(did_you_mean("leverage", known), None);
    }
}
