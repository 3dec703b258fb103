//! L2 transactions: layouts, hashes, JSON form, auth tokens and L1 messages.

use serde::{Deserialize, Serialize};

use crate::model::TxHash;

/// A signed transaction, ready for the wire and for the journal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedTx {
    /// The type number (transactions.md §3).
    pub tx_type: u8,
    /// The exact JSON text that is sent; signed bytes never change after this.
    pub tx_info: String,
    /// The hash the venue will know it by, known before sending.
    pub hash: TxHash,
}
