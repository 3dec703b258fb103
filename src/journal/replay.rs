//! An export read back: the same proof as over the journal itself, with nothing but the lines.

use std::io::{BufRead, Read as _};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::chain::{self, EventHash};
use super::error::JournalError;
use super::export::VERSION;
use super::store::{EventRow, IntentRow, NewRun, RunRow};
use super::verify::{Verified, Walk};
use crate::model::{PairId, RunId, Timestamp};

/// No line of an export is longer: the longest holds a plan's text and its graph, a few MiB for a plan of 100 pairs.
const LINE_MAX: u64 = 256 * 1024 * 1024;

/// What an export showed of its run.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What it was created as.
    pub definition: NewRun,
    /// Where it stands.
    pub row: RunRow,
    /// What was proved: the same as [`verify`](super::verify()) proves of the journal.
    pub verified: Verified,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    Run,
    Event,
    Intent,
    Lost,
    End,
}

#[derive(Deserialize)]
struct Tag {
    r#type: Type,
}

#[derive(Deserialize)]
struct RunLine {
    /// The first exports had none.
    #[serde(default)]
    version: Option<u32>,
    definition: NewRun,
    status: String,
    exit_code: Option<u8>,
    head_seq: u64,
    head_hash: EventHash,
}

#[derive(Deserialize)]
struct EventLine {
    run: RunId,
    seq: u64,
    at: Timestamp,
    pair: Option<PairId>,
    kind: String,
    /// The text as it stands: the hash is over these very bytes.
    body: Box<RawValue>,
    #[serde(default)]
    attest: String,
    hash: EventHash,
}

#[derive(Deserialize)]
struct LostLine {
    what: String,
    seq: Option<u64>,
    error: String,
}

#[derive(Deserialize)]
struct EndLine {
    run: RunId,
    events: u64,
    intents: usize,
}

/// Reads the export of one run from `input`, gives every event to `each` in order, and proves what
/// [`verify`](super::verify()) proves of a journal: chain, head, status and intents.
///
/// An event reaches `each` after its own link was proved; whether the run ends as it says is known at the end only.
///
/// # Errors
///
/// [`JournalError::BadExport`] with the first line that is none, also of an export that was cut off, of a newer version or
/// salvaged from a damaged journal; [`JournalError::Broken`] with the first bad event; `input` cannot be read.
pub fn replay(
    input: &mut dyn BufRead,
    each: &mut dyn FnMut(&NewRun, EventRow),
) -> Result<Replayed, JournalError> {
    let mut lines = Lines { input, number: 0, text: String::new() };
    let (definition, row) = lines.run()?;
    let mut walk = Walk::new(&definition.id, chain::genesis(&definition));
    let mut events = 0;
    let mut kind = lines.next()?;
    while kind == Type::Event {
        let event = lines.event(&definition.id)?;
        walk.step(&event)?;
        each(&definition, event);
        events += 1;
        kind = lines.next()?;
    }
    walk.ends_as(&row)?;
    while kind == Type::Intent {
        walk.intent(&lines.parse::<IntentRow>()?)?;
        kind = lines.next()?;
    }
    let verified = walk.finish()?;
    if kind != Type::End {
        return lines.bad("it is out of place: events come before intents, and one run is all");
    }
    let end: EndLine = lines.parse()?;
    if (&end.run, end.events, end.intents) != (&definition.id, events, verified.intents) {
        return lines.bad("it is of another run, or counts other lines than there are");
    }
    lines.nothing_follows()?;
    Ok(Replayed { definition, row, verified })
}

struct Lines<'a> {
    input: &'a mut dyn BufRead,
    number: u64,
    text: String,
}

impl Lines<'_> {
    fn bad<T>(&self, detail: impl Into<String>) -> Result<T, JournalError> {
        Err(JournalError::BadExport { line: self.number, detail: detail.into() })
    }

    /// Reads the next line; returns whether there was one.
    fn read(&mut self) -> Result<bool, JournalError> {
        self.number += 1;
        self.text.clear();
        match self.input.take(LINE_MAX).read_line(&mut self.text) {
            Ok(0) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => self.bad("it is no text"),
            Err(error) => Err(JournalError::io("read", "the export".as_ref())(error)),
        }
    }

    /// Reads the next line of a run that has not ended; returns which kind it is.
    fn next(&mut self) -> Result<Type, JournalError> {
        if !self.read()? {
            return self.bad("it is missing; the export was cut off");
        }
        let tag: Tag = self.parse()?;
        if tag.r#type == Type::Lost {
            let LostLine { what, seq, error } = self.parse()?;
            let seq = seq.map(|seq| format!(" {seq}")).unwrap_or_default();
            return self.bad(format!("saved from a damaged journal; {what}{seq} was lost: {error}"));
        }
        Ok(tag.r#type)
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, JournalError> {
        serde_json::from_str(&self.text).or_else(|error| self.bad(error.to_string()))
    }

    fn run(&mut self) -> Result<(NewRun, RunRow), JournalError> {
        if self.next()? != Type::Run {
            return self.bad("an export begins with its run");
        }
        let line: RunLine = self.parse()?;
        if line.version.is_some_and(|version| version > VERSION) {
            return self.bad(format!("a newer version; this program reads exports up to version {VERSION}"));
        }
        let definition = line.definition;
        let row = RunRow {
            id: definition.id.clone(),
            name: definition.name.clone(),
            network: definition.network.clone(),
            created_at: definition.created_at,
            format: definition.format,
            status: line.status,
            exit_code: line.exit_code,
            head_seq: line.head_seq,
            head_hash: line.head_hash,
        };
        Ok((definition, row))
    }

    fn event(&self, run: &RunId) -> Result<EventRow, JournalError> {
        let line: EventLine = self.parse()?;
        if line.run != *run {
            return self.bad(format!("an event of run `{}`", line.run));
        }
        Ok(EventRow {
            seq: line.seq,
            at: line.at,
            pair: line.pair,
            kind: line.kind,
            body: line.body.get().to_owned(),
            attest: line.attest,
            hash: line.hash,
        })
    }

    fn nothing_follows(&mut self) -> Result<(), JournalError> {
        if self.read()? { self.bad("something follows the end of the run") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{event, intent, new_run, run_id};
    use crate::journal::{MemoryStore, NewEvent, Store, export, verify};

    fn exported() -> (Vec<u8>, Verified) {
        let (mut store, run) = (MemoryStore::new(), run_id("r"));
        store.create_run(&new_run("r")).unwrap();
        let decimal = event("fill", r#"{"price":0.1234567890123456789012345678}"#);
        store.append(&run, vec![decimal, event("x", "[]")], vec![intent("i1", "intent")]).unwrap();
        let at = Timestamp::from_millis(9);
        let last = vec![event("outcome", "{}"), NewEvent::run_status("ended", Some(0), at)];
        store.append(&run, last, vec![intent("i1", "executed"), intent("i2", "intent")]).unwrap();
        let mut text = Vec::new();
        export(&store, &run, &mut text).unwrap();
        (text, verify(&store, &run).unwrap())
    }

    type Content = (NewRun, RunRow, Verified, Vec<EventRow>);

    fn read(mut text: &[u8]) -> Result<Content, JournalError> {
        let mut events = Vec::new();
        let Replayed { definition, row, verified } = replay(&mut text, &mut |_, event| events.push(event))?;
        Ok((definition, row, verified, events))
    }

    #[test]
    fn an_export_proves_what_its_journal_does() {
        let (text, verified) = exported();
        let (definition, row, replayed, events) = read(&text).unwrap();
        assert_eq!((definition, replayed), (new_run("r"), verified));
        assert_eq!((row.status.as_str(), row.exit_code, events.len()), ("ended", Some(0), 4));
    }

    /// F-21: whatever bit of an export is changed, it is refused as damaged or says what it said.
    #[test]
    fn every_changed_bit_of_an_export_is_noticed_or_harmless() {
        let (good, _) = exported();
        let before = read(&good).unwrap();
        let (mut noticed, mut harmless) = (0, 0);
        for at in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[at / 8] ^= 1 << (at % 8);
            match read(&bad) {
                Ok(after) => {
                    assert_eq!(after, before, "bit {at} changed what is read");
                    harmless += 1;
                }
                Err(error) => {
                    assert!(error.is_corruption(), "bit {at}: {error}");
                    noticed += 1;
                }
            }
        }
        // Harmless are the case of hexadecimal digits, the line break at the end and the name of what may be left out.
        assert!(noticed > 10 * harmless, "{noticed} noticed, {harmless} harmless");
    }

    /// A line that is lost, doubled, or put before its neighbour; and an export that was cut off.
    #[test]
    fn lines_stay_where_they_are() {
        let (good, _) = exported();
        let lines: Vec<_> = good.split_inclusive(|byte| *byte == b'\n').collect();
        let fails = |lines: &[&[u8]], what: &str| {
            let error = read(&lines.concat()).expect_err(what);
            assert!(error.is_corruption(), "{what}: {error}");
        };
        for at in 0..lines.len() {
            let mut bad = lines.clone();
            bad.remove(at);
            fails(&bad, &format!("line {at} is lost"));
            bad = lines.clone();
            bad.insert(at, lines[at]);
            fails(&bad, &format!("line {at} is doubled"));
            fails(&lines[..at], &format!("cut off before line {at}"));
            if at > 0
                && !(lines[at].starts_with(br#"{"type":"intent""#)
                    && lines[at - 1].starts_with(br#"{"type":"intent""#))
            {
                bad = lines.clone();
                bad.swap(at, at - 1);
                fails(&bad, &format!("line {at} changed places"));
            }
        }
    }

    /// F-25: exports of a newer version are refused, those from before there were versions are read.
    #[test]
    fn the_version_of_an_export_is_looked_at() {
        let text = String::from_utf8(exported().0).unwrap();
        let error = read(text.replacen("\"version\":1", "\"version\":2", 1).as_bytes()).unwrap_err();
        assert!(error.is_corruption() && error.to_string().contains("newer version"), "{error}");
        read(text.replacen("\"version\":1,", "", 1).as_bytes()).unwrap();
    }
}
