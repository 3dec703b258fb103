//! Tests of the exchange as its users see it.

mod accounts;
mod flow;
mod liquidation;
mod margin;
mod matching;
mod money;
mod orders;
mod submit;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::model::*;
use crate::signing::{PrivateKey, Signature};
use crate::tx::{
    Attributes, CancelAllOrders, CancelOrder, CreateOrder, Envelope, ModifyOrder, OrderSpec, SignedTx, Tx,
};

pub(super) const A: AccountIndex = AccountIndex::new(101);
pub(super) const B: AccountIndex = AccountIndex::new(102);
pub(super) const C: AccountIndex = AccountIndex::new(103);
pub(super) const SLOT: ApiKeyIndex = ApiKeyIndex::new(5);
pub(super) const SOL: MarketId = MarketId::new(2);
const START: Timestamp = Timestamp::from_millis(1_790_600_400_000);

/// An exchange with three funded accounts of three owners, whose mark is 100.000 USDC.
pub(super) struct Bench {
    pub(super) exchange: Exchange,
    pub(super) nonces: BTreeMap<AccountIndex, i64>,
    /// Long flows go without signatures: they would be most of the work.
    pub(super) unsigned: bool,
}

pub(super) fn key(account: AccountIndex) -> PrivateKey {
    PrivateKey::from_seed("bench", 1, account.get().unsigned_abs())
}

pub(super) fn config() -> ExchangeConfig {
    let market = Market {
        mark_price: Some(rust_decimal::Decimal::new(100_000, 3)),
        index_price: Some(rust_decimal::Decimal::new(100_000, 3)),
        ..Market::example()
    };
    ExchangeConfig {
        chain_id: 304,
        markets: vec![market],
        tier: Tier::Standard,
        withdrawal_delay: Duration::from_secs(90),
        claim_delay: Duration::from_secs(30),
        start: START,
    }
}

/// What an order may say beyond side, price and size.
#[derive(Clone, Copy)]
pub(super) struct Extra {
    pub(super) kind: u8,
    pub(super) tif: u8,
    pub(super) reduce_only: u8,
    pub(super) trigger: u32,
    pub(super) client: i64,
    pub(super) expires_in: i64,
    pub(super) attributes: Attributes,
}

pub(super) const GTT: Extra = Extra {
    kind: 0,
    tif: 1,
    reduce_only: 0,
    trigger: 0,
    client: 0,
    expires_in: 600_000,
    attributes: Attributes::new(),
};
pub(super) const IOC: Extra = Extra { tif: 0, expires_in: 0, ..GTT };
pub(super) const POST: Extra = Extra { tif: 2, ..GTT };

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: ExchangeConfig) -> Self {
        let mut exchange = Exchange::new(config);
        for account in [A, B, C] {
            let keys = vec![(SLOT, key(account).public_key().to_bytes())];
            exchange.create_account(format!("0x{:040x}", account.get()), keys, Some(account));
            exchange.deposit(account, Usdc::whole(10_000));
        }
        exchange.drain_events();
        Self { exchange, nonces: BTreeMap::new(), unsigned: false }
    }

    pub(super) fn now(&self) -> i64 {
        self.exchange.now().as_millis()
    }

    pub(super) fn spec(&self, side: Side, price: i64, lots: i64, extra: Extra) -> OrderSpec {
        OrderSpec {
            market_index: 2,
            client_order_index: extra.client,
            base_amount: lots,
            price: u32::try_from(price).unwrap(),
            is_ask: u8::from(side.is_ask()),
            kind: extra.kind,
            time_in_force: extra.tif,
            reduce_only: extra.reduce_only,
            trigger_price: extra.trigger,
            order_expiry: if extra.expires_in == 0 { 0 } else { self.now() + extra.expires_in },
        }
    }

    pub(super) fn envelope(&self, tx: impl Into<Tx>, nonce: i64, attributes: Attributes) -> Envelope {
        Envelope { tx: tx.into(), expired_at: self.now() + 60_000, nonce, attributes }
    }

    pub(super) fn signed(&self, envelope: &Envelope) -> SignedTx {
        envelope.sign(304, &key(envelope.account()))
    }

    pub(super) fn next(&self, account: AccountIndex) -> i64 {
        self.nonces.get(&account).copied().unwrap_or(0)
    }

    pub(super) fn send_with(
        &mut self,
        tx: impl Into<Tx>,
        attributes: Attributes,
    ) -> Result<Submitted, ApiError> {
        let tx = tx.into();
        let account = tx.account();
        let envelope = self.envelope(tx, self.next(account), attributes);
        let info = if self.unsigned {
            envelope.to_json(&Signature::from_bytes(&[0; 80]), None)
        } else {
            self.signed(&envelope).tx_info
        };
        let result = self.exchange.submit(envelope.tx_type(), &info, true);
        if result.is_ok() {
            *self.nonces.entry(account).or_default() += 1;
        }
        result
    }

    pub(super) fn send(&mut self, tx: impl Into<Tx>) -> Result<Submitted, ApiError> {
        self.send_with(tx, Attributes::new())
    }

    pub(super) fn order(
        &mut self,
        account: AccountIndex,
        side: Side,
        price: i64,
        lots: i64,
        extra: Extra,
    ) -> Result<Submitted, ApiError> {
        let order = self.spec(side, price, lots, extra);
        let body = CreateOrder { account_index: account.get(), api_key_index: SLOT.get(), order };
        self.send_with(body, extra.attributes)
    }

    /// Sends an order and lets it execute; returns it as it then stands.
    pub(super) fn place(
        &mut self,
        account: AccountIndex,
        side: Side,
        price: i64,
        lots: i64,
        extra: Extra,
    ) -> Order {
        let sent = self.order(account, side, price, lots, extra).unwrap();
        self.run(400);
        let outcome = &self.exchange.transaction(&sent.hash).unwrap().outcome;
        assert_eq!(*outcome, TxOutcome::Executed);
        self.latest(account)
    }

    /// Returns the order of `account` that changed last.
    pub(super) fn latest(&mut self, account: AccountIndex) -> Order {
        let events = self.exchange.drain_events();
        let mut orders = events.into_iter().filter_map(|event| match event {
            ExchangeEvent::Order(order) if order.owner == account => Some(order),
            _ => None,
        });
        orders.next_back().unwrap()
    }

    pub(super) fn run(&mut self, ms: u64) {
        self.exchange.advance(self.exchange.now().after(Duration::from_millis(ms)));
    }

    pub(super) fn cancel(&self, account: AccountIndex, index: i64) -> CancelOrder {
        CancelOrder { account_index: account.get(), api_key_index: SLOT.get(), market_index: 2, index }
    }

    pub(super) fn cancel_all(&self, account: AccountIndex, mode: u8, time: i64) -> CancelAllOrders {
        CancelAllOrders { account_index: account.get(), api_key_index: SLOT.get(), mode, time }
    }

    pub(super) fn modify(&self, account: AccountIndex, index: i64, lots: i64, price: u32) -> ModifyOrder {
        ModifyOrder {
            account_index: account.get(),
            api_key_index: SLOT.get(),
            market_index: 2,
            index,
            base_amount: lots,
            price,
            trigger_price: 0,
        }
    }

    pub(super) fn outcome(&self, sent: &Submitted) -> TxOutcome {
        self.exchange.transaction(&sent.hash).unwrap().outcome.clone()
    }

    pub(super) fn position(&self, account: AccountIndex) -> i64 {
        let record = self.exchange.account(account).unwrap();
        record.positions.iter().find(|row| row.market == SOL).map_or(0, |row| row.position.lots())
    }

    /// Money is neither made nor lost, positions add up to nothing, and the book does not cross.
    pub(super) fn assert_sound(&self, note: &str) {
        let sum = self.exchange.conservation();
        assert_eq!(sum.residue(), 0, "{note}: {sum:?}");
        assert_eq!(sum.unbalanced_lots, 0, "{note}");
        for account in [A, B, C] {
            let row = &self.exchange.accounts[&account];
            assert_eq!(row.tallies, self.exchange.recount(account), "{note}: {account}");
        }
        let (bids, asks) = self.exchange.book(SOL, 1);
        if let (Some(bid), Some(ask)) = (bids.first(), asks.first()) {
            assert!(bid.price < ask.price, "{note}: the book crosses at {bid:?} {ask:?}");
        }
    }
}

pub(super) fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> i64 {
    result.unwrap_err().code
}

pub(super) fn failed_with(outcome: &TxOutcome) -> Option<(i64, bool)> {
    match outcome {
        TxOutcome::Failed { error, nonce_used } => Some((error.code, *nonce_used)),
        TxOutcome::Pending | TxOutcome::Executed => None,
    }
}
