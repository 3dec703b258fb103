//! Processes of the program under test: started with their output in files, awaited with a limit.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use lighter_plan::rt::Clock;
use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;

/// How often a child or a file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How much of an output is shown when something failed.
const TAIL_BYTES: usize = 6_000;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself.
    Code(i32),
    /// By SIGKILL: the crash.
    Killed,
}

/// A running process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts the program; both its outputs go to `output`, behind what is there.
    pub(crate) fn start(
        output: &Path,
        arguments: &[&str],
        variables: &[(String, String)],
    ) -> Result<Self, Failure> {
        let open = || File::options().create(true).append(true).open(output);
        let failed = |error: std::io::Error| format!("cannot start {arguments:?}: {error}");
        let child = Command::new(env!("CARGO_BIN_EXE_lighter-plan"))
            .args(arguments)
            .env_remove("LIGHTER_PLAN_KILL_AT")
            .env_remove("LIGHTER_PLAN_KILL_LOG")
            .env_remove("LIGHTER_PLAN_STATE")
            .envs(variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(open().map_err(failed)?)
            .stderr(open().map_err(failed)?)
            .spawn()
            .map_err(failed)?;
        Ok(Self { child, output: output.to_owned() })
    }

    /// Waits for the end; a process that is not done within `limit` hangs, and is killed.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<Ended, Failure> {
        match self.wait_within(limit)? {
            Some(ended) => Ok(ended),
            None => {
                self.kill();
                Err(format!("hangs: not done after {limit:?}"))
            }
        }
    }

    /// Waits for the end for at most `limit`; `None` when the process still runs.
    pub(crate) fn wait_within(&mut self, limit: Duration) -> Result<Option<Ended>, Failure> {
        let mut status = None;
        let mut failure = None;
        until(limit, || match self.child.try_wait() {
            Ok(Some(ended)) => {
                status = Some(ended);
                true
            }
            Ok(None) => false,
            Err(error) => {
                failure = Some(format!("cannot wait: {error}"));
                true
            }
        });
        match (failure, status) {
            (Some(failure), _) => Err(failure),
            (None, Some(status)) => ended(status).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.child), signal).map_err(|error| format!("cannot signal: {error}"))
    }

    /// Waits until it handles `signal` itself, up to `limit`; a signal before that ends any process.
    pub(crate) fn catches(&self, signal: Signal, limit: Duration) -> bool {
        let status = format!("/proc/{}/status", self.child.id());
        let bit = 1_u64 << (signal.as_raw() - 1);
        let caught = |text: &str| {
            let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        };
        until(limit, || {
            std::fs::read_to_string(&status)
                .ok()
                .and_then(|text| caught(&text))
                .is_some_and(|set| set & bit != 0)
        })
    }

    /// Kills it, as the machine would.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself a moment ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Returns whether its output holds `text` by now, waiting for it up to `limit`.
    pub(crate) fn says(&self, text: &str, limit: Duration) -> bool {
        until(limit, || std::fs::read_to_string(&self.output).is_ok_and(|said| said.contains(text)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn ended(status: ExitStatus) -> Result<Ended, Failure> {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ok(Ended::Code(code)),
        (None, Some(9)) => Ok(Ended::Killed),
        (None, signal) => Err(format!("ended by signal {signal:?}")),
    }
}

/// Looks again and again until `done` says so or `limit` is over; returns whether it did.
pub(crate) fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let clock = Clock::system();
    loop {
        if done() {
            return true;
        }
        if clock.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Returns the end of a file, for a failure's message.
pub(crate) fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let from = text.len().saturating_sub(TAIL_BYTES);
    String::from_utf8_lossy(&text[from..]).into_owned()
}
