//! The body of each transaction type, in the venue's field order.
//!
//! Fields are raw: grid integers of the market, 0/1 for flags, milliseconds for times. What is out of range is found
//! by [`Envelope::check`](super::Envelope::check), not by the types, since a server must be able to read it first.

use serde_json::Value;

use super::error::TxError;
use super::wire::{Fields, ObjectWriter, Wire, five_words, halves, unhashed, word};
use crate::signing::{Goldilocks, hash_to_four};

/// The fields of a body, in order.
pub(super) trait Layout: Sized {
    /// Writes the fields.
    fn write(&self, out: &mut ObjectWriter<'_>);
    /// Reads the fields.
    fn read(fields: &Fields<'_>) -> Result<Self, TxError>;
    /// Appends what is hashed of the fields.
    fn absorb(&self, out: &mut Vec<Goldilocks>);
}

/// Declares a body: `field: type as hashing = "Key"`, where hashing is one of the functions of [`super::wire`].
macro_rules! layout {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $ty:ty as $hashing:ident = $key:literal,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl Layout for $name {
            fn write(&self, out: &mut ObjectWriter<'_>) {
                $(out.field($key, &self.$field);)*
            }

            fn read(fields: &Fields<'_>) -> Result<Self, TxError> {
                Ok(Self { $($field: fields.get($key)?,)* })
            }

            fn absorb(&self, out: &mut Vec<Goldilocks>) {
                $($hashing(&self.$field, out);)*
            }
        }
    )*};
}

layout! {
    /// What an order is, alone or in a group.
    OrderSpec {
        /// Market.
        market_index: i16 as word = "MarketIndex",
        /// Our id of the order, 0 for none.
        client_order_index: i64 as word = "ClientOrderIndex",
        /// Size in lots; 0 means the whole position and needs reduce-only.
        base_amount: i64 as word = "BaseAmount",
        /// Price in ticks.
        price: u32 as word = "Price",
        /// 1 for sell.
        is_ask: u8 as word = "IsAsk",
        /// Order type, 0 to 6.
        kind: u8 as word = "Type",
        /// 0 immediate-or-cancel, 1 good-till-time, 2 post-only.
        time_in_force: u8 as word = "TimeInForce",
        /// 1 for reduce-only.
        reduce_only: u8 as word = "ReduceOnly",
        /// Trigger price in ticks, 0 for none.
        trigger_price: u32 as word = "TriggerPrice",
        /// When it expires, in milliseconds; 0 for none.
        order_expiry: i64 as word = "OrderExpiry",
    }

    /// Several orders that depend on each other (type 28).
    CreateGroupedOrders {
        /// Account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// 1 one-triggers-other, 2 one-cancels-other, 3 one-triggers-one-cancels-other.
        grouping_type: u8 as word = "GroupingType",
        /// Two or three orders, the parent first.
        orders: Vec<OrderSpec> as folded = "Orders",
    }

    /// Cancels one order (type 15).
    CancelOrder {
        /// Account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// Market.
        market_index: i16 as word = "MarketIndex",
        /// Client order index (below 2^48) or the venue's order index.
        index: i64 as word = "Index",
    }

    /// Cancels all orders, now or later (type 16).
    CancelAllOrders {
        /// Account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// 0 immediately, 1 at `time`, 2 never mind.
        mode: u8 as word = "TimeInForce",
        /// When, in milliseconds; 0 unless scheduled.
        time: i64 as word = "Time",
    }

    /// Changes a resting order (type 17).
    ModifyOrder {
        /// Account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// Market.
        market_index: i16 as word = "MarketIndex",
        /// Client order index (below 2^48) or the venue's order index.
        index: i64 as word = "Index",
        /// New size in lots.
        base_amount: i64 as word = "BaseAmount",
        /// New price in ticks.
        price: u32 as word = "Price",
        /// New trigger price in ticks, 0 for none.
        trigger_price: u32 as word = "TriggerPrice",
    }

    /// Sets leverage and margin mode of a market (type 20).
    UpdateLeverage {
        /// Account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// Market.
        market_index: i16 as word = "MarketIndex",
        /// Initial margin fraction in 1/10000.
        initial_margin_fraction: u16 as word = "InitialMarginFraction",
        /// 0 cross, 1 isolated.
        margin_mode: u8 as word = "MarginMode",
    }

    /// Adds to or takes from an isolated position's margin (type 29).
    UpdateMargin {
        /// Account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// Market.
        market_index: i16 as word = "MarketIndex",
        /// How much, in millionths of a USDC.
        usdc_amount: i64 as halves = "USDCAmount",
        /// 0 remove, 1 add.
        direction: u8 as word = "Direction",
    }

    /// Withdraws to the account's own L1 address (type 13).
    Withdraw {
        /// Account.
        from_account_index: i64 as word = "FromAccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// Asset; 3 is USDC.
        asset_index: i16 as word = "AssetIndex",
        /// 0 from perps, 1 from spot.
        route_type: u8 as word = "RouteType",
        /// How much, in the asset's smallest unit.
        amount: u64 as halves = "Amount",
    }

    /// Moves an asset to another account (type 12).
    Transfer {
        /// Who gives.
        from_account_index: i64 as word = "FromAccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// Who gets.
        to_account_index: i64 as word = "ToAccountIndex",
        /// Asset; 3 is USDC.
        asset_index: i16 as word = "AssetIndex",
        /// 0 from perps, 1 from spot.
        from_route_type: u8 as word = "FromRouteType",
        /// 0 to perps, 1 to spot.
        to_route_type: u8 as word = "ToRouteType",
        /// How much, in the asset's smallest unit.
        amount: i64 as halves = "Amount",
        /// Fee in millionths of a USDC.
        usdc_fee: i64 as halves = "USDCFee",
        /// Bound by the L1 signature only.
        memo: [u8; 32] as unhashed = "Memo",
    }

    /// Registers, replaces or (all zero) revokes a key (type 8). The *new* key signs.
    ChangePubKey {
        /// Account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that is written.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// The new public key.
        pub_key: [u8; 40] as five_words = "PubKey",
    }

    /// Makes a sub-account (type 9).
    CreateSubAccount {
        /// Master account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
    }

    /// Lets an integrator take fees (type 45); all fees in millionths.
    ApproveIntegrator {
        /// Account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// The integrator's account.
        integrator_account_index: i64 as word = "IntegratorAccountIndex",
        /// Highest taker fee on perps.
        max_perps_taker_fee: u32 as word = "MaxPerpsTakerFee",
        /// Highest maker fee on perps.
        max_perps_maker_fee: u32 as word = "MaxPerpsMakerFee",
        /// Highest taker fee on spot.
        max_spot_taker_fee: u32 as word = "MaxSpotTakerFee",
        /// Highest maker fee on spot.
        max_spot_maker_fee: u32 as word = "MaxSpotMakerFee",
        /// Until when, in milliseconds.
        approval_expiry: i64 as word = "ApprovalExpiry",
    }

    /// Sets the trading mode (type 41).
    UpdateAccountConfig {
        /// Account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// 0 classic, 1 unified.
        account_trading_mode: u8 as word = "AccountTradingMode",
    }

    /// Sets whether an asset counts as margin (type 42).
    UpdateAccountAssetConfig {
        /// Account.
        account_index: i64 as word = "AccountIndex",
        /// Key slot that signs.
        api_key_index: u8 as word = "ApiKeyIndex",
        /// Asset.
        asset_index: i16 as word = "AssetIndex",
        /// 0 no, 1 yes.
        asset_margin_mode: u8 as word = "AssetMarginMode",
    }
}

/// A new order (type 14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateOrder {
    /// Account.
    pub account_index: i64,
    /// Key slot that signs.
    pub api_key_index: u8,
    /// The order.
    pub order: OrderSpec,
}

impl Layout for CreateOrder {
    fn write(&self, out: &mut ObjectWriter<'_>) {
        out.field("AccountIndex", &self.account_index);
        out.field("ApiKeyIndex", &self.api_key_index);
        self.order.write(out);
    }

    fn read(fields: &Fields<'_>) -> Result<Self, TxError> {
        Ok(Self {
            account_index: fields.get("AccountIndex")?,
            api_key_index: fields.get("ApiKeyIndex")?,
            order: OrderSpec::read(fields)?,
        })
    }

    fn absorb(&self, out: &mut Vec<Goldilocks>) {
        word(&self.account_index, out);
        word(&self.api_key_index, out);
        self.order.absorb(out);
    }
}

impl Wire for Vec<OrderSpec> {
    const EXPECTED: &'static str = "an array of orders";

    fn write(&self, out: &mut String) {
        out.push('[');
        for (i, order) in self.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            let mut object = ObjectWriter::new(out);
            order.write(&mut object);
            object.end();
        }
        out.push(']');
    }

    fn read(value: &Value) -> Option<Self> {
        Self::read_field(value, "").ok()
    }

    fn read_field(value: &Value, field: &str) -> Result<Self, TxError> {
        let expected = Self::EXPECTED;
        let orders = value.as_array().ok_or_else(|| TxError::Field { field: field.to_owned(), expected })?;
        let read = |(i, order)| OrderSpec::read(&Fields::nested(order, format!("{field}[{i}]"))?);
        orders.iter().enumerate().map(read).collect()
    }
}

/// Hashes the orders of a group: each to four elements, then one after another into one.
fn folded(orders: &[OrderSpec], out: &mut Vec<Goldilocks>) {
    let hash = |order: &OrderSpec| {
        let mut fields = Vec::with_capacity(10);
        order.absorb(&mut fields);
        hash_to_four(&fields)
    };
    let fold = |sum: [Goldilocks; 4], next: [Goldilocks; 4]| {
        let pair: Vec<_> = sum.into_iter().chain(next).collect();
        hash_to_four(&pair)
    };
    out.extend(orders.iter().map(hash).reduce(fold).unwrap_or_default());
}
