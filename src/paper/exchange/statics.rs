//! What the transaction module decides alone: static field rules and the L1 signer.

use super::api::ApiError;
use crate::tx::{Envelope, l1};

/// Checks the static rules of transactions.md §12.
pub(super) fn check(envelope: &Envelope) -> Result<(), ApiError> {
    envelope.check().map_err(|(code, message)| ApiError::new(code, message))
}

/// Returns the address that made an L1 signature.
pub(super) fn l1_signer(envelope: &Envelope, chain_id: u32, signature: &str) -> Option<String> {
    let message = envelope.l1_message(chain_id)?;
    l1::recover(&message, signature).ok().map(|address| address.to_string())
}
