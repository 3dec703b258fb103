//! Recorded prices: read once, kept whole in the command log's header, played in venue time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::STEP;
use super::lines;
use super::seen::Seen;
use crate::model::{AtEnd, GridError, Market, MarketId};

/// The largest file that is read. A recording lives in memory and in the first line of the command log.
const BYTES_MAX: u64 = 64 << 20;

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("cannot read the recording `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is larger than what is kept in memory.
    #[error("the recording `{}` has {bytes} bytes; at most {BYTES_MAX} are played", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A line says nothing that can be played.
    #[error("line {line} of the recording: {reason}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        reason: LineError,
    },
    /// No line is about a listed market.
    #[error("the recording has nothing about a listed market; it speaks of {}", list(.0))]
    Nothing(Vec<String>),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// What is wrong with a line of a recording.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// No JSON object, or one with other fields.
    #[error("{0}")]
    Json(String),
    /// The first line names a column that has no meaning, or leaves out one that is needed.
    #[error(
        "the first line must name the columns `at`, `market` and `mark`, and may name `index`; it says `{0}`"
    )]
    Header(String),
    /// Another number of columns than the first line.
    #[error("it has {found} columns, the first line {expected}")]
    Columns {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// No number.
    #[error("`{what}` is no number: `{text}`")]
    Number {
        /// Which field.
        what: &'static str,
        /// What stands there.
        text: String,
    },
    /// No value of the market's.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// Earlier than the line before.
    #[error("its time {at} is before that of the line above, {last}")]
    Backwards {
        /// Its time in ms.
        at: i64,
        /// The last time in ms.
        last: i64,
    },
    /// The best bid is not below the best ask.
    #[error("its book is crossed: bid {bid}, ask {ask}")]
    Crossed {
        /// Best bid in ticks.
        bid: i64,
        /// Best ask in ticks.
        ask: i64,
    },
    /// A frame of a book that does not begin where the last one ended: a part is missing.
    #[error("its book begins at nonce {begin}, the last one ended at {last}")]
    Gap {
        /// Where it begins.
        begin: i64,
        /// Where the last frame ended.
        last: i64,
    },
}

/// What one line says of one market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    /// Since the first line, in ms.
    at: u64,
    seen: Seen,
}

/// Prices over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    points: Vec<Point>,
    at_end: AtEnd,
}

impl Recording {
    /// Reads a file in one of the forms of `docs/worlds.md`. Lines about markets that are not in `markets` are skipped.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, a line cannot be played, or no line is about one of `markets`.
    pub fn load(path: &Path, at_end: AtEnd, markets: &[Market]) -> Result<Self, RecordingError> {
        let failed = |source| RecordingError::Read { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(failed)?.len();
        if bytes > BYTES_MAX {
            return Err(RecordingError::TooLarge { path: path.to_owned(), bytes });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(failed)?, at_end, markets)
    }

    /// Reads the text of a recording.
    ///
    /// # Errors
    ///
    /// As [`Recording::load`].
    pub fn parse(text: &str, at_end: AtEnd, markets: &[Market]) -> Result<Self, RecordingError> {
        let mut reader = lines::Reader::new(markets);
        let mut points = Vec::new();
        let (mut first, mut last) = (None, i64::MIN);
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |reason| RecordingError::Line { line: number + 1, reason };
            let Some((at, seen)) = reader.line(line.trim()).map_err(wrong)? else { continue };
            if at < last {
                return Err(wrong(LineError::Backwards { at, last }));
            }
            last = at;
            let first = *first.get_or_insert(at);
            points.push(Point { at: u64::try_from(at.saturating_sub(first)).unwrap_or(0), seen });
        }
        if points.is_empty() {
            return Err(RecordingError::Nothing(reader.into_skipped()));
        }
        Ok(Self { points, at_end })
    }

    /// Returns the markets that it speaks of.
    pub(super) fn markets(&self) -> impl Iterator<Item = MarketId> {
        self.points.iter().map(|point| point.seen.market)
    }

    /// Returns how long one round takes: to the last line, and on to where the next would have come.
    fn length(&self) -> Duration {
        let last = self.points.last().map_or(0, |point| point.at);
        let gaps = u64::try_from(self.points.len()).unwrap_or(1).saturating_sub(1).max(1);
        // Never nothing, or a recording of one moment would be played without end at that moment.
        Duration::from_millis(last.saturating_add(last / gaps)).max(STEP)
    }
}

/// A recording being played.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Player {
    // In the header of the command log already; a hash over the state needs only the place in it.
    #[serde(skip_serializing)]
    recording: Arc<Recording>,
    next: usize,
    /// How long the rounds before this one took.
    before: Duration,
}

impl Player {
    pub(super) fn new(recording: Recording) -> Self {
        Self { recording: Arc::new(recording), next: 0, before: Duration::ZERO }
    }

    /// Returns the next report, once `passed` has come to it.
    pub(super) fn due(&mut self, passed: Duration) -> Option<Seen> {
        let point = self.recording.points.get(self.next)?;
        if self.before + Duration::from_millis(point.at) > passed {
            return None;
        }
        let seen = point.seen.clone();
        self.next += 1;
        if self.next == self.recording.points.len() && self.recording.at_end == AtEnd::Loop {
            self.next = 0;
            self.before += self.recording.length();
        }
        Some(seen)
    }
}

#[cfg(test)]
#[path = "recording_tests.rs"]
mod tests;
