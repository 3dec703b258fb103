//! What the fee tiers give and take (rules.md §9), and how an account changes its tier.

use std::time::Duration;

use super::api::{ApiError, Tier};
use super::{Account, Exchange};
use crate::model::{AccountIndex, Timestamp};

/// How long an account keeps a tier at least.
const TIER_EVERY: Duration = Duration::from_hours(24);

/// What staked LIT gives a premium account.
struct StakeLevel {
    /// From this many whole LIT.
    lit: u64,
    /// Maker and taker fee, in millionths.
    fees: (u32, u32),
    /// How long its takers wait.
    taker_delay: Duration,
    /// Transactions a minute.
    sends_a_minute: u64,
}

const fn level(lit: u64, fees: (u32, u32), taker_delay_ms: u64, sends_a_minute: u64) -> StakeLevel {
    StakeLevel { lit, fees, taker_delay: Duration::from_millis(taker_delay_ms), sends_a_minute }
}

/// Ascending. Only the first and the last delay and send limit are published; those between rise evenly.
const STAKE_LEVELS: [StakeLevel; 8] = [
    level(0, (40, 280), 200, 4_000),
    level(1_000, (39, 273), 191, 5_000),
    level(3_000, (38, 266), 183, 6_000),
    level(10_000, (36, 252), 174, 8_000),
    level(30_000, (34, 238), 166, 12_000),
    level(100_000, (32, 224), 157, 18_000),
    level(300_000, (30, 210), 149, 28_000),
    level(500_000, (28, 196), 140, 40_000),
];

fn stake_level(lit: u64) -> &'static StakeLevel {
    let [least, ..] = &STAKE_LEVELS;
    STAKE_LEVELS.iter().rev().find(|level| lit >= level.lit).unwrap_or(least)
}

/// How long the kinds of transactions wait for the sequencer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delays {
    /// Post-only orders.
    pub(crate) maker: Duration,
    /// Orders that may take, and modifies.
    pub(crate) taker: Duration,
    /// Everything else.
    pub(crate) other: Duration,
}

/// How many orders an account may have at a time (rules.md §3.8, September 2026).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderLimits {
    /// Active ones in all markets.
    pub(crate) active: usize,
    /// Active ones in one market.
    pub(crate) active_here: u32,
    /// Pending ones in all markets.
    pub(crate) pending: usize,
    /// Pending ones in one market.
    pub(crate) pending_here: u32,
}

impl Tier {
    /// Returns the venue's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Premium => "premium",
            Self::Plus => "plus",
        }
    }

    /// Reads the venue's spelling; `None` for a tier that nobody can choose.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Standard, Self::Premium, Self::Plus].into_iter().find(|tier| tier.name() == name)
    }

    /// Returns from how many staked LIT each premium level begins, ascending.
    pub(crate) fn stake_levels() -> impl Iterator<Item = u64> {
        STAKE_LEVELS.iter().map(|level| level.lit)
    }

    /// Returns how many transactions an account with `lit_stake` may send a minute (rules.md §8).
    pub fn sends_a_minute(self, lit_stake: u64) -> u64 {
        match self {
            Self::Standard => 60,
            Self::Premium => stake_level(lit_stake).sends_a_minute,
            Self::Plus => 8_000,
        }
    }

    /// Returns the maker and the taker fee, in millionths of notional.
    pub fn fees(self, lit_stake: u64) -> (u32, u32) {
        match self {
            Self::Standard => (0, 0),
            Self::Premium => stake_level(lit_stake).fees,
            Self::Plus => (50, 50),
        }
    }

    pub(crate) fn delays(self, lit_stake: u64) -> Delays {
        let ms = Duration::from_millis;
        match self {
            Self::Standard => Delays { maker: Duration::ZERO, taker: ms(300), other: ms(300) },
            Self::Premium => Delays {
                maker: Duration::ZERO,
                taker: stake_level(lit_stake).taker_delay,
                other: Duration::ZERO,
            },
            Self::Plus => Delays { maker: ms(200), taker: ms(300), other: ms(200) },
        }
    }

    pub(crate) const fn order_limits(self) -> OrderLimits {
        match self {
            Self::Standard => OrderLimits { active: 250, active_here: 30, pending: 50, pending_here: 10 },
            Self::Plus => OrderLimits { active: 750, active_here: 250, pending: 500, pending_here: 16 },
            Self::Premium => {
                OrderLimits { active: 1_500, active_here: 1_000, pending: 500, pending_here: 16 }
            }
        }
    }
}

impl Account {
    /// Returns the maker and the taker fee, in millionths of notional.
    pub(crate) fn fees(&self) -> (u32, u32) {
        self.tier.fees(self.lit_stake)
    }

    fn next_tier_change(&self) -> Option<Timestamp> {
        self.tier_changed_at.map(|at| at.after(TIER_EVERY))
    }
}

impl Exchange {
    /// Changes the tier of a flat account without orders, once a day.
    ///
    /// The tier is the account's, not its owner's: sources are silent, and this way a test can have both at once.
    pub(super) fn change_tier(&mut self, account: AccountIndex, tier: Tier) -> Result<(), ApiError> {
        let now = self.now;
        let queued = self.pending.values().any(|tx| tx.account == account);
        let row = self.accounts.get_mut(&account).ok_or_else(|| ApiError::of(21100))?;
        if row.tier == tier {
            return Err(ApiError::of(62003));
        }
        if row.positions.values().any(|position| !position.position.is_flat()) {
            return Err(ApiError::of(62004));
        }
        // An accepted transaction may become an order of the old tier's terms.
        if !row.orders.is_empty() || queued {
            return Err(ApiError::of(62005));
        }
        if row.next_tier_change().is_some_and(|at| now < at) {
            return Err(ApiError::of(62006));
        }
        (row.tier, row.tier_changed_at) = (tier, Some(now));
        self.changed(account);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stakes_lower_fees_and_delays_of_premium_only() {
        assert_eq!(Tier::Premium.fees(0), (40, 280));
        assert_eq!(Tier::Premium.fees(999), (40, 280));
        assert_eq!(Tier::Premium.fees(1_000), (39, 273));
        assert_eq!(Tier::Premium.fees(2_000_000), (28, 196));
        assert_eq!(Tier::Premium.delays(500_000).taker, Duration::from_millis(140));
        assert_eq!(Tier::Premium.sends_a_minute(500_000), 40_000);
        assert_eq!((Tier::Plus.fees(500_000), Tier::Standard.fees(500_000)), ((50, 50), (0, 0)));
    }

    #[test]
    fn levels_rise() {
        for pair in STAKE_LEVELS.windows(2) {
            let [low, high] = pair else { unreachable!() };
            assert!(low.lit < high.lit && low.fees > high.fees && low.taker_delay > high.taker_delay);
            assert!(low.sends_a_minute < high.sends_a_minute);
        }
    }

    #[test]
    fn names_are_read_back() {
        for tier in [Tier::Standard, Tier::Premium, Tier::Plus] {
            assert_eq!(Tier::parse(tier.name()), Some(tier));
        }
        assert_eq!(Tier::parse("builder"), None);
    }
}
