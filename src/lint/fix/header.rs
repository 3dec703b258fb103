//! The header that names the schema.

use std::ops::Range;
use std::path::Path;

use super::offer::View;
use crate::plan::{Edit, Finding, Fix};

/// The schema of this version.
const SCHEMA: &str = "plan.v1.schema.json";

/// Folders above a plan in which the schema is looked for; a repository is not deeper.
const LEVELS: usize = 8;

/// Corrects the headers, or puts both forms that editors read at the top, as `init` writes them.
pub(super) fn write_header(_finding: &Finding, view: &View<'_>) -> Option<Fix> {
    let headers: Vec<(&str, &Range<usize>)> =
        view.document.comments().filter(|(text, _)| text.contains("$schema")).collect();
    let path = find_schema(view.source.directory());
    if headers.is_empty() {
        let text = view.source.text();
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let header = format!("# yaml-language-server: $schema={path}{end}# $schema: {path}{end}");
        let edits = vec![Edit { span: start..start, text: header }];
        return Some(Fix { title: format!("name the schema `{path}` at the top"), edits });
    }
    let wrong = headers.into_iter().filter(|(text, _)| !text.contains(SCHEMA));
    let edits: Vec<Edit> = wrong.filter_map(|(text, span)| corrected(text, span, &path)).collect();
    (!edits.is_empty()).then(|| Fix { title: format!("let the header name `{SCHEMA}`"), edits })
}

/// Another version of our schema keeps its folder; any other schema is replaced by where ours is.
fn corrected(text: &str, span: &Range<usize>, path: &str) -> Option<Edit> {
    let at = text.find("$schema")? + "$schema".len();
    let value = text[at..].trim_start_matches([':', '=', ' ']);
    let start = text.len() - value.len();
    let value = value.split_whitespace().next().unwrap_or_default();
    let (folder, file) = value.rsplit_once('/').map_or((None, value), |(folder, file)| (Some(folder), file));
    let ours = file.starts_with("plan.v") && file.ends_with(".schema.json");
    let new = match (ours, folder) {
        (true, Some(folder)) => format!("{folder}/{SCHEMA}"),
        (true, None) => SCHEMA.to_owned(),
        (false, _) => path.to_owned(),
    };
    let comment = format!("#{}{new}{}", &text[..start], &text[start + value.len()..]);
    // The text of a comment begins behind its `#`.
    let end = span.start + 1 + text.len();
    (value.len() > 1 && span.end >= end).then_some(Edit { span: span.start..end, text: comment })
}

/// Returns the way from a plan's folder to the schema; beside the plan, as `init` has it, when there is none yet.
fn find_schema(folder: &Path) -> String {
    let beside = format!("./{SCHEMA}");
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(folder) = folder.canonicalize() else { return beside };
    let mut up = String::new();
    for place in folder.ancestors().take(LEVELS) {
        for way in [SCHEMA.to_owned(), format!("schemas/{SCHEMA}")] {
            if place.join(&way).is_file() {
                return if up.is_empty() { format!("./{way}") } else { format!("{up}{way}") };
            }
        }
        if place.join(".git").exists() {
            break;
        }
        up.push_str("../");
    }
    beside
}
