//! A pair's entries as the journal stores them.

use serde::Deserialize;

use super::entry::{Entry, Intent, IntentId, LegSide, Outcome, Step};
use super::state::Pair;
use crate::journal::{IntentRow, NewEvent};
use crate::model::{ClientOrderIndex, OrderIndex, OrderStatus, PairId, Size, Timestamp};

/// Returns the events of `entries`.
pub(crate) fn events(pair: &PairId, at: Timestamp, entries: &[Entry]) -> Vec<NewEvent> {
    let encode = |entry: &Entry| NewEvent {
        pair: Some(pair.clone()),
        kind: entry.kind().to_owned(),
        at,
        body: serde_json::to_string(entry).unwrap_or_default(),
    };
    entries.iter().map(encode).collect()
}

/// Returns the rows of the intents table that `entries` write, with `state` as it was before them.
pub(crate) fn intents(pair: &PairId, state: &Pair, entries: &[Entry]) -> Vec<IntentRow> {
    let row = |entry: &Entry| match entry {
        Entry::Intent(intent) => Some(intent_row(pair, intent, "in-doubt")),
        Entry::Settled { intent, leg, outcome, .. } => {
            let outcome = match outcome {
                Outcome::Executed => "executed",
                Outcome::Failed { .. } => "failed",
                Outcome::Dead { .. } => "dead",
            };
            state.leg(*leg).unsettled.get(intent).map(|intent| intent_row(pair, intent, outcome))
        }
        _ => None,
    };
    entries.iter().filter_map(row).collect()
}

fn intent_row(pair: &PairId, intent: &Intent, state: &str) -> IntentRow {
    IntentRow {
        intent_id: format!("{pair}/{}", intent.id.0),
        account: intent.account,
        key: intent.key,
        nonce: intent.nonce,
        client_order_index: intent.client_order_index,
        hash: intent.hash,
        tx_type: intent.tx_type,
        tx_info: intent.tx_info.clone(),
        deadline: intent.deadline,
        state: state.to_owned(),
    }
}

/// What every entry begins with in a journal that this program wrote.
const FIRST: &str = "{\"kind\":\"";

/// The fields of [`Entry::Step`].
#[derive(Deserialize)]
struct StepFields {
    to: Step,
    at: Timestamp,
}

/// The fields of [`Entry::Settled`].
#[derive(Deserialize)]
struct SettledFields {
    intent: IntentId,
    leg: LegSide,
    outcome: Outcome,
    at: Timestamp,
}

/// The fields of [`Entry::Order`].
#[derive(Deserialize)]
struct OrderFields {
    leg: LegSide,
    client_order_index: ClientOrderIndex,
    order_index: OrderIndex,
    status: OrderStatus,
    filled: Size,
    at: Timestamp,
}

impl Entry {
    /// Reads an entry from the body of its event.
    ///
    /// The same as its `Deserialize`, at half the cost: that one cannot know that the kind stands first, so it keeps all
    /// fields in a general form and converts them afterwards. Here the kinds of which a journal is full are read into
    /// place; the others, and bodies of other programs that begin otherwise, go the general way.
    ///
    /// # Errors
    ///
    /// `body` is no entry that this program knows.
    pub fn read(body: &str) -> serde_json::Result<Self> {
        let kind = body.strip_prefix(FIRST).and_then(|rest| rest.split_once('"'));
        Ok(match kind.map(|(kind, _)| kind) {
            Some("intent") => Self::Intent(serde_json::from_str(body)?),
            Some("settled") => {
                let SettledFields { intent, leg, outcome, at } = serde_json::from_str(body)?;
                Self::Settled { intent, leg, outcome, at }
            }
            Some("order") => {
                let OrderFields { leg, client_order_index, order_index, status, filled, at } =
                    serde_json::from_str(body)?;
                Self::Order { leg, client_order_index, order_index, status, filled, at }
            }
            Some("step") => {
                let StepFields { to, at } = serde_json::from_str(body)?;
                Self::Step { to, at }
            }
            Some("fill") => Self::Fill(serde_json::from_str(body)?),
            Some("checked") => Self::Checked(serde_json::from_str(body)?),
            _ => serde_json::from_str(body)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Map, Value};

    use super::*;
    use crate::journal::{SqliteStore, Store};

    /// Bodies of real entries.
    fn bodies() -> Vec<String> {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journals/1-first/journal.sqlite");
        let store = SqliteStore::open_read_only(&path).unwrap();
        let runs = store.runs().unwrap();
        let events = runs.iter().flat_map(|run| store.events(&run.id, 1).unwrap());
        events.filter(|event| event.pair.is_some()).map(|event| event.body).collect()
    }

    #[test]
    fn an_entry_is_read_as_its_deserialize_reads_it() {
        let mut kinds = std::collections::BTreeSet::new();
        for body in bodies() {
            let entry: Entry = serde_json::from_str(&body).unwrap();
            assert_eq!(Entry::read(&body).unwrap(), entry, "{body}");
            // Whatever it begins with.
            let Value::Object(fields) = serde_json::from_str(&body).unwrap() else { panic!("{body}") };
            let turned = Value::Object(fields.into_iter().rev().collect::<Map<_, _>>()).to_string();
            assert!(!turned.starts_with(FIRST), "{turned}");
            assert_eq!(Entry::read(&turned).unwrap(), entry, "{turned}");
            kinds.insert(entry.kind());
        }
        for direct in ["intent", "settled", "order", "step", "fill", "checked"] {
            assert!(kinds.contains(direct), "{direct} is not among {kinds:?}");
        }
    }

    #[test]
    fn what_is_no_entry_is_refused_both_ways() {
        for body in bodies() {
            for bad in
                [body.replacen(",\"", ",\"un", 1), body.replacen("kind", "kinds", 1), format!("{body}}}")]
            {
                let (read, derived) =
                    (Entry::read(&bad).is_err(), serde_json::from_str::<Entry>(&bad).is_err());
                assert_eq!(read, derived, "{bad}");
            }
            assert!(Entry::read(&body[..body.len() - 1]).is_err(), "{body}");
        }
    }
}
