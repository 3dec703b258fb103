//! The server as a process, and what the system says of it and of us.

use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

/// What the server says of itself when it is ready.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Announced {
    pub(crate) http: String,
    pub(crate) ws: String,
    pub(crate) chain_id: u32,
}

/// `lighter-plan paper` as a process of its own; it ends with this value.
pub(crate) struct Server {
    child: Child,
    announced: Announced,
}

/// Memory and handles of one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Resident memory in bytes.
    pub(crate) memory: u64,
    /// Open files and sockets.
    pub(crate) handles: u64,
}

/// Both processes at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) server: Usage,
    pub(crate) clients: Usage,
}

impl Server {
    pub(crate) async fn start(accounts: u16) -> io::Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lighter-plan"))
            .args(["paper", "--market", "SOL,BTC", "--tier", "premium", "--no-rate-limit", "--seed", "7"])
            .args(["--accounts", &accounts.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().expect("standard output is a pipe");
        // One line comes at once, before anything else runs here.
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self { child, announced: serde_json::from_str(&line)? })
    }

    pub(crate) const fn announced(&self) -> &Announced {
        &self.announced
    }

    /// Reads memory and handles of both processes.
    pub(crate) fn read(&self) -> io::Result<Reading> {
        Ok(Reading { server: usage(&self.child.id().to_string())?, clients: usage("self")? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to save, and may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn usage(process: &str) -> io::Result<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().map_err(io::Error::other)?;
    let handles = std::fs::read_dir(format!("/proc/{process}/fd"))?.count();
    Ok(Usage { memory: kib << 10, handles: u64::try_from(handles).unwrap_or(u64::MAX) })
}

/// Returns the load averages of the last 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".to_owned());
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
