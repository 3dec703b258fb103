//! What the clients do, and how long it takes.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lighter_plan::model::{AccountIndex, ApiKeyIndex, MarketId};
use lighter_plan::paper::server::key;
use lighter_plan::rt::{Clock, real_sleep, real_timeout};
use lighter_plan::tx::{Attributes, CancelOrder, CreateOrder, Envelope, OrderSpec, SignedTx, Tx};
use lighter_plan::venue::lighter::{LighterOptions, LighterVenue, NetworkEndpoints};
use lighter_plan::venue::{self, Class, Credential, Subscription, Venue as _};

use crate::process::Announced;

const SEED: u64 = 7;
const SLOT: ApiKeyIndex = ApiKeyIndex::new(4);
const MARKET: MarketId = MarketId::new(2);
/// Between two transactions of a trader.
const PACE: Duration = Duration::from_millis(50);
/// Latencies that are kept: the last ones, so that the harness itself does not grow.
const KEPT: usize = 20_000;

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent: AtomicU64,
    refused: AtomicU64,
    frames: AtomicU64,
    visits: AtomicU64,
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    micros: Vec<u64>,
    next: usize,
}

impl Traffic {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Returns whether the run was one: transactions went through, streams spoke, visitors came.
    pub(crate) fn worked(&self) -> bool {
        let seen = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let refused = seen(&self.refused);
        self.sent() > 0 && refused * 10 < self.sent() && seen(&self.frames) > 0 && seen(&self.visits) > 0
    }

    fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let next = times.next;
        match times.micros.get_mut(next) {
            Some(place) => *place = micros,
            None => times.micros.push(micros),
        }
        times.next = (next + 1) % KEPT;
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut micros = self.times.lock().unwrap_or_else(PoisonError::into_inner).micros.clone();
        micros.sort_unstable();
        let [p50, p99, max] = [500, 990, 1_000].map(|per_mille| {
            let rank = (micros.len() * per_mille).div_ceil(1_000).max(1);
            micros.get(rank - 1).copied().unwrap_or(0)
        });
        let [sent, refused, frames, visits] = [&self.sent, &self.refused, &self.frames, &self.visits]
            .map(|counter| counter.load(Ordering::Relaxed));
        write!(
            f,
            "{sent} transactions ({refused} refused), {frames} frames, {visits} visits; \
             sendTx p50 {p50} µs, p99 {p99} µs, max {max} µs"
        )
    }
}

fn client(server: &Announced, accounts: &[AccountIndex]) -> LighterVenue {
    let endpoints =
        NetworkEndpoints { http: server.http.clone(), ws: server.ws.clone(), chain_id: server.chain_id };
    let credential = |account: &AccountIndex| Credential {
        account: *account,
        api_key_index: SLOT,
        key: key(SEED, *account, SLOT),
    };
    let credentials = accounts.iter().map(credential).collect();
    let options = LighterOptions { tier: venue::Tier::Premium, ..LighterOptions::default() };
    LighterVenue::new(endpoints, credentials, Clock::system(), options).expect("a loopback client")
}

/// One account of a trader.
struct Hand {
    account: AccountIndex,
    nonce: Option<i64>,
    turn: u64,
}

/// Trades on two accounts until `stop`, with all their streams open.
pub(crate) async fn trade(server: Announced, number: u16, traffic: Arc<Traffic>, stop: Arc<AtomicBool>) {
    let first = 1_001 + 2 * i64::from(number);
    let accounts = [AccountIndex::new(first), AccountIndex::new(first + 1)];
    let client = client(&server, &accounts);
    let mut events = client.subscribe(Subscription { markets: vec![MARKET], accounts: accounts.to_vec() });
    let mut hands = accounts.map(|account| Hand { account, nonce: None, turn: 0 });
    let clock = Clock::system();
    while !stop.load(Ordering::Relaxed) {
        for hand in &mut hands {
            hand.act(&client, &server, &clock, &traffic).await;
        }
        while let Ok(_event) = events.try_recv() {
            traffic.frames.fetch_add(1, Ordering::Relaxed);
        }
        real_sleep(PACE).await;
    }
}

impl Hand {
    /// Sends the next transaction: an order, its cancel, and now and then one that takes.
    async fn act(&mut self, client: &LighterVenue, server: &Announced, clock: &Clock, traffic: &Traffic) {
        let nonce = match self.nonce {
            Some(nonce) => nonce,
            None => match client.next_nonce(self.account, SLOT).await {
                Ok(nonce) => nonce.get(),
                Err(_) => return,
            },
        };
        let tx = self.sign(server, clock, nonce);
        let begun = clock.elapsed();
        let sent = client.send(&tx, Class::Place).await;
        match sent {
            Ok(_) => {
                traffic.took(clock.elapsed().saturating_sub(begun));
                traffic.sent.fetch_add(1, Ordering::Relaxed);
                (self.nonce, self.turn) = (Some(nonce + 1), self.turn + 1);
            }
            Err(_) => {
                traffic.refused.fetch_add(1, Ordering::Relaxed);
                (self.nonce, self.turn) = (None, self.turn + 1);
            }
        }
    }

    fn sign(&self, server: &Announced, clock: &Clock, nonce: i64) -> SignedTx {
        let (account_index, api_key_index) = (self.account.get(), SLOT.get());
        let client_index = i64::try_from(1 + self.turn / 2).unwrap_or(1);
        let tx: Tx = if self.turn % 2 == 1 {
            CancelOrder { account_index, api_key_index, market_index: 2, index: client_index }.into()
        } else {
            CreateOrder { account_index, api_key_index, order: self.order(clock, client_index) }.into()
        };
        let expired_at = clock.now().after(Duration::from_secs(60)).as_millis();
        let envelope = Envelope { tx, expired_at, nonce, attributes: Attributes::default() };
        envelope.sign(server.chain_id, &key(SEED, self.account, SLOT))
    }

    /// Rests below the market; every twentieth order takes what there is, now on this side, now on that.
    fn order(&self, clock: &Clock, client_order_index: i64) -> OrderSpec {
        let takes = self.turn.is_multiple_of(40);
        let is_ask = u8::from(takes && self.turn.is_multiple_of(80));
        let price = match (takes, is_ask) {
            (true, 0) => 103_000,
            (true, _) => 99_000,
            (false, _) => 98_000,
        };
        OrderSpec {
            market_index: 2,
            client_order_index,
            base_amount: 200,
            price,
            is_ask,
            kind: 0,
            time_in_force: u8::from(!takes),
            reduce_only: 0,
            trigger_price: 0,
            order_expiry: if takes { 0 } else { clock.now().after(Duration::from_hours(24)).as_millis() },
        }
    }
}

/// Comes, subscribes, hears something, and leaves, again and again.
pub(crate) async fn visit(server: Announced, traffic: Arc<Traffic>, stop: Arc<AtomicBool>) {
    let account = AccountIndex::new(1_001);
    while !stop.load(Ordering::Relaxed) {
        let client = client(&server, &[account]);
        let mut events = client.subscribe(Subscription { markets: vec![MARKET], accounts: vec![account] });
        if matches!(real_timeout(Duration::from_secs(10), events.recv()).await, Some(Some(_))) {
            traffic.visits.fetch_add(1, Ordering::Relaxed);
        }
        drop((events, client));
        real_sleep(Duration::from_secs(1)).await;
    }
}
