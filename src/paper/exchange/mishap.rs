//! Mishaps of accepted transactions: what a real sequencer does now and then, on demand.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Exchange;
use super::errand::Errand;
use super::matching::{Deal, Party};
use super::order::LiveOrder;
use super::state::LIQUIDITY_POOL;
use crate::model::{
    AccountIndex, ClientOrderIndex, MarketId, OrderIndex, OrderStatus, TradeKind, TxHash, Usdc,
};
use crate::tx::{Envelope, Tx};

/// What goes wrong with a transaction that was answered with 200.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Mishap {
    /// The sequencer refuses it: its record carries `ae` with this code and the venue's text for it.
    Refuse {
        /// The venue's code (rules.md §10).
        code: i64,
        /// Whether the nonce is used, as it mostly is (rules.md §3.1).
        nonce_used: bool,
    },
    /// It is lost: it stays pending for good and uses no nonce.
    Lose {},
    /// It executes; whatever of its orders lives then is cancelled some time later, for no reason of its owner's.
    CancelLater {
        /// How much later, in milliseconds.
        after_ms: u64,
        /// With which status; one that is not terminal counts as `canceled`.
        status: OrderStatus,
    },
    /// It cancels, and some time later a fill of the cancelled orders shows up that their owner did not expect: at their
    /// own price, of all that was left, against the liquidity pool. Their status stays `canceled`.
    FillLate {
        /// How much later, in milliseconds.
        after_ms: u64,
    },
}

/// A mishap, and which transactions it meets. What is `None` fits every transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MishapRule {
    /// What happens.
    pub mishap: Mishap,
    /// The account that signed it.
    #[serde(default)]
    pub account: Option<AccountIndex>,
    /// Its type number (transactions.md §3).
    #[serde(default)]
    pub tx_type: Option<u8>,
    /// The market that it names; a transaction without a market never fits.
    #[serde(default)]
    pub market: Option<MarketId>,
    /// A client order index that it creates, cancels or modifies.
    #[serde(default)]
    pub client: Option<ClientOrderIndex>,
    /// How many fitting transactions pass unharmed before the first that does not.
    #[serde(default)]
    pub skip: u32,
    /// How many transactions it meets; then it is spent.
    #[serde(default = "once")]
    pub times: u32,
}

const fn once() -> u32 {
    1
}

impl MishapRule {
    /// Makes a rule that meets the next transaction of any kind.
    pub const fn next(mishap: Mishap) -> Self {
        Self { mishap, account: None, tx_type: None, market: None, client: None, skip: 0, times: 1 }
    }

    fn fits(&self, envelope: &Envelope) -> bool {
        let (market, clients) = subject(&envelope.tx);
        self.account.is_none_or(|account| account == envelope.account())
            && self.tx_type.is_none_or(|tx_type| tx_type == envelope.tx_type())
            && self.market.is_none_or(|wanted| market == Some(wanted.get()))
            && self
                .client
                .is_none_or(|wanted| clients.iter().any(|client| u64::try_from(*client) == Ok(wanted.get())))
    }
}

/// Returns the market of a transaction and the client order indices that it names.
fn subject(tx: &Tx) -> (Option<i64>, Vec<i64>) {
    match tx {
        Tx::CreateOrder(body) => {
            (Some(i64::from(body.order.market_index)), vec![body.order.client_order_index])
        }
        Tx::CreateGroupedOrders(body) => (
            body.orders.first().map(|order| i64::from(order.market_index)),
            body.orders.iter().map(|order| order.client_order_index).collect(),
        ),
        Tx::CancelOrder(body) => (Some(i64::from(body.market_index)), vec![body.index]),
        Tx::ModifyOrder(body) => (Some(i64::from(body.market_index)), vec![body.index]),
        Tx::UpdateLeverage(body) => (Some(i64::from(body.market_index)), Vec::new()),
        Tx::UpdateMargin(body) => (Some(i64::from(body.market_index)), Vec::new()),
        _ => (None, Vec::new()),
    }
}

/// A fill that waits to be shown: the order as it was before its cancel.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LateFill(LiveOrder);

impl Exchange {
    /// Arms a rule. Rules are asked in the order in which they were armed; the first that meets a transaction decides.
    pub fn arm(&mut self, rule: MishapRule) {
        self.mishaps.push(rule);
    }

    /// Takes all rules away; what they have begun goes on.
    pub fn disarm(&mut self) {
        self.mishaps.clear();
    }

    /// Returns the rules that are not spent, with what is left of them.
    pub fn armed(&self) -> &[MishapRule] {
        &self.mishaps
    }

    /// Returns the mishap that meets a transaction, and counts it.
    pub(super) fn take_mishap(&mut self, envelope: &Envelope) -> Option<Mishap> {
        let position = self.mishaps.iter_mut().position(|rule| {
            if !rule.fits(envelope) || rule.times == 0 {
                return false;
            }
            let passes = rule.skip > 0;
            rule.skip = rule.skip.saturating_sub(1);
            !passes
        })?;
        let rule = self.mishaps.get_mut(position)?;
        rule.times -= 1;
        let mishap = rule.mishap.clone();
        self.mishaps.retain(|rule| rule.times > 0);
        Some(mishap)
    }

    /// Returns copies of the orders that a transaction may cancel.
    pub(super) fn cancellable(&self, envelope: &Envelope) -> Vec<LiveOrder> {
        let account = envelope.account();
        let orders = match &envelope.tx {
            Tx::CancelOrder(body) => {
                let market = MarketId::new(i64::from(body.market_index));
                self.find_order(account, market, body.index).into_iter().collect()
            }
            Tx::CancelAllOrders(_) => self.orders_where(account, |_| true),
            _ => Vec::new(),
        };
        orders.into_iter().filter_map(|order| self.live(order).cloned()).collect()
    }

    /// Plans late fills of those of `before` that are gone, if they had been on the book.
    pub(super) fn plan_late_fills(&mut self, before: Vec<LiveOrder>, after_ms: u64) {
        let at = self.now.after(Duration::from_millis(after_ms));
        for order in before {
            if order.status == OrderStatus::Open && self.live(order.index).is_none() {
                self.plan(at, Errand::LateFill(Box::new(LateFill(order))));
            }
        }
    }

    /// Plans the end of the orders that a transaction made and that live still.
    pub(super) fn plan_ends(&mut self, made: &[OrderIndex], after_ms: u64, status: OrderStatus) {
        let status = if status.is_terminal() { status } else { OrderStatus::Canceled };
        let at = self.now.after(Duration::from_millis(after_ms));
        for order in made {
            if after_ms == 0 {
                self.cancel_live(*order, status);
            } else {
                self.plan(at, Errand::End(*order, status));
            }
        }
    }

    /// Returns the live orders whose last transaction was `hash`.
    pub(super) fn orders_of(&self, account: AccountIndex, hash: TxHash) -> Vec<OrderIndex> {
        self.orders_where(account, |order| order.tx_hash == Some(hash))
    }

    /// Books a late fill, unless the account's margin does not allow it any more.
    pub(super) fn fill_late(&mut self, LateFill(order): &LateFill) {
        // A reduce-only order cannot turn a position round, late or not.
        if order.reduce_only && self.reducible(order.owner, order.market, order.side) < order.remaining {
            return;
        }
        let counter = self.take_index(order.market, order.side.opposite());
        let pool = Party {
            account: LIQUIDITY_POOL,
            side: order.side.opposite(),
            order: counter,
            client: None,
            fee: 0,
            integrator: None,
        };
        let deal = Deal {
            market: order.market,
            kind: TradeKind::Trade,
            price: order.price,
            size: order.remaining,
            taker: pool,
            maker: Party::of(order, self.fees_of(order.owner).0),
            tx_hash: None,
        };
        let Some((taker, maker)) = self.effects(&deal) else { return };
        let allowed = self
            .accounts
            .get(&order.owner)
            .is_some_and(|owner| self.effect_allowed(owner, order.market, &maker));
        if allowed {
            self.settle(&deal, taker, maker);
            self.amend_ended(order);
        }
    }

    /// Writes a late fill of all that was left into the ended order.
    fn amend_ended(&mut self, order: &LiveOrder) {
        let quote = order.filled_quote + self.quote(order.market, order.remaining, order.price);
        let now = self.now;
        let Some(owner) = self.accounts.get_mut(&order.owner) else { return };
        let Some(ended) = owner.ended.iter_mut().rfind(|ended| ended.order_index == order.index) else {
            return;
        };
        ended.filled = ended.filled.plus(order.remaining);
        ended.remaining = ended.remaining.saturating_sub(order.remaining);
        ended.filled_quote = Usdc::from_micros(i64::try_from(quote).unwrap_or(i64::MAX));
        ended.updated_at = now;
        let view = ended.clone();
        self.order_changed(view);
    }
}
