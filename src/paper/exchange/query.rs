//! What the exchange tells about itself.

use super::api::{
    AccountRecord, DepositRecord, FundingRecord, LiquidationRecord, MarketFundingRecord, PositionRecord,
    RestingOrder, TradeFilter, TradeRecord, TransferRecord, TxRecord, WithdrawalRecord,
};
use super::{Account, Exchange};
use crate::model::margin::Margin;
use crate::model::{
    AccountIndex, ApiKeyIndex, BookLevel, MarketId, Nonce, Order, OrderIndex, Position, Side, TxHash,
};

impl Exchange {
    /// Returns an account with its margin as of now.
    pub fn account(&self, index: AccountIndex) -> Option<AccountRecord> {
        let account = self.accounts.get(&index)?;
        let cross = self.cross_margin(account);
        let (maker_fee, taker_fee) = account.fees();
        let isolated = account.orders.iter().filter(|order| {
            account.position(super::market_of(**order)).mode == crate::model::MarginMode::Isolated
        });
        Some(AccountRecord {
            index,
            l1_address: account.l1_address.clone(),
            tier: account.tier,
            cancel_all_at: account.cancel_all_at,
            total_order_count: count(account.orders.len()),
            pending_order_count: account.order_totals().1,
            // Unsettled funding counts at once in everything that is shown.
            collateral: account.collateral
                + account.positions.values().map(|row| row.allocated + row.unsettled).sum::<i128>(),
            available: cross.available(),
            total_value: cross.value + self.isolated_value(account),
            cross_value: cross.value,
            cross_initial: cross.initial,
            cross_maintenance: cross.maintenance,
            positions: self.position_records(account, &cross),
            keys: account
                .keys
                .iter()
                .map(|(slot, key)| (*slot, key.public.clone(), Nonce::new(key.nonce)))
                .collect(),
            maker_fee,
            taker_fee,
            transaction_time_us: account.transaction_time_us,
            master: account.master,
            lit_stake: account.lit_stake,
            tier_changed_at: account.tier_changed_at,
            trading_mode: account.trading_mode,
            integrators: account.integrators.values().copied().collect(),
            maker_only_keys: account.maker_only.at(self.now).to_vec(),
            cross_closeout: cross.closeout,
            isolated_order_count: count(isolated.count()),
            volume: account.volume,
        })
    }

    /// Returns what an account holds of a market; nothing, when there is no such account.
    pub fn position(&self, account: AccountIndex, market: MarketId) -> Position {
        self.accounts.get(&account).map(|account| account.position(market).position).unwrap_or_default()
    }

    pub(super) fn position_records(&self, account: &Account, cross: &Margin) -> Vec<PositionRecord> {
        let mut rows = Vec::new();
        for (market, state) in &account.positions {
            let (open, pending) = self.order_counts(account, *market);
            let margin = self.margin_row(account, *market);
            let pot = self.pot(account, *market, cross);
            let Some(rules) = self.market(*market) else { continue };
            rows.push(PositionRecord {
                market: *market,
                position: state.position,
                entry_quote: state.entry_quote,
                realized_pnl: state.realized,
                funding_paid: state.funding_paid,
                margin_mode: state.mode,
                initial_margin_fraction: super::fraction_in_use(state, rules),
                margin_set: state.fraction.is_some(),
                allocated_margin: match state.mode {
                    crate::model::MarginMode::Cross => 0,
                    crate::model::MarginMode::Isolated => state.allocated + state.unsettled,
                },
                open_order_count: open,
                pending_order_count: pending,
                liquidation_price: margin.as_ref().and_then(|row| pot.liquidation_price(row)),
                unrealized_pnl: margin.as_ref().map_or(0, |row| row.unrealized()),
                position_value: margin.as_ref().map_or(0, |row| row.notional()),
            });
        }
        rows
    }

    pub(super) fn live(&self, order: OrderIndex) -> Option<&super::order::LiveOrder> {
        self.state(super::market_of(order))?.orders.get(&order)
    }

    pub(super) fn live_mut(&mut self, order: OrderIndex) -> Option<&mut super::order::LiveOrder> {
        self.state_mut(super::market_of(order))?.orders.get_mut(&order)
    }

    /// Returns the accounts of an L1 address, in any spelling; the master comes first.
    pub fn accounts_of(&self, l1_address: &str) -> Vec<AccountIndex> {
        let mut found: Vec<_> = self
            .accounts
            .values()
            .filter(|account| account.l1_address.eq_ignore_ascii_case(l1_address))
            .map(|account| (account.master != account.index, account.index))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, index)| index).collect()
    }

    /// Returns all account indices, ascending; the world's and the liquidity pool's are among them.
    pub fn account_indices(&self) -> Vec<AccountIndex> {
        self.accounts.keys().copied().collect()
    }

    /// Returns the master of an account: itself, unless it is a sub-account.
    pub fn master(&self, account: AccountIndex) -> Option<AccountIndex> {
        self.accounts.get(&account).map(|account| account.master)
    }

    /// Returns the next nonce as far as the sequencer has executed; 0 for an unknown account or slot.
    pub fn next_nonce(&self, account: AccountIndex, key: ApiKeyIndex) -> Nonce {
        let key = self.accounts.get(&account).and_then(|account| account.keys.get(&key));
        Nonce::new(key.map_or(0, |key| key.nonce))
    }

    /// Returns the first `depth` levels of bids and asks, best first.
    pub fn book(&self, market: MarketId, depth: usize) -> (Vec<BookLevel>, Vec<BookLevel>) {
        let Some(state) = self.state(market) else { return (Vec::new(), Vec::new()) };
        let levels = |side| state.book.levels(side, depth, |order| state.remaining(order));
        (levels(Side::Buy), levels(Side::Sell))
    }

    /// Returns the book's change counter.
    pub fn book_nonce(&self, market: MarketId) -> u64 {
        self.state(market).map_or(0, |state| state.book.nonce())
    }

    /// Returns the first `limit` resting asks and bids, best first.
    pub fn resting(&self, market: MarketId, limit: usize) -> (Vec<RestingOrder>, Vec<RestingOrder>) {
        let Some(state) = self.state(market) else { return (Vec::new(), Vec::new()) };
        let rows = |side| {
            let orders = state.book.orders(side).take(limit);
            orders
                .filter_map(|(_, order)| state.orders.get(&order))
                .map(|order| RestingOrder {
                    order_index: order.index,
                    owner: order.owner,
                    initial: order.initial,
                    remaining: order.remaining,
                    price: order.price,
                    expiry: order.expiry.unwrap_or_default(),
                })
                .collect()
        };
        (rows(Side::Sell), rows(Side::Buy))
    }

    /// Returns the live orders of an account, by order index.
    pub fn active_orders(&self, account: AccountIndex, market: Option<MarketId>) -> Vec<Order> {
        let Some(account) = self.accounts.get(&account) else { return Vec::new() };
        let orders = account.orders.iter().filter_map(|order| self.live(*order));
        orders.filter(|order| market.is_none_or(|m| m == order.market)).map(|order| order.view()).collect()
    }

    /// Returns the ended orders of an account, newest first.
    pub fn inactive_orders(&self, account: AccountIndex, market: Option<MarketId>) -> Vec<Order> {
        let Some(account) = self.accounts.get(&account) else { return Vec::new() };
        let ended = account.ended.iter().rev();
        ended.filter(|order| market.is_none_or(|m| m == order.market)).cloned().collect()
    }

    /// Returns up to `limit` trades that pass `filter`, newest first.
    ///
    /// Trades of an account go back further than those of a market.
    pub fn trades(&self, filter: TradeFilter, limit: usize) -> Vec<TradeRecord> {
        let passes = |row: &&TradeRecord| {
            filter.market.is_none_or(|market| row.trade.market == market)
                && filter.after.is_none_or(|after| row.trade.id > after)
        };
        if let Some(account) = filter.account {
            let rows =
                self.accounts.get(&account).into_iter().flat_map(|account| account.trades.iter().rev());
            return rows.filter(passes).take(limit).cloned().collect();
        }
        let mut rows: Vec<_> = self
            .states
            .iter()
            .flat_map(|state| state.recent.iter().rev().filter(passes).take(limit))
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.trade.id));
        rows.into_iter().take(limit).cloned().collect()
    }

    /// Returns the last `limit` trades of a market, newest first.
    pub fn recent_trades(&self, market: MarketId, limit: usize) -> Vec<TradeRecord> {
        self.trades(TradeFilter { market: Some(market), ..TradeFilter::default() }, limit)
    }

    /// Returns a transaction by its hash.
    pub fn transaction(&self, hash: &TxHash) -> Option<&TxRecord> {
        self.txs.get(hash)
    }

    /// Returns the last `limit` transactions of an account, newest first.
    pub fn account_transactions(&self, account: AccountIndex, limit: usize) -> Vec<TxRecord> {
        let Some(account) = self.accounts.get(&account) else { return Vec::new() };
        account.txs.iter().rev().filter_map(|hash| self.txs.get(hash)).take(limit).cloned().collect()
    }

    /// Returns a kept transaction by its place in the sequence.
    pub fn transaction_at(&self, sequence: u64) -> Option<&TxRecord> {
        self.txs.get(self.tx_order.get(&sequence)?)
    }

    /// Returns kept transactions of all accounts up to a place in the sequence, newest first.
    pub fn transactions_to(&self, sequence: u64, limit: usize) -> Vec<TxRecord> {
        let order = self.tx_order.range(..=sequence).rev();
        order.filter_map(|(_, hash)| self.txs.get(hash)).take(limit).cloned().collect()
    }

    /// Returns the withdrawals of an account, newest first.
    pub fn withdrawals(&self, account: AccountIndex) -> Vec<WithdrawalRecord> {
        self.newest_first(account, |account| &account.withdrawals)
    }

    /// Returns the deposits of an account, newest first.
    pub fn deposits(&self, account: AccountIndex) -> Vec<DepositRecord> {
        self.newest_first(account, |account| &account.deposits)
    }

    /// Returns the hourly fundings of a market, newest first.
    pub fn market_fundings(&self, market: MarketId) -> Vec<MarketFundingRecord> {
        let rows = self.state(market).into_iter().flat_map(|state| state.fundings.iter().rev());
        rows.copied().collect()
    }

    /// Returns the transfers from and to an account, newest first.
    pub fn transfers(&self, account: AccountIndex) -> Vec<TransferRecord> {
        self.newest_first(account, |account| &account.transfers)
    }

    /// Returns the liquidation steps of an account, newest first.
    pub fn liquidations(&self, account: AccountIndex) -> Vec<LiquidationRecord> {
        self.newest_first(account, |account| &account.liquidations)
    }

    /// Returns the funding payments of an account, newest first.
    pub fn fundings(&self, account: AccountIndex) -> Vec<FundingRecord> {
        let Some(account) = self.accounts.get(&account) else { return Vec::new() };
        account.fundings.iter().rev().cloned().collect()
    }

    fn newest_first<T: Clone>(&self, account: AccountIndex, list: impl Fn(&Account) -> &Vec<T>) -> Vec<T> {
        self.accounts
            .get(&account)
            .map_or_else(Vec::new, |account| list(account).iter().rev().cloned().collect())
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
