//! Hourly funding from one-minute premium samples (rules.md §7).

use super::api::{FundingRecord, MarketFundingRecord};
use super::{Account, Exchange};
use crate::model::{AccountIndex, MarginMode, MarketId, Price, Side, Timestamp};

/// How many hourly fundings a market keeps: a year.
pub(crate) const FUNDINGS: usize = 24 * 365;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// Impact prices look this deep into the book at full leverage: 500 USDC of margin, in millionths.
const IMPACT_MARGIN_MICROS: i128 = 500_000_000;
/// Interest of 8 hours in 1e-9: 0.01 %.
const INTEREST_E9: i128 = 100_000;
/// Bound of interest − premium in 1e-9: 0.05 %.
const SMALL_E9: i128 = 500_000;
/// Bound of the 8-hour rate in 1e-9: 4 %.
const BIG_E9: i128 = 40_000_000;

/// Returns the first full minute after `at`.
pub(crate) const fn next_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_millis((at.as_millis().div_euclid(MINUTE_MS) + 1) * MINUTE_MS)
}

/// Returns the first full hour after `at`.
pub(crate) const fn next_hour(at: Timestamp) -> Timestamp {
    Timestamp::from_millis((at.as_millis().div_euclid(HOUR_MS) + 1) * HOUR_MS)
}

/// Returns the hourly rate in millionths of `count` premium samples that add up to `sum` (1e-9), truncated toward zero.
pub(crate) fn hourly_rate(sum: i128, count: i128) -> i64 {
    let premium = if count == 0 { 0 } else { sum / count };
    let eight_hours = premium + (INTEREST_E9 - premium).clamp(-SMALL_E9, SMALL_E9);
    i64::try_from(eight_hours.clamp(-BIG_E9, BIG_E9) / 8 / 1_000).unwrap_or(0)
}

impl Exchange {
    /// Returns the funding rate that the samples of the running hour give, in millionths per hour.
    pub(super) fn estimated_rate(&self, market: MarketId) -> i64 {
        self.state(market).map_or(0, |state| hourly_rate(state.premium_sum, state.premium_count))
    }

    /// Takes a premium sample in every market.
    pub(super) fn sample_premiums(&mut self) {
        self.sample_due = next_minute(self.now);
        for slot in 0..self.states.len() {
            let Some(premium) = self.rules.get(slot).and_then(|rules| self.premium(rules.id)) else {
                continue;
            };
            if let Some(state) = self.states.get_mut(slot) {
                state.premium_sum += premium;
                state.premium_count += 1;
            }
        }
    }

    /// Returns how far the impact prices lie from the index, in 1e-9; an empty side counts as the index.
    fn premium(&self, market: MarketId) -> Option<i128> {
        let index = i128::from(self.state(market)?.index?.ticks());
        let bid = self.impact_price(market, Side::Buy).map_or(index, |price| i128::from(price.ticks()));
        let ask = self.impact_price(market, Side::Sell).map_or(index, |price| i128::from(price.ticks()));
        Some(((bid - index).max(0) - (index - ask).max(0)) * 1_000_000_000 / index.max(1))
    }

    /// Returns the average price of selling into (or buying from) `side` for the impact notional.
    fn impact_price(&self, market: MarketId, side: Side) -> Option<Price> {
        let fraction = i128::from(self.market(market)?.min_initial_margin_fraction.max(1));
        let wanted = IMPACT_MARGIN_MICROS * 10_000 / fraction;
        let state = self.state(market)?;
        let (mut quote, mut lots) = (0, 0);
        for (price, order) in state.book.orders(side) {
            let size = state.remaining(order);
            quote += self.quote(market, size, price);
            lots += i128::from(size.lots());
            if quote >= wanted {
                break;
            }
        }
        let unit = lots * i128::from(self.market(market)?.quote_multiplier);
        (unit > 0).then(|| Price::from_ticks(i64::try_from(quote / unit).unwrap_or(i64::MAX)))
    }

    /// Pays the hour's funding in every market.
    pub(super) fn pay_funding(&mut self) {
        self.funding_due = next_hour(self.now);
        let markets: Vec<_> = self.rules.iter().map(|rules| rules.id).collect();
        for market in markets {
            let rate = self.estimated_rate(market);
            let now = self.now;
            if let Some(state) = self.state_mut(market) {
                (state.premium_sum, state.premium_count) = (0, 0);
                (state.funding_rate, state.funding_at) = (rate, Some(now));
            }
            self.remember_funding(market, rate);
            let holders: Vec<_> = self
                .accounts
                .values()
                .filter(|account| !account.position(market).position.is_flat())
                .map(|account| account.index)
                .collect();
            for account in holders {
                self.pay_one(account, market, rate);
            }
            self.check_holders(market);
        }
    }

    fn remember_funding(&mut self, market: MarketId, rate: i64) {
        let (now, multiplier) = (self.now, self.market(market).map_or(1, |rules| rules.quote_multiplier));
        let Some(state) = self.state_mut(market) else { return };
        let Some(index) = state.index else { return };
        if state.fundings.len() == FUNDINGS {
            state.fundings.pop_front();
        }
        let per_lot = i128::from(index.ticks()) * i128::from(multiplier) * i128::from(rate);
        state.fundings.push_back(MarketFundingRecord { at: now, rate, per_lot });
    }

    /// Puts the funding that an account's positions are owed, or owe, into their collateral.
    pub(super) fn settle_funding(&mut self, account: AccountIndex) {
        let Some(row) = self.accounts.get_mut(&account) else { return };
        for state in row.positions.values_mut() {
            let owed = std::mem::take(&mut state.unsettled);
            match state.mode {
                MarginMode::Cross => row.collateral += owed,
                MarginMode::Isolated => state.allocated += owed,
            }
        }
    }

    fn pay_one(&mut self, account: AccountIndex, market: MarketId, rate: i64) {
        let Some(index) = self.state(market).and_then(|state| state.index) else { return };
        let id = self.record_id();
        let at = self.now;
        let Some(position) = self.accounts.get(&account).map(|row| row.position(market).position) else {
            return;
        };
        // quote (1e-6) × rate (1e-6) = 1e-12 USDC, exact; it adds up to nothing because positions do.
        let quote = self.quote(market, position.size(), index) * i128::from(position.lots().signum());
        let paid = quote * i128::from(rate);
        let Some(row) = self.accounts.get_mut(&account) else { return };
        let Some(state) = row.positions.get_mut(&market) else { return };
        state.funding_paid += paid;
        // It counts in the pot's value from now on, and goes into the collateral when the position is touched.
        state.unsettled -= paid;
        if !row.house {
            Account::remember(
                &mut row.fundings,
                FundingRecord { id, account, market, at, rate, position, paid },
            );
        }
        self.changed(account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_without_premium_is_an_eighth_of_the_interest_truncated() {
        assert_eq!(hourly_rate(0, 60), 12);
        assert_eq!(hourly_rate(0, 0), 12);
    }

    #[test]
    fn the_rate_is_bounded() {
        assert_eq!(hourly_rate(i128::from(u32::MAX) * 1_000, 1), 5_000);
        assert_eq!(hourly_rate(-i128::from(u32::MAX) * 1_000, 1), -5_000);
        // 0.2 % premium: 0.2 − 0.05 = 0.15 % per 8 hours.
        assert_eq!(hourly_rate(2_000_000, 1), 187);
    }
}
