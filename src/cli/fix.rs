//! `validate --fix` and `--diff`: writes what the fixes give, or shows it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Args;
use similar::TextDiff;

use super::fault::Fault;
use super::{Exit, out};
use crate::lint::fix::{LeftOut, Mended, mend};
use crate::lint::{Checked, covered_text};
use crate::plan::{Finding, SourceFile};

/// Whether fixes are applied.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct FixArgs {
    /// Write the safe fixes into the files; never a price, a size, a wallet or a limit. What is left decides the exit
    /// code. With `-` the mended text goes to standard output, and what is left to standard error
    #[arg(long)]
    fix: bool,
    /// Show what --fix would change as a unified diff, and change nothing; exit code 1 when it would. Findings are
    /// written to files only
    #[arg(long, conflicts_with = "fix")]
    diff: bool,
}

impl FixArgs {
    /// Returns whether only the difference is shown, and decides the exit code.
    pub(super) fn shows_diff(self) -> bool {
        self.diff
    }

    /// Returns whether standard output is taken by the mended text of standard input.
    pub(super) fn takes_stdout(self, paths: &[PathBuf]) -> bool {
        self.fix && paths.iter().any(|path| is_stdin(path))
    }
}

/// Mends files, from many threads, and tells of all of them in order.
pub(super) struct Mender {
    args: FixArgs,
    done: Mutex<BTreeMap<usize, Outcome>>,
}

/// What mending one file came to.
struct Outcome {
    name: String,
    fixes: usize,
    left_out: Vec<LeftOut>,
    /// What goes to standard output: a difference, or the mended standard input.
    shown: Option<String>,
}

impl Mender {
    pub(super) fn new(args: FixArgs) -> Self {
        Self { args, done: Mutex::default() }
    }

    /// Checks a file, and mends it as far as the command line says. What comes back is what the report is about: the
    /// mended file after `--fix`, the file as it is otherwise.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; it is as it was then.
    pub(super) fn check(
        &self,
        index: usize,
        path: &Path,
        source: SourceFile,
        wanted: &dyn Fn(&Finding) -> bool,
        check: &dyn Fn(&SourceFile) -> Checked,
    ) -> Result<(SourceFile, Checked), Fault> {
        let checked = check(&source);
        if !self.args.fix && !self.args.diff {
            return Ok((source, checked));
        }
        let before = (source.clone(), checked.clone());
        let mended = mend(source, checked, wanted, check);
        let changed = mended.source.text() != before.0.text();
        let shown = if self.args.diff {
            changed.then(|| difference(&before.0, &mended.source))
        } else if is_stdin(path) {
            // The reader of a pipe gets the text also when nothing had to be done.
            Some(mended.source.text().to_owned()).filter(|_| before.0.unreadable().is_none())
        } else {
            if changed {
                replace(path, before.0.text(), mended.source.text())?;
            }
            None
        };
        let Mended { source, checked, applied, left_out } = mended;
        let name = source.name().to_owned();
        let outcome = Outcome { name, fixes: applied.len(), left_out, shown };
        self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(index, outcome);
        Ok(if self.args.diff { before } else { (source, checked) })
    }

    /// Writes differences and mended text, and says on standard error what was done.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub(super) fn finish(self) -> Result<Exit, Fault> {
        let done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        for outcome in done.values() {
            if let Some(text) = &outcome.shown {
                out::text(text)?;
            }
            for LeftOut { rule, title, reason } in &outcome.left_out {
                out::note(&format!("{}: {rule}: left out `{title}`: {reason}", outcome.name));
            }
        }
        let fixes: usize = done.values().map(|outcome| outcome.fixes).sum();
        let files = done.values().filter(|outcome| outcome.fixes > 0).count();
        if fixes == 0 {
            return Ok(Exit::OK);
        }
        let (verb, exit) = if self.args.diff { ("would fix", Exit::FAILED) } else { ("fixed", Exit::OK) };
        out::note(&format!("{verb} {} in {}", counted(fixes, "finding"), counted(files, "file")));
        Ok(exit)
    }
}

fn counted(count: usize, name: &str) -> String {
    if count == 1 { format!("1 {name}") } else { format!("{count} {name}s") }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Returns the unified diff of two texts, with key material covered in both: a diff ends up in logs.
fn difference(before: &SourceFile, after: &SourceFile) -> String {
    let (old, new) = (covered_text(before), covered_text(after));
    TextDiff::from_lines(&old, &new).unified_diff().header(before.name(), after.name()).to_string()
}

/// Puts a new text in a file's place at once: a reader sees the old text or the new one, never a part. A link stays a
/// link, and the file keeps its mode.
fn replace(path: &Path, old: &str, new: &str) -> Result<(), Fault> {
    let failed = |error: io::Error| Fault::tool(format!("cannot write `{}`: {error}", path.display()));
    let target = fs::canonicalize(path).map_err(failed)?;
    let metadata = fs::metadata(&target).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Fault::tool(format!("cannot write `{}`: it is no file", path.display())));
    }
    if metadata.permissions().readonly() {
        return Err(Fault::tool(format!("cannot write `{}`: it is read-only", path.display())));
    }
    if fs::read(&target).map_err(failed)? != old.as_bytes() {
        let message = format!("`{}` changed while it was checked, and was left as it is", path.display());
        return Err(Fault::tool(message).hint("run the command again"));
    }
    let temporary = beside(&target);
    let written = write_new(&temporary, new)
        .and_then(|()| fs::set_permissions(&temporary, metadata.permissions()))
        .and_then(|()| fs::rename(&temporary, &target));
    written.map_err(|error| {
        drop(fs::remove_file(&temporary));
        failed(error)
    })
}

/// Returns a name in the same folder, so that a rename is all that is left to do; no two threads or processes share one.
fn beside(target: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id()))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
