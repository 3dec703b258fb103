//! Price-time matching: the loop of rules.md §3.3.

use super::api::{ExchangeEvent, TradeRecord};
use super::order::{LiveOrder, SelfScope, SelfTrade};
use super::risk::{Fill, FillEffect};
use super::state::LIQUIDITY_POOL;
use super::{Account, Exchange};
use crate::model::margin::Health;
use crate::model::{
    AccountIndex, ClientOrderIndex, MarketId, OrderIndex, OrderKind, OrderStatus, Position, Price, Side,
    Size, TimeInForce, Timestamp, Trade, TradeId, TradeKind, TxHash, Usdc,
};

/// What one round of the loop decided.
enum Round {
    /// Look at the next maker.
    Again,
    /// Nothing to meet: the rest goes on the book.
    Rest,
    /// The taker is over.
    End(OrderStatus),
}

/// What matching asks of a resting order; a copy, because the book changes while it is looked at.
#[derive(Clone, Copy)]
struct Maker {
    index: OrderIndex,
    owner: AccountIndex,
    client: Option<ClientOrderIndex>,
    side: Side,
    price: Price,
    remaining: Size,
    reduce_only: bool,
    expired: bool,
}

impl Maker {
    fn of(order: &LiveOrder, now: Timestamp) -> Self {
        Self {
            index: order.index,
            owner: order.owner,
            client: order.client,
            side: order.side,
            price: order.price,
            remaining: order.remaining,
            reduce_only: order.reduce_only,
            expired: order.expired(now),
        }
    }
}

/// A fill between two accounts, by an order or by the exchange itself.
pub(super) struct Deal {
    pub(super) market: MarketId,
    pub(super) kind: TradeKind,
    pub(super) price: Price,
    pub(super) size: Size,
    /// Account, order, client index and fee of the taker, and its side.
    pub(super) taker: Party,
    /// The same of the maker.
    pub(super) maker: Party,
    /// `None` for orders of the exchange itself.
    pub(super) tx_hash: Option<TxHash>,
}

/// One side of a deal.
#[derive(Clone, Copy)]
pub(super) struct Party {
    pub(super) account: AccountIndex,
    pub(super) side: Side,
    pub(super) order: OrderIndex,
    pub(super) client: Option<ClientOrderIndex>,
    pub(super) fee: u32,
    /// Who gets how much on top, in millionths.
    pub(super) integrator: Option<(AccountIndex, u32)>,
}

impl Party {
    pub(super) const fn of(order: &LiveOrder, fee: u32) -> Self {
        Self {
            account: order.owner,
            side: order.side,
            order: order.index,
            client: order.client,
            fee,
            integrator: None,
        }
    }

    fn fill(&self, price: Price, size: Size) -> Fill {
        let on_top = self.integrator.map_or(0, |(_, fee)| fee);
        Fill { side: self.side, size, price, fee: self.fee + on_top }
    }
}

impl Exchange {
    /// Matches `taker` and puts what is left on the book, or ends it; returns what was filled, in lots and millionths of
    /// a USDC, by now and before. The order must not be live yet.
    pub(super) fn run_taker(&mut self, mut taker: LiveOrder) -> (Size, i128) {
        taker.status = OrderStatus::InProgress;
        let end = loop {
            if taker.remaining.is_zero() {
                break Some(OrderStatus::Filled);
            }
            match self.round(&mut taker) {
                Round::Again => {}
                Round::Rest => break None,
                Round::End(status) => break Some(status),
            }
        };
        let filled = (taker.filled, taker.filled_quote);
        match end {
            Some(status) => self.finish(taker, status),
            None => self.rest(taker),
        }
        filled
    }

    fn round(&mut self, taker: &mut LiveOrder) -> Round {
        if taker.kind == OrderKind::Liquidation && self.recovered(taker) {
            return Round::End(OrderStatus::Canceled);
        }
        if taker.reduce_only && self.reducible(taker.owner, taker.market, taker.side).is_zero() {
            return Round::End(OrderStatus::CanceledReduceOnly);
        }
        let Some(maker) = self.best_facing(taker) else {
            return match taker.tif {
                TimeInForce::ImmediateOrCancel if taker.filled.is_zero() => {
                    Round::End(OrderStatus::CanceledNotEnoughLiquidity)
                }
                TimeInForce::ImmediateOrCancel => Round::End(OrderStatus::Canceled),
                TimeInForce::GoodTillTime | TimeInForce::PostOnly => Round::Rest,
            };
        };
        if let Some(round) = self.sort_out(taker, &maker) {
            return round;
        }
        self.deal_with(taker, &maker)
    }

    /// Returns the maker that `taker` meets next, if their prices cross.
    fn best_facing(&self, taker: &LiveOrder) -> Option<Maker> {
        let state = self.state(taker.market)?;
        let (price, order) = state.book.best(taker.side.opposite())?;
        if !taker.crosses(price) {
            return None;
        }
        state.orders.get(&order).map(|order| Maker::of(order, self.now))
    }

    /// Handles what comes before a fill: own, expired, switched-off and reduce-only makers, and post-only takers.
    fn sort_out(&mut self, taker: &mut LiveOrder, maker: &Maker) -> Option<Round> {
        if maker.expired {
            self.cancel_live(maker.index, OrderStatus::CanceledExpired);
            return Some(Round::Again);
        }
        if maker.owner == taker.owner {
            return Some(self.self_trade(taker, maker));
        }
        let owner = self.accounts.get(&maker.owner);
        if owner.and_then(|owner| owner.cancel_all_at).is_some_and(|at| at <= self.now) {
            self.cancel_live(maker.index, OrderStatus::Canceled);
            return Some(Round::Again);
        }
        if taker.self_scope == SelfScope::Master && self.master(maker.owner) == self.master(taker.owner) {
            return Some(self.self_trade(taker, maker));
        }
        if taker.tif == TimeInForce::PostOnly {
            return Some(Round::End(OrderStatus::CanceledPostOnly));
        }
        if maker.reduce_only && self.reducible(maker.owner, taker.market, maker.side).is_zero() {
            self.cancel_live(maker.index, OrderStatus::CanceledReduceOnly);
            return Some(Round::Again);
        }
        None
    }

    fn self_trade(&mut self, taker: &mut LiveOrder, maker: &Maker) -> Round {
        match taker.self_trade {
            SelfTrade::ExpireMaker => {
                self.cancel_live(maker.index, OrderStatus::CanceledSelfTrade);
                Round::Again
            }
            SelfTrade::ExpireTaker => Round::End(OrderStatus::CanceledSelfTrade),
            SelfTrade::CancelBoth => {
                self.cancel_live(maker.index, OrderStatus::CanceledSelfTrade);
                Round::End(OrderStatus::CanceledSelfTrade)
            }
            SelfTrade::Reduce => {
                let size = taker.remaining.min(maker.remaining);
                taker.remaining = taker.remaining.saturating_sub(size);
                self.shrink(maker.index, size);
                if maker.remaining == size {
                    self.cancel_live(maker.index, OrderStatus::CanceledSelfTrade);
                }
                if taker.remaining.is_zero() {
                    Round::End(OrderStatus::CanceledSelfTrade)
                } else {
                    Round::Again
                }
            }
        }
    }

    fn deal_with(&mut self, taker: &mut LiveOrder, maker: &Maker) -> Round {
        let mut size = taker.remaining.min(maker.remaining);
        let sides =
            [(taker.reduce_only, taker.owner, taker.side), (maker.reduce_only, maker.owner, maker.side)];
        for (_, owner, side) in sides.into_iter().filter(|side| side.0) {
            size = size.min(self.reducible(owner, taker.market, side));
        }
        if taker.bounds_average() && !self.average_holds(taker, maker.price, size) {
            return Round::End(OrderStatus::CanceledTooMuchSlippage);
        }
        let deal = self.deal(taker, maker, size);
        let Some((taker_effect, maker_effect)) = self.effects(&deal) else {
            return Round::End(OrderStatus::CanceledMarginNotAllowed);
        };
        if !self.interest_allows(&deal, &taker_effect, &maker_effect) {
            return Round::End(OrderStatus::CanceledPositionNotAllowed);
        }
        let allowed = |party: &Party, effect: &FillEffect| {
            self.accounts.get(&party.account).is_some_and(|row| self.effect_allowed(row, deal.market, effect))
        };
        // A liquidation must go through whatever it leaves: its bound is the zero price.
        if taker.kind != OrderKind::Liquidation && !allowed(&deal.taker, &taker_effect) {
            return Round::End(OrderStatus::CanceledMarginNotAllowed);
        }
        if !allowed(&deal.maker, &maker_effect) {
            self.cancel_live(maker.index, OrderStatus::CanceledMarginNotAllowed);
            return Round::Again;
        }
        taker.remaining = taker.remaining.saturating_sub(size);
        taker.filled = taker.filled.plus(size);
        taker.filled_quote += self.quote(taker.market, size, maker.price);
        taker.updated_at = self.now;
        self.fill_maker(taker.market, maker, size);
        self.settle(&deal, taker_effect, maker_effect);
        Round::Again
    }

    /// Returns the maker and the taker fee of an account, in millionths; the world's accounts pay none.
    pub(super) fn fees_of(&self, account: AccountIndex) -> (u32, u32) {
        self.accounts.get(&account).filter(|row| !row.house).map_or((0, 0), Account::fees)
    }

    /// Returns the fees and parties of a fill of `taker` against `maker`.
    fn deal(&self, taker: &LiveOrder, maker: &Maker, size: Size) -> Deal {
        let liquidation = taker.kind == OrderKind::Liquidation;
        let taker_fee =
            if liquidation { self.liquidation_fee(taker, maker.price) } else { self.fees_of(taker.owner).1 };
        Deal {
            market: taker.market,
            kind: if liquidation { TradeKind::Liquidation } else { TradeKind::Trade },
            price: maker.price,
            size,
            taker: Party {
                integrator: self.integrator_fees.get(&taker.index).map(|row| (row.account, row.taker)),
                ..Party::of(taker, taker_fee)
            },
            maker: Party {
                integrator: self.integrator_fees.get(&maker.index).map(|row| (row.account, row.maker)),
                account: maker.owner,
                side: maker.side,
                order: maker.index,
                client: maker.client,
                fee: self.fees_of(maker.owner).0,
            },
            tx_hash: taker.tx_hash,
        }
    }

    /// Returns whether the average price of all fills still keeps the bound after one more.
    fn average_holds(&self, taker: &LiveOrder, price: Price, size: Size) -> bool {
        let spent = taker.filled_quote + self.quote(taker.market, size, price);
        let bound = self.quote(taker.market, taker.filled.plus(size), taker.price);
        match taker.side {
            Side::Buy => spent <= bound,
            Side::Sell => spent >= bound,
        }
    }

    /// Returns how much `side` can reduce the account's position.
    pub(super) fn reducible(&self, account: AccountIndex, market: MarketId, side: Side) -> Size {
        let position = self.accounts.get(&account).map(|account| account.position(market).position);
        position.filter(|p| p.side() == Some(side.opposite())).map_or(Size::ZERO, |p| p.size())
    }

    /// Returns whether the account of a liquidation order is above maintenance again.
    fn recovered(&self, taker: &LiveOrder) -> bool {
        let Some(account) = self.accounts.get(&taker.owner) else { return true };
        let pot = self.pot(account, taker.market, &self.cross_margin(account));
        pot.health() >= Health::PreLiquidation
    }

    pub(super) fn effects(&self, deal: &Deal) -> Option<(FillEffect, FillEffect)> {
        let of = |party: &Party| {
            let account = self.accounts.get(&party.account)?;
            Some(self.effect_of(account, deal.market, &party.fill(deal.price, deal.size)))
        };
        Some((of(&deal.taker)?, of(&deal.maker)?))
    }

    fn fill_maker(&mut self, market: MarketId, maker: &Maker, size: Size) {
        let quote = self.quote(market, size, maker.price);
        self.take_off(maker.index, size, Some(quote));
        if maker.remaining == size {
            self.cancel_live(maker.index, OrderStatus::Filled);
        } else {
            self.order_event(maker.index);
        }
    }

    /// Returns whether the market's open interest limit lets a fill through: above it the taker must shrink its position,
    /// and no fill may lead above it. The pool that takes over positions is exempt.
    fn interest_allows(&self, deal: &Deal, taker: &FillEffect, maker: &FillEffect) -> bool {
        let limit = self.market(deal.market).and_then(|rules| rules.open_interest_limit);
        let (Some(limit), Some(state)) = (limit, self.state(deal.market)) else { return true };
        let Some(mark) = state.mark.filter(|_| deal.taker.account != LIQUIDITY_POOL) else { return true };
        let before = |party: &Party| {
            self.accounts.get(&party.account).map_or(0, |row| row.position(deal.market).position.lots())
        };
        let grows = |was: i64, is: i64| i128::from(is.max(0)) - i128::from(was.max(0));
        let (taker_was, maker_was) = (before(&deal.taker), before(&deal.maker));
        let (taker_is, maker_is) = (taker.state.position.lots(), maker.state.position.lots());
        let more = grows(taker_was, taker_is) + grows(maker_was, maker_is);
        let multiplier = self.market(deal.market).map_or(1, |rules| rules.quote_multiplier);
        let unit = i128::from(mark.ticks()) * i128::from(multiplier);
        let limit = i128::from(limit.micros());
        let shrinks = taker_is.abs() < taker_was.abs();
        let leads_above = more > 0 && (state.open_lots + more) * unit > limit;
        (shrinks || state.open_lots * unit <= limit) && !leads_above
    }

    /// Books a deal: accounts, fees, statistics, records, events; then what follows from changed positions.
    pub(super) fn settle(&mut self, deal: &Deal, taker: FillEffect, maker: FillEffect) {
        let record = self.trade_record(deal, &taker, &maker);
        let quote = self.quote(deal.market, deal.size, deal.price);
        let (taker_fee, maker_fee) = (quote * i128::from(deal.taker.fee), quote * i128::from(deal.maker.fee));
        let flips = [(&deal.taker, taker), (&deal.maker, maker)]
            .map(|(party, effect)| self.apply_effect(party.account, deal.market, effect));
        // Fees come after the effects, which set the collateral of both sides: one of them may be who gets a fee.
        self.fees += maker_fee;
        if deal.kind == TradeKind::Liquidation {
            self.credit_fund(taker_fee);
        } else {
            self.fees += taker_fee;
        }
        for party in [&deal.taker, &deal.maker] {
            if let Some((integrator, fee)) = party.integrator {
                self.credit_integrator(integrator, quote * i128::from(fee));
            }
            self.count_volume(party.account, quote);
        }
        if let Some(state) = self.state_mut(deal.market) {
            state.last = Some(deal.price);
            state.volume_lots += i128::from(deal.size.lots());
            state.volume_quote += quote;
            state.trades_count += 1;
            state.low = Some(state.low.map_or(deal.price, |low| low.min(deal.price)));
            state.high = Some(state.high.map_or(deal.price, |high| high.max(deal.price)));
            state.remember_trade(record.clone());
        }
        self.tell_of(record);
        for (party, turned) in [deal.taker, deal.maker].into_iter().zip(flips) {
            self.changed(party.account);
            if turned {
                self.cancel_tied(party.account, deal.market);
            }
        }
    }

    fn count_volume(&mut self, account: AccountIndex, quote: i128) {
        if let Some(row) = self.accounts.get_mut(&account) {
            row.volume += quote;
        }
    }

    fn tell_of(&mut self, record: TradeRecord) {
        for account in [record.trade.bid_account, record.trade.ask_account] {
            if let Some(row) = self.accounts.get_mut(&account).filter(|row| !row.house) {
                Account::remember(&mut row.trades, record.clone());
            }
        }
        self.book_changed(record.trade.market);
        self.events.push(ExchangeEvent::Stats(record.trade.market));
        self.events.push(ExchangeEvent::Trade(record));
    }

    /// Stores an effect; returns whether a position went flat or changed its side.
    fn apply_effect(&mut self, account: AccountIndex, market: MarketId, effect: FillEffect) -> bool {
        let now_us = self.now.as_millis().saturating_mul(1_000);
        let Some(row) = self.accounts.get_mut(&account) else { return false };
        let was = row.position(market).position;
        let before = was.side();
        row.positions.insert(market, effect.state);
        row.collateral = effect.collateral;
        row.transaction_time_us = now_us;
        let (house, held) = (row.house, !effect.state.position.is_flat());
        let long = |position: Position| i128::from(position.lots().max(0));
        if let Some(state) = self.state_mut(market) {
            state.open_lots += long(effect.state.position) - long(was);
            if !house && held {
                state.holders.insert(account);
            } else if !house {
                state.holders.remove(&account);
            }
        }
        before.is_some() && before != effect.state.position.side()
    }

    fn trade_record(&mut self, deal: &Deal, taker: &FillEffect, maker: &FillEffect) -> TradeRecord {
        let id = TradeId::new(self.next_trade);
        self.next_trade += 1;
        let (ask, bid) = match deal.taker.side {
            Side::Sell => (deal.taker, deal.maker),
            Side::Buy => (deal.maker, deal.taker),
        };
        let micros = |value: i128| Usdc::from_micros(i64::try_from(value).unwrap_or(i64::MAX));
        let (ask_pnl, bid_pnl) = match deal.taker.side {
            Side::Sell => (taker.realized, maker.realized),
            Side::Buy => (maker.realized, taker.realized),
        };
        // Orders of the exchange itself have no hash; the wire shows a structured id padded with zeros.
        let tx_hash = deal.tx_hash.map_or_else(|| format!("{:080x}", id.get()), |hash| hash.to_string());
        let before = |party: &Party| {
            let account = self.accounts.get(&party.account);
            let state = account.map(|account| account.position(deal.market)).unwrap_or_default();
            (state, self.market(deal.market).map_or(0, |rules| super::fraction_in_use(&state, rules)))
        };
        let ((taker_was, taker_imf), (maker_was, maker_imf)) = (before(&deal.taker), before(&deal.maker));
        TradeRecord {
            trade: Trade {
                id,
                market: deal.market,
                kind: deal.kind,
                price: deal.price,
                size: deal.size,
                quote: micros(self.quote(deal.market, deal.size, deal.price)),
                ask_account: ask.account,
                bid_account: bid.account,
                ask_order: ask.order,
                bid_order: bid.order,
                ask_client: ask.client,
                bid_client: bid.client,
                is_maker_ask: deal.maker.side.is_ask(),
                taker_fee: deal.taker.fee,
                maker_fee: deal.maker.fee,
                timestamp: self.now,
                tx_hash,
            },
            taker_position_before: taker_was.position,
            taker_entry_quote_before: micros(taker_was.entry_quote),
            taker_imf_before: taker_imf,
            taker_sign_changed: taker_was.position.side() != taker.state.position.side(),
            maker_position_before: maker_was.position,
            maker_entry_quote_before: micros(maker_was.entry_quote),
            maker_imf_before: maker_imf,
            maker_sign_changed: maker_was.position.side() != maker.state.position.side(),
            ask_pnl: micros(ask_pnl),
            bid_pnl: micros(bid_pnl),
            taker_integrator: deal.taker.integrator,
            maker_integrator: deal.maker.integrator,
        }
    }
}
