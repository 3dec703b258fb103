//! The hash chain of a run: what is hashed, in which order.
//!
//! Every field goes in with its length, so no two contents give the same bytes. The layout is part of the format:
//! a change here is a new format.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::store::{EventRow, IntentRow, NewEvent, NewRun};

/// One link of a run's chain: SHA-256, shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventHash([u8; 32]);

impl EventHash {
    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the digits that it is shown as.
    pub(super) fn digits(&self) -> [u8; 64] {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).expect("two digits a byte");
        digits
    }

    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventHash({self})")
    }
}

impl FromStr for EventHash {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

impl JsonSchema for EventHash {
    fn schema_name() -> Cow<'static, str> {
        "EventHash".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "A link of the chain: SHA-256." })
    }
}

impl Serialize for EventHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

struct Hasher(Sha256);

impl Hasher {
    fn new(domain: &str) -> Self {
        Self(Sha256::new()).text(domain)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        // A length never exceeds 64 bits on any target there is.
        self.0.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    fn int(mut self, value: i64) -> Self {
        self.0.update(value.to_be_bytes());
        self
    }

    fn seq(mut self, value: u64) -> Self {
        self.0.update(value.to_be_bytes());
        self
    }

    fn option(mut self, text: Option<&str>) -> Self {
        self.0.update([u8::from(text.is_some())]);
        self.text(text.unwrap_or_default())
    }

    fn done(self) -> EventHash {
        EventHash(self.0.finalize().into())
    }
}

/// Returns the link before the first event: it binds the plan and all else the run was created as.
pub(super) fn genesis(run: &NewRun) -> EventHash {
    Hasher::new("lighter-plan journal run")
        .text(run.id.as_str())
        .text(&run.name)
        .text(&run.network)
        .text(&run.plan_source)
        .text(&run.plan_json)
        .text(&run.graph_json)
        .int(run.created_at.as_millis())
        .int(i64::from(run.format))
        .done()
}

/// Returns the link of `event`, without looking at the one it carries.
pub(super) fn link(previous: &EventHash, event: &EventRow) -> EventHash {
    Hasher::new("lighter-plan journal event")
        .bytes(previous.as_bytes())
        .seq(event.seq)
        .int(event.at.as_millis())
        .option(event.pair.as_ref().map(crate::model::PairId::as_str))
        .text(&event.kind)
        .text(&event.body)
        .text(&event.attest)
        .done()
}

/// Returns the digest of an intent row, by which an event vouches for it.
pub(super) fn digest(row: &IntentRow) -> EventHash {
    let order = row.client_order_index.map(|index| index.to_string());
    Hasher::new("lighter-plan journal intent")
        .text(&row.intent_id)
        .int(row.account.get())
        .int(i64::from(row.key.get()))
        .int(row.nonce.get())
        .option(order.as_deref())
        .bytes(row.hash.as_bytes())
        .int(i64::from(row.tx_type))
        .text(&row.tx_info)
        .int(row.deadline.as_millis())
        .text(&row.state)
        .done()
}

/// Chains `events` after `(seq, hash)`; the last one vouches for `intents`.
pub(super) fn extend(head: (u64, EventHash), events: &[NewEvent], intents: &[IntentRow]) -> Vec<EventRow> {
    let (mut seq, mut hash) = head;
    let last = events.len().saturating_sub(1);
    let mut rows = Vec::with_capacity(events.len());
    for (i, event) in events.iter().enumerate() {
        seq += 1;
        let attest = if i == last { attestation(intents) } else { String::new() };
        let mut row = EventRow {
            seq,
            at: event.at,
            pair: event.pair.clone(),
            kind: event.kind.clone(),
            body: event.body.clone(),
            attest,
            hash,
        };
        hash = link(&hash, &row);
        row.hash = hash;
        rows.push(row);
    }
    rows
}

fn attestation(intents: &[IntentRow]) -> String {
    let lines: Vec<_> = intents.iter().map(|row| format!("{} {}", row.intent_id, digest(row))).collect();
    lines.join("\n")
}
