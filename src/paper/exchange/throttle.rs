//! How often an account may send what (rules.md §8): state of its own, so that whoever serves the exchange only asks.
//!
//! What is refused costs nothing. Nothing of this is part of the exchange's state: a limit decides what comes in, and
//! what came in is in the command log.

use std::collections::{BTreeMap, VecDeque};

use super::Exchange;
use super::api::{ApiError, Tier};
use crate::model::{AccountIndex, Timestamp};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// Fast withdrawals of an account an hour.
const FAST_AN_HOUR: usize = 10;
/// Traded notional that earns one transaction of quota: 7 USDC, in millionths.
const MICROS_PER_QUOTA: i128 = 7_000_000;
/// Quota of an account that never traded; the venue publishes none.
const QUOTA_START: u64 = 10_000;
/// One order transaction in this span is free of quota.
const FREE_EVERY_MS: i64 = 15_000;
/// The type of a secure withdrawal.
const WITHDRAW: u8 = 13;

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The account.
    pub account: AccountIndex,
    /// Its owner: limits of a type are the owner's, over all accounts.
    pub l1_address: &'a str,
    /// Its tier.
    pub tier: Tier,
    /// Whole LIT staked.
    pub lit_stake: u64,
    /// Notional traded, in millionths of a USDC.
    pub volume: i128,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// A transaction of this type.
    Transaction(u8),
    /// A transfer to the fast route's account.
    FastWithdrawal,
}

/// Times of what was let through.
#[derive(Clone, Debug, Default)]
struct Window(VecDeque<Timestamp>);

impl Window {
    /// Forgets what is older than `span_ms` and returns how many are left.
    fn count(&mut self, now: Timestamp, span_ms: i64) -> usize {
        let old = |at: &Timestamp| now.as_millis().saturating_sub(at.as_millis()) >= span_ms;
        while self.0.front().is_some_and(old) {
            self.0.pop_front();
        }
        self.0.len()
    }
}

/// Orders sent on quota, and the last one that was free.
#[derive(Clone, Copy, Debug, Default)]
struct Quota {
    used: u64,
    free_at: Option<Timestamp>,
}

/// The limits of one exchange.
#[derive(Clone, Debug, Default)]
pub struct TxLimits {
    by_account: BTreeMap<AccountIndex, Window>,
    by_type: BTreeMap<(String, u8), Window>,
    fast: BTreeMap<AccountIndex, Window>,
    quotas: BTreeMap<AccountIndex, Quota>,
}

impl TxLimits {
    /// Books one transaction; returns what is left of the caller's volume quota, for tiers that have one.
    ///
    /// # Errors
    ///
    /// 23000 too many requests, 23004 too many secure withdrawals, 23005 too many fast ones.
    pub fn spend(
        &mut self,
        now: Timestamp,
        caller: &Caller<'_>,
        traffic: Traffic,
    ) -> Result<Option<u64>, ApiError> {
        let tx_type = match traffic {
            Traffic::Transaction(tx_type) => tx_type,
            Traffic::FastWithdrawal => 12,
        };
        let sends = self.by_account.entry(caller.account).or_default();
        let limit = usize::try_from(caller.tier.sends_a_minute(caller.lit_stake)).unwrap_or(usize::MAX);
        if sends.count(now, MINUTE_MS) >= limit {
            return Err(ApiError::of(23000));
        }
        let typed = (caller.l1_address.to_ascii_lowercase(), tx_type);
        if let Some(limit) = type_limit(tx_type) {
            let (span, most) = limit;
            if self.by_type.entry(typed.clone()).or_default().count(now, span) >= most {
                return Err(ApiError::of(if tx_type == WITHDRAW { 23004 } else { 23000 }));
            }
        }
        if traffic == Traffic::FastWithdrawal {
            let fast = self.fast.entry(caller.account).or_default();
            if fast.count(now, HOUR_MS) >= FAST_AN_HOUR {
                return Err(ApiError::of(23005));
            }
        }
        self.spend_quota(now, caller, tx_type)?;
        self.by_account.entry(caller.account).or_default().0.push_back(now);
        if type_limit(tx_type).is_some() {
            self.by_type.entry(typed).or_default().0.push_back(now);
        }
        if traffic == Traffic::FastWithdrawal {
            self.fast.entry(caller.account).or_default().0.push_back(now);
        }
        Ok(self.quota_left(caller))
    }

    /// Takes the last booking of this kind back, because the transaction was refused after all: whoever has no key of
    /// an account must not be able to use up its limits.
    pub fn give_back(&mut self, now: Timestamp, caller: &Caller<'_>, traffic: Traffic) {
        let tx_type = match traffic {
            Traffic::Transaction(tx_type) => tx_type,
            Traffic::FastWithdrawal => 12,
        };
        let last = |window: Option<&mut Window>| window.and_then(|window| window.0.pop_back());
        last(self.by_account.get_mut(&caller.account));
        last(self.by_type.get_mut(&(caller.l1_address.to_ascii_lowercase(), tx_type)));
        if traffic == Traffic::FastWithdrawal {
            last(self.fast.get_mut(&caller.account));
        }
        if has_quota(caller.tier)
            && uses_quota(tx_type)
            && let Some(quota) = self.quotas.get_mut(&caller.account)
        {
            if quota.free_at == Some(now) {
                quota.free_at = None;
            } else {
                quota.used = quota.used.saturating_sub(1);
            }
        }
    }

    fn spend_quota(&mut self, now: Timestamp, caller: &Caller<'_>, tx_type: u8) -> Result<(), ApiError> {
        if !has_quota(caller.tier) || !uses_quota(tx_type) {
            return Ok(());
        }
        let left = self.quota_left(caller).unwrap_or(0);
        let quota = self.quotas.entry(caller.account).or_default();
        let waited = quota.free_at.is_none_or(|at| now.as_millis() - at.as_millis() >= FREE_EVERY_MS);
        if waited {
            quota.free_at = Some(now);
        } else if left == 0 {
            return Err(ApiError::of(23000));
        } else {
            quota.used += 1;
        }
        Ok(())
    }

    /// Returns what is left of the caller's volume quota; `None` for tiers without one.
    pub fn quota_left(&self, caller: &Caller<'_>) -> Option<u64> {
        let earned = u64::try_from(caller.volume / MICROS_PER_QUOTA).unwrap_or(u64::MAX);
        let used = self.quotas.get(&caller.account).map_or(0, |quota| quota.used);
        has_quota(caller.tier).then(|| QUOTA_START.saturating_add(earned).saturating_sub(used))
    }
}

const fn has_quota(tier: Tier) -> bool {
    matches!(tier, Tier::Premium)
}

/// Creates, cancel-alls, modifies and groups use quota; cancels are free.
const fn uses_quota(tx_type: u8) -> bool {
    matches!(tx_type, 14 | 16 | 17 | 28)
}

/// Returns how many transactions of a type an owner may send in how many milliseconds; `None` for orders, which the
/// volume quota bounds.
const fn type_limit(tx_type: u8) -> Option<(i64, usize)> {
    match tx_type {
        9 | 10 | WITHDRAW => Some((MINUTE_MS, 2)),
        12 => Some((MINUTE_MS, 120)),
        8 => Some((MINUTE_MS, 300)),
        18 | 36 => Some((15_000, 1)),
        14..=17 | 28 => None,
        _ => Some((MINUTE_MS, 40)),
    }
}

impl Exchange {
    /// Returns what [`TxLimits::spend`] has to know of an account.
    pub fn caller(&self, account: AccountIndex) -> Option<Caller<'_>> {
        let row = self.accounts.get(&account)?;
        Some(Caller {
            account,
            l1_address: &row.l1_address,
            tier: row.tier,
            lit_stake: row.lit_stake,
            volume: row.volume,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: Caller<'_> = Caller {
        account: AccountIndex::new(7),
        l1_address: "0xAb",
        tier: Tier::Standard,
        lit_stake: 0,
        volume: 0,
    };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn passed(limits: &mut TxLimits, caller: &Caller<'_>, traffic: Traffic, times: usize) -> (usize, i64) {
        let mut code = 0;
        let passed = (0..times)
            .filter(|_| match limits.spend(at(0), caller, traffic) {
                Ok(_) => true,
                Err(error) => {
                    code = error.code;
                    false
                }
            })
            .count();
        (passed, code)
    }

    #[test]
    fn every_type_has_its_limit_and_its_code() {
        for (tx_type, limit, code) in [
            (13, 2, 23004),
            (9, 2, 23000),
            (20, 40, 23000),
            (29, 40, 23000),
            (12, 120, 23000),
            (8, 300, 23000),
        ] {
            let premium = Caller { tier: Tier::Premium, ..STANDARD };
            let got = passed(&mut TxLimits::default(), &premium, Traffic::Transaction(tx_type), 400);
            assert_eq!(got, (limit, code), "type {tx_type}");
        }
    }

    #[test]
    fn a_standard_account_sends_sixty_a_minute_and_a_premium_one_what_its_stake_gives() {
        let cancel = Traffic::Transaction(15);
        assert_eq!(passed(&mut TxLimits::default(), &STANDARD, cancel, 100), (60, 23000));
        let premium = Caller { tier: Tier::Premium, lit_stake: 500_000, ..STANDARD };
        assert_eq!(passed(&mut TxLimits::default(), &premium, cancel, 40_001), (40_000, 23000));
    }

    #[test]
    fn types_count_for_the_owner_and_sends_for_the_account() {
        let mut limits = TxLimits::default();
        let sub = Caller { account: AccountIndex::new(8), l1_address: "0xAB", ..STANDARD };
        assert_eq!(passed(&mut limits, &STANDARD, Traffic::Transaction(13), 1), (1, 0));
        assert_eq!(passed(&mut limits, &sub, Traffic::Transaction(13), 5), (1, 23004));
        assert_eq!(passed(&mut limits, &sub, Traffic::Transaction(15), 100), (59, 23000));
        assert!(limits.spend(at(59_999), &sub, Traffic::Transaction(13)).is_err());
        assert!(limits.spend(at(60_000), &sub, Traffic::Transaction(13)).is_ok());
    }

    #[test]
    fn fast_withdrawals_are_ten_an_hour() {
        let mut limits = TxLimits::default();
        assert_eq!(passed(&mut limits, &STANDARD, Traffic::FastWithdrawal, 12), (10, 23005));
        assert!(limits.spend(at(HOUR_MS - 1), &STANDARD, Traffic::FastWithdrawal).is_err());
        assert!(limits.spend(at(HOUR_MS), &STANDARD, Traffic::FastWithdrawal).is_ok());
    }

    #[test]
    fn volume_earns_quota_and_one_order_in_fifteen_seconds_is_free() {
        let mut limits = TxLimits::default();
        let trader = Caller { tier: Tier::Premium, volume: 70_000_000, ..STANDARD };
        let spend = |limits: &mut TxLimits, ms| limits.spend(at(ms), &trader, Traffic::Transaction(14));
        assert_eq!(spend(&mut limits, 0), Ok(Some(10_010)));
        assert_eq!(spend(&mut limits, 14_999), Ok(Some(10_009)));
        assert_eq!(spend(&mut limits, 15_000), Ok(Some(10_009)));
        limits.quotas.entry(trader.account).or_default().used = 10_010;
        assert_eq!(spend(&mut limits, 15_001).unwrap_err().code, 23000);
        assert!(spend(&mut limits, 30_000).is_ok());
        assert!(limits.spend(at(30_001), &trader, Traffic::Transaction(15)).is_ok());
        assert_eq!(limits.spend(at(30_001), &STANDARD, Traffic::Transaction(14)), Ok(None));
    }
}
