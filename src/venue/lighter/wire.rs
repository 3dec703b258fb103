//! The JSON shapes of the wire. They never leave `venue/lighter`; `parse` turns them into the model.
//!
//! Only fields that are used are named; serde skips the rest, so a new field never breaks a read. Numbers that are
//! money are kept as their text ([`Text`]), whether the venue quotes them or not: they never pass through a float.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A JSON string or number, as text. `null` is the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match raw.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw.get()).map(Self).map_err(D::Error::custom),
            Some(b'-' | b'0'..=b'9') => Ok(Self(raw.get().to_owned())),
            Some(b'n') => Ok(Self::default()),
            _ => Err(D::Error::custom("expected a string or a number")),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a JSON object; serde alone would also read an array, field by field.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> serde_json::Result<T> {
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') | None => serde_json::from_slice(text),
        Some(_) => Err(serde_json::Error::custom("expected a JSON object")),
    }
}

/// Reads an integer, quoted or not; `null` is 0 as in the venue's own language.
pub(super) fn int<'de, D: Deserializer<'de>, T: FromStr + Default>(deserializer: D) -> Result<T, D::Error> {
    let text = Text::deserialize(deserializer)?;
    if text.0.is_empty() {
        return Ok(T::default());
    }
    text.0.parse().map_err(|_| D::Error::custom(format_args!("`{text}` is not an integer of the right size")))
}

/// Reads a text that says nothing when it is `null`; what it means is decided by `parse`, as for any unknown value.
pub(super) fn string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a flag that is down when it is `null`.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a list that must be there, though it may be `null` (an empty slice of the venue's).
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a map by market that must be there, though it may be `null` or an empty list.
pub(super) fn by_market<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    match raw.get() {
        "null" => Ok(BTreeMap::new()),
        text if text.starts_with('[') => {
            let rows: Vec<Box<RawValue>> = serde_json::from_str(text).map_err(D::Error::custom)?;
            if rows.is_empty() {
                Ok(BTreeMap::new())
            } else {
                Err(D::Error::custom("expected a map by market"))
            }
        }
        text => serde_json::from_str(text).map_err(D::Error::custom),
    }
}

/// Code and text that nearly every answer carries.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Envelope {
    pub(super) code: Option<i64>,
    #[serde(default)]
    pub(super) message: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) status: i64,
    #[serde(deserialize_with = "int")]
    pub(super) network_id: u32,
    #[serde(deserialize_with = "int")]
    pub(super) timestamp: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    pub(super) tx_hash: String,
    #[serde(default, deserialize_with = "int")]
    pub(super) predicted_execution_time_ms: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SentBatch {
    #[serde(deserialize_with = "list")]
    pub(super) tx_hash: Vec<String>,
    #[serde(default, deserialize_with = "int")]
    pub(super) predicted_execution_time_ms: i64,
}

/// A frame of order entry: a success, form A or form B of a refusal (websocket.md §6).
#[derive(Debug, Deserialize)]
pub(super) struct SentFrame {
    #[serde(default, deserialize_with = "string", rename = "type")]
    pub(super) kind: String,
    /// A string or a number, as it was sent.
    #[serde(default)]
    pub(super) id: Option<Text>,
    #[serde(default)]
    pub(super) code: Option<i64>,
    #[serde(default)]
    pub(super) message: Option<String>,
    /// A text; a list for batches, which this program does not send over a socket.
    #[serde(default)]
    pub(super) tx_hash: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "int")]
    pub(super) predicted_execution_time_ms: i64,
    #[serde(default)]
    pub(super) error: Option<Envelope>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NextNonce {
    #[serde(deserialize_with = "int")]
    pub(super) nonce: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiKeys {
    #[serde(deserialize_with = "list")]
    pub(super) api_keys: Vec<ApiKey>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiKey {
    #[serde(deserialize_with = "int")]
    pub(super) api_key_index: u8,
    #[serde(deserialize_with = "int")]
    pub(super) nonce: i64,
    pub(super) public_key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct AccountLimits {
    #[serde(deserialize_with = "string")]
    pub(super) user_tier: String,
    #[serde(default, deserialize_with = "int")]
    pub(super) current_maker_fee_tick: u32,
    #[serde(default, deserialize_with = "int")]
    pub(super) current_taker_fee_tick: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct WithdrawalDelay {
    #[serde(deserialize_with = "int")]
    pub(super) seconds: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct FastWithdrawInfo {
    #[serde(deserialize_with = "int")]
    pub(super) to_account_index: i64,
    #[serde(default)]
    pub(super) withdraw_limit: Text,
    pub(super) max_withdrawal_amount: Text,
}

#[derive(Debug, Deserialize)]
pub(super) struct TransferFee {
    /// In millionths of a USDC.
    #[serde(deserialize_with = "int")]
    pub(super) transfer_fee_usdc: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Withdrawals {
    #[serde(deserialize_with = "list")]
    pub(super) withdraws: Vec<Withdrawal>,
    #[serde(default)]
    pub(super) cursor: Option<String>,
    #[serde(default)]
    pub(super) next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Withdrawal {
    pub(super) id: Text,
    pub(super) amount: Text,
    #[serde(default, deserialize_with = "int")]
    pub(super) timestamp: i64,
    #[serde(default, deserialize_with = "string")]
    pub(super) status: String,
    #[serde(default, deserialize_with = "string", rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) l1_tx_hash: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OrderBookDetails {
    /// Read row by row: a listing that this program cannot read must not hide the others.
    #[serde(deserialize_with = "list")]
    pub(super) order_book_details: Vec<Box<RawValue>>,
    #[serde(default, deserialize_with = "list")]
    pub(super) spot_order_book_details: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Market {
    #[serde(deserialize_with = "int")]
    pub(super) market_id: i64,
    pub(super) symbol: String,
    #[serde(default, deserialize_with = "string")]
    pub(super) market_type: String,
    #[serde(default, deserialize_with = "string")]
    pub(super) status: String,
    pub(super) size_decimals: Option<u32>,
    pub(super) price_decimals: Option<u32>,
    pub(super) supported_size_decimals: Option<u32>,
    pub(super) supported_price_decimals: Option<u32>,
    #[serde(default)]
    pub(super) quote_multiplier: Option<i64>,
    pub(super) min_base_amount: Text,
    pub(super) min_quote_amount: Text,
    #[serde(default)]
    pub(super) order_quote_limit: Text,
    #[serde(default)]
    pub(super) liquidation_fee: Text,
    #[serde(default, deserialize_with = "int")]
    pub(super) default_initial_margin_fraction: u16,
    #[serde(default, deserialize_with = "int")]
    pub(super) min_initial_margin_fraction: u16,
    #[serde(default, deserialize_with = "int")]
    pub(super) maintenance_margin_fraction: u16,
    #[serde(default, deserialize_with = "int")]
    pub(super) closeout_margin_fraction: u16,
    #[serde(default)]
    pub(super) mark_price: Text,
    #[serde(default)]
    pub(super) index_price: Text,
    #[serde(default)]
    pub(super) market_config: Option<MarketConfig>,
}

#[derive(Debug, Deserialize)]
pub(super) struct MarketConfig {
    #[serde(default, deserialize_with = "flag")]
    pub(super) force_reduce_only: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Accounts {
    #[serde(deserialize_with = "list")]
    pub(super) accounts: Vec<Account>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    #[serde(deserialize_with = "int")]
    pub(super) index: i64,
    #[serde(default, deserialize_with = "string")]
    pub(super) l1_address: String,
    #[serde(default, deserialize_with = "int")]
    pub(super) cancel_all_time: i64,
    #[serde(default, deserialize_with = "int")]
    pub(super) total_order_count: u32,
    pub(super) available_balance: Text,
    pub(super) collateral: Text,
    pub(super) total_asset_value: Text,
    #[serde(deserialize_with = "list")]
    pub(super) positions: Vec<Position>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Position {
    #[serde(deserialize_with = "int")]
    pub(super) market_id: i64,
    #[serde(default)]
    pub(super) initial_margin_fraction: Text,
    #[serde(default, deserialize_with = "int")]
    pub(super) open_order_count: u32,
    #[serde(deserialize_with = "int")]
    pub(super) sign: i8,
    pub(super) position: Text,
    #[serde(default)]
    pub(super) avg_entry_price: Text,
    #[serde(default)]
    pub(super) position_value: Text,
    #[serde(default)]
    pub(super) unrealized_pnl: Text,
    #[serde(default)]
    pub(super) realized_pnl: Text,
    #[serde(default)]
    pub(super) liquidation_price: Text,
    #[serde(default)]
    pub(super) total_funding_paid_out: Text,
    #[serde(default, deserialize_with = "int")]
    pub(super) margin_mode: i64,
    #[serde(default, deserialize_with = "int")]
    pub(super) margin_set_flag: i64,
    #[serde(default)]
    pub(super) allocated_margin: Text,
}

#[derive(Debug, Deserialize)]
pub(super) struct Orders {
    #[serde(deserialize_with = "list")]
    pub(super) orders: Vec<Order>,
    #[serde(default)]
    pub(super) next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Order {
    #[serde(deserialize_with = "int")]
    pub(super) order_index: u64,
    #[serde(default, deserialize_with = "int")]
    pub(super) client_order_index: u64,
    #[serde(deserialize_with = "int")]
    pub(super) market_index: i64,
    #[serde(deserialize_with = "int")]
    pub(super) owner_account_index: i64,
    pub(super) initial_base_amount: Text,
    pub(super) remaining_base_amount: Text,
    pub(super) price: Text,
    pub(super) is_ask: bool,
    #[serde(default)]
    pub(super) filled_base_amount: Text,
    #[serde(default)]
    pub(super) filled_quote_amount: Text,
    #[serde(default, deserialize_with = "string", rename = "type")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "string")]
    pub(super) time_in_force: String,
    #[serde(default, deserialize_with = "flag")]
    pub(super) reduce_only: bool,
    #[serde(default)]
    pub(super) trigger_price: Text,
    #[serde(default, deserialize_with = "int")]
    pub(super) order_expiry: i64,
    #[serde(deserialize_with = "string")]
    pub(super) status: String,
    #[serde(default, deserialize_with = "int")]
    pub(super) timestamp: i64,
    #[serde(default, deserialize_with = "int")]
    pub(super) updated_at: i64,
    #[serde(default, deserialize_with = "int")]
    pub(super) transaction_time: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Trades {
    #[serde(deserialize_with = "list")]
    pub(super) trades: Vec<Trade>,
    #[serde(default)]
    pub(super) next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Trade {
    #[serde(deserialize_with = "int")]
    pub(super) trade_id: u64,
    #[serde(default, deserialize_with = "string")]
    pub(super) tx_hash: String,
    #[serde(default, deserialize_with = "string", rename = "type")]
    pub(super) kind: String,
    #[serde(deserialize_with = "int")]
    pub(super) market_id: i64,
    pub(super) size: Text,
    pub(super) price: Text,
    #[serde(default)]
    pub(super) usd_amount: Text,
    #[serde(default, deserialize_with = "int")]
    pub(super) ask_id: u64,
    #[serde(default, deserialize_with = "int")]
    pub(super) bid_id: u64,
    #[serde(default, deserialize_with = "int")]
    pub(super) ask_client_id: u64,
    #[serde(default, deserialize_with = "int")]
    pub(super) bid_client_id: u64,
    #[serde(deserialize_with = "int")]
    pub(super) ask_account_id: i64,
    #[serde(deserialize_with = "int")]
    pub(super) bid_account_id: i64,
    pub(super) is_maker_ask: bool,
    #[serde(default, deserialize_with = "int")]
    pub(super) taker_fee: u32,
    #[serde(default, deserialize_with = "int")]
    pub(super) maker_fee: u32,
    #[serde(default, deserialize_with = "int")]
    pub(super) timestamp: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tx {
    #[serde(default, deserialize_with = "string")]
    pub(super) hash: String,
    #[serde(rename = "type", deserialize_with = "int")]
    pub(super) tx_type: i64,
    #[serde(default)]
    pub(super) event_info: Option<Text>,
    pub(super) status: Option<i64>,
    #[serde(default, deserialize_with = "int")]
    pub(super) account_index: i64,
    #[serde(default, deserialize_with = "int")]
    pub(super) api_key_index: i64,
    #[serde(default, deserialize_with = "int")]
    pub(super) nonce: i64,
    #[serde(default, deserialize_with = "int")]
    pub(super) executed_at: i64,
}

/// The one key of `event_info` that says whether the transaction failed: text, or an object in some accounts of it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct EventInfo {
    #[serde(default)]
    pub(super) ae: Option<serde_json::Value>,
}

/// What every stream frame may carry; the payload is read again by its family.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    #[serde(default, deserialize_with = "string", rename = "type")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "string")]
    pub(super) channel: String,
    #[serde(default)]
    pub(super) error: Option<Envelope>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BookFrame {
    pub(super) order_book: Book,
}

#[derive(Debug, Deserialize)]
pub(super) struct Book {
    #[serde(deserialize_with = "list")]
    pub(super) asks: Vec<Level>,
    #[serde(deserialize_with = "list")]
    pub(super) bids: Vec<Level>,
    #[serde(deserialize_with = "int")]
    pub(super) nonce: i64,
    #[serde(default, deserialize_with = "int")]
    pub(super) begin_nonce: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Level {
    pub(super) price: Text,
    pub(super) size: Text,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatsFrame {
    #[serde(alias = "spot_market_stats")]
    pub(super) market_stats: Stats,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stats {
    #[serde(default)]
    pub(super) mark_price: Text,
    #[serde(default)]
    pub(super) index_price: Text,
    #[serde(default)]
    pub(super) last_trade_price: Text,
    #[serde(default)]
    pub(super) current_funding_rate: Text,
}

#[derive(Debug, Deserialize)]
pub(super) struct OrdersFrame {
    #[serde(deserialize_with = "by_market")]
    pub(super) orders: BTreeMap<String, Option<Vec<Order>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TradesFrame {
    #[serde(deserialize_with = "by_market")]
    pub(super) trades: BTreeMap<String, Option<Vec<Trade>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PositionsFrame {
    #[serde(deserialize_with = "by_market")]
    pub(super) positions: BTreeMap<String, Option<Position>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct UserStatsFrame {
    pub(super) stats: UserStats,
}

#[derive(Debug, Deserialize)]
pub(super) struct UserStats {
    pub(super) available_balance: Text,
    pub(super) collateral: Text,
    pub(super) portfolio_value: Text,
}

#[derive(Debug, Deserialize)]
pub(super) struct TxsFrame {
    #[serde(deserialize_with = "list")]
    pub(super) txs: Vec<Tx>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NoticesFrame {
    #[serde(deserialize_with = "list")]
    pub(super) notifs: Vec<Notif>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Notif {
    pub(super) id: Text,
    #[serde(default, deserialize_with = "string")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) content: Option<NotifContent>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NotifContent {
    #[serde(default)]
    pub(super) market_index: Option<i64>,
}
