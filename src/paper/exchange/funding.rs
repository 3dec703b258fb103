//! Hourly funding from one-minute premium samples (rules.md §7).

use super::Exchange;
use crate::model::{MarketId, Timestamp};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

/// Returns the first full minute after `at`.
pub(crate) const fn next_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_millis((at.as_millis().div_euclid(MINUTE_MS) + 1) * MINUTE_MS)
}

/// Returns the first full hour after `at`.
pub(crate) const fn next_hour(at: Timestamp) -> Timestamp {
    Timestamp::from_millis((at.as_millis().div_euclid(HOUR_MS) + 1) * HOUR_MS)
}

impl Exchange {
    /// Returns the funding rate that the samples of the running hour give, in millionths per hour.
    pub(super) fn estimated_rate(&self, market: MarketId) -> i64 {
        let Some(state) = self.state(market) else { return 0 };
        hourly_rate(state.premium_sum, state.premium_count)
    }
}

/// Interest of 8 hours in 1e-9: 0.01 %.
const INTEREST_E9: i128 = 100_000;
/// Bound of interest − premium in 1e-9: 0.05 %.
const SMALL_E9: i128 = 500_000;
/// Bound of the 8-hour rate in 1e-9: 4 %.
const BIG_E9: i128 = 40_000_000;

/// Returns the hourly rate in millionths of `count` premium samples that add up to `sum` (1e-9), truncated toward zero.
pub(crate) fn hourly_rate(sum: i128, count: i128) -> i64 {
    let premium = if count == 0 { 0 } else { sum / count };
    let eight_hours = premium + (INTEREST_E9 - premium).clamp(-SMALL_E9, SMALL_E9);
    i64::try_from(eight_hours.clamp(-BIG_E9, BIG_E9) / 8 / 1_000).unwrap_or(0)
}
