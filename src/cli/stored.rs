//! Runs as the journal has them.

use std::collections::BTreeMap;

use crate::engine::{Entry, IllegalEntry, Pair};
use crate::journal::EventRow;
use crate::model::PairId;

/// Why stored events make no state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoredError {
    /// The entry is of another program.
    #[error("event {seq} cannot be read by this program")]
    Unreadable {
        /// Which.
        seq: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// The entry does not follow from those before it.
    #[error("event {seq} does not follow from those before it")]
    Illegal {
        /// Which.
        seq: u64,
        /// Why.
        source: IllegalEntry,
    },
}

/// Folds the events of a run into the states of its pairs.
pub(crate) fn fold_pairs(events: &[EventRow]) -> Result<BTreeMap<PairId, Pair>, StoredError> {
    let mut pairs: BTreeMap<PairId, Pair> = BTreeMap::new();
    for row in events {
        let Some(id) = &row.pair else { continue };
        let entry: Entry = serde_json::from_str(&row.body)
            .map_err(|source| StoredError::Unreadable { seq: row.seq, source })?;
        let pair = pairs.entry(id.clone()).or_default();
        pair.evolve(&entry).map_err(|source| StoredError::Illegal { seq: row.seq, source })?;
    }
    Ok(pairs)
}
