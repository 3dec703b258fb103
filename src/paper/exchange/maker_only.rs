//! Keys that may only make (rules.md §9).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Exchange;
use super::api::{ApiError, Tier};
use crate::model::{AccountIndex, ApiKeyIndex, MarketId, OrderKind, TimeInForce, Timestamp};
use crate::tx::{Envelope, OrderSpec, Tx};

/// Most maker-only keys of an account.
const KEYS_MAX: usize = 200;
/// How long a change takes.
const CHANGE_TAKES: Duration = Duration::from_hours(1);
/// The wire's number of post-only.
const POST_ONLY: u8 = 2;

/// The list of an account's maker-only keys, and the one that will replace it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MakerOnly {
    now: Vec<ApiKeyIndex>,
    next: Option<(Timestamp, Vec<ApiKeyIndex>)>,
}

impl MakerOnly {
    /// Returns the list in force at `at`, ascending.
    pub(crate) fn at(&self, at: Timestamp) -> &[ApiKeyIndex] {
        match &self.next {
            Some((from, keys)) if *from <= at => keys,
            _ => &self.now,
        }
    }

    fn replace(&mut self, now: Timestamp, mut keys: Vec<ApiKeyIndex>) {
        keys.sort_unstable();
        keys.dedup();
        self.now = self.at(now).to_vec();
        self.next = Some((now.after(CHANGE_TAKES), keys));
    }

    /// Returns the list that was asked for last, whether it is in force yet or not.
    fn wanted(&self) -> &[ApiKeyIndex] {
        self.next.as_ref().map_or(&self.now, |(_, keys)| keys)
    }
}

impl Exchange {
    /// Replaces the list of an account's maker-only keys; the new one counts in an hour.
    pub(super) fn set_maker_only(
        &mut self,
        account: AccountIndex,
        keys: Vec<ApiKeyIndex>,
    ) -> Result<(), ApiError> {
        let now = self.now;
        let row = self.accounts.get_mut(&account).ok_or_else(|| ApiError::of(21100))?;
        if row.tier != Tier::Premium && !keys.is_empty() {
            return Err(ApiError::of(21515));
        }
        if keys.len() > KEYS_MAX {
            return Err(ApiError::of(21110));
        }
        if keys.iter().any(|key| !row.keys.contains_key(key)) {
            return Err(ApiError::of(21109));
        }
        row.maker_only.replace(now, keys);
        Ok(())
    }

    /// Returns the maker-only keys of an account as they were set last: the endpoint shows a change at once.
    pub fn maker_only_keys(&self, account: AccountIndex) -> Vec<ApiKeyIndex> {
        self.accounts.get(&account).map_or_else(Vec::new, |row| row.maker_only.wanted().to_vec())
    }

    /// Returns whether `key` may only make at the moment.
    pub(super) fn is_maker_only(&self, account: AccountIndex, key: ApiKeyIndex) -> bool {
        self.accounts.get(&account).is_some_and(|row| row.maker_only.at(self.now).contains(&key))
    }

    /// Lets a maker-only key create post-only orders, modify them, and cancel.
    pub(super) fn check_maker_only(&self, envelope: &Envelope) -> Result<(), ApiError> {
        let account = envelope.account();
        if !self.is_maker_only(account, envelope.api_key_index()) {
            return Ok(());
        }
        let makes = |order: &OrderSpec| order.kind == 0 && order.time_in_force == POST_ONLY;
        let allowed = match &envelope.tx {
            Tx::CreateOrder(body) => makes(&body.order),
            Tx::CreateGroupedOrders(body) => body.orders.iter().all(makes),
            Tx::ModifyOrder(body) => {
                let market = MarketId::new(i64::from(body.market_index));
                let order = self.find_order(account, market, body.index).and_then(|order| self.live(order));
                order.is_none_or(|o| o.kind == OrderKind::Limit && o.tif == TimeInForce::PostOnly)
            }
            Tx::CancelOrder(_) | Tx::CancelAllOrders(_) => true,
            _ => false,
        };
        if allowed { Ok(()) } else { Err(ApiError::of(62007)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_an_hour_later_and_replaces_one_under_way() {
        let (hour, at) = (3_600_000, Timestamp::from_millis);
        let keys = |numbers: &[u8]| numbers.iter().copied().map(ApiKeyIndex::new).collect::<Vec<_>>();
        let mut list = MakerOnly::default();
        list.replace(at(0), keys(&[7, 5, 7]));
        assert!(list.at(at(hour - 1)).is_empty());
        assert_eq!(list.at(at(hour)), keys(&[5, 7]));
        list.replace(at(hour - 1), keys(&[9]));
        assert!(list.at(at(hour)).is_empty());
        assert_eq!(list.at(at(2 * hour)), keys(&[9]));
        assert_eq!(list.wanted(), keys(&[9]));
    }
}
