//! The sequencer's stage: runs accepted transactions (rules.md §3.1).

use super::Exchange;
use super::api::{ApiError, ExchangeEvent, TxOutcome};
use super::checks::Wanted;
use super::mishap::Mishap;
use super::order::{Basics, Links, LiveOrder, SelfScope, SelfTrade};
use super::sequencer::PendingTx;
use super::submit::check_nonce;
use crate::model::{
    AccountIndex, ClientOrderIndex, MarketId, OrderIndex, OrderKind, OrderStatus, Price, Size, Timestamp,
    TxHash,
};
use crate::tx::{Attribute, Attributes, CreateGroupedOrders, Envelope, ModifyOrder, OrderSpec, Tx};

/// Why the sequencer refused a transaction.
pub(super) struct Failure {
    error: ApiError,
    nonce_used: bool,
}

impl Failure {
    /// A refusal that leaves the nonce free: the two documented exceptions.
    fn free(code: i64) -> Self {
        Self { error: ApiError::of(code), nonce_used: false }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { error, nonce_used: true }
    }
}

/// A refusal that uses the nonce.
pub(super) fn refuse(code: i64) -> Failure {
    ApiError::of(code).into()
}

impl Exchange {
    /// Runs one transaction and writes down what became of it.
    pub(super) fn execute(&mut self, tx: PendingTx) {
        let PendingTx { hash, account, envelope } = tx;
        let Some(result) = self.run_with_mishap(&envelope, hash) else { return };
        let used = result.as_ref().map_or_else(|failure| failure.nonce_used, |()| true);
        if used {
            self.use_nonce(&envelope);
        }
        let now = self.now;
        let Some(record) = self.txs.get_mut(&hash) else { return };
        record.executed_at = Some(now);
        record.outcome = match result {
            Ok(()) => TxOutcome::Executed,
            Err(Failure { error, nonce_used }) => TxOutcome::Failed { error, nonce_used },
        };
        let record = record.clone();
        self.events.push(ExchangeEvent::Tx(record));
        if let Some(row) = self.accounts.get_mut(&account) {
            row.transaction_time_us = now.as_millis().saturating_mul(1_000);
        }
        self.changed(account);
    }

    /// Runs one transaction, with what an armed rule does to it; `None` when it is lost.
    fn run_with_mishap(&mut self, envelope: &Envelope, hash: TxHash) -> Option<Result<(), Failure>> {
        let account = envelope.account();
        match self.take_mishap(envelope) {
            None => Some(self.run(envelope, hash)),
            Some(Mishap::Lose {}) => None,
            Some(Mishap::Refuse { code, nonce_used }) => {
                Some(Err(Failure { error: ApiError::of(code), nonce_used }))
            }
            Some(Mishap::CancelLater { after_ms, status }) => {
                let result = self.run(envelope, hash);
                let made = self.orders_of(account, hash);
                self.plan_ends(&made, after_ms, status);
                Some(result)
            }
            Some(Mishap::FillLate { after_ms }) => {
                let before = self.cancellable(envelope);
                let result = self.run(envelope, hash);
                self.plan_late_fills(before, after_ms);
                Some(result)
            }
        }
    }

    fn use_nonce(&mut self, envelope: &Envelope) {
        let Some(account) = self.accounts.get_mut(&envelope.account()) else { return };
        if let Some(key) = account.keys.get_mut(&envelope.api_key_index()) {
            key.nonce = envelope.nonce + 1;
        }
    }

    fn run(&mut self, envelope: &Envelope, hash: TxHash) -> Result<(), Failure> {
        let (account, key) = (envelope.account(), envelope.api_key_index());
        if envelope.expired_at <= self.now.as_millis() {
            return Err(Failure::free(21711));
        }
        if check_nonce(envelope, self.next_nonce(account, key).get()).is_err() {
            return Err(Failure::free(21104));
        }
        match &envelope.tx {
            Tx::CreateOrder(body) => self.create(account, &body.order, &envelope.attributes, hash),
            Tx::CreateGroupedOrders(body) => self.create_group(account, body, &envelope.attributes, hash),
            Tx::CancelOrder(body) => {
                let market = MarketId::new(i64::from(body.market_index));
                let cancelled = self.cancel(account, market, body.index)?;
                if let Some(record) = self.txs.get_mut(&hash) {
                    record.cancelled = Some(cancelled);
                }
                Ok(())
            }
            Tx::CancelAllOrders(body) => {
                let only = envelope.attributes.has(Attribute::CancelAllMarketIndex);
                let only = only.then(|| envelope.attributes.get(Attribute::CancelAllMarketIndex));
                self.switch(account, body.mode, Timestamp::from_millis(body.time), only.map(MarketId::new));
                Ok(())
            }
            Tx::ModifyOrder(body) => self.modify(account, body, &envelope.attributes, hash),
            Tx::UpdateLeverage(body) => self.update_leverage(account, body),
            Tx::UpdateMargin(body) => self.update_margin(account, body),
            Tx::Withdraw(body) => self.withdraw(account, body),
            Tx::Transfer(body) => self.transfer(account, body, &hash.to_string()),
            Tx::ChangePubKey(body) => {
                self.change_key(account, body);
                Ok(())
            }
            Tx::CreateSubAccount(_) => {
                self.create_sub_account(account);
                Ok(())
            }
            Tx::ApproveIntegrator(body) => {
                self.approve_integrator(account, body);
                Ok(())
            }
            Tx::UpdateAccountConfig(body) => self.set_trading_mode(account, body),
            Tx::UpdateAccountAssetConfig(body) => {
                self.set_asset_mode(account, body);
                Ok(())
            }
        }
    }

    fn create(
        &mut self,
        account: AccountIndex,
        spec: &OrderSpec,
        attributes: &Attributes,
        hash: TxHash,
    ) -> Result<(), Failure> {
        let wanted = Wanted::read(spec)?;
        self.recheck(account, &wanted)?;
        let order = self.build(account, &wanted, attributes, hash);
        self.start(order);
        Ok(())
    }

    /// Checks again what may have changed while the transaction waited.
    fn recheck(&self, account: AccountIndex, wanted: &Wanted) -> Result<(), Failure> {
        let row = self.accounts.get(&account).ok_or_else(|| refuse(21100))?;
        let market = self.known_market(wanted.market.get())?;
        if market.status != crate::model::MarketStatus::Active {
            return Err(refuse(21605));
        }
        if market.force_reduce_only && !wanted.reduce_only {
            return Err(refuse(21740));
        }
        self.check_health(row, wanted.market, wanted.reduce_only)?;
        if wanted.expiry_ms != 0 && wanted.expiry_ms <= self.now.as_millis() {
            return Err(refuse(21711));
        }
        if wanted.client.is_some_and(|client| row.clients.contains_key(&client)) {
            return Err(refuse(21728));
        }
        let opposite = !self.reducible(account, wanted.market, wanted.side).is_zero();
        if wanted.reduce_only && wanted.trigger.is_none() && !opposite {
            return Err(refuse(21738));
        }
        if wanted.rests() && !wanted.reduce_only && self.check_margin(row, wanted).is_err() {
            return Err(Failure::free(21739));
        }
        Ok(())
    }

    /// Makes an order of what was asked for, with its index and priority.
    fn build(
        &mut self,
        account: AccountIndex,
        wanted: &Wanted,
        attributes: &Attributes,
        hash: TxHash,
    ) -> LiveOrder {
        let index = self.take_index(wanted.market, wanted.side);
        let priority = self.state_mut(wanted.market).map_or(0, |state| state.take_priority());
        self.keep_integrator(index, attributes);
        let mut size = wanted.size;
        if size.is_zero() && wanted.trigger.is_none() {
            size = self.reducible(account, wanted.market, wanted.side);
        }
        let Wanted { market, side, kind, tif, price, .. } = *wanted;
        let basics = Basics { owner: account, market, side, kind, tif, price, size };
        LiveOrder {
            client: wanted.client,
            reduce_only: wanted.reduce_only,
            trigger: wanted.trigger,
            expiry: (wanted.expiry_ms > 0).then(|| Timestamp::from_millis(wanted.expiry_ms)),
            self_trade: self_trade_of(attributes),
            self_scope: scope_of(attributes),
            tx_hash: Some(hash),
            ..LiveOrder::new(basics, index, priority, self.now)
        }
    }

    /// Holds an order that waits, matches every other one.
    fn start(&mut self, order: LiveOrder) {
        if order.kind == OrderKind::Twap {
            self.start_twap(order);
        } else if order.trigger.is_some() {
            let market = order.market;
            self.hold(order);
            self.run_triggers(market);
        } else {
            self.run_taker(order);
        }
    }

    /// Creates a group: 1 parent and child, 2 two that cancel each other, 3 parent and two such children.
    fn create_group(
        &mut self,
        account: AccountIndex,
        body: &CreateGroupedOrders,
        attributes: &Attributes,
        hash: TxHash,
    ) -> Result<(), Failure> {
        let wanted: Vec<_> = body.orders.iter().map(Wanted::read).collect::<Result<_, _>>()?;
        let has_parent = body.grouping_type != 2;
        if wanted.len() != if body.grouping_type == 3 { 3 } else { 2 } {
            return Err(refuse(21742));
        }
        for order in &wanted {
            self.recheck(account, order)?;
        }
        let mut orders: Vec<_> =
            wanted.iter().map(|wanted| self.build(account, wanted, attributes, hash)).collect();
        let parent = has_parent.then(|| orders.remove(0));
        let children: Vec<OrderIndex> = orders.iter().map(|order| order.index).collect();
        for mut order in orders {
            order.links = Some(Box::new(Links {
                parent: parent.as_ref().map(|parent| parent.index),
                sibling: children.iter().copied().find(|child| *child != order.index),
                children: Vec::new(),
            }));
            self.hold(order);
        }
        let market = wanted.first().map(|wanted| wanted.market);
        if let Some(mut parent) = parent {
            parent.links = Some(Box::new(Links { children, ..Links::default() }));
            self.start(parent);
        }
        market.into_iter().for_each(|market| self.run_triggers(market));
        Ok(())
    }

    /// Cancels a live order, and returns its indices.
    fn cancel(
        &mut self,
        account: AccountIndex,
        market: MarketId,
        index: i64,
    ) -> Result<(OrderIndex, Option<ClientOrderIndex>), Failure> {
        let order = self.find_order(account, market, index).ok_or_else(|| refuse(21700))?;
        let live = self.live(order).filter(|live| live.owner == account).ok_or_else(|| refuse(21707))?;
        let client = live.client;
        self.cancel_live(order, OrderStatus::Canceled);
        Ok((order, client))
    }

    /// Cancels all now (0), at `at` (1), or clears the timer (2).
    fn switch(&mut self, account: AccountIndex, mode: u8, at: Timestamp, only: Option<MarketId>) {
        if mode == 0 {
            self.cancel_all(account, only);
            return;
        }
        let next = (mode == 1).then_some(at);
        let Some(row) = self.accounts.get_mut(&account) else { return };
        if let Some(old) = std::mem::replace(&mut row.cancel_all_at, next) {
            self.switches.remove(&(old, account));
        }
        if let Some(at) = next {
            self.switches.insert((at, account));
        }
    }

    /// Changes a live order; it keeps its indices and gets a new priority, and may take.
    fn modify(
        &mut self,
        account: AccountIndex,
        body: &ModifyOrder,
        attributes: &Attributes,
        hash: TxHash,
    ) -> Result<(), Failure> {
        let market = MarketId::new(i64::from(body.market_index));
        let index = self.find_order(account, market, body.index).ok_or_else(|| refuse(21700))?;
        let live = self.live(index).ok_or_else(|| refuse(21715))?;
        let version = u64::try_from(attributes.get(Attribute::OrderVersion)).unwrap_or(0);
        if live.owner != account {
            return Err(refuse(21707));
        }
        if live.expired(self.now) || (version > 0 && version <= live.version) {
            return Err(refuse(21715));
        }
        if live.kind == OrderKind::Twap {
            return Err(refuse(21710));
        }
        if !self.is_active(market) {
            return Err(refuse(21605));
        }
        // The whole position is a size for what waits; an open order of size zero would end as if it were filled.
        if body.base_amount <= 0 && live.trigger.is_none() {
            return Err(refuse(21701));
        }
        if live.trigger.is_some() != (body.trigger_price > 0) {
            return Err(refuse(21729));
        }
        let row = self.accounts.get(&account).ok_or_else(|| refuse(21100))?;
        self.check_health(row, market, true)?;
        let size = Size::from_lots(body.base_amount.max(0));
        let price = Price::from_ticks(i64::from(body.price.max(1)));
        if self.check_growth(row, live, size, price).is_err() {
            return Err(Failure::free(21739));
        }
        let Some(mut order) = self.unlist(index) else { return Err(refuse(21715)) };
        order.remaining = size.saturating_sub(order.filled);
        order.initial = size;
        order.price = price;
        order.trigger = order.trigger.map(|_| Price::from_ticks(i64::from(body.trigger_price)));
        order.version = version.max(order.version);
        order.self_trade = self_trade_of(attributes);
        self.keep_integrator(index, attributes);
        order.self_scope = scope_of(attributes);
        order.tx_hash = Some(hash);
        order.priority = self.state_mut(market).map_or(0, |state| state.take_priority());
        if order.remaining.is_zero() && !order.filled.is_zero() {
            self.finish(order, OrderStatus::Filled);
        } else {
            self.restart(order);
        }
        Ok(())
    }

    fn restart(&mut self, order: LiveOrder) {
        if order.status == OrderStatus::Pending {
            self.start(order);
        } else {
            // A triggered limit order keeps its trigger price for show; it does not wait for it again.
            self.run_taker(order);
        }
    }
}

/// An order with an integrator always reduces (rules.md §3.4).
fn self_trade_of(attributes: &Attributes) -> SelfTrade {
    if attributes.has(Attribute::IntegratorAccountIndex) {
        return SelfTrade::Reduce;
    }
    SelfTrade::of(attributes.get(Attribute::SelfTradeBehaviorMode))
}

fn scope_of(attributes: &Attributes) -> SelfScope {
    if attributes.get(Attribute::SelfTradeEqualityMode) == 1 { SelfScope::Master } else { SelfScope::Account }
}
