//! What only the file can show: damage, other writers, formats, copies.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::journal::tests::{event, intent, new_run, run_id};
use crate::journal::{NewEvent, salvage, verify};
use crate::model::Timestamp;
use crate::rt::spawn_thread;

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.sqlite");
    (directory, path)
}

/// A run with events, intents and a status.
fn fill(store: &mut SqliteStore, name: &str) {
    let run = run_id(name);
    store.create_run(&new_run(name)).unwrap();
    store
        .append(&run, vec![event("place.intent", r#"{"leg":"long"}"#)], vec![intent("i1", "intent")])
        .unwrap();
    store.append(&run, vec![event("place.outcome", "{}")], vec![intent("i1", "executed")]).unwrap();
    store
        .append(&run, vec![NewEvent::run_status("ended", Some(0), Timestamp::from_millis(7))], vec![])
        .unwrap();
}

/// All that anybody reads out of a journal.
type Content = (Vec<RunRow>, Vec<NewRun>, Vec<Vec<EventRow>>, Vec<Vec<IntentRow>>);

fn content(store: &SqliteStore) -> Result<Content, JournalError> {
    let runs = store.runs()?;
    for run in &runs {
        verify(store, &run.id)?;
    }
    Ok((
        runs.clone(),
        runs.iter().map(|run| store.definition(&run.id)).collect::<Result<_, _>>()?,
        runs.iter().map(|run| store.events(&run.id, 1)).collect::<Result<_, _>>()?,
        runs.iter().map(|run| store.intents(&run.id)).collect::<Result<_, _>>()?,
    ))
}

/// Folds the write-ahead log into the file.
fn close(store: SqliteStore) {
    store.connection.close().unwrap();
}

/// F-21: whatever byte of the file is changed, it is noticed or changes nothing that anybody reads; and a salvage
/// always ends.
#[test]
fn every_changed_byte_is_noticed_or_harmless() {
    let (directory, path) = place();
    let mut store = SqliteStore::open(&path).unwrap();
    fill(&mut store, "r1");
    let before = content(&store).unwrap();
    close(store);
    let good = std::fs::read(&path).unwrap();
    let copy = directory.path().join("copy.sqlite");
    let (mut noticed, mut harmless) = (0, 0);
    for at in 0..good.len() {
        // Empty space between rows is most of a small file: every byte that holds something, and one in 16 of the rest.
        if good[at] == 0 && at % 16 != 0 {
            continue;
        }
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        std::fs::write(&copy, &bad).unwrap();
        match SqliteStore::open_read_only(&copy).and_then(|store| content(&store)) {
            Ok(after) => {
                // The list of runs may lose its only run: whoever wants that run is told.
                let is_gone = after.0.is_empty();
                assert!(is_gone || after == before, "byte {at} changed what is read");
                harmless += u32::from(!is_gone);
                noticed += u32::from(is_gone);
            }
            Err(error) => {
                assert!(
                    error.is_corruption()
                        || matches!(
                            error,
                            JournalError::Missing { .. }
                                | JournalError::UnknownRun { .. }
                                | JournalError::Sqlite { .. }
                        ),
                    "byte {at}: {error:?}"
                );
                noticed += 1;
            }
        }
        if at % 64 == 0 {
            drop(salvage(&copy, None, &mut std::io::sink()));
        }
    }
    assert!(noticed > 1_000, "{noticed} noticed, {harmless} harmless");
}

/// F-21: the first bad event is named.
#[test]
fn a_changed_row_is_found_by_its_number() {
    let changes = [
        ("UPDATE events SET body = '{\"leg\":\"short\"}' WHERE seq = 1", 1, "its hash does not fit"),
        ("UPDATE events SET at = at + 1 WHERE seq = 2", 2, "its hash does not fit"),
        ("UPDATE events SET pair = NULL WHERE seq = 2", 2, "its hash does not fit"),
        ("UPDATE events SET pair = 'a b' WHERE seq = 2", 2, "`pair` is `a b`"),
        ("DELETE FROM events WHERE seq = 2", 2, "it is missing; event 3 follows"),
        ("DELETE FROM events WHERE seq = 3", 2, "the events end here; event 3 was the last"),
        ("UPDATE runs SET plan_source = 'other'", 1, "its hash does not fit"),
        ("UPDATE heads SET status = 'running'", 3, "the status is `running`, not `ended`"),
        ("UPDATE heads SET exit_code = 1", 3, "the status is"),
        ("UPDATE intents SET tx_info = '{}'", 3, "intent `i1` is not what its event vouches for"),
        ("UPDATE intents SET state = 'intent'", 3, "intent `i1` is not what"),
        ("DELETE FROM intents", 3, "intent `i1` is missing"),
    ];
    for (sql, seq, detail) in changes {
        let (_directory, path) = place();
        let mut store = SqliteStore::open(&path).unwrap();
        fill(&mut store, "r1");
        assert_eq!(verify(&store, &run_id("r1")).unwrap().events, 3);
        store.connection.execute_batch(sql).unwrap();
        let error = verify(&store, &run_id("r1")).unwrap_err();
        assert!(error.is_corruption(), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("run `r1` is corrupt at event {seq}: {detail}")), "{sql}: {text}");
    }
}

/// F-21: a salvage of a file with bad rows gives the good ones and says which are lost.
#[test]
fn a_salvage_names_what_is_lost() {
    let (_directory, path) = place();
    let mut store = SqliteStore::open(&path).unwrap();
    fill(&mut store, "r1");
    fill(&mut store, "r2");
    store.connection.execute_batch("UPDATE events SET pair = '?' WHERE seq = 2 AND run = 'r1'").unwrap();
    close(store);
    let mut out = Vec::new();
    let found = salvage(&path, None, &mut out).unwrap();
    assert_eq!(found, Salvaged { runs: 2, events: 5, intents: 2, lost: 1 });
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(r#"{"type":"lost","run":"r1","what":"event","seq":2,"error":"#), "{text}");
    let mut out = Vec::new();
    assert_eq!(salvage(&path, Some(&run_id("r2")), &mut out).unwrap().events, 3);
}

#[test]
fn a_second_writer_of_a_run_is_noticed() {
    let (_directory, path) = place();
    let mut ours = SqliteStore::open(&path).unwrap();
    let mut theirs = SqliteStore::open(&path).unwrap();
    let run = run_id("r1");
    ours.create_run(&new_run("r1")).unwrap();
    theirs.create_run(&new_run("r2")).unwrap();
    ours.append(&run, vec![event("x", "1")], vec![]).unwrap();
    theirs.append(&run, vec![event("x", "2")], vec![]).unwrap();
    let error = ours.append(&run, vec![event("x", "3")], vec![]).unwrap_err();
    assert!(matches!(error, JournalError::ForeignWriter { expected: 1, found: 2, .. }), "{error:?}");
    assert!(error.is_contention());
    verify(&ours, &run).unwrap();
    assert_eq!(ours.events(&run, 1).unwrap().len(), 2);
}

/// F-25: a later format is refused for reading and for writing, and not touched.
#[test]
fn a_newer_format_is_refused() {
    let (_directory, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    store.connection.pragma_update(None, "user_version", FORMAT + 1).unwrap();
    close(store);
    let before = std::fs::read(&path).unwrap();
    for result in [SqliteStore::open(&path), SqliteStore::open_read_only(&path)] {
        let error = result.unwrap_err();
        assert!(matches!(error, JournalError::NewerFormat { found: 2, known: 1, .. }), "{error:?}");
        assert!(error.is_corruption());
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn another_programs_file_is_refused() {
    let (_directory, path) = place();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(JournalError::NotAJournal { .. })));
    std::fs::write(&path, "a text that is no database, and longer than the header of one".repeat(99))
        .unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, JournalError::Corrupt { .. }), "{error:?}");
}

#[test]
fn a_reader_makes_nothing_and_reads_while_it_is_written() {
    let (_directory, path) = place();
    assert!(matches!(SqliteStore::open_read_only(&path), Err(JournalError::Missing { .. })));
    assert!(!path.exists());
    let mut store = SqliteStore::open(&path).unwrap();
    fill(&mut store, "r1");
    let mut reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(reader.events(&run_id("r1"), 1).unwrap().len(), 3);
    store.append(&run_id("r1"), vec![event("x", "1")], vec![]).unwrap();
    assert_eq!(reader.events(&run_id("r1"), 1).unwrap().len(), 4);
    assert!(reader.create_run(&new_run("r2")).is_err());
}

#[test]
fn a_copy_taken_while_writing_is_whole() {
    let (directory, path) = place();
    let mut store = SqliteStore::open(&path).unwrap();
    fill(&mut store, "r1");
    let copy = directory.path().join("copy.sqlite");
    SqliteStore::open_read_only(&path).unwrap().backup(&copy).unwrap();
    store.append(&run_id("r1"), vec![event("later", "1")], vec![]).unwrap();
    let opened = SqliteStore::open_read_only(&copy).unwrap();
    assert_eq!(verify(&opened, &run_id("r1")).unwrap().events, 3);
    assert!(store.backup(&copy).is_err(), "no file is overwritten");
    assert!(!directory.path().join("copy.sqlite-wal").exists());
}

/// Commits between two moments, from which on it shows of which of them a copy is; a disk that syncs slower has fewer.
const TELLING: u64 = 40;

/// Beside a run that writes without a pause, a copy of a large journal ends and is of the moment at which it began. Without
/// that it begins anew with every commit.
#[test]
fn a_copy_is_of_the_moment_at_which_it_began() {
    let (directory, path) = place();
    let mut store = SqliteStore::open(&path).unwrap();
    let run = run_id("r1");
    fill(&mut store, "r1");
    // Many times what is copied at once.
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    for _ in 0..24 {
        store.append(&run, vec![event("x", &large)], vec![]).unwrap();
    }
    let reader = SqliteStore::open_read_only(&path).unwrap();
    let head = |store: &SqliteStore| store.run(&run).unwrap().head_seq;
    let done = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&done);
    let writer = spawn_thread("writer", move || {
        while !told.load(Ordering::SeqCst) {
            let intents = vec![intent("i2", "intent")];
            store.append(&run_id("r1"), vec![event("x", "1")], intents).unwrap();
        }
    });
    let copy = directory.path().join("copy.sqlite");
    let begun = head(&reader);
    reader.backup(&copy).unwrap();
    let ended = head(&reader);
    done.store(true, Ordering::SeqCst);
    writer.unwrap().join().unwrap();
    let copied = verify(&SqliteStore::open_read_only(&copy).unwrap(), &run).unwrap().events;
    assert!((begun..=ended).contains(&copied), "{begun}, {copied}, {ended}");
    // A few were written while the file of the copy was made.
    let is_early = (copied - begun) * 2 <= ended - begun;
    assert!(is_early || ended - begun < TELLING, "{begun}, {copied}, {ended}");
    verify(&reader, &run).unwrap();
}

/// F-18, F-21: what is left of a file after an unclean end is checked before it is used.
#[test]
fn after_an_unclean_end_the_file_is_checked() {
    let (directory, path) = place();
    let mut store = SqliteStore::open(&path).unwrap();
    fill(&mut store, "r1");
    let run = run_id("r1");
    close(store);
    let mut store = SqliteStore::open(&path).unwrap();
    store.append(&run, vec![event("x", "1")], vec![]).unwrap();
    // As a power cut leaves it: the file and a log, of which the last bytes are torn.
    let crashed = directory.path().join("crashed.sqlite");
    std::fs::copy(&path, &crashed).unwrap();
    let log = std::fs::read(directory.path().join("journal.sqlite-wal")).unwrap();
    std::fs::write(directory.path().join("crashed.sqlite-wal"), &log[..log.len() - 100]).unwrap();
    let reopened = SqliteStore::open(&crashed).unwrap();
    assert_eq!(verify(&reopened, &run).unwrap().events, 3, "the torn commit is gone, all before it is there");
    drop(reopened);
    // Damage in the structure, with a log beside it: refused.
    let mut bad = std::fs::read(&path).unwrap();
    let pages = bad.len() / 4096;
    for page in 1..pages {
        bad[page * 4096..page * 4096 + 8].fill(0xff);
    }
    let broken = directory.path().join("broken.sqlite");
    std::fs::write(&broken, &bad).unwrap();
    std::fs::write(directory.path().join("broken.sqlite-wal"), [0; 32]).unwrap();
    let error = SqliteStore::open(&broken).unwrap_err();
    assert!(error.is_corruption(), "{error:?}");
}

/// F-20: a full disk leaves the journal as it was, and later records are written when there is room again.
#[test]
fn a_full_file_loses_nothing() {
    let (_directory, path) = place();
    let mut store = SqliteStore::open(&path).unwrap();
    fill(&mut store, "r1");
    let run = run_id("r1");
    let pages: i64 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    limit_pages(&store, pages);
    let big = event("x", &format!("\"{}\"", "x".repeat(20_000)));
    let error = store.append(&run, vec![big.clone()], vec![]).unwrap_err();
    assert!(matches!(error, JournalError::DiskFull), "{error:?}");
    assert_eq!(verify(&store, &run).unwrap().events, 3);
    limit_pages(&store, 1_000_000);
    assert_eq!(store.append(&run, vec![big], vec![]).unwrap(), [4]);
    verify(&store, &run).unwrap();
}

fn limit_pages(store: &SqliteStore, pages: i64) {
    store.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
}

#[test]
fn two_processes_may_make_the_file_at_once() {
    let (_directory, path) = place();
    let open = |path: &Path| SqliteStore::open(path).map(drop);
    std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&path))).collect();
        for racer in racers {
            racer.join().unwrap().unwrap();
        }
    });
}
