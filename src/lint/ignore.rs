//! Ignore comments: `# lighter-plan: ignore[LP303] reason`.
//!
//! At the end of a line it holds for findings that start on that line; alone on its line, for the next line with
//! something on it; as `ignore-file[…]`, for the whole file. Several codes or slugs stand in one list.

use std::collections::BTreeMap;
use std::ops::Range;

use super::rule::Silence;
use super::{all_rules, find_rule};
use crate::plan::{Document, Edit, Finding, RuleId, Severity, SourceFile, codes, did_you_mean};

/// What every such comment starts with.
const MARK: &str = "lighter-plan:";

/// A finding that somebody chose to live with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The finding.
    pub finding: Finding,
    /// Why, in the words of whoever wrote it.
    pub reason: String,
    /// Who said so.
    pub by: IgnoredBy,
}

/// Who ignores a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoredBy {
    /// A comment in the plan.
    Comment,
    /// The policy file.
    Policy,
}

/// What ignore comments leave of a file's findings.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) findings: Vec<Finding>,
    pub(super) ignored: Vec<Ignored>,
}

/// One rule named by a comment.
struct Entry<'a> {
    rule: RuleId,
    /// Line that it holds for; `None` for the file.
    line: Option<usize>,
    reason: &'a str,
    /// Bytes of its comment.
    comment: &'a Range<usize>,
    used: bool,
}

/// Applies the ignore comments of a file; what is wrong with them are findings as well. `complete` says that every rule
/// could see everything it looks at: only then can a comment be told unused.
pub(super) fn sort(
    findings: Vec<Finding>,
    document: &Document,
    source: &SourceFile,
    complete: bool,
) -> Sorted {
    let comments: Vec<_> =
        document.comments().filter(|(text, _)| text.trim_start().starts_with(MARK)).collect();
    if comments.is_empty() {
        return Sorted { findings, ignored: Vec::new() };
    }
    let mut sorted = Sorted::default();
    let mut entries = entries(&comments, source, &mut sorted.findings);
    let mut first = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        first.entry((entry.rule.code, entry.line)).or_insert(index);
    }
    for finding in findings {
        let line = finding.span.as_ref().map_or(1, |span| source.position(span.start).line);
        let code = finding.rule.code;
        let index = first.get(&(code, Some(line))).or_else(|| first.get(&(code, None)));
        match index.and_then(|index| entries.get_mut(*index)) {
            Some(entry) => {
                entry.used = true;
                let reason = entry.reason.to_owned();
                sorted.ignored.push(Ignored { finding, reason, by: IgnoredBy::Comment });
            }
            None => sorted.findings.push(finding),
        }
    }
    if complete {
        for of_comment in entries.chunk_by(|a, b| a.comment == b.comment) {
            sorted.findings.extend(unused(of_comment, source));
        }
    }
    sorted
}

/// Reads the comments into what they ask for, in order; what is wrong with them goes to `findings`.
fn entries<'a>(
    comments: &[(&'a str, &'a Range<usize>)],
    source: &SourceFile,
    findings: &mut Vec<Finding>,
) -> Vec<Entry<'a>> {
    let next = lines_that_say_something(source.text());
    let mut entries = Vec::new();
    for (text, span) in comments.iter().copied() {
        let place = || Some(span.clone());
        let Words { whole, names, reason } = match read(text) {
            Ok(words) => words,
            Err(finding) => {
                findings.push(finding.at("", place()));
                continue;
            }
        };
        let mut known = Vec::new();
        for name in names {
            match ignorable(name) {
                Ok(rule) => known.push(rule),
                Err(finding) => findings.push(finding.at("", place())),
            }
        }
        if reason.is_empty() && !known.is_empty() {
            findings.push(without_reason(&known).at("", place()));
            continue;
        }
        let line = (!whole).then(|| target(source, span.start, &next));
        entries.extend(known.into_iter().map(|rule| Entry {
            rule,
            line,
            reason,
            comment: span,
            used: false,
        }));
    }
    entries
}

/// What a comment says.
struct Words<'a> {
    whole: bool,
    names: Vec<&'a str>,
    reason: &'a str,
}

fn read(text: &str) -> Result<Words<'_>, Box<Finding>> {
    let bad = |message: String| {
        Box::new(Finding::error(codes::BAD_IGNORE, message).help(
            "write `# lighter-plan: ignore[LP303] reason`, or `ignore-file[LP303] reason` for the whole file",
        ))
    };
    let text = text.trim_start().trim_start_matches(MARK).trim();
    let (word, rest) = text.split_once('[').ok_or_else(|| bad("the comment names no rule".to_owned()))?;
    let whole = match word.trim() {
        "ignore" => false,
        "ignore-file" => true,
        other => return Err(bad(format!("`{other}` is no word of a `lighter-plan:` comment"))),
    };
    let (names, reason) =
        rest.split_once(']').ok_or_else(|| bad("the list of rules has no end".to_owned()))?;
    let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(bad("the comment names no rule".to_owned()));
    }
    Ok(Words { whole, names, reason: reason.trim().trim_start_matches([':', '-']).trim() })
}

/// Returns the rule of a code or slug, if a comment may silence it.
fn ignorable(name: &str) -> Result<RuleId, Box<Finding>> {
    let Some(rule) = find_rule(name) else {
        let known = all_rules().iter().flat_map(|rule| [rule.id.code, rule.id.slug]);
        let help = did_you_mean(name, known).map_or_else(
            || "`lighter-plan rules` lists them all".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(Box::new(
            Finding::error(codes::BAD_IGNORE, format!("there is no rule `{name}`")).help(help),
        ));
    };
    let RuleId { code, slug } = rule.id;
    match rule.silence {
        Silence::Comment => Ok(rule.id),
        Silence::Policy => {
            let message = format!("{code} ({slug}) is about risk or wallets: a comment cannot ignore it");
            let help = "a policy file can: `lighter-plan.toml` of the repository, or `--policy FILE`";
            Err(Box::new(Finding::error(codes::BAD_IGNORE, message).help(help)))
        }
        Silence::Never => {
            let message = format!("{code} ({slug}) cannot be ignored: such a plan does not run");
            Err(Box::new(
                Finding::error(codes::BAD_IGNORE, message).help("mend the plan, and take the comment out"),
            ))
        }
    }
}

fn without_reason(rules: &[RuleId]) -> Finding {
    let names: Vec<&str> = rules.iter().map(|rule| rule.code).collect();
    let message = format!("nothing says why {} is ignored, so it is not", names.join(", "));
    let mut finding = Finding::error(codes::IGNORE_WITHOUT_REASON, message)
        .help(format!("write the reason behind it: `ignore[{}] reason`", names.join(", ")));
    finding.severity = Severity::Warning;
    finding
}

/// Returns for every line the first one at or below it that has something but a comment on it, both from 0. Made once a
/// file: looking on from each comment anew would cost the square of a long run of comments.
fn lines_that_say_something(text: &str) -> Vec<Option<usize>> {
    let mut next: Vec<_> = text
        .lines()
        .map(str::trim_start)
        .enumerate()
        .map(|(at, line)| (!line.is_empty() && !line.starts_with('#')).then_some(at))
        .collect();
    let mut below = None;
    for line in next.iter_mut().rev() {
        below = line.or(below);
        *line = below;
    }
    next
}

/// Returns the line that a comment holds for: its own when something stands before it, else the next with something on
/// it.
fn target(source: &SourceFile, comment: usize, next: &[Option<usize>]) -> usize {
    let text = source.text();
    let start = text[..comment].rfind('\n').map_or(0, |at| at + 1);
    let own = source.position(comment).line;
    if !text[start..comment].trim().is_empty() {
        return own;
    }
    // `own` counts from 1, so as an index from 0 it is the line below.
    next.get(own).copied().flatten().map_or(own, |line| line + 1)
}

/// Returns the finding about the entries of one comment that ignored nothing.
fn unused(of_comment: &[Entry<'_>], source: &SourceFile) -> Option<Finding> {
    let idle: Vec<&str> =
        of_comment.iter().filter(|entry| !entry.used).map(|entry| entry.rule.code).collect();
    let span = of_comment.first().filter(|_| !idle.is_empty())?.comment;
    let message = format!("nothing here is ignored by {}", idle.join(", "));
    let mut finding = Finding::error(codes::UNUSED_IGNORE, message).at("", Some(span.clone()));
    finding.severity = Severity::Warning;
    Some(if idle.len() == of_comment.len() {
        let edit = Edit { span: whole_comment(source.text(), span), text: String::new() };
        finding.help("take the comment out").fix("take the unused comment out", vec![edit])
    } else {
        finding.help("take the code out of the list")
    })
}

/// Returns a comment with what goes with it: its line when it stands alone, else the blanks before it.
fn whole_comment(text: &str, span: &Range<usize>) -> Range<usize> {
    let line = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let before = text[line..span.start].trim_end();
    if before.is_empty() {
        let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
        return line..end;
    }
    let end = if text[..span.end].ends_with('\r') { span.end - 1 } else { span.end };
    line + before.len()..end
}
