//! Margin of accounts, and which changes it allows (rules.md §6).

use super::account::PositionState;
use super::{Account, Exchange};
use crate::model::margin::{E12_PER_MICRO, Health, Margin, MarginPosition};
use crate::model::{MarginMode, Market, MarketId, Position, Price, Side, Size};

/// Returns the initial margin fraction that counts for a position.
pub(crate) fn fraction_in_use(state: &PositionState, market: &Market) -> u16 {
    let set = state.fraction.unwrap_or(market.default_initial_margin_fraction);
    set.max(market.min_initial_margin_fraction)
}

/// What a fill makes of one account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FillEffect {
    pub(crate) state: PositionState,
    /// Cross collateral afterwards, in 1e-12 USDC.
    pub(crate) collateral: i128,
    /// Realised PnL in millionths of a USDC, before fees.
    pub(crate) realized: i128,
}

/// One side of a fill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) side: Side,
    pub(crate) size: Size,
    pub(crate) price: Price,
    /// In millionths of notional.
    pub(crate) fee: u32,
}

/// Returns position and realised PnL after a fill (rules.md §5).
fn fold(old: &PositionState, fill: &Fill, multiplier: i64) -> (PositionState, i128) {
    let lots = i128::from(fill.size.lots());
    let unit = i128::from(fill.price.ticks()) * i128::from(multiplier);
    let quote = lots * unit;
    let delta = fill.size.signed(fill.side);
    let position = old.position.plus(delta);
    let (was, is) = (i128::from(old.position.lots()), i128::from(position.lots()));
    let entry_quote = if was == 0 || was.signum() == i128::from(delta.lots()).signum() {
        old.entry_quote + quote
    } else if is == 0 {
        0
    } else if is.signum() == was.signum() {
        old.entry_quote * is.abs() / was.abs()
    } else {
        unit * is.abs()
    };
    let mut new = PositionState { position, entry_quote, ..*old };
    let signed_quote = quote * i128::from(fill.side.sign());
    let realized = new.signed_entry() - old.signed_entry() - signed_quote;
    new.realized += realized * E12_PER_MICRO;
    (new, realized)
}

impl Exchange {
    /// Returns a position as the margin arithmetic wants it; `None` when it is flat or has no mark.
    pub(super) fn row_of(&self, market: MarketId, state: &PositionState) -> Option<MarginPosition<'_>> {
        if state.position.is_flat() {
            return None;
        }
        let rules = self.market(market)?;
        Some(MarginPosition {
            market: rules,
            position: state.position,
            entry_quote: state.entry_quote,
            mark: self.state(market)?.mark?,
            initial_margin_fraction: fraction_in_use(state, rules),
        })
    }

    /// Returns the row of an account's position in `market`.
    pub(super) fn margin_row(&self, account: &Account, market: MarketId) -> Option<MarginPosition<'_>> {
        self.row_of(market, account.positions.get(&market)?)
    }

    /// Returns the cross pot of an account.
    pub(super) fn cross_margin(&self, account: &Account) -> Margin {
        let cross = account.positions.iter().filter(|(_, row)| row.mode == MarginMode::Cross);
        let funding: i128 = cross.clone().map(|(_, row)| row.unsettled).sum();
        Margin::of(account.collateral + funding, cross.filter_map(|(market, row)| self.row_of(*market, row)))
    }

    /// Returns the cross pot as it would be with another collateral and another position in `market`.
    pub(super) fn cross_margin_with(
        &self,
        account: &Account,
        collateral: i128,
        market: MarketId,
        state: &PositionState,
    ) -> Margin {
        let others = account.positions.iter().filter(|(other, _)| **other != market);
        let cross = others.chain([(&market, state)]).filter(|(_, row)| row.mode == MarginMode::Cross);
        let funding: i128 = cross.clone().map(|(_, row)| row.unsettled).sum();
        Margin::of(collateral + funding, cross.filter_map(|(market, row)| self.row_of(*market, row)))
    }

    /// Returns the pot of an isolated position.
    pub(super) fn isolated_margin(&self, market: MarketId, state: &PositionState) -> Margin {
        Margin::of(state.allocated + state.unsettled, self.row_of(market, state))
    }

    /// Returns the pot that backs a position: the account's cross pot, or its own.
    pub(super) fn pot(&self, account: &Account, market: MarketId, cross: &Margin) -> Margin {
        let state = account.position(market);
        match state.mode {
            MarginMode::Cross => *cross,
            MarginMode::Isolated => self.isolated_margin(market, &state),
        }
    }

    /// Returns the value of all isolated pots, in 1e-12 USDC.
    pub(super) fn isolated_value(&self, account: &Account) -> i128 {
        let isolated = account.positions.iter().filter(|(_, row)| row.mode == MarginMode::Isolated);
        isolated.map(|(market, row)| self.isolated_margin(*market, row).value).sum()
    }

    /// Returns what `fill` makes of `account`.
    pub(super) fn effect_of(&self, account: &Account, market: MarketId, fill: &Fill) -> FillEffect {
        let old = account.position(market);
        let multiplier = self.market(market).map_or(1, |rules| rules.quote_multiplier);
        let quote = i128::from(fill.size.lots()) * i128::from(fill.price.ticks()) * i128::from(multiplier);
        let fee = quote * i128::from(fill.fee);
        let (mut state, realized) = fold(&old, fill, multiplier);
        // A fill touches the position: its funding is settled with it.
        let cash = realized * E12_PER_MICRO - fee + std::mem::take(&mut state.unsettled);
        if state.mode == MarginMode::Cross {
            return FillEffect { state, collateral: account.collateral + cash, realized };
        }
        // An isolated position: gains and fees go through its pot, then margin moves between pot and cross.
        state.allocated += cash;
        let moved = self.isolated_move(&old, &state, market, fill);
        state.allocated += moved;
        FillEffect { state, collateral: account.collateral - moved, realized }
    }

    /// Returns what moves from cross to the pot (negative: back), in 1e-12 USDC (rules.md §6.2).
    fn isolated_move(&self, old: &PositionState, new: &PositionState, market: MarketId, fill: &Fill) -> i128 {
        let (was, is) = (old.position.lots(), new.position.lots());
        let after = self.isolated_margin(market, new);
        if is == 0 {
            return -new.allocated;
        }
        if was == 0 || was.signum() != is.signum() {
            // Opened, or flipped: the pot is filled to exactly what the new position needs.
            return after.initial - after.value;
        }
        if is.abs() > was.abs() {
            let part = Position::from_lots(fill.size.lots());
            let added = PositionState { position: part, entry_quote: 0, ..*new };
            let wanted = self.isolated_margin(market, &added).initial;
            let before = self.isolated_margin(market, old).value;
            // The pot's value grows by exactly the requirement of what was added.
            return before + wanted - after.value;
        }
        let (closed, held) = (i128::from(was.abs() - is.abs()), i128::from(was.abs()));
        -(new.allocated * closed / held).min(after.value - after.initial).max(0)
    }

    /// Returns whether `account` may take on `effect` in `market`.
    pub(super) fn effect_allowed(&self, account: &Account, market: MarketId, effect: &FillEffect) -> bool {
        if account.house {
            return true;
        }
        let cross_before = self.cross_margin(account);
        let cross_after = self.cross_margin_with(account, effect.collateral, market, &effect.state);
        if effect.state.mode == MarginMode::Cross {
            return change_allowed(&cross_before, &cross_after);
        }
        let moved = account.collateral - effect.collateral;
        let before = self.isolated_margin(market, &account.position(market));
        let after = self.isolated_margin(market, &effect.state);
        change_allowed(&before, &after) && (moved <= 0 || moved <= cross_before.available())
    }

    /// Returns the health of the worst pot of an account.
    pub(super) fn worst_health(&self, account: &Account) -> Health {
        let isolated = account.positions.iter().filter(|(_, row)| row.mode == MarginMode::Isolated);
        let pots = isolated.map(|(market, row)| self.isolated_margin(*market, row).health());
        pots.chain([self.cross_margin(account).health()]).min().unwrap_or(Health::Healthy)
    }

    /// Returns free = value − initial − what the account's plain resting orders could need (rules.md §6.3), in
    /// 1e-12 USDC, with one more order counted in.
    pub(super) fn free_with(&self, account: &Account, extra: Option<(MarketId, Side, i128)>) -> i128 {
        let cross = self.cross_margin(account);
        let alone = extra.filter(|(market, ..)| !account.tallies.contains_key(market));
        let alone = alone.map(|(market, ..)| (market, [0, 0]));
        let resting = account.tallies.iter().map(|(market, tally)| (*market, tally.quotes)).chain(alone);
        let needed: i128 = resting
            .map(|(market, mut quotes)| {
                if let Some((_, side, quote)) = extra.filter(|(other, ..)| *other == market) {
                    quotes[usize::from(side.is_ask())] += quote;
                }
                self.side_margin(account, market, quotes)
            })
            .sum();
        cross.value - cross.initial - needed
    }

    /// Returns the larger margin of both sides of resting orders, in 1e-12 USDC; the side that would close the
    /// position first pays for that, and frees its margin.
    fn side_margin(&self, account: &Account, market: MarketId, quotes: [i128; 2]) -> i128 {
        let Some(rules) = self.market(market) else { return 0 };
        let state = account.position(market);
        let fraction = i128::from(fraction_in_use(&state, rules));
        let held = self.row_of(market, &state).map_or(0, |row| row.notional());
        let mut sides = quotes;
        if let Some(side) = state.position.side() {
            let closing = &mut sides[usize::from(side.opposite().is_ask())];
            *closing = (*closing - 2 * held).max(0);
        }
        sides.into_iter().max().unwrap_or(0) * fraction * 100
    }

    /// Returns size × price in millionths of a USDC.
    pub(super) fn quote(&self, market: MarketId, size: Size, price: Price) -> i128 {
        let multiplier = self.market(market).map_or(1, |rules| rules.quote_multiplier);
        i128::from(size.lots()) * i128::from(price.ticks()) * i128::from(multiplier)
    }
}

/// Returns whether a pot may go from `before` to `after` (rules.md §6.3): it ends healthy, or better than it was.
pub(crate) fn change_allowed(before: &Margin, after: &Margin) -> bool {
    if after.health() == Health::Healthy {
        return true;
    }
    if after.health() == Health::Bankrupt || before.maintenance == 0 {
        return false;
    }
    // value / maintenance must not fall; compared crosswise, in units of 1e-6 USDC so that the product fits.
    let coarse = |e12: i128| e12 / E12_PER_MICRO;
    coarse(after.value).saturating_mul(coarse(before.maintenance))
        >= coarse(before.value).saturating_mul(coarse(after.maintenance))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold_all(fills: &[(Side, i64, i64)]) -> (PositionState, i128) {
        let mut state = PositionState::default();
        let mut realized = 0;
        for (side, lots, ticks) in fills {
            let fill =
                Fill { side: *side, size: Size::from_lots(*lots), price: Price::from_ticks(*ticks), fee: 0 };
            let (next, gain) = fold(&state, &fill, 1);
            (state, realized) = (next, realized + gain);
        }
        (state, realized)
    }

    #[test]
    fn a_round_trip_realises_the_difference() {
        let (state, realized) = fold_all(&[(Side::Buy, 10, 100), (Side::Sell, 10, 110)]);
        assert_eq!((state.position.lots(), state.entry_quote, realized), (0, 0, 100));
    }

    #[test]
    fn a_reduction_rounds_the_entry_down_and_books_the_rest() {
        let (state, realized) = fold_all(&[(Side::Buy, 1, 100), (Side::Buy, 2, 101), (Side::Sell, 1, 101)]);
        // 302 × 2 / 3 = 201.33 → 201
        assert_eq!((state.position.lots(), state.entry_quote, realized), (2, 201, 0));
    }

    #[test]
    fn a_flip_enters_the_rest_at_the_fill_price() {
        let (state, realized) = fold_all(&[(Side::Sell, 5, 100), (Side::Buy, 8, 90)]);
        assert_eq!((state.position.lots(), state.entry_quote, realized), (3, 270, 50));
    }
}
