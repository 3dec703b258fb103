//! Opening the file: who may read it, which format it has, what SQLite must promise.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::journal::error::JournalError;
use crate::rt::page_limit;

/// The format this program writes; it reads this one and every older one.
pub const FORMAT: u32 = 1;

/// "LPjl" in the header of the file, by which `file` and this program know it.
const APPLICATION_ID: i32 = 0x4c50_6a6c;

/// How long a commit waits for another process's: far longer than any takes, shorter than an operator's patience.
const BUSY: Duration = Duration::from_secs(10);

/// The tables of format 1. Text ids, so that the file can be read by hand with any SQLite tool.
const SCHEMA: &str = "
CREATE TABLE runs (
    nr          INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    network     TEXT NOT NULL,
    plan_source TEXT NOT NULL,
    plan_json   TEXT NOT NULL,
    graph_json  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    format      INTEGER NOT NULL
) STRICT;
-- Apart from `runs`, so that a commit does not write the plan again.
CREATE TABLE heads (
    run         TEXT NOT NULL PRIMARY KEY REFERENCES runs (id),
    status      TEXT NOT NULL,
    exit_code   INTEGER,
    head_seq    INTEGER NOT NULL,
    head_hash   BLOB NOT NULL CHECK (length(head_hash) = 32)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    run         TEXT NOT NULL REFERENCES runs (id),
    seq         INTEGER NOT NULL CHECK (seq > 0),
    at          INTEGER NOT NULL,
    pair        TEXT,
    kind        TEXT NOT NULL,
    body        TEXT NOT NULL,
    attest      TEXT NOT NULL,
    hash        BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE intents (
    run         TEXT NOT NULL REFERENCES runs (id),
    intent_id   TEXT NOT NULL,
    account     INTEGER NOT NULL,
    key         INTEGER NOT NULL,
    nonce       INTEGER NOT NULL,
    client_order_index INTEGER,
    hash        TEXT NOT NULL,
    tx_type     INTEGER NOT NULL,
    tx_info     TEXT NOT NULL,
    deadline    INTEGER NOT NULL,
    state       TEXT NOT NULL,
    PRIMARY KEY (run, intent_id)
) STRICT, WITHOUT ROWID;
";

pub(super) fn for_writing(path: &Path) -> Result<Connection, JournalError> {
    let _turn = take_turn(path)?;
    match create_private(path) {
        Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    let unclean = has_log(path);
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if read_format(&connection, path)? == 0 {
        create_schema(&connection, path)?;
    }
    require_durability(&connection)?;
    if let Some(pages) = page_limit() {
        let failed = JournalError::sqlite("limit the journal");
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).map_err(failed)?;
    }
    if unclean {
        check_integrity(&connection)?;
    }
    Ok(connection)
}

/// Waits until no other process is opening the file: SQLite answers "busy" at once, without waiting, to two that switch
/// a new file to WAL.
fn take_turn(path: &Path) -> Result<File, JournalError> {
    let turn = path.with_extension("opening");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&turn)
        .map_err(JournalError::io("open", &turn))?;
    file.lock().map_err(JournalError::io("lock", &turn))?;
    Ok(file)
}

pub(super) fn for_reading(path: &Path) -> Result<Connection, JournalError> {
    if !path.exists() {
        return Err(JournalError::Missing { path: path.parent().unwrap_or(path).to_owned() });
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    match read_format(&connection, path)? {
        0 => Err(JournalError::Missing { path: path.parent().unwrap_or(path).to_owned() }),
        _ => Ok(connection),
    }
}

/// Makes a new empty file that nobody else can read. SQLite gives its side files the same mode.
pub(super) fn create_private(path: &Path) -> Result<(), JournalError> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(JournalError::io("create", path))?;
    file.sync_all().map_err(JournalError::io("sync", path))?;
    // The name must be as durable as the content, or a power cut takes both.
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)
            .and_then(|directory| directory.sync_all())
            .map_err(JournalError::io("sync", parent)),
        None => Ok(()),
    }
}

pub(super) fn check_integrity(connection: &Connection) -> Result<(), JournalError> {
    let answer: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(JournalError::sqlite("check the journal"))?;
    if answer == "ok" { Ok(()) } else { Err(JournalError::Corrupt { detail: answer }) }
}

/// Whether a write-ahead log is left over: an unclean end, or another process that writes just now.
fn has_log(path: &Path) -> bool {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    std::fs::metadata(name).is_ok_and(|log| log.len() > 0)
}

pub(super) fn connect(path: &Path, access: OpenFlags) -> Result<Connection, JournalError> {
    let failed = JournalError::sqlite("open the journal");
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    connection.busy_timeout(BUSY).map_err(&failed)?;
    // A damaged file must not be able to run code or lead a read astray.
    connection.pragma_update(None, "trusted_schema", false).map_err(&failed)?;
    connection.pragma_update(None, "cell_size_check", true).map_err(&failed)?;
    Ok(connection)
}

/// Returns the format of the file; 0 when it is empty.
fn read_format(connection: &Connection, path: &Path) -> Result<u32, JournalError> {
    let failed = JournalError::sqlite("read the journal");
    let number =
        |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(&failed);
    let (version, application) = (number("user_version")?, number("application_id")?);
    if version == 0 && application == 0 {
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(&failed)?;
        if tables == 0 {
            return Ok(0);
        }
    }
    if application != i64::from(APPLICATION_ID) || version < 1 {
        return Err(JournalError::NotAJournal { path: path.to_owned() });
    }
    match u32::try_from(version) {
        Ok(found) if found <= FORMAT => Ok(found),
        _ => Err(JournalError::NewerFormat {
            path: path.to_owned(),
            found: u32::try_from(version).unwrap_or(u32::MAX),
            known: FORMAT,
        }),
    }
}

fn create_schema(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let failed = JournalError::sqlite("create the journal");
    connection.execute_batch("BEGIN EXCLUSIVE").map_err(&failed)?;
    // Another process may have been faster.
    if read_format(connection, path)? == 0 {
        connection.execute_batch(SCHEMA).map_err(&failed)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(&failed)?;
        connection.pragma_update(None, "user_version", FORMAT).map_err(&failed)?;
    }
    connection.execute_batch("COMMIT").map_err(&failed)
}

/// Sets what durability hangs on, and reads it back: SQLite ignores what it does not understand.
fn require_durability(connection: &Connection) -> Result<(), JournalError> {
    let wanted: [(&'static str, &str, &'static str); 5] = [
        ("journal_mode", "WAL", "wal"),
        ("synchronous", "FULL", "2"),
        ("foreign_keys", "ON", "1"),
        // Darwin's fsync alone does not reach the disk; elsewhere these two do nothing.
        ("fullfsync", "ON", "1"),
        ("checkpoint_fullfsync", "ON", "1"),
    ];
    for (setting, value, wanted) in wanted {
        let failed = JournalError::sqlite("set up the journal");
        connection.pragma_update(None, setting, value).map_err(&failed)?;
        let found = connection
            .pragma_query_value(None, setting, |row| row.get::<_, rusqlite::types::Value>(0))
            .map_err(&failed)?;
        let found = match found {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        if found != wanted {
            return Err(JournalError::NotDurable { setting, wanted, found });
        }
    }
    Ok(())
}
