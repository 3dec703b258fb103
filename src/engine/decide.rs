//! The pure decision: state, view and event in; entries, transactions and effects out.

use super::event::{Decision, Event, View};
use super::spec::PairSpec;
use super::state::Pair;
use super::work::Work;
use super::{ingest, steps};

/// Decides what `event` means for `pair`. Pure: the same arguments give the same decision.
pub fn decide(pair: &Pair, spec: &PairSpec, view: &View, event: &Event) -> Decision {
    let mut work = Work { pair: pair.clone(), spec, view, out: Decision::default(), pull: Vec::new() };
    ingest::ingest(&mut work, event);
    if view.look_only {
        steps::look(&mut work);
    } else {
        steps::advance(&mut work);
    }
    work.out
}
