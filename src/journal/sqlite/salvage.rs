//! Reads what can still be read of a damaged file, one row at a time (F-21).

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use rusqlite::Connection;

use super::{open, rows};
use crate::journal::chain;
use crate::journal::error::JournalError;
use crate::journal::export::{EventLine, Line, run_line, write_line};
use crate::model::RunId;

/// After so many unreadable events in a row the rest is given up: a damaged count must not keep us busy for ever.
const MISSES: u64 = 10_000;

/// What a salvage found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Runs of which anything was read.
    pub runs: u64,
    /// Events that were read.
    pub events: u64,
    /// Intents that were read.
    pub intents: u64,
    /// Things that are known to be unreadable, or that do not fit the chain.
    pub lost: u64,
}

/// Writes everything readable in the file at `path` to `out` as JSON lines, those of the export and `lost` lines for
/// what is missing; `only` keeps it to one run.
///
/// # Errors
///
/// Not even the table of contents can be read, or `out` cannot be written.
pub fn salvage(path: &Path, only: Option<&RunId>, out: &mut dyn Write) -> Result<Salvaged, JournalError> {
    let connection = open::connect(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut salvage = Salvage { connection, out, found: Salvaged::default() };
    let runs = salvage.runs();
    for run in runs.iter().filter(|run| only.is_none_or(|only| only == *run)) {
        salvage.run(run)?;
    }
    Ok(salvage.found)
}

struct Salvage<'a> {
    connection: Connection,
    out: &'a mut dyn Write,
    found: Salvaged,
}

impl Salvage<'_> {
    /// Returns every run that any table knows: each may be the readable one.
    fn runs(&self) -> BTreeSet<RunId> {
        let mut runs = BTreeSet::new();
        for sql in [
            "SELECT id FROM runs NOT INDEXED",
            "SELECT id FROM runs ORDER BY id",
            "SELECT run FROM heads",
            "SELECT DISTINCT run FROM events",
            "SELECT DISTINCT run FROM intents",
        ] {
            let Ok(mut query) = self.connection.prepare(sql) else { continue };
            let Ok(found) = query.query_map([], |row| row.get::<_, String>(0)) else { continue };
            // The first unreadable row ends a scan: what follows it cannot be reached.
            runs.extend(found.map_while(Result::ok).filter_map(|id| id.parse().ok()));
        }
        runs
    }

    fn lost(&mut self, run: &RunId, what: &str, seq: Option<u64>, error: String) -> Result<(), JournalError> {
        self.found.lost += 1;
        write_line(self.out, &Line::Lost { run: run.as_str(), what, seq, error })
    }

    fn run(&mut self, run: &RunId) -> Result<(), JournalError> {
        self.found.runs += 1;
        let definition = rows::definition(&self.connection, run);
        let row = rows::run(&self.connection, run);
        let mut previous = None;
        let mut last = None;
        match (definition, row) {
            (Ok(Some(definition)), Ok(Some(row))) => {
                write_line(self.out, &run_line(&definition, &row))?;
                previous = Some(chain::genesis(&definition));
                last = Some(row.head_seq);
            }
            (definition, row) => {
                let error =
                    definition.err().or(row.err()).map_or("missing".to_owned(), |error| error.to_string());
                self.lost(run, "run", None, error)?;
            }
        }
        let events = self.events(run, last, previous)?;
        let intents = self.intents(run)?;
        write_line(self.out, &Line::End { run: run.as_str(), events, intents })
    }

    /// Reads events by number, so that one damaged page costs only what lies on it.
    fn events(
        &mut self,
        run: &RunId,
        last: Option<u64>,
        mut previous: Option<chain::EventHash>,
    ) -> Result<u64, JournalError> {
        let (mut count, mut misses) = (0, 0);
        for seq in 1..=last.unwrap_or(u64::MAX) {
            let found = rows::events(&self.connection, run, seq, 1).map(|rows| rows.into_iter().next());
            match found {
                Ok(Some(event)) if event.seq == seq => {
                    let fits = previous.is_none_or(|previous| chain::link(&previous, &event) == event.hash);
                    previous = Some(event.hash);
                    misses = 0;
                    if !fits {
                        self.lost(run, "chain", Some(seq), "its hash does not fit".to_owned())?;
                    }
                    match EventLine::new(run, &event) {
                        Ok(line) => {
                            write_line(self.out, &Line::Event(line))?;
                            count += 1;
                        }
                        Err(error) => self.lost(run, "event", Some(seq), error.to_string())?,
                    }
                    continue;
                }
                Ok(None) if last.is_none() => break,
                Ok(_) => self.lost(run, "event", Some(seq), "missing".to_owned())?,
                Err(error) => self.lost(run, "event", Some(seq), error.to_string())?,
            }
            previous = None;
            misses += 1;
            if misses == MISSES {
                break;
            }
        }
        self.found.events += count;
        Ok(count)
    }

    fn intents(&mut self, run: &RunId) -> Result<u64, JournalError> {
        let mut count = 0;
        match rows::intents(&self.connection, run) {
            Ok(intents) => {
                for intent in &intents {
                    write_line(self.out, &Line::Intent(intent))?;
                    count += 1;
                }
            }
            Err(error) => self.lost(run, "intents", None, error.to_string())?,
        }
        self.found.intents += count;
        Ok(count)
    }
}
