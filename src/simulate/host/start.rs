//! A process at its beginning: its clock, its journal, and nothing else that it knows.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::outlook::Outlook;
use crate::engine::rules::LiveRules;
use crate::engine::{Event, LegSide, Memory, Pair, fold};
use crate::model::Timestamp;

use super::super::link::Item;
use super::super::violation::Invariant;
use super::{Died, Life, Run};

/// As the session has it: the limit, and the second that the venue does not tell.
const SKEW_MAX_MS: i64 = 6_000;
/// How long before they are old the market's rules are read again.
const RULES_EARLY: Duration = Duration::from_secs(1);
/// How long an operator takes to set a clock.
const CLOCK_SET: Duration = Duration::from_secs(20);

impl Run {
    /// Holds the machine's clock against the venue's, as a session does when it opens: beyond 6 s it refuses, and an
    /// operator sets the clock; beyond one it corrects it, to within the half second that the venue's whole ones leave.
    fn start_clock(&mut self) -> Option<i64> {
        let since = self.clock_set;
        let seen = |at: Duration| {
            let at = self.start.after(at);
            at <= self.now && since.is_none_or(|since| at > since)
        };
        let jumps = self.scenario.clock_jumps.iter().filter(|(at, _)| seen(*at)).map(|(_, by)| by);
        let wrong = jumps.sum::<i64>() + if since.is_none() { self.scenario.skew_ms } else { 0 };
        if wrong.abs() > SKEW_MAX_MS {
            self.watch.note(self.now, format_args!("the clock is wrong by {wrong} ms: no start"));
            self.clock_set = Some(self.now);
            self.link.push(self.now.after(CLOCK_SET), Item::Restart);
            return None;
        }
        Some(if wrong.abs() > 1_000 { wrong % 500 } else { wrong })
    }

    /// A new process: state is what the journal holds, and nothing else is known.
    pub(super) fn restart(&mut self) -> Result<(), Died> {
        let Some(skew_ms) = self.start_clock() else { return Ok(()) };
        self.lives += 1;
        let Some(pair) = self.read_back() else { return Ok(()) };
        self.watch.folded(&pair);
        let resumed = self.disk.rows().next().is_some();
        self.life = Some(self.begin(pair, resumed, skew_ms));
        self.watch.note(self.now, format_args!("life {}", self.lives));
        self.link.process_starts(self.now);
        if resumed {
            self.step(Event::Resumed)?;
        }
        self.step(Event::Tick)
    }

    /// Folds the journal, as every process does first.
    pub(in crate::simulate) fn read_back(&mut self) -> Option<Pair> {
        self.disk.reopen();
        let entries = self.disk.entries().expect("an entry reads back");
        let folded = fold(&entries);
        if let Err(error) = &folded {
            self.watch.fail(Invariant::OneFold, error.to_string());
        }
        folded.ok()
    }

    /// A process at its beginning.
    pub(in crate::simulate) fn begin(&self, pair: Pair, resumed: bool, skew_ms: i64) -> Life {
        let now = Timestamp::from_millis(self.now.as_millis() + skew_ms);
        let seed = self.scenario.seed ^ u64::from(self.lives);
        let mut memory = Memory::new(self.scenario.retry, seed);
        for id in LegSide::BOTH.iter().flat_map(|side| pair.leg(*side).unsettled.keys()) {
            memory.found(*id);
        }
        let market = self.direct.lock().exchange.markets()[0].clone();
        Life {
            pair,
            outlook: Outlook::new(market.id, resumed, now),
            market,
            book: None,
            data: None,
            memory,
            slots: BTreeMap::new(),
            tasks: Vec::new(),
            wake: now.after(Duration::from_secs(1)),
            drawdown_told: false,
            slept: None,
            skew_ms,
        }
    }

    /// Reads the market's rules again before they are old. The exchange changes none here, and the answer is not worth a
    /// way of its own.
    pub(super) fn keep_rules(&mut self, now: Timestamp) {
        let view = &self.life().outlook.view;
        let soon = now.after(RULES_EARLY);
        if view.rules.as_ref().is_some_and(|rules| rules.are_fresh(soon, view.lag)) {
            return;
        }
        let market = self.direct.lock().exchange.markets()[0].clone();
        self.life().outlook.view.rules = Some(LiveRules { market, at: now });
    }
}
