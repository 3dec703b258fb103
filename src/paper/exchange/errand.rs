//! What the exchange does by itself later on, by time.

use serde::Serialize;

use super::Exchange;
use super::mishap::LateFill;
use crate::model::{OrderIndex, OrderStatus, Timestamp};

/// Something to do at a time that is known already.
#[derive(Clone, Debug, Serialize)]
pub(crate) enum Errand {
    /// The next slice of a TWAP order.
    Slice(OrderIndex),
    /// An order that the exchange cancels for no reason of its owner's.
    End(OrderIndex, OrderStatus),
    /// A fill that is older than the cancel which its owner has seen.
    LateFill(Box<LateFill>),
}

impl Exchange {
    /// Plans an errand; those of one instant run in the order in which they were planned.
    pub(super) fn plan(&mut self, at: Timestamp, errand: Errand) {
        self.errands.insert((at, self.next_errand), errand);
        self.next_errand += 1;
    }

    /// Runs the errands that are due.
    pub(super) fn run_errands(&mut self) {
        while let Some((&key, _)) = self.errands.first_key_value().filter(|(key, _)| key.0 <= self.now) {
            match self.errands.remove(&key) {
                Some(Errand::Slice(order)) => self.run_slice(order),
                Some(Errand::End(order, status)) => self.cancel_live(order, status),
                Some(Errand::LateFill(fill)) => self.fill_late(&fill),
                None => {}
            }
        }
    }
}
