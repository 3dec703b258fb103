//! L2 transactions: layouts, hashes, JSON form, auth tokens and L1 messages.

mod attributes;
pub mod auth;
mod check;
mod envelope;
mod error;
pub mod l1;
#[cfg(test)]
mod tests;
mod types;
#[cfg(test)]
mod vectors;
mod wire;

use serde::{Deserialize, Serialize};

use crate::model::TxHash;

pub use attributes::{Attribute, Attributes, SelfTradeMode, SelfTradeScope};
pub use envelope::{Envelope, Tx};
pub use error::TxError;
pub use types::{
    ApproveIntegrator, CancelAllOrders, CancelOrder, ChangePubKey, CreateGroupedOrders, CreateOrder,
    CreateSubAccount, ModifyOrder, OrderSpec, Transfer, UpdateAccountAssetConfig, UpdateAccountConfig,
    UpdateLeverage, UpdateMargin, Withdraw,
};

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
