//! `validate`: everything that is wrong with plans; offline, unless asked to look at the venue's rules of now.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::fault::Fault;
use super::fix::{FixArgs, Mender};
use super::input::{Candidate, Variables, find_candidates, no_plan};
use super::policy::{Policies, PolicyArgs};
use super::session::{SessionError, online_markets};
use super::{Context, Exit, out};
use crate::lint::formats::{FileReport, Look, concise, github, gitlab, human, json, jsonl, junit, sarif};
use crate::lint::{Across, Checked, Silence, check_across, check_with, covered_text, find_rule};
use crate::model::{Market, snapshot_markets};
use crate::plan::{Finding, LoadOptions, Network, RuleId, Severity, SourceFile};
use crate::rt::in_parallel;

/// Check plans: schema, references, market rules, risk, keys; offline unless --online
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan validate                          # every plan below the current folder
  lighter-plan validate plans/ other.yaml
  lighter-plan validate --format concise plan.yaml
  lighter-plan validate --format human --format sarif:findings.sarif plans/
  lighter-plan validate --format github plans/   # annotations in GitHub Actions; also gitlab, junit
  lighter-plan validate --online plan.yaml       # against the market rules that the venue has now
  lighter-plan validate --diff plans/            # what --fix would change
  lighter-plan validate --fix plans/             # write the safe fixes
  cat plan.yaml | lighter-plan validate --stdin-filename plan.yaml -

Exit codes: 0 no findings at or above the floor (warnings, unless --min-severity or --strict says
otherwise), 1 findings, 2 usage, 3 a file could not be read, nothing matched, a venue did not answer,
or a rule broke down. The format never changes them.")]
pub(super) struct Validate {
    /// Plans, or folders of plans; `-` is standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// How to write findings: human, concise, json, jsonl, sarif, github, gitlab or junit; `:FILE` writes to a file, may
    /// be repeated
    #[arg(long = "format", value_name = "FORMAT[:FILE]", default_value = "human")]
    formats: Vec<Output>,
    /// Show and count findings from this severity on
    #[arg(long, value_enum, value_name = "SEVERITY", default_value = "warning")]
    min_severity: Severity,
    /// Count every finding, as --min-severity info does
    #[arg(long, conflicts_with = "min_severity")]
    strict: bool,
    /// Report only these rules (and those that cannot be ignored), by code or slug; may be repeated
    #[arg(long, value_name = "CODE", value_parser = rule, value_delimiter = ',')]
    select: Vec<RuleId>,
    /// Report all rules but these; may be repeated. What must not happen at all cannot be ignored
    #[arg(long, value_name = "CODE", value_parser = ignorable_rule, value_delimiter = ',')]
    ignore: Vec<RuleId>,
    /// What to call standard input in findings; relative paths of the plan start from its folder
    #[arg(long, value_name = "NAME", default_value = "stdin.yaml")]
    stdin_filename: PathBuf,
    /// Ask the venue of each plan's network for its market rules, instead of taking those shipped with this program;
    /// needs no keys. `network: paper` stays offline
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    fix: FixArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    variables: Variables,
}

fn rule(name: &str) -> Result<RuleId, String> {
    let known = || format!("there is no rule `{name}`; `lighter-plan rules` lists them all");
    find_rule(name).map(|rule| rule.id).ok_or_else(known)
}

fn ignorable_rule(name: &str) -> Result<RuleId, String> {
    let id = rule(name)?;
    match find_rule(name) {
        Some(rule) if rule.silence != Silence::Comment => {
            Err(format!("{} ({}) cannot be ignored on the command line", id.code, id.slug))
        }
        _ => Ok(id),
    }
}

#[derive(Clone, Debug)]
struct Output {
    format: Format,
    file: Option<PathBuf>,
}

/// Every format with its name.
const FORMATS: [(&str, Format); 8] = [
    ("human", Format::Human),
    ("concise", Format::Concise),
    ("json", Format::Json),
    ("jsonl", Format::Jsonl),
    ("sarif", Format::Sarif),
    ("github", Format::Github),
    ("gitlab", Format::Gitlab),
    ("junit", Format::Junit),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Human,
    Concise,
    Json,
    Jsonl,
    Sarif,
    Github,
    Gitlab,
    Junit,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = match text.split_once(':') {
            Some((_, "")) => return Err("the file name after `:` is empty".to_owned()),
            Some((name, file)) => (name, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let known = FORMATS.iter().find(|(known, _)| *known == name);
        let (_, format) = known.ok_or_else(|| {
            let names: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
            format!("known formats are {}", names.join(", "))
        })?;
        Ok(Self { format: *format, file })
    }
}

impl Validate {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        if self.formats.iter().filter(|output| output.file.is_none()).count() > 1 {
            return Err(Fault::usage("two formats would mix on standard output")
                .hint("give all but one a file: `--format json:FILE`"));
        }
        let options = self.variables.options()?;
        let policies = Policies::default();
        let (candidates, mut exit) = self.candidates(&policies)?;
        let mender = Mender::new(self.fix);
        let read = in_parallel(candidates.len(), |index| {
            self.check(index, &candidates[index], &mender, &options, &policies)
        });
        exit = exit.worse(mender.finish()?);
        let mut checked: Vec<(SourceFile, Checked)> = Vec::new();
        let mut empty: BTreeSet<&Path> =
            candidates.iter().filter_map(|candidate| candidate.folder.as_deref()).collect();
        for (candidate, result) in candidates.iter().zip(read) {
            // One file that cannot be read never hides the findings of the others.
            match result {
                Ok(None) => continue,
                Ok(Some(result)) => checked.push(result),
                Err(fault) => exit = exit.worse(fault.report()),
            }
            candidate.folder.as_deref().map(|folder| empty.remove(folder));
        }
        for folder in empty {
            exit = exit.worse(no_plan(folder).report());
        }
        if self.online {
            exit = exit.worse(self.ask_venues(&mut checked, &options, &policies, context));
            checked
                .iter_mut()
                .for_each(|(_, checked)| checked.findings.retain(|found| self.wants(found.rule)));
        }
        exit = exit.worse(self.look_across(&mut checked, &policies)?);
        let floor = self.floor();
        let files: Vec<FileReport<'_>> =
            checked.iter().map(|(source, checked)| FileReport { source, checked, floor }).collect();
        for output in &self.formats {
            let stream = match output.file {
                None if self.fix.shows_diff() => continue,
                None if self.fix.takes_stdout(&self.paths) => Stream::Error,
                _ => Stream::Output,
            };
            output.write(&files, stream, context)?;
        }
        let verdicts = files.iter().map(verdict);
        // What --diff says is whether something would change; what would be left is for --fix to say.
        let counts = |exit: &Exit| !self.fix.shows_diff() || *exit != Exit::FAILED;
        Ok(verdicts.filter(counts).fold(exit, Exit::worse))
    }

    fn floor(&self) -> Severity {
        if self.strict { Severity::Info } else { self.min_severity }
    }

    /// Finds the files to check, without those that the policy leaves out; a folder that cannot be searched is told, and
    /// takes nothing from the others.
    fn candidates(&self, policies: &Policies) -> Result<(Vec<Candidate>, Exit), Fault> {
        let found = find_candidates(&self.paths);
        let exit = Exit::worst(found.faults.iter().map(Fault::report));
        let mut kept = Vec::new();
        for candidate in found.candidates {
            if candidate.folder.is_none()
                || !self.policy.of(&candidate.path, policies)?.excludes(&candidate.path)
            {
                kept.push(candidate);
            }
        }
        Ok((kept, exit))
    }

    /// Reads and checks one file; `None` when it is no plan. Of a file without findings only what rules about several
    /// files need is kept.
    fn check(
        &self,
        index: usize,
        candidate: &Candidate,
        mender: &Mender,
        options: &LoadOptions<'_>,
        policies: &Policies,
    ) -> Result<Option<(SourceFile, Checked)>, Fault> {
        let source = self.read(&candidate.path)?;
        if candidate.folder.is_some() && !source.may_be_a_plan() {
            tracing::info!(file = %candidate.path.display(), "skipped: it does not look like a plan");
            return Ok(None);
        }
        let policy = self.policy.of(Path::new(source.name()), policies)?;
        let check = |source: &SourceFile| check_with(source, options, snapshot_markets(), &policy);
        let wanted = |finding: &Finding| finding.severity >= self.floor() && self.wants(finding.rule);
        let (source, mut checked) = mender.check(index, &candidate.path, source, &wanted, &check)?;
        checked.findings.retain(|finding| self.wants(finding.rule));
        checked.plan = None;
        if checked.findings.is_empty() && !self.online {
            checked.covered = String::new();
            return Ok(Some((source.without_text(), checked)));
        }
        Ok(Some((source, checked)))
    }

    /// Adds what only several plans together show.
    fn look_across(&self, checked: &mut [(SourceFile, Checked)], policies: &Policies) -> Result<Exit, Fault> {
        let plans: Vec<_> = checked.iter().map(|(_, checked)| checked.footprint.as_ref()).collect();
        let Across { mut findings, faults } = check_across(&plans);
        findings.retain(|(_, finding)| self.wants(finding.rule));
        for (index, finding) in findings {
            let (source, checked) = &mut checked[index];
            // The text of a file that was sound by itself is read again, to show the place.
            if source.text().is_empty()
                && let Ok(again) = SourceFile::read(Path::new(source.name()))
            {
                checked.covered = covered_text(&again);
                *source = again;
            }
            let policy = self.policy.of(Path::new(source.name()), policies)?;
            checked.add(vec![finding], source, &policy);
        }
        for fault in &faults {
            out::note(&format!("error: {fault}; please report this"));
        }
        Ok(if faults.is_empty() { Exit::OK } else { Exit::FAULT })
    }

    /// Checks every plan anew with the market rules that its venue has now. A venue that does not answer takes nothing
    /// from the findings of the shipped rules.
    fn ask_venues(
        &self,
        checked: &mut [(SourceFile, Checked)],
        options: &LoadOptions<'_>,
        policies: &Policies,
        context: &Context,
    ) -> Exit {
        let mut asked = Asked::default();
        let mut exit = Exit::OK;
        for (source, result) in checked {
            let Some(network) = result.network.clone() else { continue };
            let policy = self.policy.of(Path::new(source.name()), policies);
            match asked.markets(network, context).and_then(|markets| Ok((markets, policy?))) {
                Ok((Some(markets), policy)) => *result = check_with(source, options, markets, &policy),
                Ok((None, _)) => {}
                Err(fault) => exit = exit.worse(fault.report()),
            }
        }
        exit
    }

    /// What cannot be ignored is always reported: a file that cannot be read must not pass because of a selection.
    fn wants(&self, id: RuleId) -> bool {
        let always = find_rule(id.code).is_some_and(|rule| rule.silence == Silence::Never);
        always || ((self.select.is_empty() || self.select.contains(&id)) && !self.ignore.contains(&id))
    }

    fn read(&self, path: &Path) -> Result<SourceFile, Fault> {
        if path != Path::new("-") {
            let hint = "check the path; `lighter-plan validate` without one takes every plan below the current folder";
            return SourceFile::read(path).map_err(|error| Fault::tool(error).hint(hint));
        }
        let name = self.stdin_filename.display().to_string();
        let source = SourceFile::from_reader(&name, io::stdin().lock())?;
        let directory = self.stdin_filename.parent().map(Path::to_owned).unwrap_or_default();
        Ok(source.in_directory(directory))
    }
}

/// The market rules of every network asked so far: many plans of one network ask once, and an error is told once.
#[derive(Default)]
struct Asked(Vec<(Network, Option<Vec<Market>>)>);

impl Asked {
    /// Returns the rules that `network` has now; `None` when they stay those shipped with this program.
    fn markets(&mut self, network: Network, context: &Context) -> Result<Option<&[Market]>, Fault> {
        if network == Network::Paper {
            return Ok(None);
        }
        let known = self.0.iter().position(|(known, _)| *known == network);
        let index = known.unwrap_or(self.0.len());
        if known.is_none() {
            let answer = ask(&network, context);
            let (markets, fault) =
                answer.map_or_else(|fault| (None, Some(fault)), |markets| (Some(markets), None));
            self.0.push((network, markets));
            fault.map_or(Ok(()), Err)?;
        }
        Ok(self.0.get(index).and_then(|(_, markets)| markets.as_deref()))
    }
}

/// A venue that does not answer is a fault of tool or line, never a verdict about a plan; one of another chain is a
/// mistake of the plan.
fn ask(network: &Network, context: &Context) -> Result<Vec<Market>, Fault> {
    let hint = "without --online, plans are checked against the market rules shipped with this program";
    context.block_on(online_markets(network))?.map_err(|error| match error {
        SessionError::Chain { .. } => Fault::with(Exit::FAILED, error),
        error => Fault::tool(error).hint(hint),
    })
}

/// A rule that broke down is a fault of this program: reported, and never "no findings".
fn verdict(file: &FileReport<'_>) -> Exit {
    for fault in &file.checked.faults {
        out::note(&format!("error: {}: {fault}; please report this", file.source.name()));
    }
    if !file.checked.faults.is_empty() {
        Exit::FAULT
    } else if file.findings().next().is_some() {
        Exit::FAILED
    } else {
        Exit::OK
    }
}

/// Where a format without a file goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Output,
    Error,
}

impl Output {
    /// A file gets plain text: who reads it, and where, is not known.
    fn look(&self, stream: Stream, context: &Context) -> Look {
        match (&self.file, stream) {
            (Some(_), _) => Look::default(),
            (None, Stream::Output) => context.look(),
            (None, Stream::Error) => context.error_look(),
        }
    }

    fn write(&self, files: &[FileReport<'_>], stream: Stream, context: &Context) -> Result<(), Fault> {
        let text = match self.format {
            Format::Human => human(files, &self.look(stream, context)),
            Format::Concise => concise(files),
            Format::Json => json(files),
            Format::Jsonl => jsonl(files),
            Format::Sarif => sarif(files),
            Format::Github => github(files),
            Format::Gitlab => gitlab(files),
            Format::Junit => junit(files),
        };
        match &self.file {
            None if stream == Stream::Error => out::note(text.trim_end()),
            None => out::text(&text)?,
            Some(path) => std::fs::write(path, text)
                .map_err(|error| Fault::tool(format!("cannot write `{}`: {error}", path.display())))?,
        }
        Ok(())
    }
}
