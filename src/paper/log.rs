//! The command log: one JSON line per command, appended by one write before the command is answered.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::exchange::{MishapRule, Request};
use super::sim::{SimConfig, SimError};
use super::world::{Action, Seen};
use crate::model::{AccountIndex, MarketId, Timestamp, Usdc};
use crate::rt::Anchor;

/// Version of the format; a newer one is refused.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    format: u32,
    pub(super) anchor: Anchor,
    pub(super) config: SimConfig,
}

/// Something that came from outside.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Command {
    /// A transaction that was taken in.
    Submit { tx_type: u8, tx_info: String, price_protection: bool },
    /// A batch that was taken in.
    Batch { txs: Vec<(u8, String)> },
    /// Time went on; written now and then, so that what was shown is shown again after a crash.
    Tick {},
    /// A long gap: fine steps until `coarse_from`, coarse ones from there.
    Gap { coarse_from: Timestamp },
    /// Venue time was moved ahead by hand, by this many milliseconds.
    Jump { ms: u64 },
    /// Money from outside.
    Deposit { account: AccountIndex, usdc: Usdc },
    /// A rule for mishaps was armed.
    Arm { rule: MishapRule },
    /// All rules for mishaps were taken away.
    Disarm {},
    /// A change of an account that is no transaction, and was carried out.
    Request { request: Request },
    /// An action that no script foresaw.
    Act { market: Option<String>, action: Action },
    /// What a live price source said.
    Seen(Box<Seen>),
    /// A live price source is gone.
    Lost { market: MarketId },
}

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// Venue time.
    pub(super) at: Timestamp,
    /// What came.
    pub(super) cmd: Command,
}

/// A log open for appending.
#[derive(Debug)]
pub(super) struct CommandLog {
    file: File,
    path: PathBuf,
}

impl CommandLog {
    /// Makes a new log; a file that exists is an error.
    pub(super) fn create(path: &Path, config: &SimConfig, anchor: Anchor) -> Result<Self, SimError> {
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        let file = file.map_err(|source| failed(path, source))?;
        let mut log = Self { file, path: path.to_owned() };
        log.write(&Header { format: FORMAT, anchor, config: config.clone() })?;
        Ok(log)
    }

    /// Reads a log and opens it for appending. A torn last line is cut off: it was never answered.
    pub(super) fn open(path: &Path) -> Result<(Self, Header, Vec<Record>), SimError> {
        let mut text = Vec::new();
        let file = OpenOptions::new().read(true).append(true).open(path);
        let mut file = file.map_err(|source| failed(path, source))?;
        file.read_to_end(&mut text).map_err(|source| failed(path, source))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            let length = u64::try_from(whole).unwrap_or(u64::MAX);
            file.set_len(length).map_err(|source| failed(path, source))?;
        }
        let lines: Vec<&[u8]> =
            text[..whole].split(|byte| *byte == b'\n').filter(|l| !l.is_empty()).collect();
        let damaged = |line: usize, reason: String| SimError::Damaged {
            path: path.display().to_string(),
            line,
            reason,
        };
        let (first, rest) = lines.split_first().ok_or_else(|| damaged(1, "there is no header".to_owned()))?;
        let header: Header = serde_json::from_slice(first).map_err(|error| damaged(1, error.to_string()))?;
        if header.format > FORMAT {
            return Err(damaged(1, format!("format {} is newer than {FORMAT}", header.format)));
        }
        let read = |(i, line): (usize, &&[u8])| {
            serde_json::from_slice(line).map_err(|error| damaged(i + 2, error.to_string()))
        };
        let records = rest.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok((Self { file, path: path.to_owned() }, header, records))
    }

    /// Appends a command.
    pub(super) fn append(&mut self, at: Timestamp, cmd: Command) -> Result<(), SimError> {
        self.write(&Record { at, cmd })
    }

    fn write(&mut self, row: &impl Serialize) -> Result<(), SimError> {
        let line = serde_json::to_vec(row).map_err(io::Error::from);
        let mut line = line.map_err(|source| failed(&self.path, source))?;
        line.push(b'\n');
        // One write: a crash leaves the whole line or a torn one at the end, never two mixed.
        self.file.write_all(&line).map_err(|source| failed(&self.path, source))
    }
}

fn failed(path: &Path, source: io::Error) -> SimError {
    SimError::Log { path: path.display().to_string(), source }
}
