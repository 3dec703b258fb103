//! Reading plans from the command line: files, folders, standard input, variables.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::fault::Fault;
use crate::plan::{LoadOptions, ReadError, SourceFile};

/// How deep a folder is searched; links are not followed, so this only guards against absurd trees. What lies deeper is
/// told: a plan that was not looked at must not pass for a sound one.
const MAX_DEPTH: usize = 64;

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
    /// Returns whether none was given.
    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.files.is_empty()
    }

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

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files, in order of the paths and then of name.
    pub(super) candidates: Vec<Candidate>,
    /// Folders that could not be searched, and those that hold nothing; they never hide what the others hold.
    pub(super) faults: Vec<Fault>,
}

/// Finds the files that `paths` name: files as they are, folders searched for `*.yaml` and `*.yml`, in order of name.
pub(super) fn find_candidates(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    let mut known = HashMap::new();
    for path in paths {
        if !path.is_dir() {
            let id = std::fs::metadata(path).ok().map(|file| identity(&file));
            found.add(Candidate { path: path.clone(), folder: None }, id, &mut known);
            continue;
        }
        let mut search = Search::default();
        search.folder(path, 0);
        search.files.sort();
        if search.files.is_empty() && search.faults.is_empty() {
            found.faults.push(no_plan(path));
        }
        found.faults.append(&mut search.faults);
        for (file, id) in search.files {
            found.add(Candidate { path: file, folder: Some(path.clone()) }, id, &mut known);
        }
    }
    found
}

/// What makes two names one file: device and number there.
type Identity = (u64, u64);

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

impl Found {
    /// Adds a file, once: seen twice, a plan would share its keys with itself.
    fn add(&mut self, candidate: Candidate, id: Option<Identity>, known: &mut HashMap<Identity, usize>) {
        let first = id.and_then(|id| known.get(&id)).and_then(|index| self.candidates.get_mut(*index));
        if let Some(first) = first {
            // One that is named by itself is a plan, whatever it looks like.
            if candidate.folder.is_none() {
                first.folder = None;
            }
            return;
        }
        if let Some(id) = id {
            known.insert(id, self.candidates.len());
        }
        self.candidates.push(candidate);
    }
}

/// Says that a folder holds no plan.
pub(super) fn no_plan(folder: &Path) -> Fault {
    Fault::tool(format!("`{}` holds no plan", folder.display()))
        .hint("a plan is a file ending in .yaml or .yml; `lighter-plan init FILE` writes one")
}

/// A folder that is being searched.
#[derive(Default)]
struct Search {
    files: Vec<(PathBuf, Option<Identity>)>,
    faults: Vec<Fault>,
}

impl Search {
    fn folder(&mut self, folder: &Path, depth: usize) {
        if depth > MAX_DEPTH {
            let message = format!("`{}` lies more than {MAX_DEPTH} folders deep", folder.display());
            self.faults.push(Fault::tool(message).hint("name the folder itself to have it searched"));
            return;
        }
        if let Err(error) = self.entries(folder, depth) {
            let message = format!("cannot read the folder `{}`: {error}", folder.display());
            self.faults.push(Fault::tool(message));
        }
    }

    fn entries(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let kind = entry.file_type()?;
            if kind.is_dir() && !hidden {
                self.folder(&path, depth + 1);
            } else if !kind.is_dir() && path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
                // Nobody means a pipe or a device that lies about; a link that leads nowhere is told when it is read.
                match std::fs::metadata(&path) {
                    Ok(file) if !file.is_file() => {}
                    file => self.files.push((path, file.ok().map(|file| identity(&file)))),
                }
            }
        }
        Ok(())
    }
}
