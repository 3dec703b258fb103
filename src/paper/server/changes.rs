//! What one step of the exchange changed, sorted by who is told.

use std::collections::{BTreeMap, BTreeSet};

use super::actor::View;
use super::channel::Channel;
use super::frames;
use super::json::Json;
use crate::model::{AccountIndex, MarketId, Order, OrderIndex};
use crate::paper::exchange::{ExchangeEvent, NoticeRecord, TradeRecord, TxRecord};

/// Renders one frame for a channel, if it has something to say.
type Render<'a> = &'a dyn Fn(&Channel) -> Option<Json>;

/// The changes of one step.
#[derive(Default)]
pub(crate) struct Changes {
    books: BTreeSet<MarketId>,
    stats: BTreeSet<MarketId>,
    accounts: BTreeSet<AccountIndex>,
    /// The last state of every order that changed.
    orders: BTreeMap<AccountIndex, BTreeMap<OrderIndex, Order>>,
    /// Oldest first.
    trades: Vec<TradeRecord>,
    txs: BTreeMap<AccountIndex, Vec<TxRecord>>,
    notices: BTreeMap<AccountIndex, Vec<NoticeRecord>>,
}

impl Changes {
    /// Sorts events.
    pub(crate) fn gather(events: &[ExchangeEvent]) -> Self {
        let mut changes = Self::default();
        for event in events {
            match event {
                ExchangeEvent::Book(market) => drop(changes.books.insert(*market)),
                ExchangeEvent::Stats(market) => drop(changes.stats.insert(*market)),
                ExchangeEvent::Account(account) => drop(changes.accounts.insert(*account)),
                ExchangeEvent::Order(order) => {
                    let orders = changes.orders.entry(order.owner).or_default();
                    orders.insert(order.order_index, order.clone());
                }
                ExchangeEvent::Trade(record) => changes.trades.push(record.clone()),
                ExchangeEvent::Tx(tx) => changes.txs.entry(tx.account).or_default().push(tx.clone()),
                ExchangeEvent::Notice(notice) => {
                    changes.notices.entry(notice.account).or_default().push(notice.clone());
                }
                // No stream tells of withdrawals; the account's own event comes with it.
                ExchangeEvent::Withdrawal(record) => drop(changes.accounts.insert(record.account)),
            }
        }
        changes
    }

    /// Returns the markets whose book changed.
    pub(crate) fn books(&self) -> impl Iterator<Item = MarketId> + '_ {
        self.books.iter().copied()
    }

    /// Returns the markets whose statistics changed.
    pub(crate) fn stats(&self) -> impl Iterator<Item = MarketId> + '_ {
        self.stats.iter().copied().chain(self.trades.iter().map(|record| record.trade.market))
    }

    /// Returns the frames of the channels that somebody listens to. Orders come before fills and fills before
    /// positions, although clients must not count on it.
    pub(crate) fn frames(&self, view: &View<'_>, heard: &dyn Fn(&Channel) -> bool) -> Vec<(Channel, Json)> {
        let mut out = Vec::new();
        let mut say = |channel: Channel, frame: Render<'_>| {
            if heard(&channel)
                && let Some(frame) = frame(&channel)
            {
                out.push((channel, frame));
            }
        };
        for (account, txs) in &self.txs {
            say(Channel::AccountTx(*account), &|_| Some(frames::transactions(view, *account, txs, "update")));
        }
        for (account, orders) in &self.orders {
            let orders: Vec<&Order> = orders.values().collect();
            say(Channel::AccountAllOrders(*account), &|channel| {
                Some(frames::orders(view, channel, &orders, "update"))
            });
            for market in orders.iter().map(|order| order.market).collect::<BTreeSet<_>>() {
                let of_market: Vec<&Order> =
                    orders.iter().copied().filter(|order| order.market == market).collect();
                say(Channel::AccountOrders(market, *account), &|channel| {
                    Some(frames::orders(view, channel, &of_market, "update"))
                });
            }
        }
        for (market, trades) in self.by_market() {
            say(Channel::Trade(market), &|_| frames::trades(view, market, &trades, "update"));
        }
        for account in self.traders() {
            let trades = self.trades_of(account);
            say(Channel::AccountAllTrades(account), &|_| {
                Some(frames::account_trades(view, account, &trades, "update"))
            });
        }
        self.account_frames(view, &mut say);
        for (account, notices) in &self.notices {
            say(Channel::Notification(*account), &|_| {
                Some(frames::notification(view, *account, notices, "update"))
            });
        }
        out
    }

    /// Returns the frames of accounts whose numbers, orders or fills changed.
    fn account_frames(&self, view: &View<'_>, say: &mut dyn FnMut(Channel, Render<'_>)) {
        let touched: BTreeSet<AccountIndex> =
            self.accounts.iter().chain(self.orders.keys()).copied().chain(self.traders()).collect();
        for account in touched {
            let trades = self.trades_of(account);
            say(Channel::AccountAllPositions(account), &|channel| frames::update(view, channel));
            say(Channel::UserStats(account), &|channel| frames::update(view, channel));
            say(Channel::AccountAllAssets(account), &|channel| frames::update(view, channel));
            say(Channel::AccountAll(account), &|_| frames::account_all(view, account, &trades, "update"));
            let orders: Vec<&Order> =
                self.orders.get(&account).into_iter().flat_map(BTreeMap::values).collect();
            for market in view.exchange.markets() {
                say(Channel::AccountMarket(market.id, account), &|_| {
                    frames::account_market(view, market.id, account, &orders, &trades, "update")
                });
            }
        }
    }

    fn by_market(&self) -> BTreeMap<MarketId, Vec<&TradeRecord>> {
        let mut map: BTreeMap<MarketId, Vec<&TradeRecord>> = BTreeMap::new();
        // Newest first, as the venue lists them.
        self.trades.iter().rev().for_each(|record| map.entry(record.trade.market).or_default().push(record));
        map
    }

    fn traders(&self) -> BTreeSet<AccountIndex> {
        self.trades.iter().flat_map(|record| [record.trade.ask_account, record.trade.bid_account]).collect()
    }

    fn trades_of(&self, account: AccountIndex) -> Vec<&TradeRecord> {
        self.trades.iter().rev().filter(|record| record.trade.side_of(account).is_some()).collect()
    }
}
