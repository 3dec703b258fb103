//! A finding as programs read it: the row that JSON and JSON lines share, and its schema.

use std::ops::Range;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use super::FileReport;
use super::fingerprint::Fingerprints;
use crate::lint::{Ignored, IgnoredBy};
use crate::plan::{Edit, Elsewhere, Finding, Fix, Position, Related, Severity, SourceFile};

/// All files of one run. Fields are only ever added.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "lighter-plan findings v1")]
pub(super) struct Document<'a> {
    /// Version of this format.
    pub(super) version: u32,
    /// Every file that was checked, those without findings as well.
    pub(super) files: Vec<FileRow<'a>>,
}

/// One file.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FileRow<'a> {
    /// The file as it was named.
    path: &'a str,
    /// What is wrong, in the order of the file.
    findings: Vec<Row<'a>>,
    /// What an ignore comment or the policy leaves out.
    ignored: Vec<IgnoredRow<'a>>,
    /// Rules that broke down: faults of the program, never of the plan.
    faults: &'a [String],
}

/// One finding.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Row<'a> {
    /// Code of the rule, such as `LP306`.
    code: &'a str,
    /// Name of the rule, such as `self-cross`.
    slug: &'a str,
    #[serde(serialize_with = "severity_text")]
    #[schemars(with = "SeverityText")]
    severity: Severity,
    /// What is wrong, one sentence without a period.
    message: &'a str,
    /// What to write instead.
    help: Option<&'a str>,
    /// A safe way to mend it, as `validate --fix` does; null when there is none.
    fix: Option<FixRow<'a>>,
    /// JSON pointer of the place; empty for the file as a whole.
    pointer: &'a str,
    /// The place in the text; null for the file as a whole.
    range: Option<Place>,
    /// Other places that the finding is about.
    related: Vec<RelatedRow<'a>>,
    /// The same for the same finding when lines around it move.
    fingerprint: String,
    /// Where the rule is explained, in the project's documentation.
    doc: String,
}

/// A finding that somebody chose to live with.
#[derive(Debug, Serialize, JsonSchema)]
struct IgnoredRow<'a> {
    /// Code of the rule.
    code: &'a str,
    /// What is wrong.
    message: &'a str,
    /// The place in the text; null for the file as a whole.
    range: Option<Place>,
    /// Who ignores it: `comment` or `policy`.
    by: &'a str,
    /// Why.
    reason: &'a str,
}

/// How bad a finding is.
#[derive(JsonSchema)]
#[schemars(rename = "Severity", rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the text in the schema")]
enum SeverityText {
    Info,
    Warning,
    Error,
}

/// Another place.
#[derive(Debug, Serialize, JsonSchema)]
struct RelatedRow<'a> {
    /// The file that the place is in, when it is not that of the finding.
    path: Option<&'a str>,
    /// What is there.
    message: &'a str,
    /// JSON pointer of the place.
    pointer: &'a str,
    /// The place in the text; null when it is not written in the file.
    range: Option<Place>,
}

/// A safe way to mend a finding.
#[derive(Debug, Serialize, JsonSchema)]
struct FixRow<'a> {
    /// What it does.
    title: &'a str,
    /// What changes in the text, in order and apart from each other.
    edits: Vec<EditRow<'a>>,
}

/// Text that takes the place of other text.
#[derive(Debug, Serialize, JsonSchema)]
struct EditRow<'a> {
    /// What goes; start and end are the same where text is put in.
    range: Place,
    /// What comes instead.
    text: &'a str,
}

/// A stretch of the text; the end is the first position behind it.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(super) struct Place {
    pub(super) start: Spot,
    pub(super) end: Spot,
}

/// A position in the text.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(super) struct Spot {
    /// From 1.
    pub(super) line: usize,
    /// In Unicode scalars, from 1.
    pub(super) column: usize,
    /// Offset in bytes, from 0.
    pub(super) byte: usize,
}

fn severity_text<S: serde::Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(severity)
}

/// Returns the place of a span in a file.
pub(super) fn place(source: &SourceFile, span: Option<&Range<usize>>) -> Option<Place> {
    let span = source.clamp(span?.clone());
    let spot = |byte: usize| {
        let at = source.position(byte);
        Spot { line: at.line, column: at.column, byte }
    };
    Some(Place { start: spot(span.start), end: spot(span.end) })
}

/// Returns the place of a related stretch, in its own file.
pub(super) fn related_place(source: &SourceFile, related: &Related) -> Option<Place> {
    let Some(Elsewhere { start, end, .. }) = &related.elsewhere else {
        return place(source, related.span.as_ref());
    };
    let span = related.span.as_ref()?;
    let spot = |at: &Position, byte| Spot { line: at.line, column: at.column, byte };
    Some(Place { start: spot(start, span.start), end: spot(end, span.end) })
}

impl<'a> FileRow<'a> {
    pub(super) fn new(file: &'a FileReport<'_>) -> Self {
        let ignored = |ignored: &'a Ignored| IgnoredRow {
            code: ignored.finding.rule.code,
            message: &ignored.finding.message,
            range: place(file.source, ignored.finding.span.as_ref()),
            by: match ignored.by {
                IgnoredBy::Comment => "comment",
                IgnoredBy::Policy => "policy",
            },
            reason: &ignored.reason,
        };
        Self {
            path: file.source.name(),
            findings: rows(file),
            ignored: file.checked.ignored.iter().map(ignored).collect(),
            faults: &file.checked.faults,
        }
    }
}

/// Returns the findings of a file as rows.
pub(super) fn rows<'a>(file: &'a FileReport<'_>) -> Vec<Row<'a>> {
    let mut fingerprints = Fingerprints::default();
    file.findings().map(|finding| row(file, finding, fingerprints.of(file, finding))).collect()
}

fn fix_row<'a>(source: &SourceFile, fix: &'a Fix) -> FixRow<'a> {
    let row = |edit: &'a Edit| Some(EditRow { range: place(source, Some(&edit.span))?, text: &edit.text });
    FixRow { title: &fix.title, edits: fix.edits.iter().filter_map(row).collect() }
}

fn row<'a>(file: &'a FileReport<'_>, finding: &'a Finding, fingerprint: String) -> Row<'a> {
    let related = finding.related.iter().map(|related| RelatedRow {
        path: related.elsewhere.as_ref().map(|elsewhere| elsewhere.file.as_str()),
        message: &related.message,
        pointer: &related.pointer,
        range: related_place(file.source, related),
    });
    Row {
        code: finding.rule.code,
        slug: finding.rule.slug,
        severity: finding.severity,
        message: &finding.message,
        help: finding.help.as_deref(),
        fix: finding.fix.as_ref().map(|fix| fix_row(file.source, fix)),
        pointer: &finding.pointer,
        range: place(file.source, finding.span.as_ref()),
        related: related.collect(),
        fingerprint,
        doc: finding.rule.doc(),
    }
}

/// Returns the JSON Schema of the JSON format, as the file in `schemas/` holds it.
pub fn findings_schema_text() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = generator.into_root_schema_for::<Document<'_>>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
