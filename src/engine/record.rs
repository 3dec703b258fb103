//! A pair's entries as the journal stores them.

use super::entry::{Entry, Intent, Outcome};
use super::state::Pair;
use crate::journal::{IntentRow, NewEvent};
use crate::model::{PairId, Timestamp};

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
