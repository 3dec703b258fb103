//! Runs a step graph: one task owns a pair's state, decisions are pure, entries are durable before effects.

mod board;
mod build;
pub mod codes;
pub mod control;
mod decide;
mod driver;
mod entry;
mod event;
mod ingest;
pub(crate) mod intents;
mod market;
mod memory;
#[doc(hidden)]
pub mod outlook;
#[doc(hidden)]
pub mod reads;
pub(crate) mod record;
mod risk;
mod rules;
mod run;
mod sender;
mod spec;
#[doc(hidden)]
mod state;
mod steps;
mod until;
mod watchdog;
mod work;

pub use decide::decide;
pub(crate) use driver::{ANSWER_LAG, DECISIONS_MAX};
pub use driver::{DriverError, News, PairStatus};
pub use entry::{
    Checked, CheckedLeg, Entry, ExitReason, Fill, HedgeReason, Intent, IntentId, LegSide, OrderTerms,
    Outcome, PairEnd, Purpose, RiskState, Step, StopMode,
};
pub use event::{Decision, Effect, Event, ForeignQuote, LegSnapshot, LegView, Proposal, SendResult, View};
pub use memory::Memory;
pub use run::{PairOutcome, Run, RunInput, StartError, StopHandle};
pub use sender::Signer;
pub use spec::{PairSpec, client_order_index};
pub use state::{IllegalEntry, Leg, LegWithdrawal, OrderState, OwnOrder, Pair, fold};
pub use until::Until;
pub(crate) use watchdog::STILL_MAX;
