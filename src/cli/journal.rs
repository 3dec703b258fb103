//! `journal`: verify, export, replay and copy the journal.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::replay::ReplayArgs;
use super::{Context, Exit, Fault, out, reading};
use crate::journal::{JournalError, SqliteStore, StateDir, Store, export, salvage, verify};
use crate::model::RunId;

/// Verify, export, replay or copy the journal
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan journal verify
  lighter-plan journal export 20261122213000-a1b2c3 > run.jsonl
  lighter-plan journal replay run.jsonl                # needs no journal, no network, no key
  lighter-plan journal backup journal-copy.sqlite

All of them take no lock and work while runs live.")]
pub(super) struct JournalArgs {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Recompute the hash chain of one run or of all; names the first bad event (exit code 27)
    Verify {
        /// The run; all of them when left out
        #[arg(value_name = "RUN")]
        run: Option<RunId>,
    },
    /// Write a run as JSON lines to standard output; of a damaged journal, what can be read (exit code 27)
    Export {
        /// The run
        #[arg(value_name = "RUN")]
        run: RunId,
    },
    Replay(ReplayArgs),
    /// Copy the journal to a new file
    Backup {
        /// The new file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

impl JournalArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        match self.command {
            JournalCommand::Verify { run } => {
                let (_, store) = reading::open(context)?;
                verify_runs(&store, run.as_ref())
            }
            JournalCommand::Export { run } => export_run(context, &run),
            JournalCommand::Replay(arguments) => arguments.run(),
            JournalCommand::Backup { file } => {
                let (_, store) = reading::open(context)?;
                store.backup(&file).map_err(reading::fault)?;
                out::line(&format!("copied to {}", file.display()));
                Ok(Exit::OK)
            }
        }
    }
}

fn verify_runs(store: &SqliteStore, run: Option<&RunId>) -> Result<Exit, Fault> {
    store.check_integrity().map_err(reading::fault)?;
    let runs = match run {
        Some(run) => vec![run.clone()],
        None => store.runs().map_err(reading::fault)?.into_iter().map(|row| row.id).collect(),
    };
    let mut exit = Exit::OK;
    for run in runs {
        match verify(store, &run) {
            Ok(good) => out::line(&format!(
                "{run}: {} events and {} intents hold, head {}",
                good.events, good.intents, good.head_hash
            )),
            // The other runs may be good, and their owners want to know.
            Err(error) => exit = exit.worse(reading::fault(error).report()),
        }
    }
    Ok(exit)
}

fn export_run(context: &Context, run: &RunId) -> Result<Exit, Fault> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let state = StateDir::open(context.state_dir()).map_err(reading::fault)?;
    let result = state.reader().and_then(|store| {
        // Before a line is written, so that a damaged run is exported in one way only.
        verify(&store, run)?;
        export(&store, run, &mut out)
    });
    let exit = match result {
        Ok(()) => Exit::OK,
        Err(error) if is_reader_gone(&error) => return Ok(Exit::OK),
        Err(error) if error.is_corruption() => {
            let exit = reading::fault(error).report();
            save_what_is_left(&state, run, &mut out)?;
            exit
        }
        Err(error) => return Err(reading::fault(error)),
    };
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit),
    }
}

/// Whether the export ended because its reader did, such as `head`.
fn is_reader_gone(error: &JournalError) -> bool {
    matches!(error, JournalError::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
}

/// F-21: what can still be read, with a line for everything that cannot.
fn save_what_is_left(state: &StateDir, run: &RunId, out: &mut dyn Write) -> Result<(), Fault> {
    match salvage(&state.journal_file(), Some(run), out) {
        Ok(found) => {
            super::out::note(&format!(
                "saved {} events and {} intents; {} things are lost or do not fit",
                found.events, found.intents, found.lost
            ));
            Ok(())
        }
        Err(error @ (JournalError::Corrupt { .. } | JournalError::Sqlite { .. })) => {
            super::out::note(&format!("nothing could be saved: {error}"));
            Ok(())
        }
        Err(error) => Err(reading::fault(error)),
    }
}
