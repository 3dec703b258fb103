//! The policy of a desk: which rules hold how strictly, in `lighter-plan.toml`.
//!
//! Rules about risk and wallets can be silenced nowhere else, so that who writes a plan does not lift its limits.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::ignore::{Ignored, IgnoredBy};
use super::rule::{Rule, Silence};
use super::{all_rules, find_rule};
use crate::plan::{Finding, Position, RuleId, Severity, SourceFile, did_you_mean};

/// What the policy of a repository is called.
pub const POLICY_FILE: &str = "lighter-plan.toml";

/// A policy; the default one changes nothing.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Where it was read from; empty for the default one.
    file: PathBuf,
    overrides: Vec<Override>,
    exclude: GlobSet,
}

#[derive(Clone, Debug)]
struct Override {
    rule: RuleId,
    level: Level,
    reason: String,
    /// `None`: everywhere.
    paths: Option<GlobSet>,
}

/// How a rule is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// Not at all.
    Off,
    /// Worth knowing.
    Info,
    /// Runs, but probably not as meant.
    Warning,
    /// Does not run.
    Error,
}

impl Level {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Info => Some(Severity::Info),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
        }
    }
}

/// The policy as it is written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "lighter-plan policy v1", rename = "Policy")]
struct RawPolicy {
    /// How rules are taken, by code or name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Setting>")]
    rules: BTreeMap<Spanned<String>, Spanned<Setting>>,
    /// Which plans it is about.
    #[serde(default)]
    paths: RawPaths,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Paths")]
struct RawPaths {
    /// Files that a search of folders leaves out, as globs from the folder of the policy. Files named one by one are checked all the same.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    exclude: Vec<Spanned<String>>,
}

/// How a rule is taken: a word, or a word with a reason and paths.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a rule is `off`, `info`, `warning` or `error`, or a table { severity, reason, paths }"
)]
enum Setting {
    /// The severity alone.
    Word(Level),
    /// With a reason, for some plans only.
    Table(Table),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Table {
    /// How the rule is taken.
    severity: Level,
    /// Why. Whoever switches off a rule about risk or wallets must say so.
    #[serde(default)]
    reason: String,
    /// Globs of the plans it is about, from the folder of the policy; all when left out.
    #[serde(default)]
    paths: Vec<String>,
}

/// A policy that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be read.
    #[error("cannot read the policy `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no policy.
    #[error("{file}:{}:{}: {message}", at.line, at.column)]
    Invalid {
        /// The file.
        file: String,
        /// Where.
        at: Position,
        /// What is wrong, with the remedy.
        message: String,
    },
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is no policy.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PolicyError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Takes the text of a policy; `path` says where its globs start, and what errors call it.
    ///
    /// # Errors
    ///
    /// When it is no TOML, has keys that no policy has, names a rule that does not exist, or silences one that cannot be.
    pub fn parse(path: &Path, text: &str) -> Result<Self, PolicyError> {
        let source = SourceFile::from_text(&path.display().to_string(), text);
        let invalid = |at: usize, message: String| PolicyError::Invalid {
            file: source.name().to_owned(),
            at: source.position(at),
            message,
        };
        let raw: RawPolicy = toml::from_str(text).map_err(|error| {
            invalid(error.span().map_or(0, |span| span.start), error.message().to_owned())
        })?;
        let mut overrides = Vec::new();
        for (name, setting) in &raw.rules {
            let at = name.span().start;
            let rule = known(name.get_ref()).map_err(|message| invalid(at, message))?;
            let (level, reason, paths) = match setting.get_ref() {
                Setting::Word(level) => (*level, "", [].as_slice()),
                Setting::Table(table) => (table.severity, table.reason.trim(), table.paths.as_slice()),
            };
            allowed(rule, level, reason).map_err(|message| invalid(at, message))?;
            // Code and name are two keys to TOML, and one rule to us.
            if overrides.iter().any(|set: &Override| set.rule == rule.id) {
                let RuleId { code, slug } = rule.id;
                return Err(invalid(
                    at,
                    format!("{code} ({slug}) is set twice, by its code and by its name"),
                ));
            }
            let globs = globs(paths.iter().map(String::as_str))
                .map_err(|error| invalid(setting.span().start, error.to_string()))?;
            let paths = (!paths.is_empty()).then_some(globs);
            overrides.push(Override { rule: rule.id, level, reason: reason.to_owned(), paths });
        }
        let at = raw.paths.exclude.first().map_or(0, |glob| glob.span().start);
        let exclude = globs(raw.paths.exclude.iter().map(|glob| glob.get_ref().as_str()))
            .map_err(|error| invalid(at, error.to_string()))?;
        Ok(Self { file: path.to_owned(), overrides, exclude })
    }

    /// Returns the policy file that holds for a plan: the nearest in its folder or above, up to the repository's root.
    pub fn find(plan: &Path) -> Option<PathBuf> {
        for folder in resolved(plan).parent()?.ancestors() {
            let file = folder.join(POLICY_FILE);
            if file.is_file() {
                return Some(file);
            }
            if folder.join(".git").exists() {
                return None;
            }
        }
        None
    }

    /// Returns whether a search of folders leaves a file out.
    pub fn excludes(&self, plan: &Path) -> bool {
        !self.exclude.is_empty() && self.exclude.is_match(self.inside(plan))
    }

    /// Gives every finding the severity that it has here; what is switched off goes to the ignored ones.
    pub(crate) fn apply(
        &self,
        plan: &Path,
        findings: Vec<Finding>,
        ignored: &mut Vec<Ignored>,
    ) -> Vec<Finding> {
        if self.overrides.is_empty() {
            return findings;
        }
        let inside = self.inside(plan);
        let of_plan = |set: &Override| set.paths.as_ref().is_none_or(|paths| paths.is_match(&inside));
        let mut kept = Vec::new();
        for mut finding in findings {
            // One with paths is more particular than one without, whatever the order.
            let all = self.overrides.iter().filter(|set| set.rule == finding.rule && of_plan(set));
            match all.max_by_key(|set| set.paths.is_some()) {
                None => kept.push(finding),
                Some(set) => match set.level.severity() {
                    Some(severity) => {
                        finding.severity = severity;
                        kept.push(finding);
                    }
                    None => {
                        let reason = set.reason.clone();
                        ignored.push(Ignored { finding, reason, by: IgnoredBy::Policy });
                    }
                },
            }
        }
        kept
    }

    /// Returns a plan's path as globs see it: from the folder of the policy.
    fn inside(&self, plan: &Path) -> PathBuf {
        let (plan, file) = (resolved(plan), resolved(&self.file));
        let folder = file.parent().unwrap_or(Path::new(""));
        plan.strip_prefix(folder).map(Path::to_owned).unwrap_or(plan)
    }
}

/// Returns a path whose folders are the real ones: a policy must not reach a plan outside its folder because the plan was
/// named by way of it (`../other/plan.yaml`), nor miss one inside. The last part stays as named.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return path };
    // The name given to standard input may lie in a folder that does not exist.
    folder.canonicalize().unwrap_or_else(|_| without_dots(folder)).join(name)
}

/// Takes `..` out of an absolute path by its text alone.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

fn known(name: &str) -> Result<&'static Rule, String> {
    find_rule(name).ok_or_else(|| {
        let known = all_rules().iter().flat_map(|rule| [rule.id.code, rule.id.slug]);
        let near = did_you_mean(name, known).map_or_else(
            || "`lighter-plan rules` lists them all".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        format!("there is no rule `{name}`; {near}")
    })
}

/// What cannot run stays an error; what is about risk or wallets is switched off with a reason only.
fn allowed(rule: &Rule, level: Level, reason: &str) -> Result<(), String> {
    let RuleId { code, slug } = rule.id;
    let lowered = level.severity().is_none_or(|severity| severity < rule.severity);
    if rule.silence == Silence::Never && lowered {
        return Err(format!("{code} ({slug}) cannot be switched off or lowered: such a plan does not run"));
    }
    if rule.silence == Silence::Policy && lowered && reason.is_empty() {
        return Err(format!(
            "{code} ({slug}) is about risk or wallets; say why: {code} = {{ severity = \"…\", reason = \"…\" }}"
        ));
    }
    Ok(())
}

fn globs<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern)?);
    }
    set.build()
}

/// Returns the JSON Schema of policies, as the file in `schemas/` holds it.
pub fn policy_schema_text() -> String {
    let schema = schemars::schema_for!(RawPolicy);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::check_with;
    use crate::model::snapshot_markets;
    use crate::plan::LoadOptions;

    fn refusal(text: &str) -> String {
        Policy::parse(Path::new("lighter-plan.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_policy_is_refused_with_its_place() {
        assert_eq!(
            refusal("[rules]\nself-cros = \"off\"\n"),
            "lighter-plan.toml:2:1: there is no rule `self-cros`; did you mean `self-cross`?"
        );
        assert_eq!(
            refusal("[rules]\nLP603 = \"error\"\nstale-entry = \"off\"\n"),
            "lighter-plan.toml:3:1: LP603 (stale-entry) is set twice, by its code and by its name"
        );
        assert_eq!(
            refusal("[rules]\nself-cross = \"info\"\n"),
            "lighter-plan.toml:2:1: LP306 (self-cross) cannot be switched off or lowered: such a plan does not run"
        );
        assert!(refusal("[rules]\nLP403 = \"off\"\n").contains("say why"));
        assert!(refusal("[rules]\nLP603 = \"of\"\n").contains("lighter-plan.toml:2:"));
        assert!(refusal("[rule]\n").contains("unknown field `rule`"));
        assert!(refusal("[rules]\nLP603 = { severity = \"off\", paths = [\"[\"] }\n").contains("2:9"));
    }

    #[test]
    fn severities_change_where_the_paths_say() {
        let text = "[rules]\nLP603 = { severity = \"off\", paths = [\"demo/**\"], reason = \"never left alone\" }\n\
                    LP901 = \"error\"\n";
        let policy = Policy::parse(Path::new("lighter-plan.toml"), text).unwrap();
        let plan = include_str!("../../plans/sol-pair.yaml").lines().skip(2).collect::<Vec<_>>().join("\n");
        let plan = format!("{plan}\non_missed: {{ place: continue }}\n");
        let codes = |name: &str| {
            let source = SourceFile::from_text(name, &plan);
            let checked = check_with(&source, &LoadOptions::default(), snapshot_markets(), &policy);
            let shown: Vec<_> =
                checked.findings.iter().map(|found| (found.rule.code, found.severity)).collect();
            (shown, checked.ignored.len(), checked.plan.is_some())
        };
        assert_eq!(
            codes("demo/a.yaml"),
            (vec![("LP901", Severity::Error)], 1, false),
            "an error by policy keeps the plan from running"
        );
        let both = vec![("LP901", Severity::Error), ("LP603", Severity::Warning)];
        assert_eq!(codes("other/a.yaml"), (both, 0, false));
    }

    #[test]
    fn the_kept_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/policy.v1.schema.json");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == policy_schema_text(),
            "run `lighter-plan schema policy > schemas/policy.v1.schema.json`"
        );
    }
}
