//! Faults on demand: what a network, a proxy or the venue itself may do to a request, scripted or drawn from a seed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::line::Lines;
use crate::rt::SplitMix64;

/// The place that stands for every open connection.
const ALL_CONNECTIONS: &str = "connections";

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// The request never reaches the exchange; the connection is cut.
    DropRequest,
    /// The request takes effect; the connection is cut before the answer.
    DropReply,
    /// The request waits before it reaches the exchange.
    Delay {
        /// For how many real milliseconds.
        ms: u64,
    },
    /// The request takes effect; the answer waits.
    DelayReply {
        /// For how many real milliseconds.
        ms: u64,
    },
    /// HTTP 429 with code 23000; nothing takes effect.
    RateLimit,
    /// HTTP 405 from the edge, not JSON; nothing takes effect.
    Blocked,
    /// This HTTP status with a page of HTML; nothing takes effect.
    HttpStatus {
        /// The status.
        status: u16,
    },
    /// HTTP 500 with code 29500; nothing takes effect.
    ServerError,
    /// The request takes effect; the answer is HTTP 500.
    ServerErrorAfter,
    /// The request takes effect; a proxy answers with a page of HTML and HTTP 502.
    Html,
    /// The request takes effect; the JSON of the answer ends in the middle.
    TruncatedJson,
    /// A transaction is answered with 200 and its hash and then forgotten; other requests are not touched.
    Lose,
    /// A frame is not sent, as if the network had lost it.
    DropFrame,
    /// A frame is sent twice.
    DuplicateFrame,
    /// A frame is sent after the one behind it.
    ReorderFrame,
    /// The request reaches the exchange twice, as after a retry by a proxy; the client sees the second answer.
    DuplicateRequest,
    /// `GET /` (place `status`) tells a time that is ahead by this much.
    ClockOffset {
        /// In milliseconds; may be negative.
        ms: i64,
    },
    /// The server announces a planned close after the frame, and closes the socket when the time is up.
    Shutdown {
        /// In how many real milliseconds.
        ms: u64,
    },
    /// A transaction over the WebSocket is refused with 29500 in the other of the venue's two forms: code and message
    /// at the top level. Nothing takes effect.
    OtherForm,
    /// The socket is cut.
    Close,
    /// The socket stays open but silent: nothing is read and nothing is written.
    Stall {
        /// For how many real milliseconds.
        ms: u64,
    },
}

/// When a fault happens.
///
/// Places are REST endpoints by name (`sendTx`, `nextNonce`), `ws/connect`, `ws/sendtx`, `ws/sendtxbatch`, and
/// `ws/frame/FAMILY` for pushed frames (`ws/frame/order_book`). A trailing `*` stands for any ending. A rule for
/// `connections` cuts every open connection as soon as it is due.
///
/// In JSON and in a world's file a rule is one object: `kind` is the fault in snake case, `endpoint` the place, and
/// `ms`, `offset_ms`, `status`, `skip`, `count` and `per_mille` as needed. `{kind: close_sockets}` alone is a rule for all
/// connections.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawRule")]
pub struct FaultRule {
    /// Where.
    pub place: String,
    /// What.
    pub fault: Fault,
    /// How many occasions pass unharmed first.
    pub skip: u32,
    /// How many times it happens.
    pub count: u32,
    /// How likely it is on each occasion, in 1/1000.
    pub per_mille: u16,
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    kind: Kind,
    endpoint: Option<String>,
    ms: Option<u64>,
    status: Option<u16>,
    offset_ms: Option<i64>,
    #[serde(default)]
    skip: u32,
    #[serde(default = "once")]
    count: u32,
    #[serde(default = "always")]
    per_mille: u16,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    DropRequest,
    DropReply,
    Delay,
    DelayReply,
    RateLimit,
    Blocked,
    HttpStatus,
    ServerError,
    ServerErrorAfter,
    Html,
    TruncatedJson,
    Lose,
    DropFrame,
    DuplicateFrame,
    ReorderFrame,
    DuplicateRequest,
    ClockOffset,
    Shutdown,
    OtherForm,
    #[serde(alias = "close_sockets")]
    Close,
    Stall,
}

/// Returns the names of all kinds, from the reader itself.
#[cfg(test)]
pub(super) fn kinds() -> Vec<String> {
    let error = serde_json::from_str::<Kind>("\"?\"").err().map(|error| error.to_string());
    super::tests::names_in(&error.unwrap_or_default())
}

/// A rule lacks a field that its kind needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this kind of fault needs `{0}`")]
struct Missing(&'static str);

impl TryFrom<RawRule> for FaultRule {
    type Error = Missing;

    fn try_from(raw: RawRule) -> Result<Self, Missing> {
        let ms = || raw.ms.ok_or(Missing("ms"));
        let fault = match raw.kind {
            Kind::DropRequest => Fault::DropRequest,
            Kind::DropReply => Fault::DropReply,
            Kind::Delay => Fault::Delay { ms: ms()? },
            Kind::DelayReply => Fault::DelayReply { ms: ms()? },
            Kind::RateLimit => Fault::RateLimit,
            Kind::Blocked => Fault::Blocked,
            Kind::HttpStatus => Fault::HttpStatus { status: raw.status.ok_or(Missing("status"))? },
            Kind::ServerError => Fault::ServerError,
            Kind::ServerErrorAfter => Fault::ServerErrorAfter,
            Kind::Html => Fault::Html,
            Kind::TruncatedJson => Fault::TruncatedJson,
            Kind::Lose => Fault::Lose,
            Kind::DropFrame => Fault::DropFrame,
            Kind::DuplicateFrame => Fault::DuplicateFrame,
            Kind::ReorderFrame => Fault::ReorderFrame,
            Kind::DuplicateRequest => Fault::DuplicateRequest,
            Kind::ClockOffset => Fault::ClockOffset { ms: raw.offset_ms.ok_or(Missing("offset_ms"))? },
            Kind::Shutdown => Fault::Shutdown { ms: ms()? },
            Kind::OtherForm => Fault::OtherForm,
            Kind::Close => Fault::Close,
            Kind::Stall => Fault::Stall { ms: ms()? },
        };
        let everywhere = matches!(fault, Fault::Close).then(|| ALL_CONNECTIONS.to_owned());
        let place = raw.endpoint.or(everywhere).ok_or(Missing("endpoint"))?;
        Ok(Self { place, fault, skip: raw.skip, count: raw.count, per_mille: raw.per_mille })
    }
}

const fn once() -> u32 {
    1
}

const fn always() -> u16 {
    1_000
}

impl FaultRule {
    /// Makes `fault` happen on the next occasion at `place`.
    pub fn next(place: &str, fault: Fault) -> Self {
        Self { place: place.to_owned(), fault, skip: 0, count: once(), per_mille: always() }
    }

    fn matches(&self, place: &str) -> bool {
        match self.place.strip_suffix('*') {
            Some(start) => place.starts_with(start),
            None => self.place == place,
        }
    }
}

#[derive(Debug)]
struct Inner {
    rules: Vec<FaultRule>,
    rng: SplitMix64,
    happened: Vec<(String, Fault)>,
}

/// The faults of one server; clones share them.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Mutex<Inner>>);

impl Default for Faults {
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl Faults {
    /// Starts without rules; chances are drawn from `seed`.
    pub fn seeded(seed: u64) -> Self {
        let rng = SplitMix64::new(seed);
        Self(Arc::new(Mutex::new(Inner { rules: Vec::new(), rng, happened: Vec::new() })))
    }

    /// Adds a rule.
    pub fn add(&self, rule: FaultRule) {
        self.lock(|inner| inner.rules.push(rule));
    }

    /// Adds a rule, or carries it out at once when it is about all connections.
    pub(crate) fn inject(&self, rule: FaultRule, lines: &Lines) {
        if rule.place == ALL_CONNECTIONS {
            lines.cut_all();
        } else {
            self.add(rule);
        }
    }

    /// Removes every rule.
    pub fn clear(&self) {
        self.lock(|inner| inner.rules.clear());
    }

    /// Returns what happened so far, with the place, in order.
    pub fn happened(&self) -> Vec<(String, Fault)> {
        self.lock(|inner| inner.happened.clone())
    }

    /// Returns what goes wrong at `place` this time, if anything; the first rule that fires wins.
    pub(crate) fn strike(&self, place: &str) -> Option<Fault> {
        self.lock(|inner| {
            let fault = inner.draw(place)?;
            inner.happened.push((place.to_owned(), fault));
            Some(fault)
        })
    }

    fn lock<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn draw(&mut self, place: &str) -> Option<Fault> {
        let rng = &mut self.rng;
        let hit = self.rules.iter_mut().position(|rule| {
            if !rule.matches(place) || rule.count == 0 {
                return false;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return false;
            }
            rng.below(1_000) < u64::from(rule.per_mille)
        })?;
        let rule = &mut self.rules[hit];
        rule.count -= 1;
        let fault = rule.fault;
        self.rules.retain(|rule| rule.count > 0);
        Some(fault)
    }
}

impl Fault {
    /// Returns how long to wait before the request reaches the exchange.
    pub(crate) const fn wait_before(self) -> Option<Duration> {
        match self {
            Self::Delay { ms } | Self::Stall { ms } => Some(Duration::from_millis(ms)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_skips_counts_and_ends() {
        let faults = Faults::default();
        faults.add(FaultRule { skip: 1, count: 2, ..FaultRule::next("send*", Fault::DropReply) });
        let struck: Vec<bool> = (0..5).map(|_| faults.strike("sendTx").is_some()).collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert_eq!(faults.strike("nextNonce"), None);
        assert_eq!(faults.happened().len(), 2);
    }

    #[test]
    fn chances_repeat_with_their_seed() {
        let draw = |seed| {
            let faults = Faults::seeded(seed);
            faults.add(FaultRule { count: 1_000, per_mille: 300, ..FaultRule::next("*", Fault::RateLimit) });
            (0..100).map(|_| faults.strike("x").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!((10..60).contains(&draw(7).iter().filter(|hit| **hit).count()));
    }

    #[test]
    fn rules_are_read_flat() {
        let read = |text: &str| serde_json::from_str::<FaultRule>(text);
        let rule = read(r#"{"kind":"delay","endpoint":"sendTx","ms":50}"#).unwrap();
        assert_eq!(rule, FaultRule::next("sendTx", Fault::Delay { ms: 50 }));
        let rule = read(r#"{"kind":"close_sockets"}"#).unwrap();
        assert_eq!(rule, FaultRule::next("connections", Fault::Close));
        for wrong in [
            r#"{"kind":"delay","endpoint":"sendTx"}"#,
            r#"{"kind":"drop_reply"}"#,
            r#"{"kind":"drop_reply","endpoint":"sendTx","often":1}"#,
            r#"{"kind":"nothing","endpoint":"sendTx"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_shipped_world_of_faults_is_understood() {
        let text = include_str!("../../../tests/fixtures/worlds/faults.yaml");
        let world = crate::paper::world::WorldSpec::parse(text).unwrap();
        assert!(!world.faults.is_empty());
        for entry in world.faults {
            serde_json::from_value::<FaultRule>(entry.fault).unwrap();
        }
    }
}
