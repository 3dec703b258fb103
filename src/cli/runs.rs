//! `runs`: the list of runs.

use clap::Args;
use serde_json::json;

use super::{Context, Exit, Fault, out, reading};
use crate::journal::{RunRow, Store};

/// List the runs of the state directory
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan runs
  lighter-plan runs --json

Takes no lock and works while runs live. `interrupted`: its process is gone; `lighter-plan resume RUN` goes on.")]
pub(super) struct RunsArgs {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

impl RunsArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let (state, store) = reading::open(context)?;
        let mut text = String::new();
        for row in store.runs().map_err(reading::fault)? {
            let live = reading::is_live(&state, &row.id)?;
            text += &if self.json { json_line(&row, live) } else { human_line(&row, live) };
        }
        out::text(&text)?;
        Ok(Exit::OK)
    }
}

fn human_line(row: &RunRow, live: bool) -> String {
    let standing = reading::standing(row, live);
    format!(
        "{}  {}  {:<22}  {:<10} {:>6} events  {}\n",
        row.id, row.created_at, standing, row.network, row.head_seq, row.name
    )
}

fn json_line(row: &RunRow, live: bool) -> String {
    format!(
        "{}\n",
        json!({
            "run": row.id, "name": row.name, "network": row.network, "created_at": row.created_at,
            "status": row.status, "exit_code": row.exit_code, "live": live,
            "events": row.head_seq, "head_hash": row.head_hash,
        })
    )
}
