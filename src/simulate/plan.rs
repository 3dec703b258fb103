//! A pair of an operator's plan as a scenario.

use std::collections::BTreeSet;
use std::time::Duration;

use super::draw::seeded;
use super::fault::{Fault, Faults};
use super::scenario::{Beside, Scenario, secs};
use crate::engine::PairSpec;
use crate::model::{AccountIndex, Market};
use crate::paper::world::{Action, Pace, WorldSpec};
use crate::plan::{MissedPlace, MissedWithdraw, PairPlan, Plan, WithdrawRoute, start_up};

/// After its deadlines a run may still take this long: outages, crashes, a withdrawal that is handed over.
const SLACK: Duration = secs(1_800);

impl Scenario {
    /// Returns the undisturbed run of one pair of `plan` in `world`, alone in `market`.
    ///
    /// The fast route is played as the secure one: its signature by the accounts' owners is not simulated.
    pub fn of_pair(plan: &Plan, pair: &PairPlan, market: &Market, world: &WorldSpec) -> Self {
        let mut scenario = Self::calm(0);
        let mut plays = pair.clone();
        plays.withdraw.route = WithdrawRoute::Secure;
        // Without an exchange on paper, twice of what the plan asks for.
        let usdc =
            plan.paper.as_ref().map_or_else(|| pair.minimum_usdc.plus(pair.minimum_usdc), |paper| paper.usdc);
        for (opening, leg) in scenario.accounts.iter_mut().zip([&pair.long, &pair.short]) {
            opening.0 = leg.account;
            opening.2 = [Some(leg.api_key_index), leg.guard_key_index].into_iter().flatten().collect();
            opening.3 = usdc;
        }
        scenario.name = format!("pair {}", pair.id);
        scenario.market = market.clone();
        let row = world.markets.iter().find(|row| row.market == market.symbol);
        scenario.market.mark_price = row.and_then(|row| row.price).or(market.mark_price);
        scenario.retry = plan.retry;
        scenario.end_by =
            pair.watch.entry_deadline + pair.watch.max_hold + pair.withdraw.verify_within + SLACK;
        scenario.spec = PairSpec {
            plan: plays,
            on_stop: plan.on_stop,
            own_accounts: [pair.long.account, pair.short.account].into_iter().collect(),
            streams_within: pair.watch.entry_deadline + start_up(1).streams,
            restart_missed_entry: plan.on_missed.place == MissedPlace::Continue,
            continue_missed_withdrawal: plan.on_missed.withdraw == MissedWithdraw::Continue,
            until: Vec::new(),
            ..scenario.spec
        };
        let symbols = [scenario.market.symbol.clone()];
        scenario.world = own_part(world, &symbols, &scenario.spec.own_accounts);
        scenario.pace = Pace::Brisk;
        scenario.trace = 0;
        scenario
    }

    /// Returns the undisturbed run of several pairs of `plan` together, in one process and one `world`; each with its market.
    ///
    /// As [`Scenario::of_pair`] otherwise; the first pair is the one whose legs faults concern.
    ///
    /// # Panics
    ///
    /// Without a pair.
    pub fn of_pairs(plan: &Plan, pairs: &[(&PairPlan, &Market)], world: &WorldSpec) -> Self {
        let mut all = pairs.iter().map(|(pair, market)| Self::of_pair(plan, pair, market, world));
        let mut scenario = all.next().expect("a pair");
        scenario.beside = all
            .map(|other| {
                scenario.end_by = scenario.end_by.max(other.end_by);
                Beside { market: other.market, spec: other.spec, accounts: other.accounts }
            })
            .collect();
        let accounts: BTreeSet<_> = scenario.all_accounts().map(|opening| opening.0).collect();
        let symbols: Vec<_> = scenario.pairs().map(|(_, market)| market.symbol.clone()).collect();
        let count = u32::try_from(symbols.len()).unwrap_or(u32::MAX);
        let specs = std::iter::once(&mut scenario.spec);
        for spec in specs.chain(scenario.beside.iter_mut().map(|beside| &mut beside.spec)) {
            spec.own_accounts.clone_from(&accounts);
            spec.shares_market = symbols.iter().filter(|symbol| **symbol == spec.plan.market).count() > 1;
            spec.legs = count.saturating_mul(2);
            spec.streams_within = spec.plan.watch.entry_deadline + start_up(count).streams;
        }
        scenario.world = own_part(world, &symbols, &accounts);
        let names: Vec<_> = pairs.iter().map(|(pair, _)| pair.id.as_str()).collect();
        scenario.name = format!("pairs {} together", names.join(", "));
        scenario
    }

    /// Returns this run with another seed, and with what that seed draws of `faults`.
    #[must_use]
    pub fn with_seed(&self, seed: u64, faults: &Faults) -> Self {
        let mut scenario = self.clone();
        scenario.seed = seed;
        let mut rng = seeded(seed);
        scenario.disturb(&mut rng);
        scenario.keep(faults);
        if faults.has(Fault::Market) {
            scenario.add_market_event(&mut rng);
        }
        scenario
    }
}

/// Of a world for several pairs, what concerns these markets and accounts.
fn own_part(world: &WorldSpec, symbols: &[String], accounts: &BTreeSet<AccountIndex>) -> WorldSpec {
    let mut world = world.clone();
    world.faults.clear();
    world.markets.retain(|row| symbols.contains(&row.market));
    world.script.retain(|entry| {
        let elsewhere = entry.market.as_ref().is_some_and(|market| !symbols.contains(market));
        let others =
            matches!(&entry.action, Action::Liquidate { account, .. } if !accounts.contains(account));
        !elsewhere && !others
    });
    world
}
