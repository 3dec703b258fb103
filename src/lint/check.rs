//! Runs everything there is to check on one file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::across::Footprint;
use super::fix;
use super::ignore::{self, Ignored, Sorted};
use super::policy::Policy;
use super::rule::{Check, Input, Report, Rule};
use super::rules;
use crate::model::Market;
use crate::plan::{Finding, LoadOptions, Loaded, Network, Plan, Severity, SourceFile, load, secrets};

/// What checking a file gave.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The plan; `None` when a finding is an error. Only this may be run.
    pub plan: Option<Plan>,
    /// The network that the file names, also when something else is wrong; `None` when that cannot be read.
    pub network: Option<Network>,
    /// What the plan does, as rules about several files see it; `None` when it is not sound, and on
    /// paper.
    pub footprint: Option<Footprint>,
    /// What is wrong, in the order of the file.
    pub findings: Vec<Finding>,
    /// What an ignore comment or the policy leaves out.
    pub ignored: Vec<Ignored>,
    /// Rules that broke down; the others ran all the same. A tool fault, never "no findings".
    pub faults: Vec<String>,
    /// The text with key material covered, for excerpts.
    pub covered: String,
}

impl Checked {
    /// Adds what looking at several files found here.
    pub fn add(&mut self, findings: Vec<Finding>, source: &SourceFile, policy: &Policy) {
        self.findings.extend(policy.apply(Path::new(source.name()), findings, &mut self.ignored));
        self.ignored.iter_mut().for_each(scrub_ignored);
        finish(&mut self.findings);
    }

    /// Returns the worst severity; `None` without findings.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Loads a plan and runs all rules on it. Nothing is asked of any venue: `markets` is what it is checked against.
///
/// A rule that panics is a fault of this program, reported beside the findings of all others.
pub fn check(source: &SourceFile, options: &LoadOptions<'_>, markets: &[Market]) -> Checked {
    check_with(source, options, markets, &Policy::default())
}

/// Does the same under a policy, which says how strictly each rule holds.
pub fn check_with(
    source: &SourceFile,
    options: &LoadOptions<'_>,
    markets: &[Market],
    policy: &Policy,
) -> Checked {
    let Ok(loaded) = catch_unwind(AssertUnwindSafe(|| load(source, options, markets))) else {
        let faults = vec!["reading the plan broke down".to_owned()];
        return Checked { faults, ..Checked::default() };
    };
    let Loaded { plan, draft, document, mut findings } = loaded;
    let mut faults = Vec::new();
    let unread =
        |finding: &Finding| finding.severity == Severity::Error && finding.pointer.starts_with("/network");
    let network = draft.as_ref().filter(|_| !findings.iter().any(unread)).map(|draft| draft.network.clone());
    if let Some(draft) = &draft {
        let input = Input::new(draft, &document, markets);
        for rule in rules::ALL {
            match run(rule, &input) {
                Ok(found) => findings.extend(found),
                Err(fault) => faults.push(fault),
            }
        }
    }
    // Where loading found something wrong, rules that need it stay silent: a comment may be meant for one of them.
    let complete = plan.is_some() && faults.is_empty();
    let Sorted { mut findings, mut ignored } = ignore::sort(findings, &document, source, complete);
    findings = policy.apply(Path::new(source.name()), findings, &mut ignored);
    fix::offer(&mut findings, &document, source);
    finish(&mut findings);
    ignored.iter_mut().for_each(scrub_ignored);
    let sound = faults.is_empty() && findings.iter().all(|finding| finding.severity < Severity::Error);
    let covered = document.covered_text(source);
    let plan = plan.filter(|_| sound);
    // Runs on paper never meet: each has an exchange of its own.
    let real = plan.as_ref().filter(|plan| plan.network != Network::Paper);
    let footprint = real.map(|plan| Footprint::of(plan, &document, source, markets));
    Checked { plan, network, footprint, findings, ignored, faults, covered }
}

/// Returns a plan's text with key material covered, for excerpts.
pub fn covered_text(source: &SourceFile) -> String {
    let loaded = catch_unwind(AssertUnwindSafe(|| load(source, &LoadOptions::default(), &[])));
    loaded.map_or_else(|_| String::new(), |loaded| loaded.document.covered_text(source))
}

/// Runs one rule, and drops what merely follows from something that was found wrong already.
fn run(rule: &Rule, input: &Input<'_>) -> Result<Vec<Finding>, String> {
    let Check::Plan(check) = rule.check else { return Ok(Vec::new()) };
    let mut report = Report::default();
    catch_unwind(AssertUnwindSafe(|| check(input, &mut report)))
        .map_err(|_| format!("rule {} ({}) broke down", rule.id.code, rule.id.slug))?;
    let follows = |finding: &Finding| {
        let places = finding.related.iter().map(|related| &related.pointer).chain([&finding.pointer]);
        places.filter(|pointer| !pointer.is_empty()).any(|pointer| input.document.is_broken(pointer))
    };
    Ok(report.findings.into_iter().filter(|finding| !follows(finding)).collect())
}

fn scrub(finding: &mut Finding) {
    finding.message = shown(&finding.message);
    finding.help = finding.help.take().map(|help| shown(&help));
    finding.pointer = secrets::scrub(&finding.pointer);
    if let Some(fix) = &mut finding.fix {
        fix.title = shown(&fix.title);
    }
}

/// Characters of a text that people read; what is quoted in it may be as long as the file.
const SHOWN: usize = 600;

/// Returns a text as it may be shown: without key material, on one line, without what moves a terminal's cursor (a plan
/// can hold such characters as escapes), and not endless.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(SHOWN));
    // Covered as a whole first: half a key is no key to look for.
    let clean = secrets::scrub(text);
    for character in clean.chars().take(SHOWN) {
        match character {
            _ if character.is_control() => out.extend(character.escape_default()),
            _ => out.push(character),
        }
    }
    if clean.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// A reason is written by hand like everything else in a plan, and is shown like it.
fn scrub_ignored(ignored: &mut Ignored) {
    scrub(&mut ignored.finding);
    ignored.reason = shown(&ignored.reason);
}

/// Puts findings into the order of the file, once each, and keeps key material out of every text.
fn finish(findings: &mut Vec<Finding>) {
    findings.iter_mut().for_each(scrub);
    let place = |finding: &Finding| finding.span.as_ref().map_or((0, 0), |span| (span.start, span.end));
    findings.sort_by(|a, b| (place(a), a.rule.code).cmp(&(place(b), b.rule.code)));
    findings.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot_markets;

    /// F-29: a rule that panics is a fault of its own; the others run, and the file is not called sound.
    #[test]
    fn f_29_a_broken_rule_is_a_fault() {
        let source = SourceFile::from_text("plan.yaml", include_str!("../../plans/sol-pair.yaml"));
        let Loaded { plan, document, .. } = load(&source, &LoadOptions::default(), snapshot_markets());
        let plan = plan.expect("the example is sound");
        let input = Input::new(&plan, &document, snapshot_markets());
        let broken = Rule { check: Check::Plan(|_, _| panic!("on purpose")), ..*rules::ALL[0] };
        assert_eq!(run(&broken, &input), Err("rule LP001 (yaml-syntax) broke down".to_owned()));
    }
}
