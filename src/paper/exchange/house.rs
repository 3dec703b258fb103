//! Orders of the world: unsigned, at once.

use super::Exchange;
use super::order::{Basics, LiveOrder};
use crate::model::{
    AccountIndex, MarketId, OrderIndex, OrderKind, OrderStatus, Price, Side, Size, TimeInForce,
};

impl Exchange {
    /// Places a limit order without a signature; it executes at once. Returns its index when it rests.
    ///
    /// Margin counts as for everybody, unless the account is one of the world's ([`Exchange::make_house`]).
    pub fn world_place(
        &mut self,
        account: AccountIndex,
        market: MarketId,
        side: Side,
        price: Price,
        size: Size,
        tif: TimeInForce,
    ) -> Option<OrderIndex> {
        if size.is_zero() || !self.accounts.contains_key(&account) {
            return None;
        }
        let index = self.take_index(market, side);
        let priority = self.state_mut(market)?.take_priority();
        let basics = Basics { owner: account, market, side, kind: OrderKind::Limit, tif, price, size };
        self.run_taker(LiveOrder::new(basics, index, priority, self.now));
        self.live(index).map(|order| order.index)
    }

    /// Cancels an order at once; does nothing when it is gone or somebody else's.
    pub fn world_cancel(&mut self, account: AccountIndex, order: OrderIndex) {
        if self.live(order).is_some_and(|live| live.owner == account) {
            self.cancel_live(order, OrderStatus::Canceled);
        }
    }

    /// Returns what is left of a resting order; nothing when it is gone.
    pub fn world_remaining(&self, order: OrderIndex) -> Size {
        self.live(order).map_or(Size::ZERO, |live| live.remaining)
    }
}
