//! What goes into a decision and what comes out of it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::entry::{Checked, Child, Entry, IntentId, LegSide, OrderTerms, Purpose, StopMode};
use crate::model::{
    AccountView, ApiKeyIndex, BookTop, ClientOrderIndex, MarginView, Market, Nonce, Order, Position, Price,
    Side, Timestamp, Trade, Withdrawal,
};
use crate::tx::{Attributes, Tx};
use crate::venue::{Class, FastTerms, MarketData, Notice, TxView};

/// Answer to one sending of an intent's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendResult {
    /// Taken in.
    Accepted,
    /// Refused with the venue's code; `in_doubt` when an earlier sending of the same bytes may have been taken in.
    Refused {
        /// The venue's code.
        code: i64,
        /// The venue's text.
        message: String,
        /// Whether other copies of the bytes may still be under way.
        in_doubt: bool,
    },
    /// No answer that says anything.
    Unknown(String),
    /// This sending never left; `in_doubt` when an earlier one of the same bytes may have.
    NotSent {
        /// What stopped it.
        reason: String,
        /// Whether other copies of the bytes may still be under way.
        in_doubt: bool,
    },
}

/// Everything the venue says about one leg, read in an order that makes it consistent: orders, trades, account.
#[derive(Clone, Debug)]
pub struct LegSnapshot {
    /// Venue time before the first read.
    pub at: Timestamp,
    /// The account.
    pub account: AccountView,
    /// Live orders in the market.
    pub active: Vec<Order>,
    /// Ended orders in the market, newest first; empty when they were not needed.
    pub inactive: Vec<Order>,
    /// Trades in the market since the check.
    pub trades: Vec<Trade>,
    /// Next nonces of the slots used.
    pub nonces: Vec<(ApiKeyIndex, Nonce)>,
    /// Look-ups of unsettled intents by hash; `None`: the venue does not know the hash.
    pub transactions: Vec<(IntentId, Option<TxView>)>,
}

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time passed, or prices changed.
    Tick,
    /// The check's reads are in and every rule holds.
    CheckPassed(Box<Checked>),
    /// What the venue says of the market: as the process takes the run up, and when it changed since.
    Rules(Box<Market>),
    /// The check cannot pass: exit code and reason.
    CheckFailed(u8, String),
    /// A sending was answered, or not.
    Sent(IntentId, LegSide, SendResult),
    /// Orders of a leg changed.
    Orders(LegSide, Vec<Order>),
    /// Trades of a leg.
    Trades(LegSide, Vec<Trade>),
    /// Transactions of a leg got on.
    Txs(LegSide, Vec<TxView>),
    /// Notifications to a leg.
    Notices(LegSide, Vec<Notice>),
    /// A reconciliation of a leg.
    Snapshot(LegSide, Box<LegSnapshot>),
    /// The withdrawal history of a leg, and its collateral read after it.
    Withdrawals(LegSide, Vec<Withdrawal>, crate::model::Usdc),
    /// What the fast route offers a leg.
    FastTerms(LegSide, FastTerms),
    /// Stop or flatten.
    Stop(StopMode),
    /// The run goes on after a crash or a stop.
    Resumed,
    /// Another pair's taker must not meet this quote.
    Pull(ClientOrderIndex),
    /// This process stood still for so long, and knows nothing of what happened meanwhile.
    StoodStill(Duration),
    /// A rule of the whole run broke: leave.
    LeaveNow(super::entry::ExitReason),
}

/// A resting own order of another pair in the same market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignQuote {
    /// Whose.
    pub pair: crate::model::PairId,
    /// Which.
    pub order: ClientOrderIndex,
    /// Bid or ask.
    pub side: Side,
    /// At.
    pub price: Price,
}

/// What is known of a leg at this moment and not journaled.
#[derive(Clone, Debug, Default)]
pub struct LegView {
    /// Whether everything about it is known: its streams are up and it was reconciled since.
    pub synced: bool,
    /// Whether the places of its nonce streams are known; what reduces needs no more than that.
    pub nonces_known: bool,
    /// Transactions in doubt of which a copy was refused because its nonce is used: by another copy, or by somebody else.
    pub disputed: BTreeSet<IntentId>,
    /// When the last reconciliation was read.
    pub synced_at: Option<Timestamp>,
    /// Whether all its streams are up.
    pub live: bool,
    /// Since when it is not both.
    pub blind_since: Option<Timestamp>,
    /// Position by the venue, and since when it says so.
    pub position: Option<(Position, Timestamp)>,
    /// Liquidation price by the venue.
    pub liquidation_price: Option<rust_decimal::Decimal>,
    /// Funding paid in this market by the venue.
    pub funding_paid: Option<crate::model::Usdc>,
    /// Balances by the venue.
    pub margin: Option<MarginView>,
    /// What the fast route offers, until a transaction has used it: fee and limit change.
    pub fast_terms: Option<FastTerms>,
    /// When the venue was asked for its withdrawals, of the last answer.
    pub withdrawals_at: Option<Timestamp>,
    /// Since when the venue does not answer that question.
    pub withdrawals_failing: Option<Timestamp>,
    /// Reconciliations in a row that found another position than the fills make.
    pub mismatches: u32,
}

/// The world as a decision sees it. Nothing in it is state.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Venue time.
    pub now: Timestamp,
    /// The process has just taken the run up and has not looked at both legs yet: nothing is judged by the clock.
    pub resuming: bool,
    /// Nothing is decided but what the venue says: no step is taken and nothing is proposed.
    pub look_only: bool,
    /// No quote is placed anew before this: another pair's taker asked for room.
    pub keep_clear_until: Option<Timestamp>,
    /// How much venue time passes while an answer may be on its way: half a real second.
    pub lag: Duration,
    /// The book, unless it is stale.
    pub book: Option<BookTop>,
    /// Prices, unless they are stale.
    pub data: Option<MarketData>,
    /// The long leg.
    pub long: LegView,
    /// The short leg.
    pub short: LegView,
    /// Resting own orders of other pairs in this market.
    pub foreign: Vec<ForeignQuote>,
    /// Worst-case exposure of the other pairs of the run.
    pub other_exposure: crate::model::Usdc,
}

impl View {
    /// Returns what is known of a leg.
    pub const fn leg(&self, side: LegSide) -> &LegView {
        match side {
            LegSide::Long => &self.long,
            LegSide::Short => &self.short,
        }
    }

    /// Returns the mark price, unless it is stale.
    pub fn mark(&self) -> Option<Price> {
        self.data.as_ref()?.mark
    }
}

/// A transaction to be made durable and sent: all but nonce and signature.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Whose.
    pub leg: LegSide,
    /// Why.
    pub purpose: Purpose,
    /// The slot that signs.
    pub key: ApiKeyIndex,
    /// Client order index, for orders.
    pub client_order_index: Option<ClientOrderIndex>,
    /// The order, for orders.
    pub order: Option<OrderTerms>,
    /// The stop that goes with it.
    pub child: Option<Child>,
    /// The transaction.
    pub tx: Tx,
    /// Its attributes.
    pub attributes: Attributes,
    /// How long the bytes live.
    pub ttl: Duration,
}

impl Proposal {
    /// Returns which traffic it belongs to.
    pub const fn class(purpose: &Purpose, emergency: bool) -> Class {
        match purpose {
            _ if emergency => Class::Emergency,
            Purpose::Entry => Class::Place,
            Purpose::Cancel(_) => Class::Cancel,
            Purpose::Leverage
            | Purpose::Hedge
            | Purpose::Exit
            | Purpose::Protect
            | Purpose::ArmDeadMan(_)
            | Purpose::ClearDeadMan
            | Purpose::Withdraw(_)
            | Purpose::FastWithdraw { .. } => Class::Hedge,
        }
    }
}

/// Something to do that needs no durable record first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read what the check needs.
    Check,
    /// Read everything about a leg again.
    Reconcile(LegSide),
    /// Read the withdrawal history of a leg.
    PollWithdrawals(LegSide),
    /// Ask what the fast route offers a leg.
    AskFastTerms(LegSide),
    /// Ask another pair to take a quote away.
    Pull(ForeignQuote),
}

/// What a decision comes to.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// Facts and transitions, to be made durable.
    pub entries: Vec<Entry>,
    /// Transactions, to be signed and made durable in the same commit, then sent.
    pub proposals: Vec<Proposal>,
    /// What else to do afterwards.
    pub effects: Vec<Effect>,
    /// When to look again at the latest.
    pub wake: Option<Timestamp>,
}

impl Decision {
    /// Asks to look again at `at` or earlier.
    pub fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |known| known.min(at)));
    }

    /// Adds an effect once.
    pub fn effect(&mut self, effect: Effect) {
        if !self.effects.contains(&effect) {
            self.effects.push(effect);
        }
    }
}
