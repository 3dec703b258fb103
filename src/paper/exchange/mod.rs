//! The exchange core: a deterministic state machine without I/O, clock or randomness.

mod account;
mod api;
mod book;
mod checks;
mod errand;
mod execute;
mod execute_account;
mod funding;
mod house;
mod lifecycle;
mod limits;
mod liquidation;
mod matching;
mod mishap;
mod order;
mod query;
mod refusal;
mod risk;
mod sequencer;
mod state;
mod statics;
mod submit;
mod tally;
mod triggers;
mod twap;
mod withdraw;

pub use api::{
    AccountRecord, ApiError, Conservation, ExchangeConfig, ExchangeEvent, FundingRecord, LiquidationRecord,
    MarketStats, NoticeRecord, PositionRecord, RestingOrder, Submitted, Tier, TradeFilter, TradeRecord,
    TransferRecord, TxOutcome, TxRecord, WithdrawalRecord,
};
pub use mishap::{Mishap, MishapRule};
pub use state::Exchange;
pub use withdraw::WithdrawBehaviour;

use account::Account;
use risk::fraction_in_use;

use crate::model::{MarketId, OrderIndex};

/// Returns the market that an order index belongs to (transactions.md §13).
pub(crate) const fn market_of(order: OrderIndex) -> MarketId {
    MarketId::new((order.get() >> 48).cast_signed() - 1)
}

/// Returns the maker and the taker fee of a tier, in millionths.
pub(crate) const fn fees(tier: Tier) -> (u32, u32) {
    match tier {
        Tier::Standard => (0, 0),
        Tier::Premium => (40, 280),
    }
}

#[cfg(test)]
mod tests;
