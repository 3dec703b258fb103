//! Findings with their place in the source, as cargo shows them.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::FileReport;
use crate::plan::{Finding, Severity};

/// Writes all findings of all files, and a summary line.
pub fn human(files: &[FileReport<'_>], colors: bool) -> String {
    let renderer = if colors { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for file in files {
        for finding in file.findings() {
            text.push_str(&renderer.render(&report(file, finding)));
            text.push_str("\n\n");
        }
    }
    text.push_str(&summary(files));
    text
}

fn report<'a>(file: &'a FileReport<'_>, finding: &'a Finding) -> Vec<Group<'a>> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.rule.code);
    let mut group = match &finding.span {
        Some(span) if !file.checked.covered.is_empty() => {
            let mut snippet = Snippet::source(file.checked.covered.as_str())
                .path(file.source.name())
                .annotation(AnnotationKind::Primary.span(file.source.clamp(span.clone())));
            for related in &finding.related {
                // A default has no text of its own; its place is the block it would stand in.
                if let Some(other) = related.span.clone().filter(|other| other != span) {
                    let mark = AnnotationKind::Context.span(file.source.clamp(other));
                    snippet = snippet.annotation(mark.label(related.message.as_str()));
                }
            }
            title.element(snippet)
        }
        _ => title.element(Origin::path(file.source.name())),
    };
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    vec![group]
}

fn summary(files: &[FileReport<'_>]) -> String {
    let count = |severity| {
        files.iter().flat_map(FileReport::findings).filter(|finding| finding.severity == severity).count()
    };
    let counts = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "info")];
    let shown: Vec<String> = counts
        .into_iter()
        .map(|(severity, name)| (count(severity), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| plural(count, name))
        .collect();
    let shown = if shown.is_empty() { "no findings".to_owned() } else { shown.join(", ") };
    let explain = files.iter().flat_map(FileReport::findings).max_by_key(|finding| finding.severity);
    let explain = explain
        .map_or_else(String::new, |finding| format!("; `lighter-plan explain {}` says more", finding.rule));
    format!("{} checked: {shown}{explain}\n", plural(files.len(), "plan"))
}

fn plural(count: usize, name: &str) -> String {
    if count == 1 || name == "info" { format!("{count} {name}") } else { format!("{count} {name}s") }
}
