//! The exchange's state, and what its operator may do to it: markets, accounts, prices.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::account::{Account, Key};
use super::api::{
    Conservation, ExchangeConfig, ExchangeEvent, MarketFundingRecord, MarketStats, TradeRecord, TxRecord,
};
use super::book::Book;
use super::errand::Errand;
use super::integrator::IntegratorFees;
use super::mishap::MishapRule;
use super::order::LiveOrder;
use super::sequencer::PendingTx;
use super::submit::Inflight;
use super::tally::Waiting;
use super::triggers::Triggers;
use super::withdraw::{FAST_WITHDRAWAL, MoneyState};
use crate::model::margin::{E12_PER_MICRO, MarginPosition};
use crate::model::{
    AccountIndex, ApiKeyIndex, Market, MarketId, MarketStatus, OrderIndex, Price, Size, Timestamp, TxHash,
    Usdc,
};

/// The liquidity pool's account, which is the insurance fund as on the venue: it takes over what nobody else closes,
/// and gets the liquidation fees.
pub(crate) const LIQUIDITY_POOL: AccountIndex = AccountIndex::new((1 << 48) - 2);
/// What the pool starts with.
const POOL_CAPITAL: Usdc = Usdc::whole(10_000_000);
/// How many public trades a market keeps.
const RECENT_TRADES: usize = 1_000;

/// What moves in a market.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MarketState {
    pub(crate) mark: Option<Price>,
    pub(crate) index: Option<Price>,
    pub(crate) last: Option<Price>,
    /// Derived from `orders`, hence not part of the state's hash.
    #[serde(skip)]
    pub(crate) book: Book,
    pub(crate) orders: BTreeMap<OrderIndex, LiveOrder>,
    pub(crate) next_ask: u64,
    pub(crate) next_bid: u64,
    pub(crate) next_priority: u64,
    pub(crate) triggers: Triggers,
    /// Lots held long; as many are held short.
    pub(crate) open_lots: i128,
    /// Accounts with a position that are not the world's.
    pub(crate) holders: BTreeSet<AccountIndex>,
    pub(crate) volume_lots: i128,
    pub(crate) volume_quote: i128,
    pub(crate) trades_count: u64,
    pub(crate) low: Option<Price>,
    pub(crate) high: Option<Price>,
    pub(crate) premium_sum: i128,
    pub(crate) premium_count: i128,
    pub(crate) funding_rate: i64,
    pub(crate) funding_at: Option<Timestamp>,
    /// Bounded by [`FUNDINGS`](super::funding::FUNDINGS).
    pub(crate) fundings: VecDeque<MarketFundingRecord>,
    #[serde(skip)]
    pub(crate) recent: VecDeque<TradeRecord>,
}

impl MarketState {
    fn new(market: &Market) -> Self {
        let price = |value: Option<rust_decimal::Decimal>| {
            value.and_then(|value| Price::rounded(value, market, crate::model::Rounding::Down).ok())
        };
        Self {
            mark: price(market.mark_price),
            index: price(market.index_price).or_else(|| price(market.mark_price)),
            last: price(market.mark_price),
            book: Book::default(),
            orders: BTreeMap::new(),
            next_ask: 1,
            next_bid: 1,
            next_priority: 1,
            triggers: Triggers::default(),
            open_lots: 0,
            holders: BTreeSet::new(),
            volume_lots: 0,
            volume_quote: 0,
            trades_count: 0,
            low: None,
            high: None,
            premium_sum: 0,
            premium_count: 0,
            funding_rate: 0,
            funding_at: None,
            fundings: VecDeque::new(),
            recent: VecDeque::new(),
        }
    }

    /// Returns what is left of a resting order.
    pub(crate) fn remaining(&self, order: OrderIndex) -> Size {
        self.orders.get(&order).map_or(Size::ZERO, |order| order.remaining)
    }

    /// Returns the next time priority.
    pub(crate) const fn take_priority(&mut self) -> u64 {
        self.next_priority += 1;
        self.next_priority - 1
    }

    /// Keeps a trade for the public list.
    pub(crate) fn remember_trade(&mut self, trade: TradeRecord) {
        if self.recent.len() == RECENT_TRADES {
            self.recent.pop_front();
        }
        self.recent.push_back(trade);
    }
}

/// The exchange. Deterministic: the same calls give the same state, see [`Exchange::state_hash`].
///
/// Time moves only by [`Exchange::advance`]; transactions wait for their tier's delay and execute inside it.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub(super) config: ExchangeConfig,
    pub(super) now: Timestamp,
    /// Rules of the markets, with live mark and index.
    pub(super) rules: Vec<Market>,
    pub(super) slots: BTreeMap<MarketId, usize>,
    /// Parallel to `rules`.
    pub(super) states: Vec<MarketState>,
    pub(super) accounts: BTreeMap<AccountIndex, Account>,
    /// Accepted transactions by the time they are due and their order of arrival.
    pub(super) pending: BTreeMap<(Timestamp, u64), PendingTx>,
    pub(super) inflight: Inflight,
    pub(super) txs: BTreeMap<TxHash, TxRecord>,
    /// What is in `txs`, by sequence.
    pub(super) tx_order: BTreeMap<u64, TxHash>,
    pub(super) waiting: Waiting,
    /// What the exchange will do by itself, by time and order of planning.
    pub(super) errands: BTreeMap<(Timestamp, u64), Errand>,
    pub(super) next_errand: u64,
    pub(super) mishaps: Vec<MishapRule>,
    /// Live orders with an expiry.
    pub(super) expiries: BTreeSet<(Timestamp, MarketId, OrderIndex)>,
    /// Accounts with a dead man's switch or a running liquidation are few; these sets name them.
    pub(super) switches: BTreeSet<(Timestamp, AccountIndex)>,
    pub(super) liquidations: BTreeSet<(Timestamp, AccountIndex)>,
    pub(super) money: MoneyState,
    pub(super) fees: i128,
    /// What live orders pay their integrators; few do.
    pub(super) integrator_fees: BTreeMap<OrderIndex, IntegratorFees>,
    pub(super) next_sequence: u64,
    pub(super) next_trade: u64,
    pub(super) next_record: u64,
    pub(super) funding_due: Timestamp,
    pub(super) sample_due: Timestamp,
    pub(super) check_signatures: bool,
    pub(super) events: Vec<ExchangeEvent>,
}

impl Exchange {
    /// Opens an exchange with `config`'s markets and the liquidity pool as its only account.
    pub fn new(config: ExchangeConfig) -> Self {
        let rules = config.markets.clone();
        let slots = rules.iter().enumerate().map(|(slot, market)| (market.id, slot)).collect();
        let states = rules.iter().map(MarketState::new).collect();
        let start = config.start;
        let mut exchange = Self {
            now: start,
            rules,
            slots,
            states,
            accounts: BTreeMap::new(),
            pending: BTreeMap::new(),
            inflight: Inflight::default(),
            txs: BTreeMap::new(),
            tx_order: BTreeMap::new(),
            waiting: Waiting::default(),
            errands: BTreeMap::new(),
            next_errand: 0,
            mishaps: Vec::new(),
            expiries: BTreeSet::new(),
            switches: BTreeSet::new(),
            liquidations: BTreeSet::new(),
            money: MoneyState::new(config.withdrawal_delay, config.claim_delay),
            fees: 0,
            integrator_fees: BTreeMap::new(),
            next_sequence: 1,
            next_trade: 1,
            next_record: 1,
            funding_due: super::funding::next_hour(start),
            sample_due: super::funding::next_minute(start),
            check_signatures: true,
            events: Vec::new(),
            config,
        };
        exchange.create_account(
            "0x0000000000000000000000000000000000000001".to_owned(),
            Vec::new(),
            Some(LIQUIDITY_POOL),
        );
        exchange.deposit(LIQUIDITY_POOL, POOL_CAPITAL);
        exchange.create_account(
            "0x0000000000000000000000000000000000000002".to_owned(),
            Vec::new(),
            Some(FAST_WITHDRAWAL),
        );
        exchange.make_house(FAST_WITHDRAWAL);
        exchange.events.clear();
        exchange
    }

    /// Returns venue time: where the last [`Exchange::advance`] ended.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns what the exchange was made of.
    pub const fn config(&self) -> &ExchangeConfig {
        &self.config
    }

    /// Returns the rules of all markets, with live mark and index prices.
    pub fn markets(&self) -> &[Market] {
        &self.rules
    }

    /// Returns the rules of `market`, with live mark and index prices.
    pub fn market(&self, market: MarketId) -> Option<&Market> {
        self.rules.get(*self.slots.get(&market)?)
    }

    pub(crate) fn state(&self, market: MarketId) -> Option<&MarketState> {
        self.states.get(*self.slots.get(&market)?)
    }

    pub(crate) fn state_mut(&mut self, market: MarketId) -> Option<&mut MarketState> {
        self.states.get_mut(*self.slots.get(&market)?)
    }

    /// Returns prices and statistics of `market`.
    pub fn stats(&self, market: MarketId) -> Option<MarketStats> {
        let state = self.state(market)?;
        Some(MarketStats {
            mark: state.mark,
            index: state.index,
            last: state.last,
            best_bid: state.book.best_price(crate::model::Side::Buy),
            best_ask: state.book.best_price(crate::model::Side::Sell),
            volume_lots: state.volume_lots,
            volume_quote: state.volume_quote,
            trades_count: state.trades_count,
            open_interest_lots: state.open_lots,
            low: state.low,
            high: state.high,
            funding_rate: state.funding_rate,
            estimated_funding_rate: self.estimated_rate(market),
            funding_at: state.funding_at,
        })
    }

    /// Creates an account and returns its index: `index` when it is given and free, else the next free one.
    ///
    /// Accounts that share an L1 address belong together: the first of them is the master of the others.
    pub fn create_account(
        &mut self,
        l1_address: String,
        keys: Vec<(ApiKeyIndex, [u8; 40])>,
        index: Option<AccountIndex>,
    ) -> AccountIndex {
        let index =
            index.filter(|index| !self.accounts.contains_key(index)).unwrap_or_else(|| self.free_master());
        let master = self.master_of(&l1_address);
        let mut account = Account::new(index, l1_address, self.config.tier);
        account.master = master.unwrap_or(index);
        account.keys = keys
            .into_iter()
            .map(|(slot, public)| (slot, Key { public: public.to_vec(), nonce: 0 }))
            .collect();
        self.accounts.insert(index, account);
        self.changed(index);
        index
    }

    fn master_of(&self, l1_address: &str) -> Option<AccountIndex> {
        let same = |account: &&Account| account.l1_address.eq_ignore_ascii_case(l1_address);
        self.accounts.values().find(same).map(|account| account.master)
    }

    fn free_master(&self) -> AccountIndex {
        let mut index = 100;
        while self.accounts.contains_key(&AccountIndex::new(index)) {
            index += 1;
        }
        AccountIndex::new(index)
    }

    /// Makes `account` one of the world's: never judged for margin, never liquidated, and without a history.
    pub fn make_house(&mut self, account: AccountIndex) {
        if let Some(account) = self.accounts.get_mut(&account) {
            account.house = true;
        }
    }

    /// Sets mark and index of a market; runs triggers and liquidation checks.
    pub fn set_prices(&mut self, market: MarketId, mark: Price, index: Price) {
        let Some(&slot) = self.slots.get(&market) else { return };
        let (Some(rules), Some(state)) = (self.rules.get_mut(slot), self.states.get_mut(slot)) else {
            return;
        };
        if state.mark == Some(mark) && state.index == Some(index) {
            return;
        }
        (state.mark, state.index) = (Some(mark), Some(index));
        rules.mark_price = Some(mark.to_decimal(rules));
        rules.index_price = Some(index.to_decimal(rules));
        self.events.push(ExchangeEvent::Stats(market));
        self.run_triggers(market);
        self.check_holders(market);
    }

    /// Opens or closes a market for orders; positions keep counting.
    pub fn set_market_status(&mut self, market: MarketId, status: MarketStatus) {
        if let Some(rules) = self.slots.get(&market).and_then(|slot| self.rules.get_mut(*slot)) {
            rules.status = status;
            self.events.push(ExchangeEvent::Stats(market));
        }
        self.run_triggers(market);
    }

    /// Returns whether a market takes orders.
    pub(super) fn is_active(&self, market: MarketId) -> bool {
        self.market(market).is_some_and(|rules| rules.status == MarketStatus::Active)
    }

    /// Replaces the rules of a market, as a venue does between two reads; orders and positions stay.
    pub fn set_market_rules(&mut self, rules: Market) {
        if let Some(old) = self.slots.get(&rules.id).and_then(|slot| self.rules.get_mut(*slot)) {
            *old = rules;
        }
    }

    /// Switches signature checks of [`Exchange::submit`]; off only to replay what was checked before.
    pub const fn check_signatures(&mut self, check: bool) {
        self.check_signatures = check;
    }

    /// Returns what happened since the last call, in order.
    pub fn drain_events(&mut self) -> Vec<ExchangeEvent> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn changed(&mut self, account: AccountIndex) {
        if self.accounts.get(&account).is_some_and(|row| !row.house) {
            self.events.push(ExchangeEvent::Account(account));
        }
    }

    pub(super) fn book_changed(&mut self, market: MarketId) {
        // A burst of changes is one event: the server reads the book anew anyway.
        let last = self.events.last();
        if !matches!(last, Some(ExchangeEvent::Book(other)) if *other == market) {
            self.events.push(ExchangeEvent::Book(market));
        }
    }

    pub(super) fn record_id(&mut self) -> u64 {
        self.next_record += 1;
        self.next_record - 1
    }

    /// Returns where all money is.
    pub fn conservation(&self) -> Conservation {
        let mut sum = Conservation {
            fees: self.fees,
            withdrawn: self.money.withdrawn,
            deposited: self.money.deposited,
            ..Conservation::default()
        };
        let mut lots: BTreeMap<MarketId, i128> = BTreeMap::new();
        for account in self.accounts.values() {
            let pot = if account.index == LIQUIDITY_POOL { &mut sum.insurance } else { &mut sum.collateral };
            *pot += account.collateral;
            for (market, row) in &account.positions {
                *pot += row.allocated + row.unsettled;
                *lots.entry(*market).or_default() += i128::from(row.position.lots());
                if let Some(row) = self.margin_row(account, *market) {
                    sum.unrealized += MarginPosition::unrealized(&row) * E12_PER_MICRO;
                }
            }
        }
        sum.unbalanced_lots = lots.values().map(|lots| lots.abs()).sum();
        sum
    }

    /// Returns a hash over the whole state: equal hashes mean equal exchanges.
    pub fn state_hash(&self) -> [u8; 32] {
        struct Sink(Sha256);
        impl std::io::Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut sink = Sink(Sha256::new());
        let pending: Vec<_> = self.pending.iter().collect();
        let txs: Vec<_> = self.txs.values().collect();
        let errands: Vec<_> = self.errands.iter().collect();
        let parts = (
            (&self.config, self.now, &self.rules, &self.states, &self.accounts, pending, txs),
            (&self.expiries, &self.switches, &self.liquidations, &self.money, self.fees),
            &self.integrator_fees,
            (errands, self.next_errand, &self.mishaps),
            (self.next_sequence, self.next_trade, self.next_record, self.funding_due, self.sample_due),
        );
        serde_json::to_writer(&mut sink, &parts).expect("the state has only string and integer keys");
        sink.0.finalize().into()
    }
}
