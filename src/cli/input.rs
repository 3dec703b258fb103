//! Reading plans from the command line: files, folders, standard input, variables.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::fault::Fault;
use crate::plan::{LoadOptions, ReadError, SourceFile};

/// How deep a folder is searched; links are not followed, so this only guards against absurd trees.
const MAX_DEPTH: usize = 16;

/// Values for the variables of a plan.
#[derive(Debug, Default, Args)]
pub struct Variables {
    /// Set a variable of the plan; may be repeated, wins over --vars
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    sets: Vec<(String, String)>,
    /// Read variables from a YAML file of names and plain values; may be repeated, later files win
    #[arg(long = "vars", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Variables {
    /// Returns the options that plans are loaded with, `{{ env.NAME }}` read from the environment of this process.
    ///
    /// # Errors
    ///
    /// When a variables file cannot be read.
    pub fn options(&self) -> Result<LoadOptions<'static>, ReadError> {
        let vars_files = self.files.iter().map(|path| SourceFile::read(path)).collect::<Result<_, _>>()?;
        Ok(LoadOptions { sets: self.sets.clone(), vars_files, ..LoadOptions::from_environment() })
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    if name.is_empty() {
        return Err("the name before `=` is empty".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Finds the plans that `paths` name: files as they are, folders searched for `*.yaml` and `*.yml` that may be plans, in
/// order of name.
///
/// # Errors
///
/// When a folder cannot be read or holds no plan.
pub(super) fn find_plans(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        search(path, 0, &mut inside)
            .map_err(|error| Fault::tool(format!("cannot read the folder `{}`: {error}", path.display())))?;
        let all = inside.len();
        inside.retain(|path| may_be_a_plan(path));
        if inside.len() < all {
            tracing::info!(folder = %path.display(), files = all - inside.len(), "skipped YAML files that are no plans");
        }
        if inside.is_empty() {
            let message = format!("`{}` holds no plan", path.display());
            return Err(Fault::tool(message)
                .hint("a plan is a file ending in .yaml or .yml; `lighter-plan init FILE` writes one"));
        }
        inside.sort();
        found.extend(inside);
    }
    Ok(found)
}

/// Returns whether a file found in a folder is worth checking: folders hold other YAML too. What cannot be read, is no
/// text or is empty may have been a plan, so it is checked, and its finding is shown.
fn may_be_a_plan(path: &Path) -> bool {
    let Ok(source) = SourceFile::read(path) else { return true };
    let text = source.text();
    let names_plan = |line: &str| line.starts_with("pairs:") || line.starts_with("network:");
    text.trim().is_empty() || text.lines().any(names_plan) || text.contains("plan.v1.schema.json")
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type()?;
        if kind.is_dir() && !hidden && depth < MAX_DEPTH {
            search(&path, depth + 1, found)?;
        } else if !kind.is_dir() && path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            found.push(path);
        }
    }
    Ok(())
}
