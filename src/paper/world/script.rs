//! What a scenario's script does to the world.

use rust_decimal::Decimal;

use super::spec::{Action, WorldError, WorldSpec};
use super::{TAKER, World};
use crate::model::{
    AccountIndex, Market, MarketId, MarketStatus, Price, Rounding, Side, Size, TimeInForce, Timestamp,
};
use crate::paper::exchange::Exchange;

/// How far past its liquidation price `Liquidate` moves the mark, in basis points: between maintenance and close-out
/// of every listed market, so that the position goes in slices.
const PAST_LIQUIDATION_BPS: u32 = 20;

/// Checks that every entry can run on this exchange.
pub(super) fn check(spec: &WorldSpec, exchange: &Exchange) -> Result<(), WorldError> {
    for entry in &spec.script {
        if matches!(entry.action, Action::Withdrawals { .. }) {
            continue;
        }
        let symbol = entry.market.clone().unwrap_or_default();
        let market = exchange.markets().iter().find(|market| market.symbol == symbol);
        let market = market.ok_or(WorldError::UnknownMarket(symbol))?;
        match &entry.action {
            Action::SetPrice { price } | Action::MoveTo { price, .. } => {
                Price::on_grid(*price, market)?;
            }
            Action::Take { size, limit, .. } => {
                Size::on_grid(*size, market)?;
                limit.map(|limit| Price::on_grid(limit, market)).transpose()?;
            }
            _ => {}
        }
    }
    Ok(())
}

impl World {
    /// Does `action` now, as if the script said so; does nothing when the market is not listed.
    pub fn act(&mut self, exchange: &mut Exchange, market: Option<&str>, action: &Action) {
        if let Action::Withdrawals { behaviour } = action {
            exchange.set_withdraw_behaviour(*behaviour);
            return;
        }
        let rules = exchange.markets().iter().find(|row| Some(row.symbol.as_str()) == market).cloned();
        let Some(rules) = rules else { return };
        match action {
            Action::SetPrice { price } => self.aim(&rules, *price, std::time::Duration::ZERO),
            Action::MoveTo { price, over } => self.aim(&rules, *price, over.0),
            Action::PauseMakers {} => self.set(rules.id, |market| market.makers = false),
            Action::ResumeMakers {} => self.set(rules.id, |market| market.makers = true),
            Action::PauseTakers {} => self.set(rules.id, |market| market.takers = false),
            Action::ResumeTakers {} => self.set(rules.id, |market| market.takers = true),
            Action::Depth { percent } => {
                self.set(rules.id, |market| market.depth_percent = i64::from(*percent));
                if let Some(market) = self.markets.iter_mut().find(|market| market.id == rules.id) {
                    market.withdraw_quotes(exchange);
                }
            }
            Action::Take { side, size, limit } => take(exchange, &rules, (*side).into(), *size, *limit),
            Action::Liquidate { account, over } => self.liquidate(exchange, &rules, *account, over.0),
            Action::Halt {} => exchange.set_market_status(rules.id, MarketStatus::Inactive),
            Action::Unhalt {} => exchange.set_market_status(rules.id, MarketStatus::Active),
            Action::Rules { min_base, min_quote, reduce_only, size_decimals } => {
                let rules = Market { size_decimals: size_decimals.unwrap_or(rules.size_decimals), ..rules };
                let size = min_base.and_then(|size| Size::rounded(size, &rules, Rounding::Up).ok());
                exchange.set_market_rules(Market {
                    min_base: size.unwrap_or(rules.min_base),
                    min_quote: min_quote.unwrap_or(rules.min_quote),
                    force_reduce_only: reduce_only.unwrap_or(rules.force_reduce_only),
                    ..rules
                });
            }
            Action::Withdrawals { .. } => {}
        }
    }

    fn set(&mut self, market: MarketId, change: impl Fn(&mut super::MarketWorld)) {
        self.markets.iter_mut().filter(|row| row.id == market).for_each(change);
    }

    fn aim(&mut self, rules: &Market, price: Decimal, over: std::time::Duration) {
        let Ok(price) = Price::rounded(price, rules, Rounding::Down) else { return };
        let passed = self.passed();
        self.set(rules.id, |market| market.go_to(price, passed, over));
    }

    fn passed(&self) -> std::time::Duration {
        let now: Timestamp = self.next;
        now.since(self.start)
    }

    /// Aims the price just past the account's liquidation price.
    fn liquidate(
        &mut self,
        exchange: &Exchange,
        rules: &Market,
        account: AccountIndex,
        over: std::time::Duration,
    ) {
        let Some(record) = exchange.account(account) else { return };
        let Some(row) = record.positions.iter().find(|row| row.market == rules.id) else { return };
        let (Some(price), Some(side)) = (row.liquidation_price, row.position.side()) else { return };
        let Ok(price) = Price::rounded(price, rules, Rounding::Down) else { return };
        let past = price.worsened(side.opposite(), PAST_LIQUIDATION_BPS);
        self.aim(rules, past.to_decimal(rules), over);
    }
}

fn take(exchange: &mut Exchange, rules: &Market, side: Side, size: Decimal, limit: Option<Decimal>) {
    let Ok(size) = Size::rounded(size, rules, Rounding::Down) else { return };
    let limit = limit.and_then(|limit| Price::rounded(limit, rules, Rounding::Down).ok());
    let bound = limit.unwrap_or(match side {
        Side::Buy => Price::MAX,
        Side::Sell => Price::MIN,
    });
    exchange.world_place(TAKER, rules.id, side, bound, size, TimeInForce::ImmediateOrCancel);
}
