//! Rows to values and back.

use std::str::FromStr;

use rusqlite::{CachedStatement, Connection, Row, params};

use crate::journal::chain::EventHash;
use crate::journal::error::JournalError;
use crate::journal::store::{EventRow, IntentRow, NewRun, RunRow};
use crate::model::{
    AccountIndex, ApiKeyIndex, ClientOrderIndex, IdError, Nonce, PairId, RunId, Timestamp, TxHash,
};

pub(super) const INSERT_EVENT: &str = "INSERT INTO events (run, seq, at, pair, kind, body, attest, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

pub(super) const UPSERT_INTENT: &str = "INSERT OR REPLACE INTO intents
    (run, intent_id, account, key, nonce, client_order_index, hash, tx_type, tx_info, deadline, state)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const RUNS: &str = "SELECT id, name, network, created_at, format, status, exit_code, head_seq, head_hash
    FROM runs JOIN heads ON heads.run = runs.id";

/// SQLite's integers are signed; no sequence number or order index comes near the limit.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned<T: TryFrom<i64>>(column: &str, value: i64) -> Result<T, JournalError> {
    T::try_from(value).map_err(|_| JournalError::Corrupt { detail: format!("`{column}` is {value}") })
}

pub(super) fn hash(column: &str, bytes: &[u8]) -> Result<EventHash, JournalError> {
    EventHash::from_slice(bytes)
        .ok_or_else(|| JournalError::Corrupt { detail: format!("`{column}` has {} bytes", bytes.len()) })
}

fn parse<T: FromStr>(column: &str, text: &str) -> Result<T, JournalError> {
    text.parse().map_err(|_| not_a(column, text))
}

fn not_a(column: &str, text: &str) -> JournalError {
    JournalError::Corrupt { detail: format!("`{column}` is `{}`", text.escape_debug()) }
}

/// Reads one column; a value of another type means a damaged row, not a failed query.
fn get<T: rusqlite::types::FromSql>(row: &Row<'_>, column: &str) -> Result<T, JournalError> {
    row.get(column).map_err(|error| JournalError::Corrupt { detail: format!("`{column}`: {error}") })
}

pub(super) fn insert_run(connection: &Connection, run: &NewRun) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT INTO runs (id, name, network, plan_source, plan_json, graph_json, created_at, format)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                run.id.as_str(),
                run.name,
                run.network,
                run.plan_source,
                run.plan_json,
                run.graph_json,
                run.created_at.as_millis(),
                run.format
            ],
        )
        .map(drop)
}

pub(super) fn insert_event(
    insert: &mut CachedStatement<'_>,
    run: &RunId,
    event: &EventRow,
) -> rusqlite::Result<()> {
    insert
        .execute(params![
            run.as_str(),
            signed(event.seq),
            event.at.as_millis(),
            event.pair.as_ref().map(PairId::as_str),
            event.kind,
            event.body,
            event.attest,
            &event.hash.as_bytes()[..]
        ])
        .map(drop)
}

pub(super) fn upsert_intent(
    upsert: &mut CachedStatement<'_>,
    run: &RunId,
    intent: &IntentRow,
) -> rusqlite::Result<()> {
    upsert
        .execute(params![
            run.as_str(),
            intent.intent_id,
            intent.account.get(),
            intent.key.get(),
            intent.nonce.get(),
            intent.client_order_index.map(|index| signed(index.get())),
            intent.hash.to_string(),
            intent.tx_type,
            intent.tx_info,
            intent.deadline.as_millis(),
            intent.state
        ])
        .map(drop)
}

/// Runs `sql` and maps every row with `map`.
fn collect<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    map: impl Fn(&Row<'_>) -> Result<T, JournalError>,
) -> Result<Vec<T>, JournalError> {
    let failed = JournalError::sqlite("read the journal");
    let mut query = connection.prepare_cached(sql).map_err(&failed)?;
    let mut rows = query.query(params).map_err(&failed)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        all.push(map(row)?);
    }
    Ok(all)
}

fn run_row(row: &Row<'_>) -> Result<RunRow, JournalError> {
    let exit_code: Option<i64> = get(row, "exit_code")?;
    Ok(RunRow {
        id: parse("id", &get::<String>(row, "id")?)?,
        name: get(row, "name")?,
        network: get(row, "network")?,
        created_at: Timestamp::from_millis(get(row, "created_at")?),
        format: unsigned("format", get(row, "format")?)?,
        status: get(row, "status")?,
        exit_code: exit_code.map(|code| unsigned("exit_code", code)).transpose()?,
        head_seq: unsigned("head_seq", get(row, "head_seq")?)?,
        head_hash: hash("head_hash", &get::<Vec<u8>>(row, "head_hash")?)?,
    })
}

pub(super) fn runs(connection: &Connection) -> Result<Vec<RunRow>, JournalError> {
    collect(connection, &format!("{RUNS} ORDER BY nr"), [], run_row)
}

pub(super) fn run(connection: &Connection, run: &RunId) -> Result<Option<RunRow>, JournalError> {
    let found = collect(connection, &format!("{RUNS} WHERE id = ?1"), [run.as_str()], run_row)?;
    Ok(found.into_iter().next())
}

pub(super) fn definition(connection: &Connection, run: &RunId) -> Result<Option<NewRun>, JournalError> {
    let sql = "SELECT name, network, plan_source, plan_json, graph_json, created_at, format FROM runs WHERE id = ?1";
    let found = collect(connection, sql, [run.as_str()], |row| {
        Ok(NewRun {
            id: run.clone(),
            name: get(row, "name")?,
            network: get(row, "network")?,
            plan_source: get(row, "plan_source")?,
            plan_json: get(row, "plan_json")?,
            graph_json: get(row, "graph_json")?,
            created_at: Timestamp::from_millis(get(row, "created_at")?),
            format: unsigned("format", get(row, "format")?)?,
        })
    })?;
    Ok(found.into_iter().next())
}

/// Columns of an event, in the order of [`event_row`].
const EVENT_COLUMNS: [&str; 7] = ["seq", "at", "pair", "kind", "body", "attest", "hash"];

/// Columns of an intent, in the order of [`intent_row`].
const INTENT_COLUMNS: [&str; 10] = [
    "intent_id",
    "account",
    "key",
    "nonce",
    "client_order_index",
    "hash",
    "tx_type",
    "tx_info",
    "deadline",
    "state",
];

/// Columns go by number here, not by name: a journal may have millions of these rows, and `resume` reads them all.
fn event_row(row: &Row<'_>) -> Result<EventRow, JournalError> {
    let columns = Columns(row, &EVENT_COLUMNS);
    let pair: Option<String> = columns.get(2)?;
    Ok(EventRow {
        seq: columns.number(0)?,
        at: Timestamp::from_millis(columns.get(1)?),
        pair: pair.map(pair_id).transpose()?,
        kind: columns.get(3)?,
        body: columns.get(4)?,
        attest: columns.get(5)?,
        hash: hash("hash", &columns.get::<[u8; 32]>(6)?)?,
    })
}

fn intent_row(row: &Row<'_>) -> Result<IntentRow, JournalError> {
    let columns = Columns(row, &INTENT_COLUMNS);
    let order: Option<i64> = columns.get(4)?;
    Ok(IntentRow {
        intent_id: columns.get(0)?,
        account: AccountIndex::new(columns.get(1)?),
        key: ApiKeyIndex::new(columns.number(2)?),
        nonce: Nonce::new(columns.get(3)?),
        client_order_index: order
            .map(|index| unsigned("client_order_index", index).map(ClientOrderIndex::new))
            .transpose()?,
        hash: parse::<TxHash>("hash", columns.text(5)?)?,
        tx_type: columns.number(6)?,
        tx_info: columns.get(7)?,
        deadline: Timestamp::from_millis(columns.get(8)?),
        state: columns.get(9)?,
    })
}

/// A row whose columns go by number, and their names, for what is wrong with them.
struct Columns<'a, 'stmt>(&'a Row<'stmt>, &'a [&'static str]);

impl Columns<'_, '_> {
    fn corrupt(&self, column: usize, error: &dyn std::fmt::Display) -> JournalError {
        JournalError::Corrupt { detail: format!("`{}`: {error}", self.1[column]) }
    }

    fn get<T: rusqlite::types::FromSql>(&self, column: usize) -> Result<T, JournalError> {
        self.0.get(column).map_err(|error| self.corrupt(column, &error))
    }

    fn number<T: TryFrom<i64>>(&self, column: usize) -> Result<T, JournalError> {
        unsigned(self.1[column], self.get(column)?)
    }

    /// Returns a text where SQLite has it.
    fn text(&self, column: usize) -> Result<&str, JournalError> {
        let value = self.0.get_ref(column).map_err(|error| self.corrupt(column, &error))?;
        value.as_str().map_err(|error| self.corrupt(column, &error))
    }
}

fn pair_id(text: String) -> Result<PairId, JournalError> {
    PairId::try_from(text).map_err(|(IdError::Name(text) | IdError::TxHash(text))| not_a("pair", &text))
}

pub(super) fn events(
    connection: &Connection,
    run: &RunId,
    from_seq: u64,
    limit: usize,
) -> Result<Vec<EventRow>, JournalError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    collect(
        connection,
        "SELECT seq, at, pair, kind, body, attest, hash FROM events WHERE run = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3",
        params![run.as_str(), signed(from_seq), limit],
        event_row,
    )
}

pub(super) fn intents(connection: &Connection, run: &RunId) -> Result<Vec<IntentRow>, JournalError> {
    let sql =
        "SELECT intent_id, account, key, nonce, client_order_index, hash, tx_type, tx_info, deadline, state
        FROM intents WHERE run = ?1 ORDER BY intent_id";
    collect(connection, sql, [run.as_str()], intent_row)
}
