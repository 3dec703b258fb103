//! `events`: what happened in a run.

use std::time::Duration;

use clap::Args;

use super::{Context, Exit, Fault, out, reading};
use crate::journal::{EventRow, Store, event_line};
use crate::model::RunId;
use crate::rt;

/// Events that are read at a time.
const PAGE: usize = 1_000;

/// How often a followed run is read: a person sees no difference to at once, and the reads cost nothing.
const FOLLOW: Duration = Duration::from_millis(200);

/// A body longer than this is cut for reading; `--json` has all of it.
const WIDTH: usize = 240;

/// Print the events of a run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan events
  lighter-plan events 20261122213000-a1b2c3 --follow --json | jq .body

Without RUN: the latest run. Takes no lock and works while the run lives. --follow ends when the run does.")]
pub(super) struct EventsArgs {
    /// The run; the latest one when left out
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
    /// Go on printing until the run ends
    #[arg(long)]
    follow: bool,
    /// One JSON object a line, as `journal export` writes them
    #[arg(long)]
    json: bool,
}

impl EventsArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let (state, store) = reading::open(context)?;
        let run = reading::pick(&store, self.run.as_ref())?.id;
        let mut next = 1;
        loop {
            // Asked before reading: what a run wrote before it ended is then never missed.
            let goes_on = self.follow && reading::is_live(&state, &run)?;
            next = self.print(&store, &run, next)?;
            if !goes_on {
                return Ok(Exit::OK);
            }
            context.block_on(rt::real_sleep(FOLLOW))?;
        }
    }

    /// Prints all events from `next` on; returns the number after the last.
    fn print(&self, store: &dyn Store, run: &RunId, mut next: u64) -> Result<u64, Fault> {
        loop {
            let page = store.page(run, next, PAGE).map_err(reading::fault)?;
            let Some(last) = page.last() else { return Ok(next) };
            next = last.seq + 1;
            let mut text = String::new();
            for event in &page {
                text += &self.line(run, event)?;
                text.push('\n');
            }
            out::text(&text)?;
        }
    }

    fn line(&self, run: &RunId, event: &EventRow) -> Result<String, Fault> {
        if self.json {
            return event_line(run, event).map_err(reading::fault);
        }
        let pair = event.pair.as_ref().map_or("-", |pair| pair.as_str());
        let mut body: String = event.body.chars().take(WIDTH).collect();
        if body.len() < event.body.len() {
            body.push('…');
        }
        Ok(format!("{:>6}  {}  {pair:<10}  {:<16}  {body}", event.seq, event.at, event.kind))
    }
}
