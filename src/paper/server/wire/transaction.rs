//! Transactions with their results.

use super::{height, us};
use crate::model::Timestamp;
use crate::paper::exchange::{TxOutcome, TxRecord};
use crate::paper::server::json::{Json, Object, fields, object};

/// Returns the `status` number: 0 failed, 1 pending, 2 executed. A failure that used its nonce shows as executed with
/// an error in `ae`, which is what clients must be able to read.
const fn status(outcome: &TxOutcome) -> u8 {
    match outcome {
        TxOutcome::Pending => 1,
        TxOutcome::Executed | TxOutcome::Failed { nonce_used: true, .. } => 2,
        TxOutcome::Failed { nonce_used: false, .. } => 0,
    }
}

/// Returns the `event_info` text: empty while pending, else an object whose `ae` is empty on success.
fn event_info(tx: &TxRecord) -> String {
    match &tx.outcome {
        TxOutcome::Pending => String::new(),
        TxOutcome::Executed => match tx.cancelled {
            Some((order, client)) => {
                let client = client.map_or(0, |client| client.get());
                object! { "a": tx.account, "i": order, "u": client, "ae": "" }.text().to_owned()
            }
            None => object! { "ae": "" }.text().to_owned(),
        },
        TxOutcome::Failed { error, .. } => {
            let error = object! { "code": error.code, "message": error.message };
            object! { "ae": error.text() }.text().to_owned()
        }
    }
}

fn body(start: Object, tx: &TxRecord, l1_address: &str) -> Object {
    let at = tx.executed_at.unwrap_or(tx.queued_at);
    start
        .put("hash", &tx.hash)
        .put("type", &tx.tx_type)
        .put("info", &tx.info)
        .put("event_info", &event_info(tx))
        .put("status", &status(&tx.outcome))
        .put("transaction_index", &0)
        .put("l1_address", l1_address)
        .put("account_index", &tx.account)
        .put("nonce", &tx.nonce)
        .put("expire_at", &tx.expire_at)
        .put("block_height", &tx.executed_at.map_or(0, height))
        .put("queued_at", &tx.queued_at)
        .put("sequence_index", &tx.sequence)
        .put("parent_hash", "")
        .put("api_key_index", &tx.api_key_index)
        .put("transaction_time", &us(at))
        .put("executed_at", &tx.executed_at.map_or(0, Timestamp::as_millis))
}

/// Returns the answer of `tx` (http.md §4).
pub(crate) fn transaction(tx: &TxRecord, l1_address: &str) -> Json {
    body(fields! { "code": 200 }, tx, l1_address).put("committed_at", &0).put("verified_at", &0).json()
}

/// Returns the Tx object of lists and of the `account_tx` channel.
pub(crate) fn transaction_row(tx: &TxRecord, l1_address: &str) -> Json {
    body(Object::new(), tx, l1_address).json()
}
