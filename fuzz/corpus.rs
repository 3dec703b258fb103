//! Inputs on disk: `fuzz/corpus/TARGET` in the repository, `fuzz/found` for what a run found.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// Returns the inputs of a target, by name.
pub(crate) fn load(target: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder("corpus").join(target)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// Adds an input to the corpus.
pub(crate) fn keep(target: &str, input: &[u8]) {
    write(&folder("corpus").join(target), input);
}

/// Writes down an input that found something, and says where.
pub(crate) fn found(target: &str, input: &[u8]) -> PathBuf {
    write(&folder("found").join(target), input)
}

fn write(folder: &Path, input: &[u8]) -> PathBuf {
    let name: String = Sha256::digest(input).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join(name);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, input));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}
