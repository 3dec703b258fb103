//! What an operator did to a run: who, from where, with which program.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lock::host;
use super::store::NewEvent;
use crate::model::Timestamp;
use crate::rt::Clock;

/// Kind of the events that record what an operator did.
pub const RUN_ACT: &str = "run.act";

/// Who did something, as the system tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Operator {
    /// Name by the environment; empty when it has none.
    pub user: String,
    /// Number by the kernel.
    pub uid: u32,
    /// Host.
    pub host: String,
    /// Process.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
}

impl Operator {
    /// Returns who runs this process.
    pub fn here() -> Self {
        let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        Self {
            user: named.unwrap_or_default(),
            uid: rustix::process::getuid().as_raw(),
            host: host(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, uid, host, pid, version } = self;
        let user = if user.is_empty() { format!("uid {uid}") } else { user.clone() };
        write!(f, "{user} on {host} (process {pid}, version {version})")
    }
}

/// One act of an operator; the body of a [`RUN_ACT`] event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Act {
    /// The command, such as `resume` or `stop`, or a signal.
    pub command: String,
    /// What it was called with that matters, and the evidence that was given; never a secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// By whom.
    pub by: Operator,
    /// When, by the clock of that host.
    pub done_at: Timestamp,
}

impl Act {
    /// Returns an act of whoever runs this process, now.
    pub fn here(command: &str, detail: impl Into<String>) -> Self {
        Self::of(Operator::here(), command, detail)
    }

    /// Returns an act of somebody, now.
    pub fn of(by: Operator, command: &str, detail: impl Into<String>) -> Self {
        Self { command: command.to_owned(), detail: detail.into(), by, done_at: Clock::wall() }
    }

    /// Returns the event that records it, at venue time `at`.
    pub fn event(&self, at: Timestamp) -> NewEvent {
        let body = serde_json::to_string(self).unwrap_or_default();
        NewEvent { pair: None, kind: RUN_ACT.to_owned(), at, body }
    }
}

impl std::fmt::Display for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, detail, by, done_at } = self;
        let detail = if detail.is_empty() { String::new() } else { format!(" {detail}") };
        write!(f, "{command}{detail} by {by} at {done_at}")
    }
}
