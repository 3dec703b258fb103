//! What an account sees of its liquidation: rows with the risk before and after, and notices (rules.md §6.4).

use super::api::{ExchangeEvent, LiquidationRecord, NoticeRecord, PositionRecord, RiskRecord};
use super::{Account, Exchange};
use crate::model::margin::Margin;
use crate::model::{AccountIndex, MarginMode, MarketId, Price, Side, Size, TradeKind, Usdc};

/// How many steps an account keeps.
const STEPS: usize = 1_000;

/// An account just before a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    risk: Vec<RiskRecord>,
    positions: Vec<PositionRecord>,
    marks: Vec<(MarketId, Price)>,
}

/// One fill of a liquidation, from the account's side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) market: MarketId,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) size: Size,
    /// In millionths of notional.
    pub(super) fee: u32,
    pub(super) counterparty: AccountIndex,
    /// Taken over or deleveraged rather than sold in the book.
    pub(super) deleverage: bool,
}

fn risk(market: Option<MarketId>, pot: &Margin) -> RiskRecord {
    RiskRecord {
        market,
        collateral: pot.collateral,
        value: pot.value,
        initial: pot.initial,
        maintenance: pot.maintenance,
        closeout: pot.closeout,
    }
}

impl Exchange {
    /// Returns the pots of an account: cross first, then its isolated positions.
    fn risks(&self, account: &Account) -> Vec<RiskRecord> {
        let isolated = account
            .positions
            .iter()
            .filter(|(_, row)| row.mode == MarginMode::Isolated && !row.position.is_flat())
            .map(|(market, row)| risk(Some(*market), &self.isolated_margin(*market, row)));
        std::iter::once(risk(None, &self.cross_margin(account))).chain(isolated).collect()
    }

    pub(super) fn snapshot(&self, account: AccountIndex) -> Snapshot {
        let Some(row) = self.accounts.get(&account).filter(|row| !row.house) else {
            return Snapshot::default();
        };
        let mut positions = self.position_records(row, &self.cross_margin(row));
        positions.retain(|position| !position.position.is_flat());
        let mark = |position: &PositionRecord| Some((position.market, self.state(position.market)?.mark?));
        Snapshot { risk: self.risks(row), marks: positions.iter().filter_map(mark).collect(), positions }
    }

    /// Turns the account's liquidation trades from `first` on into rows and notices.
    pub(super) fn record_liquidation_fills(&mut self, account: AccountIndex, first: u64, before: &Snapshot) {
        let Some(row) = self.accounts.get(&account) else { return };
        let fills: Vec<_> = row
            .trades
            .iter()
            .rev()
            .take_while(|record| record.trade.id.get() >= first)
            .map(|record| record.trade.clone())
            .collect();
        for trade in fills.into_iter().rev().filter(|trade| trade.kind == TradeKind::Liquidation) {
            let side = trade.side_of(account).unwrap_or(Side::Sell);
            let counterparty = if side.is_ask() { trade.bid_account } else { trade.ask_account };
            let step = Step {
                market: trade.market,
                side,
                price: trade.price,
                size: trade.size,
                fee: trade.taker_fee,
                counterparty,
                deleverage: false,
            };
            self.record_step(account, &step, before);
        }
    }

    /// Writes a row and a notice.
    pub(super) fn record_step(&mut self, account: AccountIndex, step: &Step, before: &Snapshot) {
        let (id, at) = (self.record_id(), self.now);
        let quote = self.quote(step.market, step.size, step.price);
        let micros = |value: i128| Usdc::from_micros(i64::try_from(value).unwrap_or(i64::MAX));
        let Some(row) = self.accounts.get(&account).filter(|row| !row.house) else { return };
        let record = LiquidationRecord {
            id,
            account,
            market: step.market,
            deleverage: step.deleverage,
            price: step.price,
            size: step.size,
            fee: micros(quote * i128::from(step.fee) / 1_000_000),
            at,
            side: step.side,
            counterparty: step.counterparty,
            taker_fee: step.fee,
            before: before.risk.clone(),
            after: self.risks(row),
            marks: before.marks.clone(),
            positions: before.positions.clone(),
        };
        if let Some(row) = self.accounts.get_mut(&account) {
            if row.liquidations.len() == STEPS {
                row.liquidations.remove(0);
            }
            row.liquidations.push(record);
        }
        let (kind, prefix) = if step.deleverage { ("deleverage", "adl") } else { ("liquidation", "liq") };
        self.events.push(ExchangeEvent::Notice(NoticeRecord {
            id: format!("{prefix}:{}:{id}", step.market),
            account,
            kind: kind.to_owned(),
            market: step.market,
            is_ask: step.side.is_ask(),
            size: step.size,
            price: step.price,
            usdc: micros(quote),
            at,
        }));
    }
}
