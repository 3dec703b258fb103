//! Findings as the client shows them.

use std::path::Path;

use gen_lsp_types as types;

use super::document::View;
use super::text::{Encoding, Text};
use super::uri;
use crate::lint::PolicyError;
use crate::plan::{Finding, Severity, codes};

/// Returns everything that is wrong with a document; nothing when it is no plan.
pub(super) fn diagnostics(view: View<'_>) -> Vec<types::Diagnostic> {
    if !view.open.is_plan() {
        return Vec::new();
    }
    view.checked().findings.iter().map(|finding| diagnostic(view, finding)).collect()
}

/// Returns one finding as the client shows it.
pub(super) fn diagnostic(view: View<'_>, finding: &Finding) -> types::Diagnostic {
    let message = match &finding.help {
        Some(help) => format!("{}\nhelp: {help}", finding.message),
        None => finding.message.clone(),
    };
    let tags = tags(finding);
    let related = related(view, finding);
    types::Diagnostic {
        range: view.range(&span_of(view, finding)),
        severity: Some(match finding.severity {
            Severity::Error => types::DiagnosticSeverity::Error,
            Severity::Warning => types::DiagnosticSeverity::Warning,
            Severity::Info => types::DiagnosticSeverity::Information,
        }),
        code: Some(types::Code::String(finding.rule.code.to_owned())),
        code_description: view
            .doc_url(finding.rule)
            .map(|url| types::CodeDescription { href: types::Uri(url) }),
        source: Some("lighter-plan".to_owned()),
        message: message.into(),
        tags: (!tags.is_empty()).then_some(tags),
        related_information: (!related.is_empty()).then_some(related),
        data: None,
    }
}

/// Returns the bytes that a finding marks; the first line for one about the file as a whole.
pub(super) fn span_of(view: View<'_>, finding: &Finding) -> std::ops::Range<usize> {
    let span = finding.span.clone().filter(|span| !span.is_empty());
    span.unwrap_or_else(|| {
        view.open.text.line(finding.span.as_ref().map_or(0, |span| view.open.text.line_of(span.start)))
    })
}

fn tags(finding: &Finding) -> Vec<types::DiagnosticTag> {
    let is_written = finding.span.as_ref().is_some_and(|span| !span.is_empty());
    if [codes::UNUSED_VARIABLE, codes::UNUSED_IGNORE].contains(&finding.rule) {
        vec![types::DiagnosticTag::Unnecessary]
    } else if finding.rule.code.starts_with("LP9") && is_written {
        vec![types::DiagnosticTag::Deprecated]
    } else {
        Vec::new()
    }
}

/// Returns the other places of a finding that are written in the document.
fn related(view: View<'_>, finding: &Finding) -> Vec<types::DiagnosticRelatedInformation> {
    let here = finding.related.iter().filter(|related| view.client.related && related.elsewhere.is_none());
    here.filter_map(|related| {
        let range = view.range(related.span.as_ref()?);
        let location = types::Location { uri: types::Uri(view.open.uri.clone()), range };
        Some(types::DiagnosticRelatedInformation { location, message: related.message.clone() })
    })
    .collect()
}

/// Returns what is wrong with a policy file, at its place.
pub(super) fn of_policy(
    file: &Path,
    error: Option<&PolicyError>,
    encoding: Encoding,
) -> types::PublishDiagnosticsParams {
    let diagnostics = error.map(|error| {
        let (message, at) = match error {
            PolicyError::Read { source, .. } => (format!("{error}: {source}"), None),
            PolicyError::Invalid { message, at, .. } => (message.clone(), Some(*at)),
        };
        let text = Text::new(std::fs::read_to_string(file).unwrap_or_default());
        let index = |number: usize| u32::try_from(number.saturating_sub(1)).unwrap_or(u32::MAX);
        let start = at.map_or(0, |at| {
            text.offset(types::Position::new(index(at.line), index(at.column)), Encoding::Utf32)
        });
        let end = text.line(text.line_of(start)).end.max(start);
        types::Diagnostic {
            range: text.range(&(start..end), encoding),
            severity: Some(types::DiagnosticSeverity::Error),
            source: Some("lighter-plan".to_owned()),
            message: format!("{message}\nhelp: until this is mended, every rule holds as it is").into(),
            ..Default::default()
        }
    });
    types::PublishDiagnosticsParams {
        uri: types::Uri(uri::from_path(file)),
        version: None,
        diagnostics: diagnostics.into_iter().collect(),
    }
}
