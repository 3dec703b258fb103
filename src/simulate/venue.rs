//! The exchange core as the engine reads it: slow, sometimes without an answer, and never all at one moment.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use crate::model::{
    AccountIndex, AccountView, ApiKeyIndex, ApiKeyView, BookTop, MarginView, Market, MarketId, Nonce, Order,
    PositionView, Timestamp, Trade, TxHash, Usdc, Withdrawal,
};
use crate::paper::exchange::{
    AccountRecord, Exchange, ExchangeConfig, Tier, TradeFilter, TxOutcome, TxRecord,
};
use crate::paper::world::{Pace, World, WorldSpec};
use crate::rt::SplitMix64;
use crate::tx::SignedTx;
use crate::venue::{
    Accepted, Class, FastTerms, Limits, MarketData, Subscription, TxStatus, TxView, Venue, VenueError,
    VenueEvent,
};
use rust_decimal::Decimal;

/// An account that a run opens: index, owner, key slots, money.
pub type Opening = (AccountIndex, String, Vec<ApiKeyIndex>, Usdc);

/// The public key of every slot; signatures are not checked.
pub(crate) const PUBLIC_KEY: [u8; 40] = [7; 40];

/// What every byte of the secret keys is, which nobody has here: only a broken signer shows it.
pub(crate) const SECRET_BYTE: u8 = 0x5e;

/// Exchange and world in virtual time, and what reading from them is like.
pub(crate) struct Shared {
    pub(crate) exchange: Exchange,
    pub(crate) world: World,
    pub(crate) rng: SplitMix64,
    /// When a read that is under way gets on.
    pub(crate) wakes: BTreeSet<Timestamp>,
    /// Of a thousand reads, so many are not answered.
    pub(crate) read_faults: u64,
    /// Slowest answer, in ms.
    pub(crate) slowest_ms: i64,
    pub(crate) pace: Pace,
    /// How far the look-up of transactions lags behind the sequencer, in ms.
    pub(crate) tx_lag_ms: u64,
}

impl Shared {
    /// Moves venue time, the world's steps included.
    pub(crate) fn advance(&mut self, to: Timestamp) {
        while self.world.next_step() <= to {
            let at = self.world.next_step();
            self.exchange.advance(at);
            self.world.step(&mut self.exchange, self.pace);
        }
        self.exchange.advance(to);
    }

    pub(crate) fn next_due(&self) -> Timestamp {
        let world = self.world.next_step();
        self.exchange.next_due().map_or(world, |due| due.min(world))
    }
}

/// A handle on the exchange.
#[derive(Clone)]
pub(crate) struct Direct(Arc<Mutex<Shared>>);

impl Direct {
    pub(crate) fn open(market: Market, world: WorldSpec, seed: u64, accounts: &[Opening]) -> Self {
        let mut exchange = Exchange::new(ExchangeConfig {
            chain_id: 304,
            markets: vec![market],
            tier: Tier::Standard,
            withdrawal_delay: Duration::from_secs(5),
            claim_delay: Duration::from_secs(5),
            start: Timestamp::from_millis(1_790_600_000_000),
        });
        exchange.check_signatures(false);
        for (index, owner, slots, usdc) in accounts {
            let keys = slots.iter().map(|slot| (*slot, PUBLIC_KEY)).collect();
            exchange.create_account(owner.clone(), keys, Some(*index));
            exchange.deposit(*index, *usdc);
        }
        let world = World::new(world, seed, &mut exchange).expect("the scenario fits the market");
        Self(Arc::new(Mutex::new(Shared {
            exchange,
            world,
            rng: SplitMix64::new(seed ^ 0x5eed),
            wakes: BTreeSet::new(),
            read_faults: 0,
            slowest_ms: 150,
            pace: Pace::Fine,
            tx_lag_ms: 0,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().expect("no thread died with the exchange in hand")
    }

    /// One request: it takes its time, and may bring nothing.
    async fn request(&self, endpoint: &'static str) -> Result<(), VenueError> {
        let (due, fails) = {
            let mut shared = self.lock();
            let slowest = shared.slowest_ms;
            let wait = u64::try_from(shared.rng.between(5, slowest)).unwrap_or(5);
            let due = shared.exchange.now().after(Duration::from_millis(wait));
            shared.wakes.insert(due);
            let faults = shared.read_faults;
            (due, shared.rng.below(1_000) < faults)
        };
        poll_fn(|_| if self.lock().exchange.now() >= due { Poll::Ready(()) } else { Poll::Pending }).await;
        if fails {
            let (waited, reason) = (Duration::from_millis(500), "the simulation ate it".to_owned());
            return Err(VenueError::OutcomeUnknown { endpoint, waited, reason });
        }
        Ok(())
    }
}

impl Venue for Direct {
    fn reading(&self, _: Class) -> Self {
        // Requests of the simulation do not queue.
        self.clone()
    }

    async fn status(&self) -> Result<(Timestamp, u32), VenueError> {
        self.request("status").await?;
        Ok((self.lock().exchange.now(), 304))
    }

    async fn markets(&self) -> Result<Vec<Market>, VenueError> {
        self.request("markets").await?;
        Ok(self.lock().exchange.markets().to_vec())
    }

    async fn account(&self, account: AccountIndex) -> Result<AccountView, VenueError> {
        self.request("account").await?;
        Ok(account_view(&self.lock().exchange, account))
    }

    async fn api_keys(&self, account: AccountIndex) -> Result<Vec<ApiKeyView>, VenueError> {
        self.request("apikeys").await?;
        let record = self.lock().exchange.account(account).expect("an account of the run");
        let view = |(index, public, nonce): (_, Vec<u8>, _)| ApiKeyView {
            index,
            public_key: public_hex(&public),
            nonce,
        };
        Ok(record.keys.into_iter().map(view).collect())
    }

    async fn limits(&self, _account: AccountIndex) -> Result<Limits, VenueError> {
        self.request("accountLimits").await?;
        Ok(Limits { tier: "standard".to_owned(), maker_fee: 0, taker_fee: 0 })
    }

    async fn next_nonce(&self, account: AccountIndex, key: ApiKeyIndex) -> Result<Nonce, VenueError> {
        self.request("nextNonce").await?;
        Ok(self.lock().exchange.next_nonce(account, key))
    }

    async fn active_orders(&self, account: AccountIndex, market: MarketId) -> Result<Vec<Order>, VenueError> {
        self.request("accountActiveOrders").await?;
        Ok(self.lock().exchange.active_orders(account, Some(market)))
    }

    async fn inactive_orders(
        &self,
        account: AccountIndex,
        market: MarketId,
    ) -> Result<Vec<Order>, VenueError> {
        self.request("accountInactiveOrders").await?;
        let mut rows = self.lock().exchange.inactive_orders(account, Some(market));
        rows.truncate(100);
        Ok(rows)
    }

    async fn trades_since(
        &self,
        account: AccountIndex,
        market: MarketId,
        since: Timestamp,
    ) -> Result<Vec<Trade>, VenueError> {
        self.request("trades").await?;
        let filter = TradeFilter { account: Some(account), market: Some(market), after: None };
        let rows = self.lock().exchange.trades(filter, usize::MAX);
        Ok(rows.into_iter().rev().map(|row| row.trade).filter(|trade| trade.timestamp >= since).collect())
    }

    async fn transaction(&self, hash: TxHash) -> Result<Option<TxView>, VenueError> {
        self.request("tx").await?;
        let shared = self.lock();
        let lag = Duration::from_millis(shared.tx_lag_ms);
        let visible = |record: &&TxRecord| {
            record.executed_at.unwrap_or(record.queued_at).after(lag) <= shared.exchange.now()
        };
        Ok(shared.exchange.transaction(&hash).filter(visible).map(tx_view))
    }

    async fn withdrawals(&self, account: AccountIndex) -> Result<Vec<Withdrawal>, VenueError> {
        self.request("withdraw/history").await?;
        let view = |row: crate::paper::exchange::WithdrawalRecord| Withdrawal {
            id: row.id.to_string(),
            amount: row.amount,
            at: row.at,
            status: row.status,
            secure: row.secure,
            l1_tx_hash: row.l1_tx_hash,
        };
        Ok(self.lock().exchange.withdrawals(account).into_iter().map(view).collect())
    }

    async fn withdrawal_delay(&self) -> Result<Duration, VenueError> {
        self.request("withdrawalDelay").await?;
        Ok(self.lock().exchange.withdrawal_delay())
    }

    async fn fast_terms(&self, _account: AccountIndex) -> Result<FastTerms, VenueError> {
        unreachable!("no plan of the simulation takes the fast route")
    }

    async fn send_fast_withdrawal(&self, _tx: &SignedTx, _class: Class) -> Result<Accepted, VenueError> {
        unreachable!("no plan of the simulation takes the fast route")
    }

    async fn send(&self, _tx: &SignedTx, _class: Class) -> Result<Accepted, VenueError> {
        unreachable!("the link carries transactions")
    }

    fn subscribe(&self, _what: Subscription) -> tokio::sync::mpsc::Receiver<VenueEvent> {
        unreachable!("the link carries streams")
    }
}

pub(crate) fn public_hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Rounds down, as the client does.
fn micros(e12: i128) -> Usdc {
    Usdc::from_micros(i64::try_from(e12.div_euclid(1_000_000)).expect("an amount of this world"))
}

pub(crate) fn margin_view(record: &AccountRecord) -> MarginView {
    MarginView {
        collateral: micros(record.collateral),
        available: micros(record.available),
        equity: micros(record.total_value),
    }
}

pub(crate) fn position_views(record: &AccountRecord) -> Vec<PositionView> {
    let whole = |value: i128| Usdc::from_micros(i64::try_from(value).expect("an amount of this world"));
    let view = |row: &crate::paper::exchange::PositionRecord| PositionView {
        market: row.market,
        position: row.position,
        avg_entry_price: Decimal::ZERO,
        position_value: whole(row.position_value),
        unrealized_pnl: whole(row.unrealized_pnl),
        realized_pnl: micros(row.realized_pnl),
        liquidation_price: row.liquidation_price.filter(|price| *price > Decimal::ZERO),
        margin_mode: row.margin_mode,
        initial_margin_fraction: row.initial_margin_fraction,
        margin_set: row.margin_set,
        allocated_margin: micros(row.allocated_margin),
        funding_paid: micros(row.funding_paid),
        open_order_count: row.open_order_count,
    };
    record.positions.iter().map(view).collect()
}

pub(crate) fn account_view(exchange: &Exchange, account: AccountIndex) -> AccountView {
    let record = exchange.account(account).expect("an account of the run");
    AccountView {
        index: account,
        l1_address: record.l1_address.clone(),
        margin: margin_view(&record),
        total_order_count: record.total_order_count,
        cancel_all_at: record.cancel_all_at,
        positions: position_views(&record),
    }
}

pub(crate) fn tx_view(record: &TxRecord) -> TxView {
    TxView {
        hash: Some(record.hash),
        tx_type: record.tx_type,
        account: record.account,
        api_key_index: record.api_key_index,
        nonce: record.nonce,
        status: match &record.outcome {
            TxOutcome::Pending => TxStatus::Pending,
            TxOutcome::Executed => TxStatus::Executed,
            TxOutcome::Failed { error, .. } => {
                TxStatus::Failed { code: Some(error.code), message: error.message.clone() }
            }
        },
    }
}

pub(crate) fn market_data(exchange: &Exchange, market: MarketId) -> MarketData {
    let stats = exchange.stats(market).expect("the market of the run");
    MarketData { mark: stats.mark, index: stats.index, last: stats.last, funding_rate: None }
}

pub(crate) fn book_top(exchange: &Exchange, market: MarketId) -> BookTop {
    let (bids, asks) = exchange.book(market, 20);
    BookTop { bids, asks }
}
