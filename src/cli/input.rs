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

/// A file that may hold a plan.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Where it is; `-` is standard input.
    pub(super) path: PathBuf,
    /// The folder that was searched, when the file itself was not named; then it is a plan only if it looks like one.
    pub(super) folder: Option<PathBuf>,
}

/// Finds the files that `paths` name: files as they are, folders searched for `*.yaml` and `*.yml`, in order of name.
///
/// # Errors
///
/// When a folder cannot be read.
pub(super) fn find_candidates(paths: &[PathBuf]) -> Result<Vec<Candidate>, Fault> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(Candidate { path: path.clone(), folder: None });
            continue;
        }
        let mut inside = Vec::new();
        search(path, 0, &mut inside)
            .map_err(|error| Fault::tool(format!("cannot read the folder `{}`: {error}", path.display())))?;
        inside.sort();
        let folder = Some(path.clone());
        found.extend(inside.into_iter().map(|path| Candidate { path, folder: folder.clone() }));
        if !found.iter().any(|candidate| candidate.folder.as_ref() == Some(path)) {
            return Err(no_plan(path));
        }
    }
    Ok(found)
}

/// Says that a folder holds no plan.
pub(super) fn no_plan(folder: &Path) -> Fault {
    Fault::tool(format!("`{}` holds no plan", folder.display()))
        .hint("a plan is a file ending in .yaml or .yml; `lighter-plan init FILE` writes one")
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
            // Pipes and devices would be waited for; a link that leads nowhere is told when it is read.
            if std::fs::metadata(&path).map_or(true, |metadata| metadata.is_file()) {
                found.push(path);
            }
        }
    }
    Ok(())
}
