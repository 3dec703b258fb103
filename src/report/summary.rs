//! The final summary of a run: what was traded, fees, result, naked time, withdrawals.
//!
//! What of it follows from the entries of the pairs is computed from them, live and when a journal is replayed. The rest,
//! what the venue said at the end, is known to nobody afterwards: so the summary itself is an event of the run.

use std::fmt::{self, Write as _};
use std::time::Duration;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{LegSide, LegWithdrawal, Pair, PairEnd, PairOutcome, RiskState, codes};
use crate::journal::{EventRow, NewEvent};
use crate::model::{PairId, Timestamp};

/// The kind of the events that hold a summary.
pub const REPORT: &str = "run.report";

/// Unknown values and fields that a summary names one by one.
const UNKNOWN_TOLD: usize = 8;

/// What one pair came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairSummary {
    /// Its name.
    pub pair: String,
    /// Its market.
    pub market: String,
    /// Exit code.
    pub code: u8,
    /// In words.
    pub summary: String,
    /// Notional traded on both legs, in USDC.
    pub volume: Decimal,
    /// Fees, in USDC.
    pub fees: Decimal,
    /// Result by fills, fees counted, in USDC; exact once flat.
    pub result: Decimal,
    /// Own fills.
    pub fills: usize,
    /// Longest time that the legs differed.
    pub naked_worst: Duration,
    /// Difference × time, in base units × seconds.
    pub naked_total: Decimal,
    /// Positions left, long and short, in base units.
    pub positions: [Decimal; 2],
    /// Whether they differ by more than the plan tolerates.
    pub naked: bool,
    /// What it may do at the end, with the reason of the last change.
    pub risk: RiskState,
    /// Why; empty when that never changed.
    pub risk_reason: String,
    /// Withdrawals, long and short.
    pub withdrawals: [String; 2],
}

/// What a run came to; the body of a `run.report` event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// Its id.
    pub run: String,
    /// Exit code.
    pub code: u8,
    /// Its pairs.
    pub pairs: Vec<PairSummary>,
    /// Hash of the journal's last event; empty in the journal, where the report is before it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub head: String,
    /// Equity at the start minus equity at the end by the venue's own figures, withdrawals added, in USDC.
    pub venue_result: Option<Decimal>,
    /// What the venue sent that this program does not know, with how often it came; empty as a rule.
    pub unknown: Vec<(String, u64)>,
    /// Alerts that no webhook took, a line each.
    pub undelivered: Vec<String>,
}

impl PairSummary {
    /// Sums up one pair.
    pub fn of(outcome: &PairOutcome) -> Self {
        let market = (outcome.market.symbol.as_str(), outcome.market.size_decimals);
        Self::of_state(&outcome.id, market, &outcome.pair, &outcome.end)
    }

    /// Sums up one pair of a market, given as its symbol and the decimals of its sizes.
    fn of_state(id: &PairId, (symbol, size_decimals): (&str, u32), pair: &Pair, end: &PairEnd) -> Self {
        let legs = LegSide::BOTH.map(|side| pair.leg(side));
        let last_price = pair.checked.as_ref().map(|checked| checked.sell);
        let withdrawal = |leg: &crate::engine::Leg| match &leg.withdrawal {
            Some(LegWithdrawal::Seen { id, amount, status, .. }) => {
                let status = format!("{status:?}").to_lowercase();
                format!("{amount} USDC, {}, {status} (withdrawal {id})", leg.withdrawal_route())
            }
            Some(LegWithdrawal::Sent { amount, .. }) => {
                format!("{amount} USDC, {}, not confirmed", leg.withdrawal_route())
            }
            Some(LegWithdrawal::Skipped(reason)) => format!("none: {reason}"),
            None => "none".to_owned(),
        };
        let lot = Decimal::new(1, size_decimals);
        Self {
            pair: id.to_string(),
            market: symbol.to_owned(),
            code: end.code,
            summary: end.summary.clone(),
            volume: legs.iter().map(|leg| leg.volume.to_decimal()).sum(),
            fees: legs.iter().map(|leg| leg.fees).sum(),
            result: last_price.map_or(Decimal::ZERO, |price| pair.net_result(price)),
            fills: legs.iter().map(|leg| leg.trades.len()).sum(),
            naked_worst: pair.naked.worst,
            naked_total: Decimal::try_from_i128_with_scale(pair.naked.lot_ms, 3).unwrap_or_default() * lot,
            positions: legs.map(|leg| Decimal::new(leg.position.lots(), size_decimals)),
            naked: pair.is_naked(),
            risk: pair.risk,
            risk_reason: pair.risk_reason.clone(),
            withdrawals: legs.map(withdrawal),
        }
    }

    /// Sums up one pair of a replayed journal. What the entries do not say is taken from `told`, the last report: the words
    /// for a pair that has no end yet, and the market of one that was never checked.
    pub fn replayed(id: &PairId, pair: &Pair, told: Option<&Self>) -> Self {
        let standing = || match told {
            Some(told) => PairEnd { code: told.code, summary: told.summary.clone() },
            None => PairEnd { code: codes::STOPPED, summary: format!("in step {}", pair.step.name()) },
        };
        let end = pair.end().cloned().unwrap_or_else(standing);
        let checked = pair.checked.as_ref().map(|checked| &checked.market);
        let market = match (checked, told) {
            (Some(market), _) => (market.symbol.as_str(), market.size_decimals),
            (None, Some(told)) => (told.market.as_str(), 0),
            (None, None) => ("not checked", 0),
        };
        Self::of_state(id, market, pair, &end)
    }
}

impl RunSummary {
    /// Sums up a run.
    pub fn of(run: String, outcomes: &[PairOutcome], head: String, venue_result: Option<Decimal>) -> Self {
        let pairs = outcomes.iter().map(PairSummary::of).collect();
        Self { venue_result, ..Self::of_pairs(run, pairs, head) }
    }

    /// Sums up a run of which nothing is known but its pairs.
    pub fn of_pairs(run: String, pairs: Vec<PairSummary>, head: String) -> Self {
        let code = codes::worst(pairs.iter().map(|pair| pair.code));
        Self { run, code, pairs, head, venue_result: None, unknown: Vec::new(), undelivered: Vec::new() }
    }

    /// Returns the event that records it, at venue time `at`.
    pub fn event(&self, at: Timestamp) -> NewEvent {
        let recorded = Self { head: String::new(), ..self.clone() };
        let body = serde_json::to_string(&recorded).unwrap_or_default();
        NewEvent { pair: None, kind: REPORT.to_owned(), at, body }
    }

    /// Returns what [`RunSummary::event`] recorded; `None` for any other event.
    ///
    /// # Errors
    ///
    /// A report that this program cannot read.
    pub fn recorded(event: &EventRow) -> Result<Option<Self>, serde_json::Error> {
        if event.pair.is_some() || event.kind != REPORT {
            return Ok(None);
        }
        serde_json::from_str(&event.body).map(Some)
    }

    /// Adds what the venue sent that this program does not know.
    #[must_use]
    pub fn with_unknown(mut self, unknown: Vec<(String, u64)>) -> Self {
        self.unknown = unknown;
        self
    }

    /// Adds the alerts that no webhook took.
    #[must_use]
    pub fn with_undelivered(mut self, undelivered: Vec<String>) -> Self {
        self.undelivered = undelivered;
        self
    }

    /// Returns what its pairs came to, in lines of words.
    pub fn pairs_text(&self) -> String {
        let mut text = String::new();
        // Writing into a text does not fail.
        let _ = self.write_pairs(&mut text);
        text
    }

    /// Tells the oftenest first, and how many more there are.
    fn write_unknown(&self, text: &mut String) -> fmt::Result {
        if self.unknown.is_empty() {
            return Ok(());
        }
        writeln!(text, "the venue sent what this version does not know; nothing was concluded from it:")?;
        let mut rows: Vec<_> = self.unknown.iter().collect();
        rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (what, count) in rows.iter().take(UNKNOWN_TOLD) {
            writeln!(text, "  {count} × {what}")?;
        }
        match rows.len().saturating_sub(UNKNOWN_TOLD) {
            0 => Ok(()),
            more => writeln!(text, "  and {more} more; `-v` logs each the first time it comes"),
        }
    }

    fn write_pairs(&self, text: &mut String) -> fmt::Result {
        for pair in &self.pairs {
            writeln!(text, "{} ({}): {}", pair.pair, pair.market, pair.summary)?;
            if pair.fills > 0 {
                writeln!(
                    text,
                    "  traded {} USDC in {} fills, fees {}, result {} USDC",
                    pair.volume.normalize(),
                    pair.fills,
                    pair.fees.round_dp(6).normalize(),
                    pair.result.round_dp(6).normalize()
                )?;
                writeln!(
                    text,
                    "  naked at worst {:.1?}, in all {} {}·s",
                    pair.naked_worst,
                    pair.naked_total.normalize(),
                    pair.market
                )?;
            }
            if pair.positions.iter().any(|position| !position.is_zero()) {
                let what = if pair.naked { "EXPOSURE LEFT" } else { "still held, neutral" };
                writeln!(text, "  {what}: long {}, short {}", pair.positions[0], pair.positions[1])?;
            }
            if pair.risk == RiskState::Halted {
                writeln!(text, "  HALTED: {}", pair.risk_reason)?;
            }
            if pair.withdrawals.iter().any(|row| row != "none") {
                writeln!(text, "  withdrawn: long {}; short {}", pair.withdrawals[0], pair.withdrawals[1])?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for RunSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.pairs_text();
        if let Some(result) = self.venue_result {
            let own: Decimal = self.pairs.iter().map(|pair| pair.result).sum();
            writeln!(
                text,
                "result by the venue's own figures {} USDC (difference {})",
                result.round_dp(6).normalize(),
                (result - own).round_dp(6).normalize()
            )?;
        }
        self.write_unknown(&mut text)?;
        for line in &self.undelivered {
            writeln!(text, "ALERT NOT DELIVERED to {line}")?;
        }
        write!(text, "run {} ended with code {}, journal head {}", self.run, self.code, self.head)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_told_once_and_in_few_lines() {
        let summary = RunSummary::of("r".to_owned(), &[], "h".to_owned(), None);
        assert_eq!(summary.to_string(), "run r ended with code 0, journal head h");
        let unknown = (0..10).map(|i| (format!("order.status: moon-{i}"), i)).collect();
        let text = summary.with_unknown(unknown).to_string();
        assert!(text.contains("  9 × order.status: moon-9\n"), "{text}");
        assert!(text.contains("  and 2 more"), "{text}");
        assert_eq!(text.lines().count(), 1 + UNKNOWN_TOLD + 1 + 1);
    }
}
