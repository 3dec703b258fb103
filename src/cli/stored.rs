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
    let mut pairs = BTreeMap::new();
    for row in events {
        fold(&mut pairs, row)?;
    }
    Ok(pairs)
}

/// Folds one more event; one of the run as a whole changes no pair.
pub(crate) fn fold(pairs: &mut BTreeMap<PairId, Pair>, row: &EventRow) -> Result<(), StoredError> {
    let Some(id) = &row.pair else { return Ok(()) };
    let entry = Entry::read(&row.body).map_err(|source| StoredError::Unreadable { seq: row.seq, source })?;
    if !pairs.contains_key(id) {
        pairs.insert(id.clone(), Pair::default());
    }
    match pairs.get_mut(id) {
        Some(pair) => pair.evolve(&entry).map_err(|source| StoredError::Illegal { seq: row.seq, source }),
        None => Ok(()),
    }
}
