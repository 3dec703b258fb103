//! What of a plan a pair needs, and the names that its orders get.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::entry::{LegSide, Purpose};
use crate::graph::StepKind;
use crate::model::{AccountIndex, ApiKeyIndex, ClientOrderIndex, PairId, RunId};
use crate::plan::{LegPlan, OnStop, PairPlan};
use crate::rt::Mutant;

/// What of a plan a pair needs.
#[derive(Clone, Debug)]
pub struct PairSpec {
    /// The run.
    pub run: RunId,
    /// The pair.
    pub plan: PairPlan,
    /// What a stop leaves.
    pub on_stop: OnStop,
    /// All accounts of the run: no trade may have two of them.
    pub own_accounts: std::collections::BTreeSet<crate::model::AccountIndex>,
    /// Whether another pair of the run trades in the same market.
    pub shares_market: bool,
    /// How many legs the run has: what is read of each in turn is spread by it.
    pub legs: u32,
    /// How long its streams may take to come up.
    pub streams_within: Duration,
    /// Whether an entry whose deadline passed while the process was down gets its whole time again.
    pub restart_missed_entry: bool,
    /// Whether a withdrawal whose deadline passed while the process was down goes on.
    pub continue_missed_withdrawal: bool,
    /// The steps after all of which it stops; none: it runs to its end.
    pub until: Vec<StepKind>,
}

impl PairSpec {
    /// Returns a leg's plan.
    pub const fn leg(&self, side: LegSide) -> &LegPlan {
        match side {
            LegSide::Long => &self.plan.long,
            LegSide::Short => &self.plan.short,
        }
    }

    /// Returns the leg that trades on an account; `None` when neither does.
    pub fn side_of(&self, account: AccountIndex) -> Option<LegSide> {
        LegSide::BOTH.into_iter().find(|side| self.leg(*side).account == account)
    }

    /// Returns the slot that signs for `purpose`: the guard slot, where there is one, for all that reduces.
    pub fn key_for(&self, side: LegSide, purpose: &Purpose) -> ApiKeyIndex {
        let leg = self.leg(side);
        match purpose {
            Purpose::Cancel(_)
            | Purpose::Hedge
            | Purpose::Exit
            | Purpose::Protect
            | Purpose::ArmDeadMan(_)
            | Purpose::ClearDeadMan => leg.guard_key_index.unwrap_or(leg.api_key_index),
            Purpose::Leverage | Purpose::Entry | Purpose::Withdraw(_) | Purpose::FastWithdraw { .. } => {
                leg.api_key_index
            }
        }
    }

    /// Returns the client order index of the stop that goes out with the `number`th order intent.
    pub fn child_order_index(&self, number: u32) -> ClientOrderIndex {
        let name = format!("{}\n{}\n{number}\nchild", self.run, self.plan.id);
        index_of(&name)
    }

    /// Returns the client order index of the `number`th order intent: 48 bits, the same on every host, never 0.
    ///
    /// Derived by hash from run, pair and number, so that it repeats in no other run.
    pub fn client_order_index(&self, number: u32) -> ClientOrderIndex {
        let number = if Mutant::IndexRepeats.is_planted() { 1 } else { number };
        client_order_index(&self.run, &self.plan.id, number)
    }
}

/// See [`PairSpec::client_order_index`].
pub fn client_order_index(run: &RunId, pair: &PairId, number: u32) -> ClientOrderIndex {
    index_of(&format!("{run}\n{pair}\n{number}"))
}

fn index_of(name: &str) -> ClientOrderIndex {
    let hash = Sha256::digest(name.as_bytes());
    let bits = hash.iter().take(6).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    ClientOrderIndex::new(bits.max(1))
}

#[cfg(test)]
impl PairSpec {
    /// The pair of `plans/fast-withdrawal.yaml`, which nothing stops before its end.
    pub(crate) fn example() -> Self {
        use crate::plan::{LoadOptions, SourceFile};
        let source = SourceFile::from_text("plan.yaml", include_str!("../../plans/fast-withdrawal.yaml"));
        let markets = crate::model::snapshot_markets();
        let plan = crate::lint::check(&source, &LoadOptions::default(), markets).plan.expect("a sound plan");
        Self {
            run: "r1".parse().expect("a name"),
            plan: plan.pairs[0].clone(),
            on_stop: OnStop::Flatten,
            own_accounts: std::collections::BTreeSet::new(),
            shares_market: false,
            legs: 2,
            streams_within: Duration::from_secs(600),
            restart_missed_entry: false,
            continue_missed_withdrawal: false,
            until: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// client order indices are 48 bits, not zero, the same on every host, and differ by run, pair and number.
    #[test]
    fn r_31_client_order_indices_do_not_repeat() {
        let runs = ["r1", "r2"].map(|name| name.parse::<RunId>().unwrap());
        let pairs = ["a", "b"].map(|name| name.parse::<PairId>().unwrap());
        let mut seen = BTreeSet::new();
        for (run, pair, number) in runs
            .iter()
            .flat_map(|run| pairs.iter().flat_map(move |pair| (1..500).map(move |n| (run, pair, n))))
        {
            let index = client_order_index(run, pair, number);
            assert!((1..1 << 48).contains(&index.get()));
            assert_eq!(index, client_order_index(run, pair, number));
            assert!(seen.insert(index), "{run} {pair} {number}");
        }
    }
}
