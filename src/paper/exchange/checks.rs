//! What the API stage checks of each transaction type.

use super::api::ApiError;
use super::checks_money::check_asset;
use super::order::LiveOrder;
use super::{Account, Exchange};
use crate::model::margin::Health;
use crate::model::{
    AccountIndex, ClientOrderIndex, Market, MarketId, MarketKind, MarketStatus, OrderIndex, OrderKind, Price,
    Side, Size, TimeInForce,
};
use crate::tx::{Envelope, ModifyOrder, OrderSpec, Tx};

/// How far ahead the dead man's switch may be set: 5 minutes to 15 days.
const SWITCH_MS: std::ops::RangeInclusive<i64> = 300_000..=1_296_000_000;
/// How far ahead an order may expire; the circuit's minimum of 4 minutes leaves room for the way there.
const EXPIRY_MS: std::ops::RangeInclusive<i64> = 240_000..=2_592_000_000;

/// An order as it was sent, with our types.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) market: MarketId,
    pub(super) client: Option<ClientOrderIndex>,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) tif: TimeInForce,
    pub(super) reduce_only: bool,
    pub(super) price: Price,
    pub(super) trigger: Option<Price>,
    pub(super) size: Size,
    pub(super) expiry_ms: i64,
}

impl Wanted {
    /// Reads what was sent; ranges were checked by the static rules, and are checked here again for our types.
    pub(super) fn read(spec: &OrderSpec) -> Result<Self, ApiError> {
        let size = u64::try_from(spec.base_amount).ok().and_then(|lots| i64::try_from(lots).ok());
        let size = size.ok_or_else(|| ApiError::of(21701))?;
        let price = |ticks: u32| Price::from_ticks(i64::from(ticks));
        Ok(Self {
            market: MarketId::new(i64::from(spec.market_index)),
            client: u64::try_from(spec.client_order_index)
                .ok()
                .filter(|index| *index > 0)
                .map(ClientOrderIndex::new),
            side: Side::from_is_ask(spec.is_ask == 1),
            kind: match spec.kind {
                0 => OrderKind::Limit,
                1 => OrderKind::Market,
                2 => OrderKind::StopLoss,
                3 => OrderKind::StopLossLimit,
                4 => OrderKind::TakeProfit,
                5 => OrderKind::TakeProfitLimit,
                6 => OrderKind::Twap,
                _ => return Err(ApiError::of(21710)),
            },
            tif: match spec.time_in_force {
                0 => TimeInForce::ImmediateOrCancel,
                1 => TimeInForce::GoodTillTime,
                _ => TimeInForce::PostOnly,
            },
            reduce_only: spec.reduce_only == 1,
            price: price(spec.price.max(1)),
            trigger: (spec.trigger_price > 0).then(|| price(spec.trigger_price)),
            size: Size::from_lots(size),
            expiry_ms: spec.order_expiry,
        })
    }

    /// Returns whether it waits for a trigger or for its slices.
    pub(super) const fn waits(&self) -> bool {
        self.trigger.is_some() || matches!(self.kind, OrderKind::Twap)
    }

    /// Returns whether it may stay on the book without a trigger.
    pub(super) const fn rests(&self) -> bool {
        !matches!(self.tif, TimeInForce::ImmediateOrCancel) && !self.waits()
    }
}

impl Exchange {
    pub(super) fn check_body(
        &self,
        envelope: &Envelope,
        l1_sig: Option<&str>,
        price_protection: bool,
    ) -> Result<(), ApiError> {
        let account = envelope.account();
        super::statics::check(envelope)?;
        self.check_maker_only(envelope)?;
        self.check_integrator(account, &envelope.attributes)?;
        match &envelope.tx {
            Tx::CreateOrder(body) => {
                self.check_orders(account, std::slice::from_ref(&body.order), price_protection)
            }
            Tx::CreateGroupedOrders(body) => self.check_orders(account, &body.orders, price_protection),
            Tx::ModifyOrder(body) => self.check_modify(account, body, price_protection),
            Tx::CancelOrder(body) => self.known_market(i64::from(body.market_index)).map(|_| ()),
            Tx::CancelAllOrders(body) => {
                let ahead = body.time.saturating_sub(self.now.as_millis());
                if body.mode == 1 && !SWITCH_MS.contains(&ahead) { Err(ApiError::of(21714)) } else { Ok(()) }
            }
            Tx::UpdateLeverage(body) => {
                let market = self.known_market(i64::from(body.market_index))?;
                let range = market.min_initial_margin_fraction..=10_000;
                if range.contains(&body.initial_margin_fraction) { Ok(()) } else { Err(ApiError::of(21113)) }
            }
            Tx::UpdateMargin(body) => self.known_market(i64::from(body.market_index)).map(|_| ()),
            Tx::Withdraw(body) => self.check_withdraw(account, body),
            Tx::Transfer(body) => self.check_transfer(account, body, envelope, l1_sig),
            Tx::ChangePubKey(_) => self.check_key_change(account, envelope, l1_sig),
            Tx::CreateSubAccount(_) => self.check_sub_account(account),
            Tx::ApproveIntegrator(body) => self.check_approval(account, body, envelope, l1_sig),
            Tx::UpdateAccountConfig(body) => self.check_trading_mode(account, body),
            Tx::UpdateAccountAssetConfig(body) => check_asset(body.asset_index),
        }
    }

    pub(super) fn known_market(&self, market: i64) -> Result<&Market, ApiError> {
        let market = self.market(MarketId::new(market)).ok_or_else(|| ApiError::of(21602))?;
        if market.kind == MarketKind::Perp { Ok(market) } else { Err(ApiError::of(21621)) }
    }

    fn check_orders(
        &self,
        account: AccountIndex,
        specs: &[OrderSpec],
        price_protection: bool,
    ) -> Result<(), ApiError> {
        let row = self.accounts.get(&account).ok_or_else(|| ApiError::of(21100))?;
        let mut room = self.room(row);
        for spec in specs {
            let order = Wanted::read(spec)?;
            self.check_order(row, &order, price_protection)?;
            room.take(self, row, &order)?;
        }
        Ok(())
    }

    fn check_order(&self, account: &Account, order: &Wanted, price_protection: bool) -> Result<(), ApiError> {
        let market = self.known_market(order.market.get())?;
        if market.status != MarketStatus::Active {
            return Err(ApiError::of(21605));
        }
        if market.force_reduce_only && !order.reduce_only {
            return Err(ApiError::of(21740));
        }
        let ahead = order.expiry_ms.saturating_sub(self.now.as_millis());
        if order.expiry_ms != 0 && !EXPIRY_MS.contains(&ahead) {
            return Err(ApiError::of(21711));
        }
        self.check_health(account, order.reduce_only)?;
        if price_protection {
            self.check_band(order)?;
        }
        self.check_size(market, order.size, order)?;
        self.check_client(account, order.client)?;
        if order.rests() && !order.reduce_only && order.kind == OrderKind::Limit {
            self.check_margin(account, order)?;
        }
        Ok(())
    }

    /// An account in liquidation may do nothing, one before it only what helps (rules.md §6.3).
    pub(super) fn check_health(&self, account: &Account, helps: bool) -> Result<(), ApiError> {
        if account.liquidation_at.is_some() {
            return Err(ApiError::of(21112));
        }
        match self.worst_health(account) {
            Health::Healthy => Ok(()),
            Health::PreLiquidation if helps => Ok(()),
            Health::PreLiquidation => Err(ApiError::of(21111)),
            Health::PartialLiquidation | Health::FullLiquidation | Health::Bankrupt => {
                Err(ApiError::of(21507))
            }
        }
    }

    /// Only the aggressive direction is limited (rules.md §3.2).
    fn check_band(&self, order: &Wanted) -> Result<(), ApiError> {
        let Some(state) = self.state(order.market) else { return Err(ApiError::of(21602)) };
        let Some(reference) = order.trigger.or(state.mark) else { return Ok(()) };
        let facing = state.book.best_price(order.side.opposite());
        let inside = match order.side {
            Side::Sell => {
                let base = facing.map_or(reference, |best| best.max(reference));
                order.price.ticks() * 100 >= base.ticks() * 95
            }
            Side::Buy => {
                let base = facing.map_or(reference, |best| best.min(reference));
                order.price.ticks() * 100 <= base.ticks() * 105
            }
        };
        match order.kind {
            _ if inside => Ok(()),
            OrderKind::Limit => Err(ApiError::of(21734)),
            OrderKind::Market | OrderKind::Twap => Err(ApiError::of(21733)),
            _ => Err(ApiError::of(21735)),
        }
    }

    fn check_size(&self, market: &Market, size: Size, order: &Wanted) -> Result<(), ApiError> {
        let quote = self.quote(market.id, size, order.price);
        if quote > i128::from(market.order_quote_limit.micros()) {
            return Err(ApiError::of(21706));
        }
        let whole_position = size.is_zero() && order.reduce_only;
        if order.tif == TimeInForce::ImmediateOrCancel || whole_position {
            return Ok(());
        }
        if order.kind == OrderKind::Twap {
            return Ok(());
        }
        let enough = size >= market.min_base && quote >= i128::from(market.min_quote.micros());
        if enough { Ok(()) } else { Err(ApiError::of(21706)) }
    }

    /// A client index must be free among live orders and among those accepted a moment ago.
    fn check_client(&self, account: &Account, client: Option<ClientOrderIndex>) -> Result<(), ApiError> {
        let Some(client) = client else { return Ok(()) };
        let taken = self.inflight.names(account.index, client) || account.clients.contains_key(&client);
        if taken { Err(ApiError::of(21728)) } else { Ok(()) }
    }

    pub(super) fn check_margin(&self, account: &Account, order: &Wanted) -> Result<(), ApiError> {
        let quote = self.quote(order.market, order.size, order.price);
        self.check_quote(account, order.market, order.side, quote)
    }

    /// Judges `quote` (millionths of a USDC) more of resting orders on one side.
    fn check_quote(
        &self,
        account: &Account,
        market: MarketId,
        side: Side,
        quote: i128,
    ) -> Result<(), ApiError> {
        let free = self.free_with(account, Some((market, side, quote)));
        // What reduces the position needs no margin even when nothing is free.
        let adds = account.position(market).position.side() != Some(side.opposite());
        if free < 0 && (adds || self.free_with(account, None) > free) {
            return Err(ApiError::of(21739));
        }
        Ok(())
    }

    /// A modify that makes a plain order larger or dearer needs margin for the difference.
    pub(super) fn check_growth(
        &self,
        account: &Account,
        order: &LiveOrder,
        size: Size,
        price: Price,
    ) -> Result<(), ApiError> {
        let before = self.quote(order.market, order.remaining, order.price);
        let after = self.quote(order.market, size.saturating_sub(order.filled), price);
        if !order.locks_margin() || after <= before {
            return Ok(());
        }
        self.check_quote(account, order.market, order.side, after - before)
    }

    fn check_modify(
        &self,
        account: AccountIndex,
        body: &ModifyOrder,
        price_protection: bool,
    ) -> Result<(), ApiError> {
        let market = self.known_market(i64::from(body.market_index))?;
        if market.status != MarketStatus::Active {
            return Err(ApiError::of(21605));
        }
        let row = self.accounts.get(&account).ok_or_else(|| ApiError::of(21100))?;
        self.check_health(row, true)?;
        // Whether the order is still there is the sequencer's to say: it may go while this waits.
        let Some(order) = self.find_order(account, market.id, body.index).and_then(|order| self.live(order))
        else {
            return Ok(());
        };
        if order.kind == OrderKind::Twap {
            // Its schedule is cut into slices already.
            return Err(ApiError::of(21710));
        }
        if market.force_reduce_only && !order.reduce_only {
            return Err(ApiError::of(21740));
        }
        let size = Size::from_lots(body.base_amount.max(0));
        let price = Price::from_ticks(i64::from(body.price.max(1)));
        self.check_growth(row, order, size, price)?;
        let wanted = Wanted {
            market: market.id,
            client: None,
            side: order.side,
            kind: order.kind,
            tif: order.tif,
            reduce_only: order.reduce_only,
            price,
            trigger: (body.trigger_price > 0).then(|| Price::from_ticks(i64::from(body.trigger_price))),
            size,
            expiry_ms: 0,
        };
        if price_protection {
            self.check_band(&wanted)?;
        }
        self.check_size(market, size, &wanted)
    }

    /// Returns the live order that an `Index` field names: a client index below 2^48, else an order index.
    pub(super) fn find_order(
        &self,
        account: AccountIndex,
        market: MarketId,
        index: i64,
    ) -> Option<OrderIndex> {
        let raw = u64::try_from(index).ok()?;
        let order = if raw < 1 << 48 {
            *self.accounts.get(&account)?.clients.get(&ClientOrderIndex::new(raw))?
        } else {
            OrderIndex::new(raw)
        };
        self.live(order).filter(|live| live.market == market).map(|live| live.index)
    }

    fn check_key_change(
        &self,
        account: AccountIndex,
        envelope: &Envelope,
        l1_sig: Option<&str>,
    ) -> Result<(), ApiError> {
        let row = self.accounts.get(&account).ok_or_else(|| ApiError::of(21100))?;
        if row.collateral <= 0 {
            return Err(ApiError::of(21126));
        }
        self.check_owner(account, envelope, l1_sig)
    }

    /// Demands the L1 owner's signature.
    pub(super) fn check_owner(
        &self,
        account: AccountIndex,
        envelope: &Envelope,
        l1_sig: Option<&str>,
    ) -> Result<(), ApiError> {
        if !self.check_signatures {
            return Ok(());
        }
        let owner = self.accounts.get(&account).map(|row| row.l1_address.as_str()).unwrap_or_default();
        let signer = l1_sig.and_then(|sig| super::statics::l1_signer(envelope, self.config.chain_id, sig));
        if signer.is_some_and(|signer| signer.eq_ignore_ascii_case(owner)) {
            Ok(())
        } else {
            Err(ApiError::of(21504))
        }
    }
}
