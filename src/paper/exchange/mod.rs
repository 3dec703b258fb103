//! The exchange core: a deterministic state machine without I/O, clock or randomness.

mod api;

pub use api::{
    AccountRecord, ApiError, ExchangeConfig, ExchangeEvent, LiquidationRecord, NoticeRecord, PositionRecord,
    RestingOrder, Submitted, Tier, TradeRecord, TransferRecord, TxOutcome, TxRecord, WithdrawalRecord,
};
