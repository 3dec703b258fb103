//! The checks that need nothing but the transaction itself (transactions.md §5, §12), with the venue's codes.
//!
//! Where the documents name a rule but no code, 21501 "invalid tx info" is used.

use super::attributes::{Attribute, Attributes, MAX_ATTRIBUTES};
use super::envelope::{Envelope, Tx};
use super::types::{
    ApproveIntegrator, CancelAllOrders, ChangePubKey, CreateGroupedOrders, ModifyOrder, OrderSpec, Transfer,
    UpdateLeverage, UpdateMargin, Withdraw,
};
use crate::signing::PublicKey;

/// The venue's code, and its text or our explanation.
type Refusal = (i64, String);

const INVALID_TX_INFO: i64 = 21501;

const MAX_48_BITS: i64 = (1 << 48) - 1;
const MAX_ACCOUNT: i64 = MAX_48_BITS - 1;
const MAX_NONCE: i64 = (1 << 47) - 1;
const MAX_60_BITS: i64 = (1 << 60) - 1;
const MAX_API_KEY: u8 = 254;
/// A fee of 100 %.
const FEE_TICK: i64 = 1_000_000;
/// A margin fraction of 100 %.
const MARGIN_TICK: u16 = 10_000;

impl Envelope {
    /// Checks what can be checked without knowing account, market or time.
    ///
    /// # Errors
    ///
    /// The venue's code and a text.
    pub fn check(&self) -> Result<(), (i64, String)> {
        let account = self.account().get();
        require((0..=MAX_ACCOUNT).contains(&account), 21102, "invalid account index")?;
        require(self.api_key_index().get() <= MAX_API_KEY, 21110, "invalid api key index")?;
        require((0..=MAX_NONCE).contains(&self.nonce), 21104, "invalid nonce")?;
        require((0..=MAX_48_BITS).contains(&self.expired_at), INVALID_TX_INFO, "ExpiredAt is invalid")?;
        self.attributes.check(&self.tx)?;
        self.tx.check()
    }
}

impl Tx {
    fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::CreateOrder(body) => body.order.check(),
            Self::CreateGroupedOrders(body) => body.check(),
            Self::CancelOrder(body) => Kind::of(body.market_index).and(check_order_reference(body.index)),
            Self::CancelAllOrders(body) => body.check(),
            Self::ModifyOrder(body) => body.check(),
            Self::UpdateLeverage(body) => body.check(),
            Self::UpdateMargin(body) => body.check(),
            Self::Withdraw(body) => body.check(),
            Self::Transfer(body) => body.check(),
            Self::ChangePubKey(body) => body.check(),
            Self::CreateSubAccount(_) => Ok(()),
            Self::ApproveIntegrator(body) => body.check(),
            Self::UpdateAccountConfig(body) => {
                require(body.account_trading_mode <= 1, INVALID_TX_INFO, "invalid account trading mode")
            }
            Self::UpdateAccountAssetConfig(body) => {
                check_asset(body.asset_index)?;
                require(body.asset_margin_mode <= 1, 21802, "invalid asset margin mode")
            }
        }
    }
}

/// Perps or spot, by the ranges that the venue's signer knows. Nothing but these static checks may use them: the
/// market list says what a market is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Perps,
    Spot,
}

impl Kind {
    fn of(market_index: i16) -> Result<Self, Refusal> {
        match market_index {
            0..=254 => Ok(Self::Perps),
            2048..=4094 => Ok(Self::Spot),
            _ => Err((21602, "invalid market index".to_owned())),
        }
    }

    fn require_perps(market_index: i16) -> Result<(), Refusal> {
        require(Self::of(market_index)? == Self::Perps, 21621, "invalid perps market index")
    }
}

/// What an order type asks of the other fields (the field matrix of transactions.md §12).
struct Matrix {
    /// Whether it waits for a trigger price.
    triggered: bool,
    /// Which times in force it may have.
    times_in_force: &'static [u8],
}

impl Matrix {
    fn of(kind: u8) -> Result<Self, Refusal> {
        let (triggered, times_in_force): (_, &[u8]) = match kind {
            0 => (false, &[0, 1, 2]),
            1 => (false, &[0]),
            2 | 4 => (true, &[0]),
            3 | 5 => (true, &[0, 1, 2]),
            6 => (false, &[1]),
            // 7 and 8 are the venue's own.
            7 | 8 => return Err((21710, "unsupported order type".to_owned())),
            _ => return Err((21704, "invalid OrderType".to_owned())),
        };
        Ok(Self { triggered, times_in_force })
    }
}

impl OrderSpec {
    fn check(&self) -> Result<(), Refusal> {
        let market = Kind::of(self.market_index)?;
        require((0..=MAX_48_BITS).contains(&self.client_order_index), 21727, "invalid client order index")?;
        require(self.is_ask <= 1, 21703, "invalid isAsk")?;
        require(self.reduce_only <= 1, 21740, "invalid reduce only mode")?;
        let whole_position = self.base_amount == 0 && self.reduce_only == 1 && market == Kind::Perps;
        require(
            whole_position || (1..=MAX_48_BITS).contains(&self.base_amount),
            21701,
            "invalid base amount",
        )?;
        require(self.price >= 1, 21702, "invalid price")?;
        self.check_matrix(market)?;
        require(market == Kind::Perps || self.reduce_only == 0, 21732, "reduce only is for perps markets")
    }

    fn check_matrix(&self, market: Kind) -> Result<(), Refusal> {
        let matrix = Matrix::of(self.kind)?;
        require(market == Kind::Perps || !matrix.triggered, 21618, "invalid order type for market")?;
        require(matrix.times_in_force.contains(&self.time_in_force), 21705, "invalid OrderTimeInForce")?;
        require((self.trigger_price > 0) == matrix.triggered, 21729, "invalid order trigger price")?;
        // Only what neither rests nor waits has no expiry.
        let lasting = matrix.triggered || self.time_in_force != 0;
        let expiry = if lasting { 1..=MAX_48_BITS } else { 0..=0 };
        require(expiry.contains(&self.order_expiry), 21711, "invalid expiry")
    }

    const fn is_parent(&self) -> bool {
        matches!(self.kind, 0 | 1)
    }

    const fn is_stop_loss(&self) -> bool {
        matches!(self.kind, 2 | 3)
    }

    const fn is_take_profit(&self) -> bool {
        matches!(self.kind, 4 | 5)
    }
}

impl CreateGroupedOrders {
    fn check(&self) -> Result<(), Refusal> {
        let size = match self.grouping_type {
            1 | 2 => 2,
            3 => 3,
            _ => return Err((21741, "invalid grouping type".to_owned())),
        };
        require(self.orders.len() == size, 21742, "invalid order group size")?;
        self.orders.iter().try_for_each(OrderSpec::check)?;
        self.check_together()?;
        let fits = match self.orders.as_slice() {
            [first, second] if self.grouping_type == 2 => is_one_cancels_other(first, second),
            [parent, child] => is_child_of(child, parent) && !child.is_parent(),
            [parent, first, second] => {
                is_child_of(first, parent)
                    && is_child_of(second, parent)
                    && first.order_expiry == second.order_expiry
                    && is_stop_and_profit(first, second)
            }
            _ => false,
        };
        require(fits, 21743, "invalid order info")
    }

    /// One perps market, and no client order index twice.
    fn check_together(&self) -> Result<(), Refusal> {
        let market = self.orders[0].market_index;
        Kind::require_perps(market)?;
        let mut ids: Vec<_> =
            self.orders.iter().map(|order| order.client_order_index).filter(|&id| id != 0).collect();
        let given = ids.len();
        ids.sort_unstable();
        ids.dedup();
        let one_market = self.orders.iter().all(|order| order.market_index == market);
        require(one_market && ids.len() == given, 21743, "invalid order info")
    }
}

const fn is_stop_and_profit(first: &OrderSpec, second: &OrderSpec) -> bool {
    first.is_stop_loss() && second.is_take_profit() || first.is_take_profit() && second.is_stop_loss()
}

const fn is_one_cancels_other(first: &OrderSpec, second: &OrderSpec) -> bool {
    is_stop_and_profit(first, second)
        && first.base_amount == second.base_amount
        && first.is_ask == second.is_ask
        && first.reduce_only == 1
        && second.reduce_only == 1
        && first.order_expiry == second.order_expiry
}

const fn is_child_of(child: &OrderSpec, parent: &OrderSpec) -> bool {
    parent.is_parent()
        && (child.is_stop_loss() || child.is_take_profit())
        && child.base_amount == 0
        && child.is_ask != parent.is_ask
        && (parent.order_expiry == 0 || child.order_expiry == parent.order_expiry)
}

impl CancelAllOrders {
    fn check(&self) -> Result<(), Refusal> {
        let time = match self.mode {
            0 | 2 => 0..=0,
            1 => 1..=MAX_48_BITS,
            _ => return Err((21713, "invalid cancel all time in force".to_owned())),
        };
        require(time.contains(&self.time), 21714, "invalid cancel all time")
    }
}

impl ModifyOrder {
    fn check(&self) -> Result<(), Refusal> {
        Kind::of(self.market_index)?;
        check_order_reference(self.index)?;
        // Zero stays open here: whether the order is reduce-only is not in the transaction.
        require((0..=MAX_48_BITS).contains(&self.base_amount), 21701, "invalid base amount")?;
        require(self.price >= 1, 21702, "invalid price")
    }
}

impl UpdateLeverage {
    fn check(&self) -> Result<(), Refusal> {
        Kind::require_perps(self.market_index)?;
        let fraction = 1..=MARGIN_TICK;
        require(fraction.contains(&self.initial_margin_fraction), 21113, "invalid initial margin fraction")?;
        require(self.margin_mode <= 1, 21613, "invalid margin mode")
    }
}

impl UpdateMargin {
    fn check(&self) -> Result<(), Refusal> {
        Kind::require_perps(self.market_index)?;
        require((1..=MAX_60_BITS).contains(&self.usdc_amount), 21300, "invalid asset amount")?;
        require(self.direction <= 1, 21615, "invalid update margin direction")
    }
}

impl Withdraw {
    fn check(&self) -> Result<(), Refusal> {
        check_asset(self.asset_index)?;
        check_route(self.route_type)?;
        require(self.amount >= 1, 21116, "withdrawal amount is too small")?;
        require(self.amount <= MAX_60_BITS.unsigned_abs(), 21117, "withdrawal amount is too high")
    }
}

impl Transfer {
    fn check(&self) -> Result<(), Refusal> {
        require((0..=MAX_ACCOUNT).contains(&self.to_account_index), 21106, "invalid ToAccount")?;
        check_asset(self.asset_index)?;
        check_route(self.from_route_type)?;
        check_route(self.to_route_type)?;
        require(self.amount >= 1, 21118, "transfer amount is too small")?;
        require(self.amount <= MAX_60_BITS, 21119, "transfer amount is too high")?;
        require((0..=MAX_60_BITS).contains(&self.usdc_fee), 21134, "invalid fee")
    }
}

impl ChangePubKey {
    fn check(&self) -> Result<(), Refusal> {
        let revokes = self.pub_key == [0; 40];
        require(revokes || PublicKey::from_bytes(&self.pub_key).is_ok(), 21108, "invalid PublicKey")
    }
}

impl ApproveIntegrator {
    fn check(&self) -> Result<(), Refusal> {
        let integrator = (0..=MAX_ACCOUNT).contains(&self.integrator_account_index);
        require(integrator, INVALID_TX_INFO, "invalid integrator account index")?;
        let fees = [
            self.max_perps_taker_fee,
            self.max_perps_maker_fee,
            self.max_spot_taker_fee,
            self.max_spot_maker_fee,
        ];
        require(fees.iter().all(|&fee| i64::from(fee) <= FEE_TICK), 21134, "invalid fee")?;
        let expiry = (0..=MAX_48_BITS).contains(&self.approval_expiry);
        require(expiry, INVALID_TX_INFO, "ApprovalExpiry is invalid")
    }
}

impl Attributes {
    fn check(&self, tx: &Tx) -> Result<(), Refusal> {
        require(self.len() <= MAX_ATTRIBUTES, INVALID_TX_INFO, "too many attributes")?;
        for attribute in Attribute::ALL {
            let value = self.get(attribute);
            let code = if attribute.is_fee() { 21134 } else { INVALID_TX_INFO };
            require((0..=attribute.max()).contains(&value), code, &format!("invalid {attribute:?}"))?;
            let fits = !self.has(attribute) || attribute.applies_to(tx);
            require(fits, INVALID_TX_INFO, &format!("{attribute:?} does not belong to this tx type"))?;
        }
        self.check_together()
    }

    fn check_together(&self) -> Result<(), Refusal> {
        let fee = Attribute::ALL.into_iter().any(|attribute| attribute.is_fee() && self.has(attribute));
        let integrator = self.has(Attribute::IntegratorAccountIndex);
        require(!fee || integrator, 21134, "an integrator fee needs an integrator")?;
        let mode = self.get(Attribute::SelfTradeBehaviorMode);
        let equality = self.get(Attribute::SelfTradeEqualityMode);
        require(
            !(fee && (mode != 0 || equality != 0)),
            INVALID_TX_INFO,
            "self-trade attributes do not go with integrator fees",
        )?;
        require(
            !(mode == 3 && equality == 1),
            INVALID_TX_INFO,
            "self-trade reduce is for the same account only",
        )
    }
}

impl Attribute {
    const fn max(self) -> i64 {
        match self {
            Self::IntegratorAccountIndex => MAX_ACCOUNT,
            Self::IntegratorTakerFee | Self::IntegratorMakerFee => FEE_TICK,
            Self::SkipTxNonce | Self::SelfTradeEqualityMode => 1,
            Self::CancelAllMarketIndex => 255,
            Self::SelfTradeBehaviorMode => 3,
            Self::OrderVersion => i64::MAX,
        }
    }

    const fn is_fee(self) -> bool {
        matches!(self, Self::IntegratorTakerFee | Self::IntegratorMakerFee)
    }

    const fn applies_to(self, tx: &Tx) -> bool {
        match self {
            Self::SkipTxNonce => true,
            Self::CancelAllMarketIndex => matches!(tx, Tx::CancelAllOrders(CancelAllOrders { mode: 0, .. })),
            Self::OrderVersion => matches!(tx, Tx::ModifyOrder(_)),
            Self::IntegratorAccountIndex
            | Self::IntegratorTakerFee
            | Self::IntegratorMakerFee
            | Self::SelfTradeBehaviorMode
            | Self::SelfTradeEqualityMode => {
                matches!(tx, Tx::CreateOrder(_) | Tx::CreateGroupedOrders(_) | Tx::ModifyOrder(_))
            }
        }
    }
}

/// A client order index (below 2^48) or an order index.
fn check_order_reference(index: i64) -> Result<(), Refusal> {
    require((1..=MAX_60_BITS).contains(&index), 21700, "invalid order index")
}

fn check_asset(index: i16) -> Result<(), Refusal> {
    require(index >= 1, 21801, "invalid asset index")
}

fn check_route(route: u8) -> Result<(), Refusal> {
    require(route <= 1, 21124, "invalid route type")
}

fn require(condition: bool, code: i64, message: &str) -> Result<(), Refusal> {
    if condition { Ok(()) } else { Err((code, message.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx::{CancelOrder, CreateOrder, SelfTradeMode, SelfTradeScope};

    fn order() -> OrderSpec {
        OrderSpec {
            market_index: 1,
            client_order_index: 77,
            base_amount: 1_000,
            price: 804_419,
            is_ask: 0,
            kind: 0,
            time_in_force: 1,
            reduce_only: 0,
            trigger_price: 0,
            order_expiry: 1_900_000_000_000,
        }
    }

    fn envelope(tx: impl Into<Tx>, attributes: Attributes) -> Envelope {
        Envelope { tx: tx.into(), expired_at: 1_900_000_000_000, nonce: 7, attributes }
    }

    fn code(tx: impl Into<Tx>) -> i64 {
        envelope(tx, Attributes::new()).check().map_or_else(|(code, _)| code, |()| 0)
    }

    fn order_code(order: OrderSpec) -> i64 {
        code(CreateOrder { account_index: 12_345, api_key_index: 4, order })
    }

    fn attribute_code(attributes: Attributes) -> i64 {
        let tx = CreateOrder { account_index: 12_345, api_key_index: 4, order: order() };
        envelope(tx, attributes).check().map_or_else(|(code, _)| code, |()| 0)
    }

    #[test]
    fn each_field_of_an_order_has_its_code() {
        type Change = fn(&mut OrderSpec);
        let cases: [(i64, Change); 18] = [
            (0, |_| ()),
            (21602, |order| order.market_index = 255),
            (21602, |order| order.market_index = -1),
            (21727, |order| order.client_order_index = 1 << 48),
            (21701, |order| order.base_amount = 0),
            (21701, |order| order.base_amount = 1 << 48),
            (21702, |order| order.price = 0),
            (21703, |order| order.is_ask = 2),
            (21740, |order| order.reduce_only = 2),
            (21704, |order| order.kind = 9),
            (21710, |order| order.kind = 8),
            (21705, |order| order.time_in_force = 3),
            (21729, |order| order.trigger_price = 1),
            (21711, |order| order.order_expiry = 0),
            (21711, |order| order.order_expiry = -1),
            (21711, |order| order.time_in_force = 0),
            (21618, |order| (order.market_index, order.kind) = (2048, 3)),
            (21732, |order| (order.market_index, order.reduce_only) = (2048, 1)),
        ];
        for (index, (expected, change)) in cases.into_iter().enumerate() {
            let mut changed = order();
            change(&mut changed);
            assert_eq!(order_code(changed), expected, "case {index}");
        }
    }

    #[test]
    fn the_matrix_of_order_types_holds() {
        let with = |kind, time_in_force, order_expiry, trigger_price| {
            order_code(OrderSpec { kind, time_in_force, order_expiry, trigger_price, ..order() })
        };
        assert_eq!(with(0, 0, 0, 0), 0, "an immediate limit order");
        assert_eq!(with(1, 0, 0, 0), 0, "a market order");
        assert_eq!(with(1, 1, 5, 0), 21705);
        assert_eq!(with(1, 0, 5, 0), 21711);
        assert_eq!(with(2, 0, 5, 9), 0, "a stop loss");
        assert_eq!(with(4, 1, 5, 9), 21705);
        assert_eq!(with(2, 0, 5, 0), 21729);
        assert_eq!(with(3, 2, 5, 9), 0, "a post-only stop-loss limit");
        assert_eq!(with(5, 0, 0, 9), 21711);
        assert_eq!(with(6, 1, 5, 0), 0, "a schedule");
        assert_eq!(with(6, 0, 5, 0), 21705);
    }

    #[test]
    fn a_reduce_only_order_may_mean_the_whole_position() {
        assert_eq!(order_code(OrderSpec { base_amount: 0, reduce_only: 1, ..order() }), 0);
    }

    #[test]
    fn the_envelope_is_checked() {
        let cancel = |account_index, api_key_index, index| {
            code(CancelOrder { account_index, api_key_index, market_index: 1, index })
        };
        assert_eq!(cancel(1, 4, 77), 0);
        assert_eq!(cancel(-1, 4, 77), 21102);
        assert_eq!(cancel((1 << 48) - 1, 4, 77), 21102);
        assert_eq!(cancel(1, 255, 77), 21110);
        assert_eq!(cancel(1, 4, 0), 21700);
        let tx = || CancelOrder { account_index: 1, api_key_index: 4, market_index: 1, index: 7 };
        let late = Envelope { nonce: 1 << 47, ..envelope(tx(), Attributes::new()) };
        assert_eq!(late.check().unwrap_err().0, 21104);
        let dead = Envelope { expired_at: -1, ..envelope(tx(), Attributes::new()) };
        assert_eq!(dead.check().unwrap_err().0, INVALID_TX_INFO);
    }

    #[test]
    fn cancel_all_needs_a_time_exactly_when_scheduled() {
        let all = |mode, time| code(CancelAllOrders { account_index: 1, api_key_index: 4, mode, time });
        assert_eq!([all(0, 0), all(1, 5), all(2, 0)], [0, 0, 0]);
        assert_eq!([all(0, 5), all(1, 0), all(2, 5), all(3, 0)], [21714, 21714, 21714, 21713]);
    }

    #[test]
    fn attributes_are_checked() {
        let all = Attributes::new();
        assert_eq!(attribute_code(all.integrator(6, 100, 200).skip_nonce()), 0);
        assert_eq!(attribute_code(all.integrator(0, 100, 0)), 21134);
        assert_eq!(attribute_code(all.integrator(6, 1_000_001, 0)), 21134);
        assert_eq!(attribute_code(all.cancel_market(3)), INVALID_TX_INFO);
        assert_eq!(attribute_code(all.order_version(3)), INVALID_TX_INFO);
        let five = all.integrator(6, 1, 1).skip_nonce().with(Attribute::SelfTradeBehaviorMode, 0);
        assert_eq!(attribute_code(five), INVALID_TX_INFO, "nil values count");
        let master = |mode| attribute_code(all.self_trade(mode, SelfTradeScope::Master));
        assert_eq!(master(SelfTradeMode::CancelBoth), 0);
        assert_eq!(master(SelfTradeMode::Reduce), INVALID_TX_INFO);
    }

    #[test]
    fn groups_are_checked() {
        let expiry = 1_900_000_000_000;
        let child = |kind| OrderSpec {
            client_order_index: 0,
            base_amount: 0,
            is_ask: 1,
            kind,
            time_in_force: 0,
            reduce_only: 1,
            trigger_price: 5,
            order_expiry: expiry,
            ..order()
        };
        let group = |grouping_type, orders: &[OrderSpec]| {
            let orders = orders.to_vec();
            code(CreateGroupedOrders { account_index: 1, api_key_index: 4, grouping_type, orders })
        };
        assert_eq!(group(1, &[order(), child(2)]), 0);
        assert_eq!(group(2, &[child(4), child(2)]), 0);
        assert_eq!(group(3, &[order(), child(2), child(5)]), 0);
        assert_eq!(group(4, &[order(), child(2)]), 21741);
        assert_eq!(group(3, &[order(), child(2)]), 21742);
        assert_eq!(group(1, &[order(), order()]), 21743);
        assert_eq!(group(2, &[child(2), child(3)]), 21743);
        assert_eq!(group(1, &[order(), OrderSpec { is_ask: 0, ..child(2) }]), 21743);
        assert_eq!(group(1, &[order(), OrderSpec { market_index: 2, ..child(2) }]), 21743);
        assert_eq!(group(1, &[order(), OrderSpec { client_order_index: 77, ..child(2) }]), 21743);
        assert_eq!(group(1, &[order(), OrderSpec { price: 0, ..child(2) }]), 21702);
    }
}
