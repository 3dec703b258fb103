//! Turns what a step wants into the venue's transactions: grid integers to wire fields.

use super::entry::{Child, LegSide, OrderTerms, Purpose};
use super::spec::PairSpec;
use crate::model::{ClientOrderIndex, MarginMode, Market, Price, TimeInForce, Timestamp, Usdc};
use crate::rt::Mutant;
use crate::tx::l1::Address;
use crate::tx::{
    CancelAllOrders, CancelOrder, CreateGroupedOrders, CreateOrder, OrderSpec, Transfer, Tx, UpdateLeverage,
    Withdraw,
};
use crate::venue::FastTerms;

/// USDC (transactions.md §12).
const USDC_ASSET: i16 = 3;

/// The venue's order types that are used (transactions.md §12).
const LIMIT: u8 = 0;
const STOP_LOSS_LIMIT: u8 = 3;
/// A group whose first order wakes the second one with what it filled.
const ONE_TRIGGERS_OTHER: u8 = 1;

/// Account, key slot and market of a transaction.
pub(crate) struct Origin {
    account: i64,
    key: u8,
    market: i16,
}

impl Origin {
    pub(crate) fn new(spec: &PairSpec, side: LegSide, purpose: &Purpose, market: &Market) -> Self {
        Self {
            account: spec.leg(side).account.get(),
            key: spec.key_for(side, purpose).get(),
            // The check refuses markets whose id the wire's field does not hold.
            market: i16::try_from(market.id.get()).unwrap_or(i16::MAX),
        }
    }

    pub(crate) fn order(&self, index: ClientOrderIndex, terms: &OrderTerms) -> Tx {
        Tx::CreateOrder(CreateOrder {
            account_index: self.account,
            api_key_index: self.key,
            order: self.spec(index, terms),
        })
    }

    /// An order and the stop that waits for its end.
    pub(crate) fn with_child(&self, index: ClientOrderIndex, terms: &OrderTerms, child: &Child) -> Tx {
        Tx::CreateGroupedOrders(CreateGroupedOrders {
            account_index: self.account,
            api_key_index: self.key,
            grouping_type: ONE_TRIGGERS_OTHER,
            orders: vec![self.spec(index, terms), self.spec(child.client_order_index, &child.order)],
        })
    }

    fn spec(&self, index: ClientOrderIndex, terms: &OrderTerms) -> OrderSpec {
        OrderSpec {
            market_index: self.market,
            client_order_index: i64::try_from(index.get()).unwrap_or(i64::MAX),
            base_amount: if Mutant::OtherUnitOnWire.is_planted() {
                terms.size.lots() * 10
            } else {
                terms.size.lots()
            },
            price: ticks(terms.price),
            is_ask: u8::from(terms.side.is_ask()),
            kind: if terms.trigger.is_some() { STOP_LOSS_LIMIT } else { LIMIT },
            time_in_force: match terms.time_in_force {
                TimeInForce::ImmediateOrCancel => 0,
                TimeInForce::GoodTillTime => 1,
                TimeInForce::PostOnly => 2,
            },
            reduce_only: u8::from(terms.reduce_only && !Mutant::FlagNotOnWire.is_planted()),
            trigger_price: terms.trigger.map_or(0, ticks),
            order_expiry: terms.expiry.as_millis(),
        }
    }

    pub(crate) fn cancel(&self, index: ClientOrderIndex) -> Tx {
        Tx::CancelOrder(CancelOrder {
            account_index: self.account,
            api_key_index: self.key,
            market_index: self.market,
            index: i64::try_from(index.get()).unwrap_or(i64::MAX),
        })
    }

    /// `None` clears the dead man's switch.
    pub(crate) fn dead_man(&self, until: Option<Timestamp>) -> Tx {
        Tx::CancelAllOrders(CancelAllOrders {
            account_index: self.account,
            api_key_index: self.key,
            mode: if until.is_some() { 1 } else { 2 },
            time: until.map_or(0, Timestamp::as_millis),
        })
    }

    pub(crate) fn leverage(&self, fraction: u16, mode: MarginMode) -> Tx {
        Tx::UpdateLeverage(UpdateLeverage {
            account_index: self.account,
            api_key_index: self.key,
            market_index: self.market,
            initial_margin_fraction: fraction,
            margin_mode: u8::from(mode == MarginMode::Isolated),
        })
    }

    pub(crate) fn withdraw(&self, amount: Usdc) -> Tx {
        Tx::Withdraw(Withdraw {
            from_account_index: self.account,
            api_key_index: self.key,
            asset_index: USDC_ASSET,
            route_type: 0,
            amount: u64::try_from(amount.micros()).unwrap_or(0),
        })
    }

    /// A transfer to the bridge, which pays out to `owner`.
    pub(crate) fn fast_withdraw(&self, terms: &FastTerms, amount: Usdc, owner: Address) -> Tx {
        Tx::Transfer(Transfer {
            from_account_index: self.account,
            api_key_index: self.key,
            to_account_index: terms.bridge.get(),
            asset_index: USDC_ASSET,
            from_route_type: 0,
            to_route_type: 0,
            amount: amount.micros(),
            usdc_fee: terms.fee.micros(),
            memo: memo(owner),
        })
    }
}

/// Returns the memo of a fast withdrawal: the address that is paid out, then zeros (http.md §8).
fn memo(address: Address) -> [u8; 32] {
    let mut memo = [0; 32];
    if let Some(head) = memo.first_chunk_mut() {
        *head = *address.as_bytes();
    }
    memo
}

fn ticks(price: Price) -> u32 {
    u32::try_from(price.ticks()).unwrap_or(u32::MAX)
}
