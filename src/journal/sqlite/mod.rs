//! The store on disk: one SQLite file, WAL, synced at every commit.

mod open;
mod rows;
mod salvage;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::chain::{self, EventHash};
use super::error::JournalError;
use super::store::{Append, EventRow, IntentRow, NewRun, RunRow, STATUS_CREATED, Store};
use crate::model::RunId;
use crate::rt::kill_point;

pub use open::FORMAT;
pub use salvage::{Salvaged, salvage};

/// Pages a backup copies before it pauses, so that a run that writes gets at the disk: 2 MiB.
const BACKUP_PAGES: i32 = 512;

/// Keeps everything in one SQLite file. Several processes may write it, each its own runs.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    /// The last event of every run this store wrote: a run that moved without us has another writer.
    heads: HashMap<RunId, u64>,
}

impl SqliteStore {
    /// Opens the journal at `path` for writing; makes it, with mode 0600, when there is none.
    ///
    /// After an unclean end the whole file is checked first.
    ///
    /// # Errors
    ///
    /// A damaged, foreign or newer file; settings that do not hold; I/O.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let connection = open::for_writing(path)?;
        Ok(Self { connection, path: path.to_owned(), heads: HashMap::new() })
    }

    /// Opens the journal at `path` for reading only, also while another process writes it.
    ///
    /// # Errors
    ///
    /// A missing, damaged, foreign or newer file; I/O.
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        let connection = open::for_reading(path)?;
        Ok(Self { connection, path: path.to_owned(), heads: HashMap::new() })
    }

    /// Checks the structure of the whole file; the chains are [`verify`](super::verify)'s.
    ///
    /// # Errors
    ///
    /// [`JournalError::Corrupt`] with the first fault.
    pub fn check_integrity(&self) -> Result<(), JournalError> {
        open::check_integrity(&self.connection)
    }

    /// Copies the journal to the new file `target`, also while it is written.
    ///
    /// # Errors
    ///
    /// `target` exists, or I/O.
    pub fn backup(&self, target: &Path) -> Result<(), JournalError> {
        open::create_private(target)?;
        let mut copy = Connection::open(target).map_err(JournalError::sqlite("open the copy"))?;
        // Of one moment: without a snapshot SQLite begins anew whenever somebody has written, and beside a busy run a copy
        // of a large journal would never end.
        self.snapshot(&mut || {
            self.runs()?;
            let backup = rusqlite::backup::Backup::new(&self.connection, &mut copy)
                .map_err(JournalError::sqlite("start the copy"))?;
            backup
                .run_to_completion(BACKUP_PAGES, Duration::from_millis(5), None)
                .map_err(JournalError::sqlite("copy the journal"))
        })?;
        // A copy that travels must be one file: fold what is in the write-ahead log and leave WAL mode.
        copy.pragma_update(None, "journal_mode", "delete")
            .map_err(JournalError::sqlite("finish the copy"))?;
        copy.close().map_err(|(_, error)| JournalError::sqlite("close the copy")(error))?;
        std::fs::File::open(target).and_then(|file| file.sync_all()).map_err(JournalError::io("sync", target))
    }

    /// Returns where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the head of `run`.
    fn head(&self, run: &RunId) -> Result<(u64, EventHash), JournalError> {
        let found = self
            .connection
            .prepare_cached("SELECT head_seq, head_hash FROM heads WHERE run = ?1")
            .and_then(|mut query| {
                query
                    .query_row([run.as_str()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
                    .optional()
            })
            .map_err(JournalError::sqlite("read the head of a run"))?;
        match found {
            Some((seq, hash)) => Ok((rows::unsigned("head_seq", seq)?, rows::hash("head_hash", &hash)?)),
            None => Err(self.unknown(run)?),
        }
    }

    fn unknown(&self, run: &RunId) -> Result<JournalError, JournalError> {
        let known = self.runs()?.into_iter().map(|row| row.id).collect();
        Ok(JournalError::UnknownRun { run: run.clone(), known })
    }

    /// Writes one member of a group inside the open transaction; checks all of it before it writes any of it.
    fn apply(&mut self, append: &Append) -> Result<(Vec<u64>, u64), JournalError> {
        append.check()?;
        let head = self.head(&append.run)?;
        if let Some(&expected) = self.heads.get(&append.run).filter(|seq| **seq != head.0) {
            let run = append.run.clone();
            return Err(JournalError::ForeignWriter { run, expected, found: head.0 });
        }
        let rows = chain::extend(head, &append.events, &append.intents);
        self.insert(append, &rows).map_err(JournalError::sqlite("append to the journal"))?;
        let seqs: Vec<_> = rows.iter().map(|row| row.seq).collect();
        let last = seqs.last().copied().unwrap_or(head.0);
        Ok((seqs, last))
    }

    fn insert(&self, append: &Append, events: &[EventRow]) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(rows::INSERT_EVENT)?;
        for event in events {
            rows::insert_event(&mut insert, &append.run, event)?;
        }
        let mut upsert = self.connection.prepare_cached(rows::UPSERT_INTENT)?;
        for intent in &append.intents {
            rows::upsert_intent(&mut upsert, &append.run, intent)?;
        }
        if let Some(last) = events.last() {
            self.connection
                .prepare_cached("UPDATE heads SET head_seq = ?2, head_hash = ?3 WHERE run = ?1")?
                .execute(params![append.run.as_str(), rows::signed(last.seq), &last.hash.as_bytes()[..]])?;
        }
        if let Some(status) = append.status() {
            self.connection
                .prepare_cached("UPDATE heads SET status = ?2, exit_code = ?3 WHERE run = ?1")?
                .execute(params![append.run.as_str(), status.status, status.exit_code])?;
        }
        Ok(())
    }

    /// Runs `write` in one durable transaction.
    fn transaction<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        self.execute("begin a commit", "BEGIN IMMEDIATE")?;
        let written = write(self).and_then(|value| {
            kill_point("journal.before_commit");
            self.execute("commit", "COMMIT")?;
            kill_point("journal.after_commit");
            Ok(value)
        });
        if written.is_err() && !self.connection.is_autocommit() {
            self.execute("roll back", "ROLLBACK")?;
        }
        written
    }

    fn execute(&self, action: &'static str, sql: &str) -> Result<(), JournalError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.raw_execute().map(drop))
            .map_err(JournalError::sqlite(action))
    }
}

impl Store for SqliteStore {
    fn create_run(&mut self, run: &NewRun) -> Result<(), JournalError> {
        self.transaction(|store| {
            let failed = JournalError::sqlite("create a run");
            let exists = store
                .connection
                .query_row("SELECT 1 FROM runs WHERE id = ?1", [run.id.as_str()], |_| Ok(()))
                .optional()
                .map_err(&failed)?;
            if exists.is_some() {
                return Err(JournalError::RunExists { run: run.id.clone() });
            }
            rows::insert_run(&store.connection, run).map_err(&failed)?;
            let genesis = chain::genesis(run);
            store
                .connection
                .execute(
                    "INSERT INTO heads (run, status, head_seq, head_hash) VALUES (?1, ?2, 0, ?3)",
                    params![run.id.as_str(), STATUS_CREATED, &genesis.as_bytes()[..]],
                )
                .map_err(&failed)?;
            Ok(())
        })?;
        self.heads.insert(run.id.clone(), 0);
        Ok(())
    }

    fn append_group(
        &mut self,
        group: &[Append],
    ) -> Result<Vec<Result<Vec<u64>, JournalError>>, JournalError> {
        // Heads as they will be: several members may be of one run, and nothing counts before the commit does.
        let before = self.heads.clone();
        let result = self.transaction(|store| {
            let mut answers = Vec::with_capacity(group.len());
            for append in group {
                answers.push(match store.apply(append) {
                    Ok((seqs, last)) => {
                        store.heads.insert(append.run.clone(), last);
                        Ok(seqs)
                    }
                    Err(refused) if refused.is_refusal() => Err(refused),
                    Err(failed) => return Err(failed),
                });
            }
            Ok(answers)
        });
        if result.is_err() {
            self.heads = before;
        }
        result
    }

    fn runs(&self) -> Result<Vec<RunRow>, JournalError> {
        rows::runs(&self.connection)
    }

    fn run(&self, run: &RunId) -> Result<RunRow, JournalError> {
        match rows::run(&self.connection, run)? {
            Some(row) => Ok(row),
            None => Err(self.unknown(run)?),
        }
    }

    fn definition(&self, run: &RunId) -> Result<NewRun, JournalError> {
        match rows::definition(&self.connection, run)? {
            Some(definition) => Ok(definition),
            None => Err(self.unknown(run)?),
        }
    }

    fn page(&self, run: &RunId, from_seq: u64, limit: usize) -> Result<Vec<EventRow>, JournalError> {
        self.head(run)?;
        rows::events(&self.connection, run, from_seq, limit)
    }

    fn intents(&self, run: &RunId) -> Result<Vec<IntentRow>, JournalError> {
        self.head(run)?;
        rows::intents(&self.connection, run)
    }

    fn snapshot(&self, read: &mut dyn FnMut() -> Result<(), JournalError>) -> Result<(), JournalError> {
        self.execute("begin reading", "BEGIN DEFERRED")?;
        let result = read();
        self.execute("end reading", "COMMIT")?;
        result
    }
}
