//! The smallest schedule that still breaks the same invariant.

use std::fmt::Write as _;

use super::link::Fate;
use super::played::Host;
use super::scenario::{Rates, Scenario};
use super::violation::Violation;

/// Runs that a search may take.
const TRIES: u32 = 400;

/// Takes faults out of a schedule, one after another, as long as the same invariant breaks; returns what is left of it
/// and what breaks then.
pub fn shrink(scenario: &Scenario, violation: Violation) -> (Scenario, Violation) {
    shrink_on(Host::Direct, scenario, violation)
}

/// As [`shrink`], on any host.
pub fn shrink_on(host: Host, scenario: &Scenario, violation: Violation) -> (Scenario, Violation) {
    let (mut smallest, mut shown) = (scenario.clone(), violation);
    let mut tries = 0;
    loop {
        let mut moved = false;
        for smaller in smaller(&smallest) {
            tries += 1;
            if tries > TRIES {
                return (smallest, shown);
            }
            let broken = host.play(&smaller).err().filter(|broken| broken.invariant == shown.invariant);
            if let Some(broken) = broken {
                (smallest, shown, moved) = (smaller, *broken, true);
                break;
            }
        }
        if !moved {
            return (smallest, shown);
        }
    }
}

/// Every schedule that has one thing less.
fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Scenario)| {
        let mut less = scenario.clone();
        change(&mut less);
        all.push(less);
    };
    for index in 0..Rates::default().all().len() {
        if scenario.rates.all()[index].1 > 0 {
            with(&|less| less.rates.clear(index));
        }
    }
    (0..scenario.crashes.len()).for_each(|index| {
        with(&|less| {
            less.crashes.remove(index);
        })
    });
    (0..scenario.outages.len()).for_each(|index| {
        with(&|less| {
            less.outages.remove(index);
        })
    });
    (0..scenario.disk.len()).for_each(|index| {
        with(&|less| {
            less.disk.remove(index);
        })
    });
    (0..scenario.clock_jumps.len()).for_each(|index| {
        with(&|less| {
            less.clock_jumps.remove(index);
        })
    });
    (0..scenario.suspends.len()).for_each(|index| {
        with(&|less| {
            less.suspends.remove(index);
        })
    });
    (0..scenario.world.script.len()).for_each(|index| {
        with(&|less| {
            less.world.script.remove(index);
        })
    });
    for id in scenario.fates.keys() {
        with(&|less| {
            less.fates.remove(id);
        });
    }
    if scenario.disk_full.is_some() {
        with(&|less| less.disk_full = None);
    }
    if scenario.stop.is_some() {
        with(&|less| (less.stop, less.resume_after) = (None, None));
    }
    if scenario.foreign_at.is_some() {
        with(&|less| less.foreign_at = None);
    }
    if scenario.skew_ms != 0 {
        with(&|less| less.skew_ms = 0);
    }
    if scenario.tx_lag_ms != 0 {
        with(&|less| less.tx_lag_ms = 0);
    }
    all
}

impl Scenario {
    /// Returns what goes wrong in it, a line each.
    pub fn schedule(&self) -> String {
        let mut text = String::new();
        let mut line = |words: String| {
            // A string takes all.
            let _ = writeln!(text, "  {words}");
        };
        for (name, rate) in self.rates.all().into_iter().filter(|(_, rate)| *rate > 0) {
            line(format!("{name}: {rate} of a thousand, for {:?}", self.faults_until));
        }
        if self.tx_lag_ms > 0 {
            line(format!("tx-lag: {} ms", self.tx_lag_ms));
        }
        for (id, fate) in self.fates.iter().filter(|(_, fate)| **fate != Fate::Clean) {
            line(format!("{}: every sending of intent {}", fate.name(), id.0));
        }
        for (point, down) in &self.crashes {
            line(format!("crash at point {point}, back in {down:?}"));
        }
        for (at, lasts, streams) in &self.outages {
            line(format!("outage at {at:?} for {lasts:?}: {streams:?}"));
        }
        for (commit, fault, down) in &self.disk {
            line(format!("{fault:?} at commit {commit}, back in {down:?}"));
        }
        if let Some((at, lasts)) = self.disk_full {
            line(format!("disk-full at {at:?} for {lasts:?}"));
        }
        if self.skew_ms != 0 {
            line(format!("skew: {} ms", self.skew_ms));
        }
        for (at, by) in &self.clock_jumps {
            line(format!("clock-jump at {at:?} by {by} ms"));
        }
        for (at, lasts) in &self.suspends {
            line(format!("suspend at {at:?} for {lasts:?}"));
        }
        if let Some((at, mode)) = &self.stop {
            let again =
                self.resume_after.map_or_else(String::new, |wait| format!(", resumed after {wait:?}"));
            line(format!("stop at {at:?}: {mode:?}{again}"));
        }
        if let Some(at) = self.foreign_at {
            line(format!("foreign-hand at {at:?}"));
        }
        for hand in &self.hands {
            line(format!("{hand:?}"));
        }
        for entry in &self.world.script {
            line(format!("world at {:?}: {:?}", entry.at.0, entry.action));
        }
        text
    }
}
