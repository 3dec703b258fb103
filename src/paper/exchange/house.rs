//! Orders of the world: unsigned, at once.

use super::Exchange;
use crate::model::{AccountIndex, MarketId, OrderIndex, Price, Side, Size, TimeInForce};

impl Exchange {
    /// Places an order of one of the world's accounts; it executes at once. Returns its index when it rests.
    pub fn world_place(
        &mut self,
        account: AccountIndex,
        market: MarketId,
        side: Side,
        price: Price,
        size: Size,
        tif: TimeInForce,
    ) -> Option<OrderIndex> {
        let _ = (account, market, side, price, size, tif);
        None
    }

    /// Cancels an order of one of the world's accounts at once; does nothing when it is gone or somebody else's.
    pub fn world_cancel(&mut self, account: AccountIndex, order: OrderIndex) {
        let _ = (account, order);
    }
}
