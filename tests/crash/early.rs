//! A signal in the first moment of a run: between its record and everything that listens.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use crate::process::until;
use crate::proof;
use crate::stage::{LIMIT, Scene, Stage};
use crate::stops::{finish, prove};
use crate::{Failure, ensure};

/// A pipe that nobody reads: who writes to it stands still.
struct Dam {
    path: PathBuf,
    end: File,
    said: String,
}

impl Dam {
    fn fill(stage: &Stage) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| format!("no pipe: {error}");
        let path = stage.directory().join("stderr.pipe");
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, &path, FileType::Fifo, mode, 0).map_err(|error| failed(&error))?;
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).map_err(|error| failed(&error))?;
        let end = File::options().read(true).write(true).custom_flags(nonblocking).open(&path);
        let mut dam = Self { path, end: end.map_err(|error| failed(&error))?, said: String::new() };
        let full = until(
            LIMIT,
            || matches!(dam.end.write(&[b'.'; 512]), Err(error) if error.kind() == ErrorKind::WouldBlock),
        );
        ensure!(full, "the pipe is not full");
        Ok(dam)
    }

    /// Reads what is there, so that the writer goes on.
    fn drain(&mut self) {
        let mut bytes = [0; 4_096];
        while let Ok(count @ 1..) = self.end.read(&mut bytes) {
            self.said.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }
}

/// Starts `apply` with its standard error behind a full pipe: it stands still when it tells that the run has started.
fn dammed(stage: &Stage, dam: &Dam) -> Result<Child, Failure> {
    let writer =
        File::options().write(true).open(&dam.path).map_err(|error| format!("no writer: {error}"))?;
    let child = Command::new(env!("CARGO_BIN_EXE_lighter-plan"))
        .arg("--state")
        .arg(stage.state())
        .arg("apply")
        .arg(stage.directory().join("plan.yaml"))
        .arg("--auto-approve")
        .env_remove("LIGHTER_PLAN_STATE")
        .envs(stage.variables().iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(writer)
        .spawn();
    child.map_err(|error| format!("cannot start: {error}"))
}

/// U-08: from the moment at which the run is in the journal, SIGTERM and SIGINT are a request to stop, though nobody
/// listens yet: 21, nothing was placed, and `resume` ends the run.
#[test]
fn a_signal_before_the_run_listens_stops_it() {
    for signal in [Signal::TERM, Signal::INT] {
        prove(&format!("{signal:?} at the start"), Scene::BothFill, |stage| {
            let mut dam = Dam::fill(stage)?;
            let mut child = dammed(stage, &dam)?;
            ensure!(until(LIMIT, || stage.run_id().is_some()), "no run was recorded");
            let sent = kill_process(Pid::from_child(&child), signal);
            sent.map_err(|error| format!("cannot signal: {error}"))?;
            let mut ended = None;
            let over = until(LIMIT, || {
                dam.drain();
                ended = child.try_wait().ok().flatten();
                ended.is_some()
            });
            if !over {
                let _ = child.kill();
            }
            let code = ended.and_then(|status| status.code());
            ensure!(code == Some(21), "ended with {ended:?}\n{}", dam.said.trim_start_matches('.'));
            let evidence = proof::sound(stage)?;
            let placed = evidence.accounts.iter().any(|account| !account.orders.is_empty());
            ensure!(!placed, "something was placed after the signal");
            finish(stage, &[0])
        });
    }
}
