//! A saved plan: what `plan --out` writes and `apply` takes in place of a file.
//!
//! It holds the plan as it was compiled, with all variables put in, so that what was looked at and approved is what runs.
//! A plan names where keys come from and never holds one, so neither does this. It is JSON of one object; its digest shows
//! damage and careless edits, and is no signature.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Exit;
use super::apply::absolute_world;
use crate::graph::{self, GraphError, StepGraph};
use crate::model::snapshot_markets;
use crate::plan::{Plan, SourceFile};

/// What the first member of the object is called; its value is the format's number.
const FORMAT_KEY: &str = "lighter_plan_artifact";

/// The format that this program writes, and the only one so far.
const FORMAT: u32 = 1;

/// Bytes that tell a saved plan from a plan file.
const START: u64 = 128;

/// Digits of a step's hash that are shown.
const HASH: usize = 8;

/// Why a saved plan is not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArtifactError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not what this program writes.
    #[error("`{name}` is no saved plan that this program can read; write it anew with `plan --out`")]
    Unreadable {
        /// The file.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Written by a later version.
    #[error("`{name}` has format {found}, and this program reads {FORMAT}")]
    Format {
        /// The file.
        name: String,
        /// Its format.
        found: u64,
    },
    /// It was changed after it was written.
    #[error("`{name}` was changed after it was written; write it anew with `plan --out`")]
    Edited {
        /// The file.
        name: String,
    },
    /// Its plan file reads differently now.
    #[error("`{name}` is stale: `{}` was changed since; write it anew with `plan --out`", plan.display())]
    Stale {
        /// The artifact.
        name: String,
        /// The plan file.
        plan: PathBuf,
    },
    /// This program compiles it to other steps.
    #[error(
        "`{name}` was written by {program} and is another plan to this one: {}; write it anew with `plan --out`",
        .changed.join(", ")
    )]
    Compiled {
        /// The file.
        name: String,
        /// The version that wrote it.
        program: String,
        /// What differs.
        changed: Vec<String>,
    },
    /// The plan does not compile.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A plan without a JSON form.
    #[error("the plan has no JSON form")]
    Encode(#[from] serde_json::Error),
}

impl ArtifactError {
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } | Self::Write { .. } | Self::Encode(_) => Exit::FAULT,
            Self::Unreadable { .. }
            | Self::Format { .. }
            | Self::Edited { .. }
            | Self::Stale { .. }
            | Self::Compiled { .. }
            | Self::Graph(_) => Exit::CHANGED,
        }
    }
}

/// The object of the file. Members are written in this order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    lighter_plan_artifact: u32,
    /// The version that wrote it.
    program: String,
    /// Where the plan stands; its text there is compared when it is still to be found.
    file: PathBuf,
    /// The text as the operator wrote it, without values of variables.
    source: String,
    plan: Plan,
    /// Step names with their hashes.
    steps: Vec<(String, String)>,
    /// The hash over all steps.
    graph: String,
    /// SHA-256 of all other members.
    digest: String,
}

impl Saved {
    fn digest(&self) -> Result<String, serde_json::Error> {
        let bare = serde_json::to_vec(&(
            (self.lighter_plan_artifact, &self.program, &self.file),
            (&self.source, &self.plan, &self.steps, &self.graph),
        ))?;
        Ok(hex::encode(Sha256::digest(bare)))
    }
}

/// Returns whether a file is meant as a saved plan; no YAML plan starts like this. Only a regular file is looked at: what
/// is read from a pipe is gone.
pub(super) fn is_artifact(path: &Path) -> bool {
    let start = || {
        let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|known| known.is_file()))?;
        let mut bytes = Vec::new();
        file.take(START).read_to_end(&mut bytes).ok()?;
        String::from_utf8(bytes).ok()
    };
    start().is_some_and(|text| {
        let member = text.trim_start().strip_prefix('{').map(str::trim_start);
        member.and_then(|member| member.strip_prefix('"')).is_some_and(|name| name.starts_with(FORMAT_KEY))
    })
}

/// Writes the saved form of a plan, readable by its owner only. What stood there is replaced at once, or not at all.
///
/// # Errors
///
/// [`ArtifactError::Write`], or a plan that does not compile.
pub(super) fn write(path: &Path, plan: &Plan, source: &SourceFile) -> Result<(), ArtifactError> {
    let mut plan = plan.clone();
    if let Some(paper) = &mut plan.paper {
        paper.world = absolute_world(paper);
    }
    let graph = graph::compile(&plan, snapshot_markets())?;
    let mut saved = Saved {
        lighter_plan_artifact: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        file: std::fs::canonicalize(source.name()).unwrap_or_else(|_| source.name().into()),
        source: source.text().to_owned(),
        plan,
        steps: names(&graph),
        graph: graph.hash,
        digest: String::new(),
    };
    saved.digest = saved.digest()?;
    let text = format!("{}\n", serde_json::to_string_pretty(&saved)?);
    replace(path, text.as_bytes()).map_err(|source| ArtifactError::Write { path: path.to_owned(), source })
}

fn names(graph: &StepGraph) -> Vec<(String, String)> {
    let steps = graph.pairs.iter().flat_map(|pair| &pair.steps);
    steps.map(|step| (step.name.clone(), step.hash.clone())).collect()
}

/// Returns the steps whose hashes are not those that were saved.
fn changed(saved: &[(String, String)], now: &StepGraph) -> Vec<String> {
    let short = |hash: &str| hash.chars().take(HASH).collect::<String>();
    let old = |name: &str| saved.iter().find(|(known, _)| known == name).map_or("none", |(_, hash)| hash);
    let steps = names(now).into_iter().filter(|(name, hash)| old(name) != hash);
    steps.map(|(name, hash)| format!("step {name} {} → {}", short(old(&name)), short(&hash))).collect()
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

/// A saved plan that still holds.
#[derive(Debug)]
pub(super) struct Artifact {
    pub(super) plan: Plan,
    /// The text that it was made from.
    pub(super) source: SourceFile,
}

/// Reads a saved plan and makes sure that it is still what was looked at: whole, made from the plan file as it stands, and
/// the same steps to this program.
///
/// # Errors
///
/// [`ArtifactError`], 26 for everything that makes it stale.
pub(super) fn read(path: &Path) -> Result<Artifact, ArtifactError> {
    let name = path.display().to_string();
    let unreadable = |source| ArtifactError::Unreadable { name: name.clone(), source };
    let text = std::fs::read_to_string(path)
        .map_err(|source| ArtifactError::Read { path: path.to_owned(), source })?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(unreadable)?;
    match value[FORMAT_KEY].as_u64() {
        Some(found) if found != u64::from(FORMAT) => return Err(ArtifactError::Format { name, found }),
        _ => {}
    }
    let saved: Saved = serde_json::from_value(value).map_err(unreadable)?;
    if saved.digest()? != saved.digest {
        return Err(ArtifactError::Edited { name });
    }
    // Where the plan file is not at hand, as on another machine, there is nothing to compare with.
    let now = SourceFile::read(&saved.file).ok();
    if now.is_some_and(|now| now.text() != saved.source) {
        return Err(ArtifactError::Stale { name, plan: saved.file });
    }
    let graph = graph::compile(&saved.plan, snapshot_markets())?;
    if graph.hash != saved.graph {
        let changed = changed(&saved.steps, &graph);
        return Err(ArtifactError::Compiled { name, program: saved.program, changed });
    }
    Ok(Artifact { source: SourceFile::from_text(&name, &saved.source), plan: saved.plan })
}
