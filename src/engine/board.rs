//! What the pairs of a run know of each other: own quotes and takers (the gate), exposure, results.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::entry::{LegSide, Purpose};
use super::event::{ForeignQuote, Proposal};
use super::reads::Tiers;
use super::state::Pair;
use crate::model::{MarketId, PairId, Price, Side, TimeInForce, Usdc};
use crate::rt::Mutant;

/// One own order that is or may be live.
#[derive(Clone, Debug)]
struct Own {
    quote: ForeignQuote,
    takes: bool,
}

#[derive(Clone, Debug, Default)]
struct Row {
    market: Option<MarketId>,
    orders: Vec<Own>,
    exposure: Usdc,
    result: Decimal,
}

/// Checks that read at a time. All at once would each wait for every other between two of their reads, longer than a
/// read waits for budget: with a hundred pairs most would give up after half of their reads and start over.
const CHECKS_AT_ONCE: usize = 4;

/// The shared board. Locked for microseconds, never across an await.
#[derive(Debug)]
pub(crate) struct Board {
    rows: Mutex<BTreeMap<PairId, Row>>,
    halted: AtomicBool,
    checks: Semaphore,
    tiers: Tiers,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            rows: Mutex::default(),
            halted: AtomicBool::new(false),
            checks: Semaphore::new(CHECKS_AT_ONCE),
            tiers: Tiers::default(),
        }
    }
}

impl Board {
    /// Waits for this pair's turn to read what a check needs; the turn ends when the answer is dropped.
    pub(crate) async fn turn_to_check(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed, so there is always a turn.
        self.checks.acquire().await.ok()
    }

    /// Returns the owners' tiers as far as they are known.
    pub(crate) const fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<PairId, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Two own orders met: every pair of the run leaves.
    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    /// Returns whether the run is halted.
    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// Publishes a pair's live orders, exposure and result.
    pub(crate) fn publish(&self, id: &PairId, pair: &Pair, mark: Option<Price>) {
        let Some(checked) = &pair.checked else { return };
        let price = mark.unwrap_or(checked.sell);
        let mut row = Row { market: Some(checked.market.id), ..Row::default() };
        for side in LegSide::BOTH {
            let leg = pair.leg(side);
            for (index, order) in leg.live_orders() {
                let quote = ForeignQuote {
                    pair: id.clone(),
                    order: index,
                    side: order.terms.side,
                    price: order.terms.price,
                };
                row.orders.push(Own { quote, takes: !matches!(order.purpose, Purpose::Entry) });
            }
            // In-doubt and resting orders count as filled.
            let (bought, sold) = (leg.pending(Side::Buy).lots(), leg.pending(Side::Sell).lots());
            let worst = (leg.position.lots() + bought).abs().max((leg.position.lots() - sold).abs());
            row.exposure = row.exposure.plus(Usdc::notional(
                crate::model::Size::from_lots(worst),
                price,
                &checked.market,
            ));
        }
        row.result = pair.net_result(price);
        self.rows().insert(id.clone(), row);
    }

    /// Returns other pairs' resting quotes in a market.
    pub(crate) fn quotes(&self, id: &PairId, market: MarketId) -> Vec<ForeignQuote> {
        if Mutant::GateOpen.is_planted() {
            return Vec::new();
        }
        let rows = self.rows();
        let others = rows.iter().filter(|(other, row)| *other != id && row.market == Some(market));
        others
            .flat_map(|(_, row)| &row.orders)
            .filter(|own| !own.takes)
            .map(|own| own.quote.clone())
            .collect()
    }

    /// Returns the exposure of the other pairs.
    pub(crate) fn other_exposure(&self, id: &PairId) -> Usdc {
        if Mutant::OthersForgotten.is_planted() {
            return Usdc::ZERO;
        }
        let rows = self.rows();
        rows.iter().filter(|(other, _)| *other != id).fold(Usdc::ZERO, |sum, (_, row)| sum.plus(row.exposure))
    }

    /// Returns the marked result of the whole run.
    pub(crate) fn result(&self) -> Decimal {
        self.rows().values().map(|row| row.result).sum()
    }

    /// The own-order gate: books `proposals` unless one of them could meet another pair's order. Two pairs that decide
    /// at the same moment are told apart here, under the lock.
    pub(crate) fn admit(&self, id: &PairId, market: MarketId, proposals: &[Proposal]) -> bool {
        if Mutant::GateOpen.is_planted() {
            return true;
        }
        let mut rows = self.rows();
        let others: Vec<Own> = rows
            .iter()
            .filter(|(other, row)| *other != id && row.market == Some(market))
            .flat_map(|(_, row)| row.orders.clone())
            .collect();
        let mut booked = Vec::new();
        for proposal in proposals {
            let (Some(terms), Some(index)) = (proposal.order, proposal.client_order_index) else { continue };
            let takes = terms.time_in_force == TimeInForce::ImmediateOrCancel;
            let quote = ForeignQuote { pair: id.clone(), order: index, side: terms.side, price: terms.price };
            let own = Own { quote, takes };
            if others.iter().any(|other| could_meet(&own, other)) {
                return false;
            }
            booked.push(own);
        }
        rows.entry(id.clone()).or_default().market = Some(market);
        if let Some(row) = rows.get_mut(id) {
            row.orders.extend(booked);
        }
        true
    }
}

/// Two takers never meet: neither rests.
fn could_meet(a: &Own, b: &Own) -> bool {
    let cross = match (a.quote.side, b.quote.side) {
        (Side::Buy, Side::Sell) => a.quote.price >= b.quote.price,
        (Side::Sell, Side::Buy) => a.quote.price <= b.quote.price,
        _ => false,
    };
    cross && !(a.takes && b.takes)
}
