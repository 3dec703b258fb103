//! Findings with their place in the source, as cargo shows them.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::look::{Look, link_place};
use super::{FileReport, shown_name};
use crate::plan::{Finding, Severity};

/// Nobody reads more of one file; the other formats have no limit.
const SHOWN_PER_FILE: usize = 100;

/// In less than this, excerpts would be nothing but dots.
const FEWEST_COLUMNS: usize = 40;

/// Writes the findings of all files, and a summary line; nothing at all when no file could be read, because "no findings"
/// would not be true.
pub fn human(files: &[FileReport<'_>], look: &Look) -> String {
    let renderer = if look.colors { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).hyperlink(look.links.is_some());
    let renderer = match look.columns {
        Some(columns) => renderer.term_width(columns.max(FEWEST_COLUMNS)),
        None => renderer,
    };
    let mut text = String::new();
    for file in files {
        for finding in file.findings().take(SHOWN_PER_FILE) {
            text.push_str(&rendered(&renderer, file, finding, look));
            text.push_str("\n\n");
        }
        let hidden = file.findings().skip(SHOWN_PER_FILE).count();
        if hidden > 0 {
            let more = plural(hidden, "finding");
            text.push_str(&format!(
                "{}: {more} not shown; `--format concise` shows all\n\n",
                shown_name(file.source)
            ));
        }
    }
    if !files.is_empty() {
        text.push_str(&summary(files));
    }
    text
}

fn rendered(renderer: &Renderer, file: &FileReport<'_>, finding: &Finding, look: &Look) -> String {
    let Some(links) = &look.links else { return renderer.render(&report(file, finding, None)) };
    let text = renderer.render(&report(file, finding, links.rule(finding.rule)));
    let (name, shown) = (file.source.name(), shown_name(file.source));
    let (place, line) = match &finding.span {
        Some(span) if !file.checked.covered.is_empty() => {
            let at = file.source.position(file.source.clamp(span.clone()).start);
            (format!("{shown}:{}:{}", at.line, at.column), at.line)
        }
        _ => (shown.into_owned(), 1),
    };
    link_place(&text, &place, &links.line(name, line))
}

fn report<'a>(file: &'a FileReport<'_>, finding: &'a Finding, url: Option<String>) -> Vec<Group<'a>> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.rule.code);
    let title = match url {
        Some(url) => title.id_url(url),
        None => title,
    };
    let mut group = match &finding.span {
        Some(span) if !file.checked.covered.is_empty() => title.element(snippet(file, finding, span)),
        _ => title.element(Origin::path(shown_name(file.source))),
    };
    for (related, at) in
        finding.related.iter().filter_map(|related| Some((related, related.elsewhere.as_ref()?)))
    {
        let place = format!("{}:{}:{}", at.file, at.start.line, at.start.column);
        group = group.element(Level::NOTE.message(format!("{} is at {place}", related.message)));
    }
    if let Some(help) = help(finding) {
        group = group.element(Level::HELP.message(help));
    }
    vec![group]
}

/// Returns what to write instead, and whether the program can.
fn help(finding: &Finding) -> Option<Cow<'_, str>> {
    let title = finding.fix.as_ref().map(|fix| fix.title.as_str());
    let help = finding.help.as_deref().or(title)?;
    Some(if title.is_some() { format!("{help} (fixable with --fix)").into() } else { help.into() })
}

/// Returns the lines that a finding is about; only those, because the renderer reads all that it is given.
fn snippet<'a>(
    file: &'a FileReport<'_>,
    finding: &'a Finding,
    span: &Range<usize>,
) -> Snippet<'a, Annotation<'a>> {
    let covered = file.checked.covered.as_str();
    let span = file.source.clamp(span.clone());
    // A default has no text of its own; its place is the block it would stand in.
    let related: Vec<_> = finding
        .related
        .iter()
        .filter(|related| related.elsewhere.is_none())
        .filter_map(|related| Some((file.source.clamp(related.span.clone()?), related.message.as_str())))
        .filter(|(other, _)| *other != span)
        .collect();
    let first = related.iter().map(|(other, _)| other.start).fold(span.start, usize::min);
    let last = related.iter().map(|(other, _)| other.end).fold(span.end, usize::max);
    // A byte order mark is no part of the first line, and no column.
    let begin = covered.strip_prefix('\u{feff}').map_or(0, |rest| covered.len() - rest.len());
    let start = covered[..first].rfind('\n').map_or(begin, |at| at + 1);
    let end = covered[last..].find('\n').map_or(covered.len(), |at| last + at).max(start);
    let inside = |span: &Range<usize>| span.start.saturating_sub(start)..span.end.saturating_sub(start);
    let marks =
        related.iter().map(|(other, message)| AnnotationKind::Context.span(inside(other)).label(*message));
    Snippet::source(&covered[start..end])
        .line_start(file.source.position(start).line)
        .path(shown_name(file.source))
        .annotation(AnnotationKind::Primary.span(inside(&span)))
        .annotations(marks)
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
    let ignored: usize = files.iter().map(|file| file.checked.ignored.len()).sum();
    let ignored = if ignored > 0 { format!(", {ignored} ignored") } else { String::new() };
    format!("{} checked: {shown}{ignored}{explain}\n", plural(files.len(), "plan"))
}

fn plural(count: usize, name: &str) -> String {
    if count == 1 || name == "info" { format!("{count} {name}") } else { format!("{count} {name}s") }
}
