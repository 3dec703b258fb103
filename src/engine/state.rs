//! The state of a pair: a fold over its journal. [`Pair::evolve`] is the only way it changes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;

use super::entry::{
    Checked, Entry, Fill, Intent, IntentId, LegSide, OrderTerms, Outcome, PairEnd, Purpose, RiskState, Step,
    StopMode,
};
use crate::model::{
    ApiKeyIndex, ClientOrderIndex, MarginView, Nonce, OrderStatus, Position, Price, Side, Size, Timestamp,
    TradeId, TradeKind, Usdc, WithdrawStatus,
};
use crate::rt::Mutant;

/// An entry that does not fit the state: a bug, or a journal of another program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry `{entry}` does not fit a pair in step `{step}`: {reason}")]
pub struct IllegalEntry {
    /// The entry's kind.
    pub entry: &'static str,
    /// The pair's step.
    pub step: &'static str,
    /// What is wrong.
    pub reason: String,
}

/// What is known of an own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Its transaction is not settled: it may be live.
    InDoubt,
    /// The transaction executed; the order itself was not shown yet.
    Executed,
    /// A stop that waits for its trigger, or for the end of its parent.
    Waiting,
    /// On the book.
    Open,
    /// It can fill no more. `None`: it never existed.
    Ended(Option<OrderStatus>),
}

/// One own order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOrder {
    /// Why it was sent.
    pub purpose: Purpose,
    /// Its terms.
    pub terms: OrderTerms,
    /// For a stop that came with an entry order: that order.
    pub parent: Option<ClientOrderIndex>,
    /// What is known of it.
    pub state: OrderState,
    /// Filled, as the order row says.
    pub reported: Size,
    /// Filled, as the trades say.
    pub traded: Size,
    /// When it was signed.
    pub placed_at: Timestamp,
    /// When any of this last changed.
    pub changed_at: Timestamp,
    /// The cancel that is on its way or was executed.
    pub cancel: Option<IntentId>,
    /// When that cancel was executed: the order's end is due.
    pub cancelled_at: Option<Timestamp>,
}

impl OwnOrder {
    /// Returns whether nothing more can come of it and every fill of it is counted.
    pub fn is_settled(&self) -> bool {
        matches!(self.state, OrderState::Ended(_)) && self.traded >= self.reported
    }

    /// Returns whether it is or may be on the book.
    pub const fn may_be_live(&self) -> bool {
        !matches!(self.state, OrderState::Ended(_))
    }

    /// Returns whether it is a stop that has not become an order: it holds nothing up.
    pub fn waits_as_stop(&self) -> bool {
        self.purpose == Purpose::Protect && self.may_be_live() && self.state != OrderState::Open
    }

    /// Returns what may still fill.
    pub fn remaining(&self) -> Size {
        if self.may_be_live() {
            self.terms.size.saturating_sub(self.traded.max(self.reported))
        } else {
            Size::ZERO
        }
    }
}

/// How far a leg's withdrawal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegWithdrawal {
    /// Sent or about to be; not in the history yet.
    Sent {
        /// How much.
        amount: Usdc,
        /// When.
        at: Timestamp,
    },
    /// In the history.
    Seen {
        /// The venue's id.
        id: String,
        /// How much.
        amount: Usdc,
        /// Where it stands.
        status: WithdrawStatus,
        /// Collateral left.
        collateral: Usdc,
    },
    /// There is nothing to withdraw.
    Skipped(String),
}

impl LegWithdrawal {
    /// Returns whether nothing more is to be waited for.
    pub const fn is_done(&self) -> bool {
        match self {
            Self::Skipped(_) => true,
            Self::Sent { .. } => false,
            Self::Seen { status, .. } => {
                matches!(status, WithdrawStatus::Claimable | WithdrawStatus::Completed)
            }
        }
    }

    /// Returns whether the venue gave it up.
    pub const fn failed(&self) -> bool {
        matches!(self, Self::Seen { status: WithdrawStatus::Failed | WithdrawStatus::Refunded, .. })
    }
}

/// One account of the pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    /// Next nonce of each key slot.
    pub nonces: BTreeMap<ApiKeyIndex, Nonce>,
    /// Own orders of this run.
    pub orders: BTreeMap<ClientOrderIndex, OwnOrder>,
    /// Intents whose outcome is not proved.
    pub unsettled: BTreeMap<IntentId, Intent>,
    /// Trades counted.
    pub trades: BTreeSet<TradeId>,
    /// Position by fills.
    pub position: Position,
    /// Quote received minus quote paid.
    pub cash: Usdc,
    /// Notional traded.
    pub volume: Usdc,
    /// Fees paid, in USDC.
    pub fees: Decimal,
    /// Balances at the check.
    pub baseline: MarginView,
    /// Funding paid in this market before the run.
    pub funding_before: Usdc,
    /// Whether the venue closed some of it by force.
    pub liquidated: bool,
    /// Until when the dead man's switch is set.
    pub dead_man: Option<Timestamp>,
    /// Its withdrawal.
    pub withdrawal: Option<LegWithdrawal>,
    /// What the bridge takes for it; `None` when it goes by the secure route.
    pub fast_fee: Option<Usdc>,
    /// Refusals of the entry order, in words.
    pub entry_refused: Option<String>,
    /// Refusals since the last progress, any purpose, with the last reason.
    pub refusals: u32,
    /// Refusals of the withdrawal.
    pub withdrawal_refusals: u32,
    /// The last of all refusals.
    pub last_refusal: Option<(Option<i64>, String)>,
    /// When a transaction last executed as a failure.
    pub failed_at: Option<Timestamp>,
    /// When a transaction of each key slot last executed, as far as known: a nonce that was read earlier says nothing.
    pub settled_at: BTreeMap<ApiKeyIndex, Timestamp>,
    /// Whether leverage and margin mode were read as planned.
    pub leverage_set: bool,
    /// Whether a transaction that sets them was executed.
    pub leverage_sent: bool,
}

impl Leg {
    /// Returns the route of its withdrawal, with what that costs.
    pub fn withdrawal_route(&self) -> String {
        self.fast_fee.map_or_else(|| "secure".to_owned(), |fee| format!("fast, fee {fee} USDC"))
    }

    /// Returns own orders that are or may be live.
    pub fn live_orders(&self) -> impl Iterator<Item = (ClientOrderIndex, &OwnOrder)> {
        self.orders.iter().filter(|(_, order)| order.may_be_live()).map(|(index, order)| (*index, order))
    }

    /// Returns the entry order that is or may be live.
    pub fn live_entry(&self) -> Option<(ClientOrderIndex, &OwnOrder)> {
        self.live_orders().find(|(_, order)| order.purpose == Purpose::Entry)
    }

    /// Returns whether an intent of a purpose that `pick` accepts is unsettled.
    pub fn has_unsettled(&self, pick: impl Fn(&Purpose) -> bool) -> bool {
        self.unsettled.values().any(|intent| pick(&intent.purpose))
    }

    /// Returns what `side` could still add to the position, in-doubt orders counted as filled.
    pub fn pending(&self, side: Side) -> Size {
        self.live_orders()
            .filter(|(_, order)| order.terms.side == side && !order.terms.reduce_only)
            .fold(Size::ZERO, |sum, (_, order)| sum.plus(order.remaining()))
    }
}

/// How long the legs differed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Naked {
    /// Since when they differ now.
    pub since: Option<Timestamp>,
    /// The largest difference of the present stretch, or of the last.
    pub peak: Size,
    /// The longest stretch.
    pub worst: Duration,
    /// Sum over all stretches of largest difference × seconds, in lot-milliseconds.
    pub lot_ms: i128,
}

/// How the present hedge or exit goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Orders that brought nothing since the last progress.
    pub fruitless: u32,
    /// When the last of them ended.
    pub last_at: Timestamp,
    /// Whether completing was given up.
    pub unwinding: bool,
    /// Whether it is an emergency.
    pub emergency: bool,
}

/// A pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Where it stands.
    pub step: Step,
    /// Since when.
    pub step_since: Timestamp,
    /// What the check settled.
    pub checked: Option<Arc<Checked>>,
    /// The long leg. Shared until it changes: every decision works on a copy of the pair.
    pub long: Arc<Leg>,
    /// The short leg.
    pub short: Arc<Leg>,
    /// Number of intents so far.
    pub intents: u32,
    /// When the entry orders were decided.
    pub placed_at: Option<Timestamp>,
    /// When the entry was over.
    pub held_since: Option<Timestamp>,
    /// Naked time.
    pub naked: Naked,
    /// The present hedge or exit.
    pub effort: Effort,
    /// A stop was asked for.
    pub stop: Option<StopMode>,
    /// The stop is carried out.
    pub stopped: bool,
    /// A stop was asked for at any time.
    pub was_stopped: bool,
    /// Times of the latest transactions, for the message budget.
    pub sent_at: VecDeque<Timestamp>,
    /// Whether an emergency happened at any time.
    pub had_emergency: bool,
    /// A trade had own accounts on both sides, or an order was cancelled for that.
    pub self_trade: bool,
    /// A leg on which somebody else trades.
    pub foreign: Option<LegSide>,
    /// Why it left the watch step, once it did.
    pub exit_reason: Option<super::entry::ExitReason>,
    /// Alerts so far.
    pub alerts: u32,
    /// When the last one was given.
    pub last_alert: Option<Timestamp>,
    /// Times that the check's reads were taken.
    pub checks: u32,
    /// What it may do, as journaled.
    pub risk: RiskState,
    /// Why; empty as long as it never changed.
    pub risk_reason: String,
    /// Since when nothing is heard from the venue, while that is so.
    pub venue_down: Option<Timestamp>,
}

impl Default for Pair {
    fn default() -> Self {
        Self {
            step: Step::Check,
            step_since: Timestamp::default(),
            checked: None,
            long: Arc::default(),
            short: Arc::default(),
            intents: 0,
            placed_at: None,
            held_since: None,
            naked: Naked::default(),
            effort: Effort::default(),
            stop: None,
            stopped: false,
            was_stopped: false,
            sent_at: VecDeque::new(),
            had_emergency: false,
            self_trade: false,
            foreign: None,
            exit_reason: None,
            alerts: 0,
            last_alert: None,
            checks: 0,
            risk: RiskState::Active,
            risk_reason: String::new(),
            venue_down: None,
        }
    }
}

impl Pair {
    /// Returns a leg.
    pub fn leg(&self, side: LegSide) -> &Leg {
        match side {
            LegSide::Long => &self.long,
            LegSide::Short => &self.short,
        }
    }

    /// Returns a leg to change; only `evolve` does.
    fn leg_mut(&mut self, side: LegSide) -> &mut Leg {
        match side {
            LegSide::Long => Arc::make_mut(&mut self.long),
            LegSide::Short => Arc::make_mut(&mut self.short),
        }
    }

    /// Returns Δ: the net position of both accounts, in lots.
    pub fn delta(&self) -> Position {
        self.long.position.plus(self.short.position)
    }

    /// Back to the check, when it has not gone beyond placing.
    fn check_anew(&mut self) {
        if matches!(self.step, Step::Check | Step::Place) {
            self.step = Step::Check;
            self.checked = None;
        }
    }

    /// Returns whether |Δ| is beyond the tolerance.
    pub fn is_naked(&self) -> bool {
        self.checked.as_ref().is_some_and(|checked| self.delta().size() > checked.tolerance)
    }

    /// Returns whether both legs are flat, to the lot.
    pub fn is_flat(&self) -> bool {
        let (long, short) = (self.long.position.is_flat(), self.short.position.is_flat());
        if Mutant::HalfIsFlat.is_planted() { long || short } else { long && short }
    }

    /// Returns whether any own order is or may be live.
    pub fn has_live_orders(&self) -> bool {
        LegSide::BOTH.iter().any(|side| self.leg(*side).live_orders().next().is_some())
    }

    /// Returns whether every own order is ended with all its fills counted, but for stops that wait.
    pub fn orders_settled(&self) -> bool {
        let done = |order: &OwnOrder| order.is_settled() || order.waits_as_stop();
        LegSide::BOTH.iter().all(|side| self.leg(*side).orders.values().all(done))
    }

    /// Returns whether the trades of every order that has ended are counted.
    pub fn fills_counted(&self) -> bool {
        let mut orders = LegSide::BOTH.into_iter().flat_map(|side| self.leg(side).orders.values());
        orders.all(|order| order.may_be_live() || order.is_settled())
    }

    /// Returns whether nothing but reducing is allowed from now on.
    pub fn only_reduces(&self) -> bool {
        let stopping = self.stop.is_some() && !Mutant::StopIgnored.is_planted();
        let leaving = matches!(self.step, Step::Exit(_) | Step::Withdraw);
        stopping || self.effort.emergency || self.venue_down.is_some() || leaving
    }

    /// Returns how the pair ended, once it did.
    pub const fn end(&self) -> Option<&PairEnd> {
        match &self.step {
            Step::Done(end) => Some(end),
            _ => None,
        }
    }

    /// Returns the pair's net result at `mark`, fees counted, in USDC.
    pub fn net_result(&self, mark: Price) -> Decimal {
        let Some(checked) = &self.checked else { return Decimal::ZERO };
        let value = |leg: &Leg| {
            let held = Usdc::notional(leg.position.size(), mark, &checked.market).to_decimal();
            leg.cash.to_decimal() - leg.fees + if leg.position.lots() < 0 { -held } else { held }
        };
        value(&self.long) + value(&self.short)
    }

    /// Applies one entry.
    ///
    /// # Errors
    ///
    /// [`IllegalEntry`] when the entry does not fit; the state is then unchanged or unusable, and the caller stops.
    pub fn evolve(&mut self, entry: &Entry) -> Result<(), IllegalEntry> {
        match entry {
            Entry::Checked(checked) => self.on_checked(checked),
            Entry::Step { to, at } => self.on_step(to, *at),
            Entry::Intent(intent) => return self.on_intent(intent),
            Entry::Settled { intent, leg, outcome, at } => {
                return self.on_settled(*intent, *leg, outcome, *at);
            }
            Entry::Order { leg, client_order_index, status, filled, at, .. } => {
                return self.on_order(*leg, *client_order_index, *status, *filled, *at);
            }
            Entry::Fill(fill) => return self.on_fill(fill),
            Entry::NakedFrom { at } => {
                self.naked.since = Some(*at);
                self.naked.peak = self.delta().size();
            }
            Entry::NakedTo { at } => {
                let stretch = self.naked.since.take().map_or(Duration::ZERO, |since| at.since(since));
                self.naked.worst = self.naked.worst.max(stretch);
                self.naked.lot_ms += i128::from(self.naked.peak.lots())
                    * i128::try_from(stretch.as_millis()).unwrap_or(i128::MAX);
            }
            Entry::Unwinding { at } => {
                self.effort = Effort { unwinding: true, last_at: *at, ..self.effort };
                self.effort.fruitless = 0;
            }
            Entry::Emergency { .. } => {
                self.effort.emergency = true;
                self.effort.unwinding = true;
                self.effort.fruitless = 0;
                self.had_emergency = true;
            }
            Entry::Liquidated { leg, .. } => self.leg_mut(*leg).liquidated = true,
            Entry::Foreign { leg, .. } => self.foreign = self.foreign.or(Some(*leg)),
            Entry::SelfTrade { .. } => self.self_trade = true,
            Entry::NonceFreed { leg, key, next } => {
                self.leg_mut(*leg).nonces.insert(*key, *next);
            }
            Entry::PositionAdopted { leg, position, .. } => self.leg_mut(*leg).position = *position,
            Entry::WithdrawSkipped { leg, reason, .. } => {
                self.leg_mut(*leg).withdrawal = Some(LegWithdrawal::Skipped(reason.clone()));
            }
            Entry::Withdrawal { leg, id, amount, status, collateral, .. } => {
                self.leg_mut(*leg).withdrawal = Some(LegWithdrawal::Seen {
                    id: id.clone(),
                    amount: *amount,
                    status: *status,
                    collateral: *collateral,
                });
            }
            Entry::Alert { at, .. } => {
                self.alerts += 1;
                self.last_alert = Some(*at);
            }
            Entry::Stop { mode, .. } => {
                self.stop = self.stop.max(Some(*mode));
                self.was_stopped = true;
            }
            Entry::Stopped { .. } => self.stopped = true,
            Entry::Risk { to, reason, .. } => {
                self.risk = *to;
                self.risk_reason.clone_from(reason);
            }
            Entry::VenueDown { since, .. } => self.venue_down = Some(*since),
            Entry::VenueUp { .. } => self.venue_down = None,
            // What was checked by other rules may hold no more.
            Entry::Rules { .. } if self.placed_at.is_none() => self.check_anew(),
            Entry::Rules { market, .. } => {
                if let Some(checked) = &mut self.checked {
                    Arc::make_mut(checked).market = (**market).clone();
                }
            }
            Entry::Resumed { at, restart_entry } => {
                self.stop = None;
                self.stopped = false;
                if self.placed_at.is_none() {
                    // What was checked before a crash may hold no more.
                    self.check_anew();
                }
                if *restart_entry && self.placed_at.is_some() && self.entry_live() {
                    self.placed_at = Some(*at);
                }
            }
        }
        Ok(())
    }

    fn illegal(&self, entry: &'static str, reason: String) -> IllegalEntry {
        IllegalEntry { entry, step: self.step.name(), reason }
    }

    fn on_checked(&mut self, checked: &Checked) {
        for (side, found) in LegSide::BOTH.into_iter().zip(&checked.legs) {
            let leg = self.leg_mut(side);
            leg.baseline = found.margin;
            leg.funding_before = found.funding_paid;
            leg.leverage_set = !found.set_leverage;
            if leg.nonces.is_empty() {
                leg.nonces = found.keys.iter().copied().collect();
            }
        }
        self.checks += 1;
        self.checked = Some(Arc::new(checked.clone()));
    }

    fn on_step(&mut self, to: &Step, at: Timestamp) {
        if let Step::Exit(reason) = to {
            // The first reason stands, unless the venue took the decision away.
            if self.exit_reason.is_none() || matches!(reason, super::entry::ExitReason::Liquidation(_)) {
                self.exit_reason = Some(reason.clone());
            }
        }
        if matches!(to, Step::Watch) && matches!(self.step, Step::Hedge(_)) || matches!(to, Step::Hedge(_)) {
            self.effort = Effort { emergency: self.effort.emergency, ..Effort::default() };
        }
        if matches!(to, Step::Exit(_)) {
            self.effort.fruitless = 0;
        }
        self.step = to.clone();
        self.step_since = at;
        if matches!(to, Step::Watch)
            && self.held_since.is_none()
            && self.placed_at.is_some()
            && !self.entry_live()
        {
            self.held_since = Some(at);
        }
    }

    /// Returns whether an entry order is or may be live on either leg.
    pub fn entry_live(&self) -> bool {
        LegSide::BOTH.iter().any(|side| self.leg(*side).live_entry().is_some())
    }

    fn on_intent(&mut self, intent: &Intent) -> Result<(), IllegalEntry> {
        if intent.id.0 != self.intents + 1 {
            return Err(self.illegal("intent", format!("id {} after {}", intent.id.0, self.intents)));
        }
        self.intents = intent.id.0;
        if intent.purpose == Purpose::Entry {
            self.placed_at.get_or_insert(intent.at);
        }
        self.sent_at.push_back(intent.at);
        while self.sent_at.front().is_some_and(|at| intent.at.since(*at) > Duration::from_secs(60)) {
            self.sent_at.pop_front();
        }
        let leg = self.leg_mut(intent.leg);
        let next = if Mutant::NonceReused.is_planted() { intent.nonce } else { intent.nonce.next() };
        leg.nonces.insert(intent.key, next);
        if let (Some(index), Some(terms)) = (intent.client_order_index, intent.order) {
            let order = OwnOrder {
                purpose: intent.purpose,
                terms,
                parent: None,
                state: OrderState::InDoubt,
                reported: Size::ZERO,
                traded: Size::ZERO,
                placed_at: intent.at,
                changed_at: intent.at,
                cancel: None,
                cancelled_at: None,
            };
            if let Some(child) = &intent.child {
                let stop = OwnOrder {
                    purpose: Purpose::Protect,
                    terms: child.order,
                    parent: Some(index),
                    ..order.clone()
                };
                leg.orders.insert(child.client_order_index, stop);
            }
            leg.orders.insert(index, order);
        }
        match intent.purpose {
            Purpose::Cancel(index) => {
                if let Some(order) = leg.orders.get_mut(&index) {
                    order.cancel = Some(intent.id);
                }
            }
            Purpose::Withdraw(amount) => leg.withdrawal = Some(LegWithdrawal::Sent { amount, at: intent.at }),
            Purpose::FastWithdraw { amount, fee } => {
                leg.withdrawal = Some(LegWithdrawal::Sent { amount, at: intent.at });
                leg.fast_fee = Some(fee);
            }
            _ => {}
        }
        leg.unsettled.insert(intent.id, intent.clone());
        Ok(())
    }

    fn on_settled(
        &mut self,
        id: IntentId,
        side: LegSide,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<(), IllegalEntry> {
        let Some(intent) = self.leg_mut(side).unsettled.remove(&id) else {
            return Err(self.illegal("settled", format!("intent {} is not unsettled", id.0)));
        };
        // An account in liquidation refuses orders until it is healthy; that says nothing about prices.
        let in_liquidation = |code: &Option<i64>| matches!(code, Some(21_112 | 21_507));
        match outcome {
            Outcome::Failed { code, .. } | Outcome::Dead { code, .. } if !in_liquidation(code) => {
                self.count_fruitless(intent.purpose, at);
            }
            _ => {}
        }
        let leg = self.leg_mut(side);
        // What is dead moved no nonce of the venue's. Counted here, refusals in a row would put off for ever the look
        // that finds a nonce free again.
        if !matches!(outcome, Outcome::Dead { .. }) {
            leg.settled_at.insert(intent.key, at);
        }
        match outcome {
            Outcome::Executed => {
                leg.refusals = 0;
                for index in intent.order_indices() {
                    if let Some(order) =
                        leg.orders.get_mut(&index).filter(|order| order.state == OrderState::InDoubt)
                    {
                        order.state = OrderState::Executed;
                        order.changed_at = at;
                    }
                }
                match intent.purpose {
                    Purpose::Leverage => leg.leverage_sent = true,
                    Purpose::ArmDeadMan(until) => leg.dead_man = Some(until),
                    Purpose::ClearDeadMan => leg.dead_man = None,
                    _ => {}
                }
            }
            Outcome::Failed { code, message } | Outcome::Dead { code, proof: message } => {
                if matches!(outcome, Outcome::Dead { .. }) {
                    let next = leg.nonces.entry(intent.key).or_insert(intent.nonce);
                    *next = (*next).min(intent.nonce);
                }
                if matches!(outcome, Outcome::Failed { .. }) {
                    leg.failed_at = Some(at);
                }
                leg.refusals += 1;
                leg.last_refusal = Some((*code, message.clone()));
                for index in intent.order_indices() {
                    if let Some(order) = leg.orders.get_mut(&index) {
                        order.state = OrderState::Ended(None);
                        order.changed_at = at;
                    }
                }
                match intent.purpose {
                    Purpose::Entry => leg.entry_refused = Some(message.clone()),
                    Purpose::Withdraw(_) | Purpose::FastWithdraw { .. } => {
                        leg.withdrawal = None;
                        leg.fast_fee = None;
                        leg.withdrawal_refusals += 1;
                    }
                    _ => {}
                }
            }
        }
        if let Purpose::Cancel(index) = intent.purpose
            && let Some(order) = leg.orders.get_mut(&index)
            && order.cancel == Some(id)
        {
            if *outcome == Outcome::Executed {
                order.cancelled_at = Some(at);
            } else {
                order.cancel = None;
                order.changed_at = at;
            }
        }
        Ok(())
    }

    fn on_order(
        &mut self,
        side: LegSide,
        index: ClientOrderIndex,
        status: OrderStatus,
        filled: Size,
        at: Timestamp,
    ) -> Result<(), IllegalEntry> {
        let Some(order) = self.leg_mut(side).orders.get_mut(&index) else {
            return Err(self.illegal("order", format!("client order index {index} is not of this run")));
        };
        order.reported = order.reported.max(filled);
        order.state = match status {
            status if status.is_terminal() => OrderState::Ended(Some(status)),
            // One that the venue has only just taken in has not fired.
            OrderStatus::Pending | OrderStatus::InProgress if order.purpose == Purpose::Protect => {
                OrderState::Waiting
            }
            _ => OrderState::Open,
        };
        order.changed_at = at;
        let (purpose, fruitless) = (order.purpose, status.is_terminal() && order.reported.is_zero());
        let given_up = status.is_terminal() && !matches!(status, OrderStatus::Filled | OrderStatus::Canceled);
        if order.purpose == Purpose::Entry && given_up {
            let text = format!("{status:?}");
            self.leg_mut(side).entry_refused.get_or_insert(text);
        }
        self.self_trade |= status == OrderStatus::CanceledSelfTrade;
        if fruitless {
            self.count_fruitless(purpose, at);
        }
        Ok(())
    }

    fn on_fill(&mut self, fill: &Fill) -> Result<(), IllegalEntry> {
        let leg = self.leg_mut(fill.leg);
        if !leg.trades.insert(fill.trade) {
            return Err(self.illegal("fill", format!("trade {} is counted already", fill.trade)));
        }
        leg.position = leg.position.plus(fill.size.signed(fill.side));
        leg.cash = match fill.side {
            Side::Buy => leg.cash.minus(fill.quote),
            Side::Sell => leg.cash.plus(fill.quote),
        };
        leg.volume = leg.volume.plus(fill.quote);
        leg.fees += fill.fee;
        leg.refusals = 0;
        if let Some(order) = fill.client_order_index.and_then(|index| leg.orders.get_mut(&index)) {
            order.traded = order.traded.plus(fill.size);
            order.changed_at = fill.at.max(order.changed_at);
            if order.state == OrderState::InDoubt {
                order.state = OrderState::Executed;
            }
        } else if fill.kind != TradeKind::Trade {
            leg.liquidated = true;
        }
        self.effort.fruitless = 0;
        self.naked.peak = self.naked.peak.max(self.delta().size());
        Ok(())
    }

    fn count_fruitless(&mut self, purpose: Purpose, at: Timestamp) {
        if matches!(purpose, Purpose::Hedge | Purpose::Exit) {
            self.effort.fruitless += 1;
            self.effort.last_at = at;
        }
    }
}

/// Folds a journal into a state.
///
/// # Errors
///
/// The first entry that does not fit.
pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Pair, IllegalEntry> {
    let mut pair = Pair::default();
    for entry in entries {
        pair.evolve(entry)?;
    }
    Ok(pair)
}
