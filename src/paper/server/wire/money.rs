//! Withdrawals, transfers, liquidations and notifications.

use super::{price, seconds, size, usdc};
use crate::model::{AccountIndex, Market, Timestamp};
use crate::paper::exchange::{DepositRecord, NoticeRecord, TransferRecord, WithdrawalRecord};
use crate::paper::server::json::{Json, object};

/// The asset id of USDC.
pub(super) const USDC_ASSET: u8 = 3;

/// Returns a row of `withdraw/history` (http.md §8).
pub(crate) fn withdrawal(record: &WithdrawalRecord) -> Json {
    object! {
        "id": record.id.to_string(),
        "asset_id": USDC_ASSET,
        "amount": usdc(record.amount),
        "timestamp": record.at,
        "status": record.status,
        "type": if record.secure { "secure" } else { "fast" },
        "l1_tx_hash": record.l1_tx_hash.as_deref().unwrap_or(""),
    }
}

/// Returns a row of `transfer/history` as `viewer` sees it; `from_l1` and `to_l1` are the owners' addresses.
pub(crate) fn transfer(record: &TransferRecord, viewer: AccountIndex, from_l1: &str, to_l1: &str) -> Json {
    let kind = match (record.from == record.to, record.from == viewer) {
        (true, _) => "L2SelfTransfer",
        (false, true) => "L2TransferOutflow",
        (false, false) => "L2TransferInflow",
    };
    object! {
        "id": record.id.to_string(),
        "asset_id": USDC_ASSET,
        "amount": usdc(record.amount),
        "fee": usdc(record.fee),
        "timestamp": record.at,
        "type": kind,
        "from_l1_address": from_l1,
        "to_l1_address": to_l1,
        "from_account_index": record.from,
        "to_account_index": record.to,
        "from_route": "perps",
        "to_route": "perps",
        "tx_hash": record.hash,
    }
}

/// Returns a row of `deposit/history` (http.md §8).
pub(crate) fn deposit(record: &DepositRecord) -> Json {
    object! {
        "id": record.id.to_string(),
        "asset_id": USDC_ASSET,
        "amount": usdc(record.amount),
        "timestamp": record.at,
        "status": "completed",
        "l1_tx_hash": record.l1_tx_hash,
    }
}

/// Returns a notification (websocket.md §4).
pub(crate) fn notice(record: &NoticeRecord, market: &Market) -> Json {
    let content = if record.kind == "deleverage" {
        object! {
            "id": record.id,
            "usdc_amount": usdc(record.usdc),
            "size": size(record.size, market),
            "market_index": record.market,
            "settlement_price": price(record.price, market),
            "timestamp": seconds(record.at),
        }
    } else {
        object! {
            "id": record.id,
            "is_ask": record.is_ask,
            "usdc_amount": usdc(record.usdc),
            "size": size(record.size, market),
            "market_index": record.market,
            "price": price(record.price, market),
            "timestamp": seconds(record.at),
            "avg_price": price(record.price, market),
        }
    };
    object! {
        "id": record.id,
        "created_at": rfc3339_us(record.at),
        "updated_at": rfc3339_us(record.at),
        "kind": record.kind,
        "account_index": record.account,
        "content": content,
        "ack": false,
        "acked_at": Json::null(),
    }
}

/// Returns RFC 3339 with microseconds, as notifications have it.
fn rfc3339_us(at: Timestamp) -> String {
    let ms = at.to_string();
    format!("{}000Z", ms.trim_end_matches('Z'))
}
