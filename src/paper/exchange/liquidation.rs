//! The liquidation waterfall of rules.md §6.4: slices into the book, take-over by the pool, auto-deleveraging.

use std::time::Duration;

use super::liquidation_record::Step;
use super::matching::{Deal, Party};
use super::order::{Basics, LiveOrder};
use super::state::LIQUIDITY_POOL;
use super::{Account, Exchange};
use crate::model::margin::{E12_PER_MICRO, Health, Margin};
use crate::model::{
    AccountIndex, MarginMode, MarketId, OrderKind, OrderStatus, Price, Side, Size, TimeInForce, TradeKind,
};

/// Time between two slices: long enough for others to see the first, short enough to matter.
const SLICE_EVERY: Duration = Duration::from_millis(500);
/// A slice is this part of what is left.
const SLICES: i64 = 4;

impl Exchange {
    /// Judges every account with a position in `market`.
    pub(super) fn check_holders(&mut self, market: MarketId) {
        let Some(state) = self.state(market) else { return };
        let weak: Vec<_> = state.holders.iter().copied().filter(|account| self.is_weak(*account)).collect();
        for account in weak {
            let idle = self.accounts.get(&account).is_some_and(|row| row.liquidation_at.is_none());
            if idle || self.is_hopeless(account) {
                self.liquidation_step(account);
            }
        }
    }

    fn is_weak(&self, account: AccountIndex) -> bool {
        self.judged(account).is_some_and(|row| self.worst_health(row) < Health::PreLiquidation)
    }

    fn is_hopeless(&self, account: AccountIndex) -> bool {
        self.judged(account).is_some_and(|row| self.worst_health(row) < Health::PartialLiquidation)
    }

    fn judged(&self, account: AccountIndex) -> Option<&Account> {
        self.accounts.get(&account).filter(|row| !row.house && row.index != LIQUIDITY_POOL)
    }

    /// Takes one step with every pot of the account that is below maintenance, and plans the next one.
    pub(super) fn liquidation_step(&mut self, account: AccountIndex) {
        for (pot, markets) in self.weak_pots(account) {
            self.cancel_in(account, &markets);
            match pot.health() {
                Health::Healthy | Health::PreLiquidation => {}
                Health::PartialLiquidation => self.sell_slice(account, &markets),
                Health::FullLiquidation | Health::Bankrupt => self.take_over(account, &markets),
            }
        }
        self.plan_next_slice(account);
        self.changed(account);
    }

    fn plan_next_slice(&mut self, account: AccountIndex) {
        let next = self.is_weak(account).then(|| self.now.after(SLICE_EVERY));
        let Some(row) = self.accounts.get_mut(&account) else { return };
        if let Some(old) = std::mem::replace(&mut row.liquidation_at, next) {
            self.liquidations.remove(&(old, account));
        }
        if let Some(at) = next {
            self.liquidations.insert((at, account));
        }
    }

    /// Returns the pots below maintenance, each with the markets of its positions, the largest notional first.
    fn weak_pots(&self, account: AccountIndex) -> Vec<(Margin, Vec<MarketId>)> {
        let Some(row) = self.judged(account) else { return Vec::new() };
        let mut pots = Vec::new();
        let held = |mode| row.positions.iter().filter(move |(_, p)| p.mode == mode && !p.position.is_flat());
        let mut cross: Vec<_> = held(MarginMode::Cross).map(|(market, _)| *market).collect();
        cross.sort_by_key(|market| {
            std::cmp::Reverse(self.margin_row(row, *market).map_or(0, |r| r.notional()))
        });
        pots.push((self.cross_margin(row), cross));
        for (market, state) in held(MarginMode::Isolated) {
            pots.push((self.isolated_margin(*market, state), vec![*market]));
        }
        pots.retain(|(pot, markets)| pot.health() < Health::PreLiquidation && !markets.is_empty());
        pots
    }

    fn cancel_in(&mut self, account: AccountIndex, markets: &[MarketId]) {
        let cross = markets.first().is_some_and(|market| {
            self.accounts.get(&account).is_some_and(|row| row.position(*market).mode == MarginMode::Cross)
        });
        let isolated = |market: MarketId| {
            self.accounts.get(&account).is_some_and(|row| row.position(market).mode == MarginMode::Isolated)
        };
        let doomed = self.orders_where(account, |order| {
            markets.contains(&order.market) || (cross && !isolated(order.market))
        });
        for order in doomed {
            self.cancel_live(order, OrderStatus::CanceledLiquidation);
        }
    }

    /// Returns the price at which closing the whole pot leaves nothing.
    fn zero_price(&self, account: AccountIndex, market: MarketId) -> Option<Price> {
        let row = self.accounts.get(&account)?;
        let position = row.position(market).position;
        let sign = i128::from(position.side()?.sign());
        let pot = self.pot(row, market, &self.cross_margin(row));
        let (value, maintenance) = (pot.value / E12_PER_MICRO, pot.maintenance / E12_PER_MICRO);
        let mark = i128::from(self.state(market)?.mark?.ticks());
        let mmf = i128::from(self.market(market)?.maintenance_margin_fraction);
        let (above, below) = (mark * (10_000 * maintenance - sign * mmf * value), 10_000 * maintenance);
        if below == 0 {
            return None;
        }
        let ticks = if sign > 0 { (above + below - 1).div_euclid(below) } else { above.div_euclid(below) };
        Some(Price::from_ticks(i64::try_from(ticks.clamp(1, i128::from(Price::MAX.ticks()))).unwrap_or(1)))
    }

    /// Returns the fee of a liquidation fill in millionths: the gain over the zero price, at most the market's fee.
    pub(super) fn liquidation_fee(&self, taker: &LiveOrder, price: Price) -> u32 {
        let gain = (price.ticks() - taker.price.ticks()).abs();
        let part = i128::from(gain) * 1_000_000 / i128::from(price.ticks().max(1));
        let limit = self.market(taker.market).map_or(0, |market| market.liquidation_fee);
        u32::try_from(part).unwrap_or(limit).min(limit)
    }

    /// Credits a liquidation fee to the insurance fund.
    pub(super) fn credit_fund(&mut self, fee: i128) {
        if let Some(fund) = self.accounts.get_mut(&LIQUIDITY_POOL) {
            fund.collateral += fee;
        }
    }

    fn sell_slice(&mut self, account: AccountIndex, markets: &[MarketId]) {
        let Some(&market) = markets.first() else { return };
        let Some(price) = self.zero_price(account, market) else { return };
        let Some(position) = self.accounts.get(&account).map(|row| row.position(market).position) else {
            return;
        };
        let Some(side) = position.side().map(Side::opposite) else { return };
        let size = self.slice_of(market, position.size());
        let (first, before) = (self.next_trade, self.snapshot(account));
        let order = self.internal_order(account, market, side, price, size);
        self.run_taker(order);
        self.record_liquidation_fills(account, first, &before);
    }

    /// Returns a quarter of what is left, but never a slice or a rest too small to trade.
    fn slice_of(&self, market: MarketId, held: Size) -> Size {
        let Some(rules) = self.market(market) else { return held };
        let Some(mark) = self.state(market).and_then(|state| state.mark) else { return held };
        let least = rules.min_size_at(mark);
        let slice = Size::from_lots((held.lots() + SLICES - 1) / SLICES).max(least);
        if held.saturating_sub(slice) < least { held } else { slice }
    }

    fn internal_order(
        &mut self,
        account: AccountIndex,
        market: MarketId,
        side: Side,
        price: Price,
        size: Size,
    ) -> LiveOrder {
        let index = self.take_index(market, side);
        let priority = self.state_mut(market).map_or(0, |state| state.take_priority());
        let (kind, tif) = (OrderKind::Liquidation, TimeInForce::ImmediateOrCancel);
        let basics = Basics { owner: account, market, side, kind, tif, price, size };
        LiveOrder { reduce_only: true, ..LiveOrder::new(basics, index, priority, self.now) }
    }

    /// Hands every position of the pot to the liquidity pool, or to the traders on the other side.
    fn take_over(&mut self, account: AccountIndex, markets: &[MarketId]) {
        // Prices first: each hand-over changes the pot that they are computed from.
        let prices: Vec<_> =
            markets.iter().filter_map(|m| Some((*m, self.zero_price(account, *m)?))).collect();
        for (market, price) in prices {
            let pool_takes = self.hand_over(account, market, price, LIQUIDITY_POOL, Must::BeAllowed);
            if pool_takes.is_none() {
                self.deleverage(account, market, price);
            }
        }
    }

    /// Moves as much as `taker_over` can take of a position to it at `price`; returns how much that was.
    fn hand_over(
        &mut self,
        account: AccountIndex,
        market: MarketId,
        price: Price,
        other: AccountIndex,
        must: Must,
    ) -> Option<Size> {
        let position = self.accounts.get(&account)?.position(market).position;
        let side = position.side()?.opposite();
        let size = match must {
            Must::BeAllowed => position.size(),
            Must::Shrink => position.size().min(self.reducible(other, market, side.opposite())),
        };
        if size.is_zero() || account == other {
            return None;
        }
        let (order, counter) = (self.take_index(market, side), self.take_index(market, side.opposite()));
        let party =
            |account, side, order| Party { account, side, order, client: None, fee: 0, integrator: None };
        let deal = Deal {
            market,
            kind: TradeKind::Deleverage,
            price,
            size,
            taker: party(account, side, order),
            maker: party(other, side.opposite(), counter),
            tx_hash: None,
        };
        let (mine, theirs) = self.effects(&deal)?;
        if must == Must::BeAllowed && !self.effect_allowed(self.accounts.get(&other)?, market, &theirs) {
            return None;
        }
        let (mine_before, theirs_before) = (self.snapshot(account), self.snapshot(other));
        self.settle(&deal, mine, theirs);
        let step = Step { market, side, price, size, fee: 0, counterparty: other, deleverage: true };
        self.record_step(account, &step, &mine_before);
        if other != LIQUIDITY_POOL {
            let step = Step { side: side.opposite(), counterparty: account, ..step };
            self.record_step(other, &step, &theirs_before);
        }
        Some(size)
    }

    /// Closes a position against the traders on the other side, those with most profit and leverage first.
    fn deleverage(&mut self, account: AccountIndex, market: MarketId, price: Price) {
        for other in self.deleverage_queue(account, market) {
            if self.hand_over(account, market, price, other, Must::Shrink).is_none() {
                return;
            }
        }
    }

    fn deleverage_queue(&self, account: AccountIndex, market: MarketId) -> Vec<AccountIndex> {
        let side = self.accounts.get(&account).and_then(|row| row.position(market).position.side());
        let Some(side) = side.map(Side::opposite) else { return Vec::new() };
        let mut queue: Vec<_> = self
            .accounts
            .values()
            .filter(|row| row.index != account && row.position(market).position.side() == Some(side))
            .map(|row| (row.house, std::cmp::Reverse(self.deleverage_score(row, market)), row.index))
            .collect();
        // The world's accounts come last: a scenario wants to see the operator's accounts hit.
        queue.sort_unstable();
        queue.into_iter().map(|(_, _, index)| index).collect()
    }

    /// Returns (unrealised PnL / equity) × leverage, in millionths.
    fn deleverage_score(&self, account: &Account, market: MarketId) -> i128 {
        let Some(row) = self.margin_row(account, market) else { return 0 };
        let pot = self.pot(account, market, &self.cross_margin(account));
        let equity = (pot.value / E12_PER_MICRO).max(1);
        (row.unrealized() * 1_000 / equity) * (row.notional() * 1_000 / equity)
    }
}

/// What a hand-over asks of the other side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Must {
    /// It takes the whole position, within its margin.
    BeAllowed,
    /// It closes its own position; its margin is not asked.
    Shrink,
}
