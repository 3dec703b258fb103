//! Disks that fail under the running program: the Nth write or sync of the journal, by a preloaded shim in C.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::case::Slot;
use crate::process::{Ended, Process};
use crate::proof;
use crate::record::Journaled;
use crate::stage::{Host, Kill, LIMIT, Scene, Stage};
use crate::{Failure, ensure};

/// Input/output error.
const EIO: u32 = 5;
/// No space left on the device.
const ENOSPC: u32 = 28;
/// How often a run that the disk stopped is gone on with.
const RESUMES_MAX: usize = 4;

/// How the disk fails.
#[derive(Clone, Copy, Debug)]
struct Fault {
    /// `write` or `sync`.
    call: &'static str,
    /// The first call that fails.
    from: u32,
    /// How many fail; 0: all of them from there on.
    times: u32,
    errno: u32,
}

impl Fault {
    fn variables(self, state: &Path) -> Vec<(String, String)> {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        vec![
            pair("LD_PRELOAD", shim().display().to_string()),
            pair("SHIM_DIR", state.display().to_string()),
            pair("SHIM_CALL", self.call.to_owned()),
            pair("SHIM_FROM", self.from.to_string()),
            pair("SHIM_TIMES", self.times.to_string()),
            pair("SHIM_ERRNO", self.errno.to_string()),
        ]
    }
}

/// Builds the shim, once.
fn shim() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shim/disk.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disk-{}.so", std::process::id()));
        let mut gcc = Command::new("gcc");
        gcc.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(source);
        let status = gcc.status().unwrap_or_else(|error| panic!("no gcc: {error}"));
        assert!(status.success(), "the shim does not compile");
        library
    })
}

/// One run on a failing disk, and the same run on a good one afterwards; returns the code of the first.
fn broken(stage: &Stage, fault: Fault) -> Result<i32, Failure> {
    broken_by(stage, &fault.variables(&stage.state())).map_err(|why| format!("{fault:?}: {why}"))
}

fn broken_by(stage: &Stage, variables: &[(String, String)]) -> Result<i32, Failure> {
    let first = stage.apply(variables)?.wait(LIMIT)?;
    let Ended::Code(code) = first else { return Err(format!("ended with {first:?}")) };
    ensure!([0, 3, 23].contains(&code), "ended with {code}");
    nothing_unrecorded(stage, code)?;
    for _ in 0..RESUMES_MAX {
        if let Ended::Code(end @ (0 | 22)) = stage.go(&Kill::None)? {
            proof::finished(stage, end)?;
            return Ok(code);
        }
    }
    Err("the run does not end on a good disk".to_owned())
}

/// Everything that the exchange took in is in the journal, and 3 is never said over exposure.
fn nothing_unrecorded(stage: &Stage, code: i32) -> Result<(), Failure> {
    let accounts = stage.accounts()?;
    let sent: Vec<_> = accounts.iter().flat_map(|account| &account.transactions).collect();
    if stage.run_id().is_none() {
        ensure!(sent.is_empty(), "sent without a run in the journal: {sent:?}");
        return Ok(());
    }
    let journal = Journaled::read(stage)?;
    let intents = journal.intents();
    for tx in sent {
        ensure!(intents.contains_key(&tx.hash), "transaction {} is in no intent", tx.hash);
    }
    for account in &accounts {
        let exposed = !account.position.is_zero() || !account.live_orders().is_empty();
        ensure!(code != 3 || !exposed, "3 with exposure on account {}", account.index);
    }
    Ok(())
}

/// Tries every fault on a stage of its own, two at a time; the disk must really have stopped most of the runs.
fn prove(faults: &[Fault]) {
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let runs: Vec<_> = faults
            .iter()
            .map(|fault| {
                scope.spawn(move || {
                    let _slot = Slot::take();
                    let stage =
                        Stage::new(Host::Apart, Scene::BothFill).unwrap_or_else(|why| panic!("{why}"));
                    broken(&stage, *fault).unwrap_or_else(|why| panic!("{why}\n{}", stage.tails()))
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|why| std::panic::resume_unwind(why))).collect()
    });
    eprintln!("{faults:?}: exit codes {codes:?}");
    let stopped = codes.iter().filter(|code| **code != 0).count();
    assert!(stopped * 2 > codes.len(), "the disk stopped {stopped} of {} runs", codes.len());
}

/// F-19, U-26: one failing sync poisons the journal although all later ones work: nothing is sent any more, the exit code
/// tells whether there is exposure, and the run goes on once the disk is read anew.
#[test]
fn a_failing_sync_ends_the_process_and_resume_goes_on() {
    prove(&[2, 9, 14, 22].map(|from| Fault { call: "sync", from, times: 1, errno: EIO }));
}

/// F-18: writes fail from a moment on: only what was committed before is known, and nothing else was sent.
#[test]
fn a_failing_write_ends_the_process_and_resume_goes_on() {
    prove(&[30, 60, 90].map(|from| Fault { call: "write", from, times: 0, errno: EIO }));
}

/// F-20: the disk is full in the middle of a run, the reserve included.
#[test]
fn a_full_disk_ends_the_process_and_resume_goes_on() {
    prove(&[40, 70].map(|from| Fault { call: "write", from, times: 0, errno: ENOSPC }));
}

/// F-20: the journal's file may not grow any more, by SQLite's own limit: what was not recorded was not sent, nothing that
/// was recorded is lost, and with room again the run goes on to its end.
#[test]
fn f_20_a_journal_that_may_not_grow_stops_the_run_and_nothing_is_lost() {
    // A whole run is 17 to 19 pages long, by how its events fall: 17 end it late or are just enough.
    for (pages, too_few) in [("13", true), ("15", true), ("17", false)] {
        let _slot = Slot::take();
        let stage = Stage::new(Host::Apart, Scene::BothFill).unwrap_or_else(|why| panic!("{why}"));
        let limit = vec![("LIGHTER_PLAN_MAX_PAGES".to_owned(), pages.to_owned())];
        let code = broken_by(&stage, &limit);
        let code = code.unwrap_or_else(|why| panic!("{pages} pages: {why}\n{}", stage.tails()));
        assert!(!too_few || code != 0, "{pages} pages were enough for the run\n{}", stage.tails());
    }
}

/// A state directory that cannot be made is a fault of the tool, told before anything is sent.
#[test]
fn an_unwritable_state_directory_is_told_before_anything_is_sent() {
    let _slot = Slot::take();
    let stage = Stage::new(Host::Apart, Scene::BothFill).unwrap_or_else(|why| panic!("{why}"));
    let plan = stage.directory().join("plan.yaml").display().to_string();
    // Below a file, and in a place where not even root can make a directory.
    for state in [format!("{plan}/state"), "/proc/lighter-plan-state".to_owned()] {
        let arguments = ["--state", &state, "apply", &plan, "--auto-approve"];
        let mut process = Process::start(&stage.output(), &arguments, stage.variables()).unwrap();
        assert_eq!(process.wait(LIMIT), Ok(Ended::Code(3)), "{state}\n{}", stage.tails());
    }
    let accounts = stage.accounts().unwrap();
    assert!(accounts.iter().all(|account| account.transactions.is_empty()));
}
