//! Check: every rule holds, and leverage is set and read back, before any order.

use super::Flow;
use crate::engine::build::Origin;
use crate::engine::codes;
use crate::engine::entry::{LegSide, PairEnd, Purpose, Step};
use crate::engine::event::Effect;
use crate::engine::work::Work;
use crate::plan::format_duration;

/// Times that the accounts are read before a leverage that does not show is given up.
const READ_BACKS_MAX: u32 = 12;
/// Refusals of the leverage transaction before the pair gives up.
const REFUSALS_MAX: u32 = 3;

fn streams_are_up(work: &Work<'_>) -> bool {
    LegSide::BOTH.iter().all(|side| work.view.leg(*side).live)
}

/// The entry deadline runs from the moment that a pair can quote, and among many pairs the streams of the last come up
/// late: they are waited for here, for as long as the venue's limits explain.
fn await_streams(work: &mut Work<'_>) -> Flow {
    let blind = LegSide::BOTH.iter().filter_map(|side| work.view.leg(*side).blind_since).min();
    let Some(until) = blind.map(|since| since.after(work.spec.streams_within)) else { return Flow::Wait };
    if work.now() < until {
        work.out.wake_at(until);
        return Flow::Wait;
    }
    let summary = format!(
        "the streams of its accounts did not come up within {}; nothing was placed",
        format_duration(work.spec.streams_within)
    );
    work.go(Step::Done(PairEnd { code: codes::RULE_STOPPED, summary }))
}

pub(crate) fn check(work: &mut Work<'_>) -> Flow {
    let Some(checked) = work.pair.checked.clone() else {
        work.out.effect(Effect::Check);
        return Flow::Wait;
    };
    let (mut executed, mut under_way) = (false, false);
    for side in LegSide::BOTH {
        let leg = work.pair.leg(side);
        if leg.leverage_set {
            continue;
        }
        if leg.has_unsettled(|purpose| *purpose == Purpose::Leverage) {
            under_way = true;
            continue;
        }
        if leg.leverage_sent {
            if work.pair.checks >= READ_BACKS_MAX {
                let summary =
                    format!("leverage was set on the {} leg, but the venue does not show it", side.name());
                return work.go(Step::Done(PairEnd { code: codes::RULE_STOPPED, summary }));
            }
            // Executed; it is read back once both legs' are, for the two accounts are read together.
            executed = true;
            continue;
        }
        if leg.refusals >= REFUSALS_MAX {
            let why = leg.last_refusal.as_ref().map_or_else(String::new, |(_, text)| text.clone());
            let summary = format!("the venue refuses to set leverage on the {} leg: {why}", side.name());
            return work.go(Step::Done(PairEnd { code: codes::RULE_STOPPED, summary }));
        }
        if work.can_send(side, &Purpose::Leverage) {
            let origin = Origin::new(work.spec, side, &Purpose::Leverage, &checked.market);
            let tx = origin.leverage(work.spec.plan.initial_margin_fraction(), work.spec.plan.margin_mode);
            work.propose(side, Purpose::Leverage, tx, None);
        }
        under_way = true;
    }
    if executed && !under_way {
        work.out.effect(Effect::Check);
    }
    if !streams_are_up(work) {
        return await_streams(work);
    }
    if LegSide::BOTH.iter().all(|side| work.pair.leg(*side).leverage_set) {
        return work.go(Step::Place);
    }
    Flow::Wait
}
