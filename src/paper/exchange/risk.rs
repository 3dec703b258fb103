//! Margin of accounts, and which changes it allows (rules.md §6).

use super::account::PositionState;
use super::{Account, Exchange};
use crate::model::margin::{Margin, MarginPosition};
use crate::model::{MarginMode, Market, MarketId};

/// Returns the initial margin fraction that counts for a position.
pub(crate) fn fraction_in_use(state: &PositionState, market: &Market) -> u16 {
    let set = state.fraction.unwrap_or(market.default_initial_margin_fraction);
    set.max(market.min_initial_margin_fraction)
}

impl Exchange {
    /// Returns a position as the margin arithmetic wants it; `None` when it is flat or has no mark.
    pub(super) fn margin_row<'a>(
        &'a self,
        account: &Account,
        market: MarketId,
    ) -> Option<MarginPosition<'a>> {
        let row = account.positions.get(&market).filter(|row| !row.position.is_flat())?;
        let rules = self.market(market)?;
        Some(MarginPosition {
            market: rules,
            position: row.position,
            entry_quote: row.entry_quote,
            mark: self.state(market)?.mark?,
            initial_margin_fraction: fraction_in_use(row, rules),
        })
    }

    /// Returns the cross pot of an account.
    pub(super) fn cross_margin(&self, account: &Account) -> Margin {
        let cross = account.positions.iter().filter(|(_, row)| row.mode == MarginMode::Cross);
        Margin::of(account.collateral, cross.filter_map(|(market, _)| self.margin_row(account, *market)))
    }

    /// Returns the pot that backs a position: the account's cross pot, or its own.
    pub(super) fn pot(&self, account: &Account, market: MarketId, cross: &Margin) -> Margin {
        let state = account.position(market);
        match state.mode {
            MarginMode::Cross => *cross,
            MarginMode::Isolated => Margin::of(state.allocated, self.margin_row(account, market)),
        }
    }

    /// Returns the value of all isolated pots, in 1e-12 USDC.
    pub(super) fn isolated_value(&self, account: &Account) -> i128 {
        let isolated = account.positions.iter().filter(|(_, row)| row.mode == MarginMode::Isolated);
        isolated.map(|(market, row)| Margin::of(row.allocated, self.margin_row(account, *market)).value).sum()
    }
}

/// Returns whether a pot may go from `before` to `after` (rules.md §6.3): it ends healthy, or better than it was.
pub(crate) fn change_allowed(before: &Margin, after: &Margin) -> bool {
    use crate::model::margin::Health;
    if after.health() == Health::Healthy {
        return true;
    }
    if after.health() == Health::Bankrupt || before.maintenance == 0 {
        return false;
    }
    // value / maintenance must not fall; compared crosswise, in units of 1e-6 USDC so that the product fits.
    let coarse = |e12: i128| e12 / 1_000_000;
    coarse(after.value) * coarse(before.maintenance) >= coarse(before.value) * coarse(after.maintenance)
}
