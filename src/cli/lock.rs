//! `lock`: who holds which lock.

use clap::{Args, Subcommand};

use super::{Context, Exit, Fault, out};
use crate::journal::JournalError;
use crate::journal::{LockRow, StateDir, list_locks};

/// Show locks; there is nothing to unlock, a lock ends with its process
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan lock show
  lighter-plan lock show --json")]
pub(super) struct LockArgs {
    #[command(subcommand)]
    command: LockCommand,
}

#[derive(Debug, Subcommand)]
enum LockCommand {
    /// Show who holds which lock
    Show {
        /// One JSON object a line, the free ones with their last holder included
        #[arg(long)]
        json: bool,
    },
}

impl LockArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let LockCommand::Show { json } = self.command;
        let state = match StateDir::open(context.state_dir()) {
            Ok(state) => state,
            // Where nothing ever ran, nothing is locked.
            Err(JournalError::Missing { .. }) => return Ok(Exit::OK),
            Err(error) => return Err(super::reading::fault(error)),
        };
        let mut text = String::new();
        for row in list_locks(&state)? {
            if json {
                text += &serde_json::to_string(&row)?;
                text.push('\n');
            } else if row.held {
                text += &human_line(&row);
            }
        }
        out::text(&text)?;
        Ok(Exit::OK)
    }
}

fn human_line(row: &LockRow) -> String {
    match &row.holder {
        Some(holder) => format!(
            "{}: process {} on {} since {}: {}\n",
            holder.what, holder.pid, holder.host, holder.started_at, holder.command
        ),
        None => format!("{}: held, by whom is not written yet\n", row.file),
    }
}
