//! A writer that is killed with SIGKILL keeps all it was answered for (U-01, F-18). The writer is this test binary again.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::tests::{event, new_run, run_id};
use super::*;

const DIRECTORY: &str = "LIGHTER_PLAN_TEST_KILLED_WRITER";

/// The child: appends until it is killed, and prints every number it was answered. Does nothing as a test of its own.
#[test]
fn killed_writer() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let state = StateDir::create(directory.as_ref()).unwrap();
    let run = run_id("r1");
    let _lock = lock_run(&state, &run, "killed writer").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let journal = state.journal().unwrap();
        if state.reader().is_ok_and(|store| store.runs().unwrap().is_empty()) {
            journal.create_run(new_run("r1")).await.unwrap();
        }
        loop {
            let seqs = journal.append(&run, Priority::Normal, vec![event("x", "1")], vec![]).await.unwrap();
            // To standard error: the test harness captures the other one.
            eprintln!("acknowledged {}", seqs[0]);
        }
    });
}

#[test]
fn a_killed_writer_keeps_what_it_acknowledged_and_its_lock_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::create(directory.path()).unwrap();
    let run = run_id("r1");
    let mut all = 0;
    for cycle in 1..=8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::kill_tests::killed_writer", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut acknowledged =
            lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let wanted = 7 * cycle;
        let mut last = acknowledged.by_ref().nth(wanted).unwrap();
        assert!(
            matches!(lock_run(&state, &run, "other"), Err(LockError::Held { .. })),
            "U-03: held while it lives"
        );
        child.kill().unwrap();
        last = acknowledged.last().unwrap_or(last);
        child.wait().unwrap();
        drop(lock_run(&state, &run, "other").expect("U-03: free when it is dead"));
        let store = state.store().unwrap();
        let held = verify(&store, &run).unwrap().events;
        assert!(held >= last && held <= last + 1, "cycle {cycle}: {last} acknowledged, {held} kept");
        assert!(held > all);
        all = held;
    }
}
