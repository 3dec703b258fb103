//! `--place-and-cancel`: an order far from the market, placed, seen, cancelled and seen gone.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rust_decimal::Decimal;
use tokio::signal::unix::{SignalKind, signal};

use super::HeldKey;
use crate::cli::apply::network_name;
use crate::cli::health::{Health, chain};
use crate::cli::out;
use crate::cli::settle::{Fate, VenueTime, settle};
use crate::journal::{Lock, LockError, StateDir, lock_key};
use crate::model::{ClientOrderIndex, Market, Order, Price, Rounding, Size};
use crate::plan::{Network, Plan};
use crate::rt::{Clock, random_u64, real_sleep};
use crate::tx::{Attributes, CancelOrder, CreateOrder, Envelope, OrderSpec, SignedTx, Tx};
use crate::venue::lighter::LighterVenue;
use crate::venue::{Class, Venue as _, VenueError};

const CHECK: &str = "order";

/// The bid's share of the mark price, in percent. The venue limits bids upwards only (rules.md §3), and nothing falls
/// by a fifth while this runs.
const SHARE: i64 = 80;

/// How long a transaction can be executed; after that its outcome is certain.
const LIFETIME: Duration = Duration::from_secs(30);

/// When the venue itself cancels the order, if all else failed; the venue takes no less than five minutes.
const EXPIRY: Duration = Duration::from_secs(600);

/// Looks for the order, and how far apart: ten seconds in all, for a read side that lags behind.
const LOOKS: usize = 10;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What went wrong; each says whether an order may be left.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("the market has no usable mark price")]
    Price,
    #[error("`{symbol}` cannot be traded by a transaction of this version")]
    Market { symbol: String },
    #[error("the order was not placed: {0}")]
    NotPlaced(String),
    #[error("the order was placed and cancelled, but never seen among the live ones")]
    NotSeen,
    #[error("{0} of the order was filled before it was cancelled")]
    Filled(Decimal),
    #[error("order {id} may rest for ten minutes: {reason}")]
    Left { id: ClientOrderIndex, reason: String },
    #[error(transparent)]
    Venue(#[from] VenueError),
}

impl ProbeError {
    const fn remedy(&self) -> &'static str {
        match self {
            Self::Left { .. } => "look at the venue's own site and cancel it there",
            Self::Filled(_) => "close the position on the venue's own site",
            Self::Price | Self::Market { .. } | Self::NotPlaced(_) => "nothing rests; correct what is said",
            Self::NotSeen | Self::Venue(_) => "nothing rests; try again later",
        }
    }
}

/// The venue, as all probes use it.
struct Probe<'a> {
    venue: &'a LighterVenue,
    chain_id: u32,
    time: VenueTime,
    interrupted: AtomicBool,
}

/// Places and cancels an order for each leg. Ctrl-C ends it early, but never before the order that rests is gone.
pub(super) async fn look(
    health: &mut Health,
    (venue, chain_id, clock): (&LighterVenue, u32, &Clock),
    (plan, held): (&Plan, &[HeldKey]),
    state: &StateDir,
) -> Result<(), io::Error> {
    // Before anything is sent: from here on a signal does not end the process.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (markets, now) = match (venue.markets().await, venue.status().await) {
        (Ok(markets), Ok((now, _))) => (markets, now),
        (Err(error), _) | (_, Err(error)) => {
            health.fail("venue", CHECK, chain(&error), "nothing rests; try again later");
            return Ok(());
        }
    };
    let time = VenueTime::new(clock.clone(), now);
    let probe = Probe { venue, chain_id, time, interrupted: AtomicBool::new(false) };
    let mut work = Box::pin(probe.legs(health, (plan, held), &markets, state));
    loop {
        tokio::select! {
            () = &mut work => return Ok(()),
            _ = interrupt.recv() => probe.interrupt(),
            _ = terminate.recv() => probe.interrupt(),
        }
    }
}

impl Probe<'_> {
    fn interrupt(&self) {
        out::note("the test order is cancelled first; it expires by itself after ten minutes");
        self.interrupted.store(true, Ordering::Relaxed);
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    async fn legs(
        &self,
        health: &mut Health,
        (plan, held): (&Plan, &[HeldKey]),
        markets: &[Market],
        state: &StateDir,
    ) {
        for pair in &plan.pairs {
            let Some(market) = markets.iter().find(|market| market.symbol == pair.market) else { continue };
            for leg in [&pair.long, &pair.short] {
                let slot = (leg.account, leg.api_key_index);
                let Some(held) = held.iter().find(|held| (held.account, held.slot) == slot) else { continue };
                let area = format!("{}:{}", leg.account, leg.api_key_index);
                if self.is_interrupted() {
                    health.warn(&area, CHECK, "interrupted; none was placed", "run it again");
                    continue;
                }
                match lock(state, &plan.network, held) {
                    Ok(_lock) => self.report(health, &area, held, market).await,
                    Err(error) => {
                        health.fail(&area, CHECK, chain(&error), "wait for the run that signs with this key");
                    }
                }
            }
        }
    }

    async fn report(&self, health: &mut Health, area: &str, held: &HeldKey, market: &Market) {
        match self.place_and_cancel(held, market).await {
            Ok(detail) => health.ok(area, CHECK, detail),
            Err(error) => health.fail(area, CHECK, chain(&error), error.remedy()),
        }
    }

    async fn place_and_cancel(&self, held: &HeldKey, market: &Market) -> Result<String, ProbeError> {
        let (size, price) = terms(market)?;
        // Below 2^48, and never 0, which is "none" on the wire.
        let id = ClientOrderIndex::new((random_u64() >> 16).max(1));
        let market_index = i16::try_from(market.id.get())
            .map_err(|_| ProbeError::Market { symbol: market.symbol.clone() })?;
        let spec = OrderSpec {
            market_index,
            client_order_index: i64::try_from(id.get()).unwrap_or(i64::MAX),
            base_amount: size.lots(),
            price: u32::try_from(price.ticks()).map_err(|_| ProbeError::Price)?,
            is_ask: 0,
            kind: 0,
            time_in_force: 2,
            reduce_only: 0,
            trigger_price: 0,
            order_expiry: self.time.deadline_ms(EXPIRY),
        };
        let doubt = self.place(held, spec).await?;
        let seen = self.is_there(held, market, id, true).await;
        self.cancel(held, market_index, id).await.map_err(|reason| ProbeError::Left { id, reason })?;
        if !self.is_there(held, market, id, false).await {
            return Err(ProbeError::Left { id, reason: "it is still among the live orders".to_owned() });
        }
        self.unfilled(held, market, id).await?;
        match doubt {
            Some(reason) => Err(ProbeError::NotPlaced(format!("{reason}; it was cancelled all the same"))),
            None if seen => Ok(format!(
                "{} {} at {} was placed, seen, cancelled and seen gone",
                size.to_decimal(market),
                market.symbol,
                price.to_decimal(market)
            )),
            None if self.is_interrupted() => {
                Ok("interrupted; the order was cancelled and seen gone".to_owned())
            }
            None => Err(ProbeError::NotSeen),
        }
    }

    /// Returns when the order is placed, with the reason when that cannot be told and it must be cancelled on suspicion.
    async fn place(&self, held: &HeldKey, order: OrderSpec) -> Result<Option<String>, ProbeError> {
        let nonce = self.venue.next_nonce(held.account, held.slot).await?.get();
        let body = CreateOrder { account_index: held.account.get(), api_key_index: held.slot.get(), order };
        let (signed, deadline_ms) = self.sign(held, Tx::CreateOrder(body), nonce);
        match settle(self.venue, &signed, Class::Place, &self.time, deadline_ms).await {
            Fate::Executed => Ok(None),
            Fate::Failed(message) => Err(ProbeError::NotPlaced(message)),
            Fate::Refused(error) => Err(ProbeError::NotPlaced(chain(&error))),
            Fate::Dead => Err(ProbeError::NotPlaced("the venue did not execute it in time".to_owned())),
            Fate::Unknown(reason) => Ok(Some(reason)),
        }
    }

    /// Cancels on a nonce asked for anew: if the order was never executed, this takes its place.
    async fn cancel(&self, held: &HeldKey, market_index: i16, id: ClientOrderIndex) -> Result<(), String> {
        let mut reason = String::new();
        for _ in 0..LOOKS {
            let nonce = match self.venue.next_nonce(held.account, held.slot).await {
                Ok(nonce) => nonce.get(),
                Err(error) => {
                    reason = chain(&error);
                    real_sleep(LOOK_EVERY).await;
                    continue;
                }
            };
            let body = CancelOrder {
                account_index: held.account.get(),
                api_key_index: held.slot.get(),
                market_index,
                index: i64::try_from(id.get()).unwrap_or(i64::MAX),
            };
            let (signed, deadline_ms) = self.sign(held, Tx::CancelOrder(body), nonce);
            reason = match settle(self.venue, &signed, Class::Cancel, &self.time, deadline_ms).await {
                // A failure is that of an order that is gone; whether it is, is looked at next.
                Fate::Executed | Fate::Failed(_) => return Ok(()),
                // Dead transactions may be followed by others; the order is the same, whoever cancels it.
                Fate::Refused(error) => chain(&error),
                Fate::Dead => "no cancel was executed in time".to_owned(),
                Fate::Unknown(reason) => return Err(reason),
            };
            real_sleep(LOOK_EVERY).await;
        }
        Err(reason)
    }

    fn sign(&self, held: &HeldKey, tx: Tx, nonce: i64) -> (SignedTx, i64) {
        let expired_at = self.time.deadline_ms(LIFETIME);
        let envelope = Envelope { tx, expired_at, nonce, attributes: Attributes::new() };
        (envelope.sign(self.chain_id, &held.key), expired_at)
    }

    /// Waits until the order is among the live ones, or is not; `false` when it stays otherwise. An interruption ends
    /// the wait for its appearance, never that for its end.
    async fn is_there(&self, held: &HeldKey, market: &Market, id: ClientOrderIndex, wanted: bool) -> bool {
        for _ in 0..LOOKS {
            if wanted && self.is_interrupted() {
                return false;
            }
            if let Ok(orders) = self.venue.active_orders(held.account, market.id).await
                && find(&orders, id).is_some() == wanted
            {
                return true;
            }
            real_sleep(LOOK_EVERY).await;
        }
        false
    }

    async fn unfilled(
        &self,
        held: &HeldKey,
        market: &Market,
        id: ClientOrderIndex,
    ) -> Result<(), ProbeError> {
        let ended = self.venue.inactive_orders(held.account, market.id).await?;
        match find(&ended, id) {
            Some(order) if order.filled.lots() > 0 => {
                Err(ProbeError::Filled(order.filled.to_decimal(market)))
            }
            _ => Ok(()),
        }
    }
}

fn find(orders: &[Order], id: ClientOrderIndex) -> Option<&Order> {
    orders.iter().find(|order| order.client_order_index == Some(id))
}

/// Returns the smallest order that may rest, far below the market.
fn terms(market: &Market) -> Result<(Size, Price), ProbeError> {
    let mark = market.mark_price.ok_or(ProbeError::Price)?;
    let wanted = mark.checked_mul(Decimal::new(SHARE, 2)).ok_or(ProbeError::Price)?;
    let price = Price::rounded(wanted, market, Rounding::Down).map_err(|_| ProbeError::Price)?;
    Ok((market.min_size_at(price), price))
}

/// Two that sign with one key spoil each other's nonces. Embedded exchanges are one per process: their keys are free.
fn lock(state: &StateDir, network: &Network, held: &HeldKey) -> Result<Option<Lock>, LockError> {
    if *network == Network::Paper {
        return Ok(None);
    }
    lock_key(state, &network_name(network), held.account, held.slot, "doctor").map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_smallest_that_may_rest_and_far_below_the_market() {
        let market = Market { mark_price: Some(Decimal::from(100)), ..Market::example() };
        let (size, price) = terms(&market).unwrap();
        assert_eq!((size.lots(), price.ticks()), (125, 80_000), "10 USDC at 80");
        let silent = Market { mark_price: None, ..market };
        assert!(matches!(terms(&silent), Err(ProbeError::Price)));
    }
}
