//! A decision in the making: what the steps read, and how they record, propose and alert.

use std::time::Duration;

use rust_decimal::Decimal;

use super::build::Origin;
use super::entry::{Child, Entry, Intent, LegSide, OrderTerms, Purpose};
use super::event::{Decision, Proposal, View};
use super::spec::PairSpec;
use super::state::Pair;
use crate::model::{ClientOrderIndex, Price, Side, Size, TimeInForce, Timestamp, Usdc};
use crate::plan::ProtectPlan;
use crate::rt::Mutant;
use crate::tx::{Attributes, SelfTradeMode, SelfTradeScope, Tx};

/// How long a cancel waits after it was refused, unless the leg was read since.
const REFUSED_UNREAD: Duration = Duration::from_secs(10);
/// How long the bytes of a hedge, an exit or a cancel live (DESIGN §4.5).
const TTL_URGENT: Duration = Duration::from_secs(8);
/// How long the bytes of an entry or of housekeeping live.
const TTL_PLACE: Duration = Duration::from_secs(30);
/// How long the bytes of a withdrawal live: the official signer's default.
const TTL_WITHDRAW: Duration = Duration::from_secs(599);
/// What the plan's message budget counts over.
const MINUTE: Duration = Duration::from_secs(60);
/// How often something that goes on being wrong is told again.
pub(crate) const ALERT_AGAIN: Duration = Duration::from_secs(60);

/// How long after a deadline the read side may still lag behind an execution.
pub(crate) const READ_LAG: Duration = Duration::from_secs(3);

/// A decision in the making: a scratch copy of the state, and what was decided so far.
pub(crate) struct Work<'a> {
    pub(crate) pair: Pair,
    pub(crate) spec: &'a PairSpec,
    pub(crate) view: &'a View,
    pub(crate) out: Decision,
    /// Quotes that another pair's taker must not meet.
    pub(crate) pull: Vec<ClientOrderIndex>,
}

impl Work<'_> {
    pub(crate) const fn now(&self) -> Timestamp {
        self.view.now
    }

    /// Adds an entry and applies it to the scratch copy.
    ///
    /// # Panics
    ///
    /// When the entry does not fit the state: deciding such a thing is a bug.
    pub(crate) fn record(&mut self, entry: Entry) {
        self.pair.evolve(&entry).expect("a decision fits the state it was made from");
        self.out.entries.push(entry);
    }

    pub(crate) fn alert(&mut self, topic: &str, text: String) {
        let at = self.now();
        self.record(Entry::Alert { topic: topic.to_owned(), text, at });
    }

    /// Returns whether a transaction of `side` may be made now: its nonce stream is known and free.
    ///
    /// A nonce is used again only after the bytes that had it are proved dead, so an in-doubt transaction at or above
    /// the next nonce blocks its slot.
    pub(crate) fn can_send(&self, side: LegSide, purpose: &Purpose) -> bool {
        let leg = self.pair.leg(side);
        let key = self.spec.key_for(side, purpose);
        let proposed = self.out.proposals.iter().any(|other| other.leg == side && other.key == key);
        let Some(next) = leg.nonces.get(&key) else { return false };
        // Bytes in doubt past their deadline cannot be sent again, and what comes after their nonce would be refused until
        // it is proved whether they used it.
        let view = self.view.leg(side);
        // Nor does anything go out while a used nonce is not explained: who used it may be somebody else, and whatever is
        // signed meanwhile would land beside what he does (F-17).
        let blocks = |intent: &Intent| {
            intent.nonce >= *next || self.now() >= intent.deadline || view.disputed.contains(&intent.id)
        };
        let blocked = leg.unsettled.values().any(|intent| intent.key == key && blocks(intent));
        // What adds risk needs to know everything; what reduces it must also go out half blind.
        let seen = match purpose {
            Purpose::Entry | Purpose::Leverage | Purpose::Withdraw(_) | Purpose::FastWithdraw { .. } => {
                view.synced
            }
            Purpose::Cancel(_)
            | Purpose::Hedge
            | Purpose::Exit
            | Purpose::Protect
            | Purpose::ArmDeadMan(_)
            | Purpose::ClearDeadMan => view.nonces_known,
        };
        (seen || Mutant::BlindEntry.is_planted()) && !blocked && !proposed
    }

    /// Returns whether so many more messages fit into the minute that the plan allows; wakes when it has changed.
    ///
    /// For what can wait: moved quotes and withdrawals. What takes risk away does not ask.
    pub(crate) fn fits_the_minute(&mut self, messages: u32) -> bool {
        let now = self.now();
        let recent = self.pair.sent_at.iter().filter(|at| now.since(**at) < MINUTE);
        let spent = u32::try_from(recent.clone().count() + self.out.proposals.len()).unwrap_or(u32::MAX);
        let fits = spent.saturating_add(messages) <= self.spec.plan.risk.max_messages_per_minute;
        if let Some(oldest) = recent.min().copied().filter(|_| !fits) {
            self.out.wake_at(oldest.after(MINUTE));
        }
        fits || Mutant::BudgetForgotten.is_planted()
    }

    /// Proposes a transaction.
    pub(crate) fn propose(&mut self, leg: LegSide, purpose: Purpose, tx: Tx, order: Option<OrderTerms>) {
        self.propose_with(leg, purpose, tx, order, None);
    }

    fn propose_with(
        &mut self,
        leg: LegSide,
        purpose: Purpose,
        tx: Tx,
        order: Option<OrderTerms>,
        child: Option<Child>,
    ) {
        let number = self.next_intent();
        let ttl = match purpose {
            Purpose::Hedge | Purpose::Exit | Purpose::Protect | Purpose::Cancel(_) => TTL_URGENT,
            Purpose::Entry | Purpose::Leverage | Purpose::ArmDeadMan(_) | Purpose::ClearDeadMan => TTL_PLACE,
            Purpose::Withdraw(_) | Purpose::FastWithdraw { .. } => TTL_WITHDRAW,
        };
        let same_owner = self.pair.checked.as_ref().is_some_and(|checked| checked.same_owner);
        // Cancel both sides rather than trade between accounts of one owner (rules.md §3.4).
        let attributes = if order.is_some() && same_owner {
            Attributes::new().self_trade(SelfTradeMode::CancelBoth, SelfTradeScope::Master)
        } else {
            Attributes::new()
        };
        self.out.proposals.push(Proposal {
            leg,
            purpose,
            key: self.spec.key_for(leg, &purpose),
            client_order_index: order.map(|_| self.spec.client_order_index(number)),
            order,
            child,
            tx,
            attributes,
            ttl,
        });
    }

    /// Returns where a transaction of `side` comes from; `None` before the check.
    pub(crate) fn origin(&self, side: LegSide, purpose: &Purpose) -> Option<Origin> {
        Some(Origin::new(self.spec, side, purpose, &self.pair.checked.as_ref()?.market))
    }

    fn next_intent(&self) -> u32 {
        self.pair.intents + 1 + u32::try_from(self.out.proposals.len()).unwrap_or(u32::MAX)
    }

    /// Proposes an order.
    pub(crate) fn propose_order(&mut self, side: LegSide, purpose: Purpose, terms: OrderTerms) {
        let Some(checked) = &self.pair.checked else { return };
        let origin = Origin::new(self.spec, side, &purpose, &checked.market);
        let number = self.next_intent();
        let index = self.spec.client_order_index(number);
        let child = self.spec.plan.protect.filter(|_| purpose == Purpose::Entry).map(|protect| Child {
            client_order_index: self.spec.child_order_index(number),
            // It expires with its entry: the venue takes no other time (transactions.md §12).
            order: Self::stop(&protect, side, terms.price, terms.expiry),
        });
        let tx = match &child {
            Some(child) => origin.with_child(index, &terms, child),
            None => origin.order(index, &terms),
        };
        self.propose_with(side, purpose, tx, Some(terms), child);
    }

    /// Proposes to cancel an own order, unless that is under way or was refused a moment ago.
    pub(crate) fn propose_cancel(&mut self, side: LegSide, index: ClientOrderIndex) {
        let Some(order) = self.pair.leg(side).orders.get(&index) else { return };
        let purpose = Purpose::Cancel(index);
        let refused = self.pair.leg(side).refusals > 0;
        // An order that cannot be cancelled has mostly ended, and a read tells. Reads share a budget with cancels and come
        // after them: cancels without end would keep away what ends them.
        let looked = self.view.leg(side).synced_at.is_some_and(|at| at > order.changed_at);
        let pause = if refused && !looked { REFUSED_UNREAD } else { Duration::from_secs(1) };
        let retry_at = order.changed_at.after(pause);
        let refused_lately = refused && self.now() < retry_at;
        let unseen = !matches!(order.state, super::state::OrderState::Open);
        if order.cancel.is_some() || !order.may_be_live() || !self.can_send(side, &purpose) {
            return;
        }
        if refused_lately || (unseen && self.now() < retry_at) {
            self.out.wake_at(retry_at);
            return;
        }
        let Some(checked) = &self.pair.checked else { return };
        let tx = Origin::new(self.spec, side, &purpose, &checked.market).cancel(index);
        self.propose(side, purpose, tx, None);
    }

    /// Returns the market's notional of `size` at mark.
    pub(crate) fn notional_at_mark(&self, size: Size) -> Option<Usdc> {
        Some(Usdc::notional(size, self.view.mark()?, &self.pair.checked.as_ref()?.market))
    }

    /// Returns the pair's net marked result, fees and funding counted; `None` without a mark price.
    pub(crate) fn marked_result(&self) -> Option<Decimal> {
        let funding: Decimal = LegSide::BOTH
            .iter()
            .filter_map(|side| {
                Some(self.view.leg(*side).funding_paid?.minus(self.pair.leg(*side).funding_before))
            })
            .map(Usdc::to_decimal)
            .sum();
        Some(self.pair.net_result(self.view.mark()?) - funding)
    }

    /// Returns the terms of an immediate order.
    pub(crate) const fn immediate(side: Side, price: Price, size: Size, reduce_only: bool) -> OrderTerms {
        OrderTerms {
            side,
            price,
            size,
            time_in_force: TimeInForce::ImmediateOrCancel,
            reduce_only,
            expiry: Timestamp::from_millis(0),
            trigger: None,
        }
    }

    /// Returns the terms of the stop of a leg that was entered at `entry`: it closes whatever is held when it wakes.
    ///
    /// What it does not find at once it waits for at its limit: in a market that jumps, a book may be empty for a moment.
    pub(crate) fn stop(protect: &ProtectPlan, side: LegSide, entry: Price, expiry: Timestamp) -> OrderTerms {
        let (trigger, price) = protect.prices(side.entry_side(), entry);
        OrderTerms {
            side: side.entry_side().opposite(),
            price,
            size: Size::ZERO,
            time_in_force: TimeInForce::GoodTillTime,
            reduce_only: true,
            expiry,
            trigger: Some(trigger),
        }
    }
}
