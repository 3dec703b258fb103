//! From a source file to a [`Plan`], with everything that is wrong on the way.

use std::collections::BTreeSet;

use super::codes;
use super::document::Document;
use super::finding::{Finding, Severity};
use super::resolve::Resolver;
use super::resolved::Plan;
use super::source::{MAX_BYTES, SourceFile, Unreadable};
use super::tree::Kind;
use super::{build, shape, vars, yaml};
use crate::model::Market;

/// What a plan is loaded with.
pub struct LoadOptions<'a> {
    /// `--set NAME=VALUE`, in order; the last one of a name wins.
    pub sets: Vec<(String, String)>,
    /// `--vars FILE`, in order; later files and `sets` win.
    pub vars_files: Vec<SourceFile>,
    /// Looks up `{{ env.NAME }}`; nothing of it is stored but the values a plan asks for.
    pub env: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        Self { sets: Vec::new(), vars_files: Vec::new(), env: &no_environment }
    }
}

impl LoadOptions<'_> {
    /// Returns options that read the environment of this process.
    pub fn from_environment() -> Self {
        Self { env: &process_environment, ..Self::default() }
    }
}

fn no_environment(_name: &str) -> Option<String> {
    None
}

fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What a source file loads to.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan; `None` when a finding is an error.
    pub plan: Option<Plan>,
    /// The plan with placeholders where something was wrong, for rules that look at the rest; never run it.
    pub draft: Option<Plan>,
    /// The places of its values.
    pub document: Document,
    /// What is wrong with text, shape, variables, references and units; the rules of `lint` come on top.
    pub findings: Vec<Finding>,
}

/// Loads a plan: text, YAML subset, variables, shape, defaults and overrides, ranges, markets.
pub fn load(source: &SourceFile, options: &LoadOptions<'_>, markets: &[Market]) -> Loaded {
    let mut findings: Vec<Finding> = source.unreadable().map(unreadable).into_iter().collect();
    let parsed = if findings.is_empty() { yaml::parse(source.text()) } else { yaml::Parsed::default() };
    let broken_yaml = parsed.root.is_none() && !parsed.findings.is_empty();
    findings.extend(parsed.findings);
    let mut document = Document::new(parsed.root, parsed.comments, source);
    if findings.is_empty() && matches!(document.root.kind, Kind::Null) {
        findings.push(
            Finding::error(codes::EMPTY_PLAN, "the file holds no plan")
                .help("`lighter-plan init FILE` writes a starter plan"),
        );
    }
    if broken_yaml || matches!(document.root.kind, Kind::Null) {
        return Loaded { plan: None, draft: None, document, findings };
    }
    findings.extend(vars::substitute(&mut document.root, options));
    document.broken = broken(&findings);
    let shape = shape::check(&document.root);
    // A misspelt key is one mistake: the key it was meant to be is not reported as missing as well.
    let meant = shape.iter().filter_map(shape::meant).filter(|pointer| document.root.at(pointer).is_none());
    document.broken.extend(meant.collect::<Vec<_>>());
    // What the subset or a template refused has no shape to speak of.
    findings.extend(shape.into_iter().filter(|finding| !document.is_broken(&finding.pointer)));
    document.broken.extend(broken(&findings));
    if !matches!(document.root.kind, Kind::Map(_)) {
        return Loaded { plan: None, draft: None, document, findings };
    }
    let mut resolver = Resolver::new(document, source.directory());
    let draft = build::plan(&mut resolver, markets);
    let (document, more) = resolver.finish();
    findings.extend(more);
    let sound = findings.iter().all(|finding| finding.severity < Severity::Error);
    Loaded { plan: sound.then(|| draft.clone()), draft: Some(draft), document, findings }
}

/// Returns the places of errors, so that what follows from them is not reported as well.
fn broken(findings: &[Finding]) -> BTreeSet<String> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.pointer.clone()).filter(|pointer| !pointer.is_empty()).collect()
}

/// A file that is no text is marked where it stops being one.
fn unreadable(problem: Unreadable) -> Finding {
    let (offset, message, help) = match problem {
        Unreadable::TooLarge => {
            let message = format!("the file is larger than {} KiB, and was not read", MAX_BYTES / 1024);
            let help = "a plan is a page of text; check that this is the right file, or split it";
            return Finding::error(codes::TOO_LARGE, message).help(help);
        }
        Unreadable::NotUtf8 { offset } => (
            offset,
            "is no UTF-8 text",
            "a plan is UTF-8 text; check that this is the right file, or save it as UTF-8",
        ),
        Unreadable::NotText { offset } => {
            (offset, "is a control character", "a plan is text; check that this is the right file")
        }
        Unreadable::LoneReturn { offset } => (
            offset,
            "is a carriage return without a line feed",
            "save the file with line feeds, or with carriage return and line feed, at the end of every line",
        ),
    };
    Finding::error(codes::NOT_TEXT, format!("byte {} {message}", offset + 1))
        .at("", Some(offset..offset))
        .help(help)
}
