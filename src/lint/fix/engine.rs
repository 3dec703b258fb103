//! Applies fixes and proves that nothing else changed; a fix that cannot be proved is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::guard::is_protected;
use crate::lint::Checked;
use crate::plan::{Edit, Finding, Fix, Outline, RuleId, SourceFile, codes, outline};

/// Checks that one file is worth. All fixes that suit each other need one, so only refused ones come near it.
const ROUNDS: usize = 100;

/// A fix that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The rule whose finding is gone.
    pub rule: RuleId,
    /// What was done.
    pub title: String,
}

/// A fix that was not applied, because it would have changed more than it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The rule whose finding stays.
    pub rule: RuleId,
    /// What was not done.
    pub title: String,
    /// Why not.
    pub reason: Doubt,
}

/// What speaks against a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The file is no plan any more.
    #[error("the file would be no YAML")]
    NoYaml,
    /// A price, a size, a wallet or a limit.
    #[error("it would touch a price, a size, a wallet or a limit")]
    Protected,
    /// A comment that does not belong to what is taken out.
    #[error("a comment would be lost")]
    Comment,
    /// The plan would do something else.
    #[error("the plan would do something else")]
    OtherPlan,
    /// Something else would be found in its place.
    #[error("something else would be wrong")]
    NewFinding,
}

/// A file after its fixes.
#[derive(Clone, Debug)]
pub struct Mended {
    /// The file, with its text of now.
    pub source: SourceFile,
    /// What is found in it now.
    pub checked: Checked,
    /// What was done.
    pub applied: Vec<Applied>,
    /// What was not done.
    pub left_out: Vec<LeftOut>,
}

/// Applies the fixes of all findings that `wanted` names, until there is none left.
///
/// Fixes that do not overlap go together. The result is checked again; when it proves wrong, half of them go, down to the
/// one that is at fault, which is left out. Nothing is read or written: `check` sees the texts on the way.
pub fn mend(
    source: SourceFile,
    checked: Checked,
    wanted: &dyn Fn(&Finding) -> bool,
    check: &dyn Fn(&SourceFile) -> Checked,
) -> Mended {
    let mut mended = Mended { source, checked, applied: Vec::new(), left_out: Vec::new() };
    let mut refused = BTreeSet::new();
    let mut most = usize::MAX;
    for _ in 0..ROUNDS {
        let chosen = choose(&mended.checked.findings, most, &|finding| {
            wanted(finding) && !refused.contains(&key(finding))
        });
        if chosen.is_empty() {
            break;
        }
        let fixes: Vec<&Fix> = chosen.iter().filter_map(|finding| finding.fix.as_ref()).collect();
        let edits: Vec<&Edit> = fixes.iter().flat_map(|fix| &fix.edits).collect();
        let next = mended.source.with_text(&apply(mended.source.text(), &edits));
        let result = check(&next);
        match doubt(&mended, &chosen, &edits, &next, &result) {
            None => {
                let done = chosen.iter().zip(&fixes);
                let done: Vec<Applied> = done
                    .map(|(finding, fix)| Applied { rule: finding.rule, title: fix.title.clone() })
                    .collect();
                mended.applied.extend(done);
                (mended.source, mended.checked) = (next, result);
                most = usize::MAX;
            }
            Some(reason) if chosen.len() == 1 => {
                refused.insert(key(chosen[0]));
                let left = LeftOut { rule: chosen[0].rule, title: fixes[0].title.clone(), reason };
                mended.left_out.push(left);
                most = usize::MAX;
            }
            Some(_) => most = chosen.len() / 2,
        }
    }
    mended
}

/// Returns the text with edits in it; they are in order and apart from each other.
fn apply(text: &str, edits: &[&Edit]) -> String {
    let mut edits = edits.to_vec();
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        result.push_str(&text[at..edit.span.start]);
        result.push_str(&edit.text);
        at = edit.span.end;
    }
    result + &text[at..]
}

/// What stays the same about a finding while lines move.
fn key(finding: &Finding) -> (&'static str, String, String) {
    let title = finding.fix.as_ref().map_or_else(String::new, |fix| fix.title.clone());
    (finding.rule.code, finding.pointer.clone(), title)
}

/// Returns the first `most` findings whose fixes do not overlap.
fn choose<'a>(findings: &'a [Finding], most: usize, wanted: &dyn Fn(&Finding) -> bool) -> Vec<&'a Finding> {
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    for finding in findings.iter().filter(|finding| finding.fix.is_some() && wanted(finding)) {
        let edits = finding.fix.iter().flat_map(|fix| &fix.edits);
        let spans: Vec<&Range<usize>> = edits.map(|edit| &edit.span).collect();
        if spans.is_empty() || spans.iter().any(|span| overlaps(&taken, span)) {
            continue;
        }
        taken.extend(spans.iter().map(|span| (span.start, span.end)));
        chosen.push(finding);
        if chosen.len() == most {
            break;
        }
    }
    chosen
}

/// Two edits that touch count as overlapping: their order would decide.
fn overlaps(taken: &BTreeMap<usize, usize>, span: &Range<usize>) -> bool {
    taken.range(..=span.end).next_back().is_some_and(|(_, end)| *end >= span.start)
}

/// Returns what speaks against a step from one text to the next.
fn doubt(
    before: &Mended,
    chosen: &[&Finding],
    edits: &[&Edit],
    after: &SourceFile,
    result: &Checked,
) -> Option<Doubt> {
    let (Some(old), Some(new)) = (outline(before.source.text()), outline(after.text())) else {
        return Some(Doubt::NoYaml);
    };
    let removed: BTreeSet<&str> = chosen
        .iter()
        .filter(|finding| finding.rule == codes::UNUSED_VARIABLE)
        .map(|finding| finding.pointer.as_str())
        .collect();
    if protected(&new, &BTreeSet::new()) != protected(&old, &removed) {
        return Some(Doubt::Protected);
    }
    if !keeps_comments(&old, &new, edits) {
        return Some(Doubt::Comment);
    }
    if before.checked.plan.is_some() && before.checked.plan != result.plan {
        return Some(Doubt::OtherPlan);
    }
    let fewer = result.findings.len() + chosen.len() <= before.checked.findings.len();
    let known: BTreeSet<_> = before.checked.findings.iter().map(place).collect();
    let none_new = result.findings.iter().all(|finding| known.contains(&place(finding)));
    (!fewer || !none_new || !result.faults.is_empty()).then_some(Doubt::NewFinding)
}

fn place(finding: &Finding) -> (&'static str, &str) {
    (finding.rule.code, finding.pointer.as_str())
}

/// Returns the protected values as written.
fn protected<'a>(outline: &'a Outline, except: &BTreeSet<&str>) -> Vec<(&'a str, &'a str)> {
    let all = outline.scalars.iter().map(|(pointer, text)| (pointer.as_str(), text.as_str()));
    all.filter(|(pointer, _)| is_protected(pointer) && !except.contains(pointer)).collect()
}

/// Returns whether all comments are there that no edit took or wrote anew.
fn keeps_comments(old: &Outline, new: &Outline, edits: &[&Edit]) -> bool {
    let mut there: BTreeMap<&str, usize> = BTreeMap::new();
    for comment in &new.comments {
        *there.entry(comment.text.trim_end()).or_default() += 1;
    }
    let taken: BTreeMap<usize, usize> = edits.iter().map(|edit| (edit.span.start, edit.span.end)).collect();
    let begins_in = |at: usize| taken.range(..=at).next_back().is_some_and(|(_, end)| at < *end);
    old.comments.iter().filter(|comment| !begins_in(comment.span.start)).all(|comment| {
        match there.get_mut(comment.text.trim_end()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    })
}
