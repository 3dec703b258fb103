//! What can go wrong with the journal.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::model::RunId;

/// Why the journal did not do what was asked. Cheap to clone: one failed commit answers many callers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// A file or directory could not be used.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// SQLite refused.
    #[error("cannot {action}")]
    Sqlite {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: Arc<rusqlite::Error>,
    },
    /// An earlier write failed, so nobody knows what the disk holds: nothing is written, and nothing may be sent, any more.
    #[error("the journal is poisoned, nothing more is written: {cause}")]
    Poisoned {
        /// The first failure.
        cause: Arc<str>,
    },
    /// The journal was closed by this process.
    #[error("the journal is closed")]
    Closed,
    /// Another process held the file's write lock for too long; nothing was written.
    #[error("the journal is busy: another process has been writing for too long")]
    Busy,
    /// No room for this write; nothing was written, and records that reduce exposure may still fit.
    #[error("the disk is nearly full: {free} bytes are free, {needed} are wanted before anything is started")]
    DiskLow {
        /// Bytes that are free.
        free: u64,
        /// Bytes that must be free.
        needed: u64,
    },
    /// No room at all; nothing was written.
    #[error("the disk is full")]
    DiskFull,
    /// There is no such run.
    #[error("no run `{run}`{}", known_runs(known))]
    UnknownRun {
        /// What was asked for.
        run: RunId,
        /// What there is.
        known: Vec<RunId>,
    },
    /// There is such a run already.
    #[error("run `{run}` exists already")]
    RunExists {
        /// Its id.
        run: RunId,
    },
    /// Another writer appended to a run that this one writes.
    #[error("run `{run}` was written by somebody else: its last event is {found}, not {expected}")]
    ForeignWriter {
        /// The run.
        run: RunId,
        /// The last event of this writer.
        expected: u64,
        /// The last event in the file.
        found: u64,
    },
    /// What was to be appended cannot be stored; nothing of it was.
    #[error("cannot append to run `{run}`: {reason}")]
    Refused {
        /// The run.
        run: RunId,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is of a later version of this program.
    #[error("`{}` has format {found}; this program reads formats up to {known}", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The latest known one.
        known: u32,
    },
    /// The file is something else.
    #[error("`{}` is no journal of this program", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// The file or a row in it is damaged.
    #[error("the journal is corrupt: {detail}")]
    Corrupt {
        /// Where and how.
        detail: String,
    },
    /// A chain does not hold.
    #[error("run `{run}` is corrupt at event {seq}: {detail}")]
    Broken {
        /// The run.
        run: RunId,
        /// The first bad event; 0 is the run itself.
        seq: u64,
        /// What does not hold.
        detail: String,
    },
    /// A line of an export is not what this program writes.
    #[error("line {line} of the export: {detail}")]
    BadExport {
        /// Which, from 1.
        line: u64,
        /// What is wrong with it.
        detail: String,
    },
    /// SQLite would not take a setting that durability hangs on.
    #[error("SQLite setting `{setting}` reads back as `{found}`, not `{wanted}`")]
    NotDurable {
        /// Which.
        setting: &'static str,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// The directory is on a filesystem whose locks and syncs cannot be relied on.
    #[error("`{}` is on {kind}, where locks and syncs cannot be relied on; choose a local directory with --state", path.display())]
    NetworkFilesystem {
        /// The directory.
        path: PathBuf,
        /// The filesystem.
        kind: &'static str,
    },
    /// Others may write into the state directory.
    #[error("`{}` may be written by others (mode {mode:03o}); run `chmod 700` on it", path.display())]
    TooOpen {
        /// The directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is no journal here.
    #[error("`{}` holds no journal", path.display())]
    Missing {
        /// The state directory.
        path: PathBuf,
    },
}

impl JournalError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source: Arc::new(source) }
    }

    /// Sorts an error of SQLite: damage, a full disk and a busy file have meanings of their own.
    pub(super) fn sqlite(action: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |source| match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { detail: format!("cannot {action}: {source}") }
            }
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Sqlite { action, source: Arc::new(source) },
        }
    }

    /// Returns whether the journal itself is damaged, foreign or newer than the program (exit code 27).
    pub fn is_corruption(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. }
                | Self::Broken { .. }
                | Self::BadExport { .. }
                | Self::NewerFormat { .. }
                | Self::NotAJournal { .. }
        )
    }

    /// Returns whether somebody else writes here (exit code 25).
    pub fn is_contention(&self) -> bool {
        matches!(self, Self::ForeignWriter { .. } | Self::Busy)
    }

    /// Returns whether nothing was written and the journal is as good as before.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Busy
            | Self::DiskLow { .. }
            | Self::UnknownRun { .. }
            | Self::RunExists { .. }
            | Self::Refused { .. } => true,
            Self::Io { .. }
            | Self::Sqlite { .. }
            | Self::Poisoned { .. }
            | Self::Closed
            | Self::DiskFull
            | Self::ForeignWriter { .. }
            | Self::NewerFormat { .. }
            | Self::NotAJournal { .. }
            | Self::Corrupt { .. }
            | Self::Broken { .. }
            | Self::BadExport { .. }
            | Self::NotDurable { .. }
            | Self::NetworkFilesystem { .. }
            | Self::TooOpen { .. }
            | Self::Missing { .. } => false,
        }
    }
}

fn known_runs(known: &[RunId]) -> String {
    match known {
        [] => "; there are no runs yet".to_owned(),
        // The latest are the ones an operator means.
        [.., _] => {
            let names: Vec<_> = known.iter().rev().take(5).map(|run| format!("`{run}`")).collect();
            format!("; the latest are {}", names.join(", "))
        }
    }
}
