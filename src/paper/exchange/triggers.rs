//! Waiting orders of one market by trigger price.

use std::collections::BTreeSet;

use serde::Serialize;

use super::order::LiveOrder;
use crate::model::{OrderIndex, OrderKind, Price, Side};

/// Trigger price, time priority and order.
type Row = (Price, u64, OrderIndex);

/// Orders that wait for the mark price; sorted, so that a price change looks at those only that it wakes.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Triggers {
    /// Wake when the mark is at or below their trigger: stop-loss sells and take-profit buys.
    falling: BTreeSet<Row>,
    /// Wake when the mark is at or above it.
    rising: BTreeSet<Row>,
}

impl Triggers {
    const fn side(&mut self, order: &LiveOrder) -> &mut BTreeSet<Row> {
        let stops = matches!(order.kind, OrderKind::StopLoss | OrderKind::StopLossLimit);
        let falls = stops == matches!(order.side, Side::Sell);
        if falls { &mut self.falling } else { &mut self.rising }
    }

    /// Enters a waiting order; one without a trigger price waits for something else.
    pub(crate) fn insert(&mut self, order: &LiveOrder) {
        if let Some(trigger) = order.trigger {
            self.side(order).insert((trigger, order.priority, order.index));
        }
    }

    /// Takes an order out, if it is in.
    pub(crate) fn remove(&mut self, order: &LiveOrder) {
        if let Some(trigger) = order.trigger {
            self.side(order).remove(&(trigger, order.priority, order.index));
        }
    }

    /// Returns the orders that `mark` wakes, oldest priority first.
    pub(crate) fn reached(&self, mark: Price) -> Vec<OrderIndex> {
        let falling = self.falling.range((mark, 0, OrderIndex::new(0))..);
        let rising = self.rising.range(..=(mark, u64::MAX, OrderIndex::new(u64::MAX)));
        let mut due: Vec<_> = falling.chain(rising).map(|row| (row.1, row.2)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, order)| order).collect()
    }
}
