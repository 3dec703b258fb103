//! `apply --until`: a run that stops when a step is finished.

use super::entry::{LegSide, Purpose, Step};
use super::state::{OrderState, Pair};
use crate::graph::StepKind;
use crate::model::{PairId, Side};

/// The steps after which a run stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Until {
    /// Whose; `None`: each pair stops after its own.
    pub pair: Option<PairId>,
    /// All of these must be finished.
    pub kinds: Vec<StepKind>,
}

impl Until {
    /// Returns what it means for one pair.
    pub fn of_pair(&self, pair: &PairId) -> Vec<StepKind> {
        if self.pair.as_ref().is_none_or(|named| named == pair) { self.kinds.clone() } else { Vec::new() }
    }
}

/// Returns whether every step of `kinds` is finished; never when there is none.
pub(crate) fn is_reached(pair: &Pair, kinds: &[StepKind]) -> bool {
    !kinds.is_empty() && kinds.iter().all(|kind| is_finished(pair, *kind))
}

fn is_finished(pair: &Pair, kind: StepKind) -> bool {
    let left = |back: bool| !matches!(pair.step, Step::Check | Step::Place) && !back;
    match kind {
        StepKind::Check => pair.step != Step::Check,
        StepKind::Place(side) => is_placed(pair, leg_of(side)),
        StepKind::Watch => left(pair.step == Step::Watch),
        // A hedge that leaves a smaller pair goes back to the watch, and an exit is the last of them.
        StepKind::Hedge => left(matches!(pair.step, Step::Hedge(_) | Step::Exit(_))) && has_closed(pair),
        StepKind::Withdraw(side) => {
            pair.leg(leg_of(side)).withdrawal.as_ref().is_some_and(super::state::LegWithdrawal::is_done)
        }
        // Then nothing is left to be stopped.
        StepKind::Done => false,
    }
}

/// Resting, filled, or refused for good.
fn is_placed(pair: &Pair, side: LegSide) -> bool {
    let mut entries = pair.leg(side).orders.values().filter(|order| order.purpose == Purpose::Entry);
    entries.any(|order| matches!(order.state, OrderState::Open | OrderState::Ended(_)))
}

fn has_closed(pair: &Pair) -> bool {
    let closes = |purpose: Purpose| matches!(purpose, Purpose::Hedge | Purpose::Exit);
    let orders = LegSide::BOTH.into_iter().flat_map(|side| pair.leg(side).orders.values());
    pair.exit_reason.is_some() || orders.into_iter().any(|order| closes(order.purpose))
}

const fn leg_of(side: Side) -> LegSide {
    if side.is_ask() { LegSide::Short } else { LegSide::Long }
}
