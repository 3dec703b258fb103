//! What the commands that only read have in common: no lock, no write, also while the run lives.

use super::{Context, Exit, Fault};
use crate::journal::{JournalError, RunRow, SqliteStore, StateDir, Store, list_locks};
use crate::model::RunId;

/// Opens the journal of the state directory for reading.
pub(super) fn open(context: &Context) -> Result<(StateDir, SqliteStore), Fault> {
    let state = StateDir::open(context.state_dir()).map_err(fault)?;
    let store = state.reader().map_err(fault)?;
    Ok((state, store))
}

/// Gives an error of the journal its exit code and a way out.
pub(super) fn fault(error: JournalError) -> Fault {
    let exit = if error.is_corruption() {
        Exit::JOURNAL
    } else if error.is_contention() {
        Exit::LOCKED
    } else {
        Exit::FAULT
    };
    let hint = match &error {
        JournalError::Missing { .. } => Some("`--state DIR` or LIGHTER_PLAN_STATE says where it is"),
        JournalError::UnknownRun { .. } => Some("`lighter-plan runs` lists them"),
        JournalError::NewerFormat { .. } => Some("use the version of this program that wrote it"),
        JournalError::Corrupt { .. } | JournalError::Broken { .. } => {
            Some("`lighter-plan journal export RUN` saves what can still be read")
        }
        _ => None,
    };
    match hint {
        Some(hint) => Fault::with(exit, error).hint(hint),
        None => Fault::with(exit, error),
    }
}

/// Returns the run that was named, or the latest one.
pub(super) fn pick(store: &dyn Store, run: Option<&RunId>) -> Result<RunRow, Fault> {
    match run {
        Some(run) => store.run(run).map_err(fault),
        None => store.runs().map_err(fault)?.pop().ok_or_else(|| Fault::tool("there are no runs yet")),
    }
}

/// Returns whether a process holds the lock of `run`.
pub(super) fn is_live(state: &StateDir, run: &RunId) -> Result<bool, Fault> {
    let file = format!("run-{run}.lock");
    Ok(list_locks(state)?.into_iter().any(|row| row.held && row.file == file))
}

/// Returns what the list of runs says of one: a run that nobody runs any more has not ended by itself.
pub(super) fn standing(row: &RunRow, live: bool) -> String {
    match (live, row.exit_code) {
        (true, _) => format!("{} (live)", row.status),
        (false, Some(code)) => format!("{} ({code})", row.status),
        (false, None) => format!("{} (interrupted)", row.status),
    }
}
