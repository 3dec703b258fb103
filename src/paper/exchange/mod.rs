//! The exchange core: a deterministic state machine without I/O, clock or randomness.

mod account;
mod api;
mod book;
mod checks;
mod checks_money;
mod errand;
mod execute;
mod execute_account;
mod funding;
mod house;
mod integrator;
mod lifecycle;
mod limits;
mod liquidation;
mod liquidation_record;
mod maker_only;
mod matching;
mod mishap;
mod order;
mod query;
mod refusal;
mod request;
mod risk;
mod sequencer;
mod state;
mod statics;
mod submit;
mod tally;
mod throttle;
mod tier;
mod triggers;
mod twap;
mod withdraw;

pub use api::{
    AccountRecord, ApiError, Conservation, DepositRecord, ExchangeConfig, ExchangeEvent, FastWithdrawalTerms,
    FundingRecord, IntegratorRecord, LiquidationRecord, MarketFundingRecord, MarketStats, NoticeRecord,
    PositionRecord, RestingOrder, RiskRecord, Submitted, Tier, TradeFilter, TradeRecord, TradingMode,
    TransferRecord, TxOutcome, TxRecord, WithdrawalRecord,
};
pub use mishap::{Mishap, MishapRule};
pub use request::Request;
pub use state::Exchange;
pub use throttle::{Caller, Traffic, TxLimits};
pub use withdraw::WithdrawBehaviour;

use account::Account;
use risk::fraction_in_use;

use crate::model::{AccountIndex, MarketId, OrderIndex};

/// Returns the market that an order index belongs to (transactions.md §13).
pub(crate) const fn market_of(order: OrderIndex) -> MarketId {
    MarketId::new((order.get() >> 48).cast_signed() - 1)
}

/// Returns whether an account is one of the exchange's own.
pub(crate) fn is_system(account: AccountIndex) -> bool {
    [state::LIQUIDITY_POOL, withdraw::FAST_WITHDRAWAL].contains(&account)
}

#[cfg(test)]
mod tests;
