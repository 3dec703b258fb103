//! What a simulation came to, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::{Pair, PairSpec};
use crate::model::Usdc;
use crate::plan::{Plan, format_usdc};
use crate::simulate::{Case, Cell, FullRun, Outcome, Run, Scenario, Tally, Violation, Watch};

/// A broken run in its smallest form.
pub(super) struct Shown {
    pub(super) command: String,
    pub(super) schedule: String,
    pub(super) violation: Violation,
}

struct Row {
    pair: String,
    tally: Tally,
    shown: Option<Shown>,
}

/// All pairs of a plan.
pub(super) struct Report {
    plan: String,
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { plan: plan.name.clone(), rows: Vec::new() }
    }

    pub(super) fn add(&mut self, pair: &str, tally: &Tally, shown: Option<Shown>) {
        self.rows.push(Row { pair: pair.to_owned(), tally: tally.clone(), shown });
    }

    /// Returns whether every invariant held in every run.
    pub(super) fn is_sound(&self) -> bool {
        self.rows.iter().all(|row| row.tally.broken == 0)
    }

    pub(super) fn human(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let Row { pair, tally, shown } = row;
            let (runs, lives) = (tally.runs(), tally.lives);
            let word = if pair.contains(',') { "pairs" } else { "pair" };
            let _ = writeln!(text, "Plan {}, {word} {pair}: {runs} runs, {lives} processes\n", self.plan);
            text.push_str(&table(tally));
            text.push_str(&broken(tally, shown.as_ref()));
        }
        text
    }

    pub(super) fn json(&self) -> Result<String, serde_json::Error> {
        let pairs: Vec<Value> = self.rows.iter().map(pair_json).collect();
        let whole = json!({ "plan": self.plan, "sound": self.is_sound(), "pairs": pairs });
        Ok(format!("{}\n", serde_json::to_string_pretty(&whole)?))
    }
}

fn table(tally: &Tally) -> String {
    let mut text = format!(
        "  {:<12} {:>4} {:>10}   {:>10}  {:<22} {:>14}  {}\n",
        "outcome", "code", "runs", "naked", "seen with", "loss in USDC", "seen with"
    );
    for ((outcome, code), cell) in &tally.cells {
        let Cell { runs, naked, loss } = cell;
        let row = format!(
            "  {:<12} {code:>4} {runs:>10}   {:>10}  {:<22} {:>14}  {}",
            outcome.name(),
            seconds(naked.0),
            seen(naked.1, naked.0.is_zero()),
            usdc(loss.0),
            seen(loss.1, loss.0 <= 0),
        );
        text.push_str(row.trim_end());
        text.push('\n');
    }
    // Every outcome is told, so that a row that is missing is not taken for one that was forgotten.
    for outcome in [Outcome::Withdrawn, Outcome::Flat, Outcome::Held, Outcome::HandedOver] {
        if !tally.cells.keys().any(|(known, _)| *known == outcome) {
            let _ = writeln!(text, "  {:<12} {:>4} {:>10}", outcome.name(), "-", 0);
        }
    }
    let _ = writeln!(text, "  {:<12} {:>4} {:>10}\n", "broken", "-", tally.broken);
    text
}

fn broken(tally: &Tally, shown: Option<&Shown>) -> String {
    let Some(shown) = shown else {
        return if tally.broken == 0 { "Every invariant held.\n\n".to_owned() } else { String::new() };
    };
    let Shown { command, schedule, violation } = shown;
    let mut text = String::new();
    for (case, violation) in &tally.violations {
        let _ =
            writeln!(text, "  {case}: invariant {}: {}", violation.invariant, first_line(&violation.what));
    }
    let _ = writeln!(
        text,
        "\nThe first of them with as little going wrong as still breaks invariant {}:\n{schedule}\n{}\n{}\n\nThe run as it was: {command}\n",
        violation.invariant, violation.what, violation.trace
    );
    text
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn seconds(time: Duration) -> String {
    format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
}

fn seen(case: Case, nothing: bool) -> String {
    if nothing { "-".to_owned() } else { case.to_string() }
}

/// Tells a loss, rounded up to a millionth; a gain is no loss.
fn usdc(e12: i128) -> String {
    let micros = (e12.max(0) + 999_999) / 1_000_000;
    format_usdc(Usdc::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)))
}

fn pair_json(row: &Row) -> Value {
    let cells = row.tally.cells.iter().map(|((outcome, code), cell)| {
        json!({
            "outcome": outcome.name(),
            "exit_code": code,
            "runs": cell.runs,
            "worst_naked_ms": u64::try_from(cell.naked.0.as_millis()).unwrap_or(u64::MAX),
            "worst_naked_in": cell.naked.1.to_string(),
            "worst_loss_usdc": usdc(cell.loss.0),
            "worst_loss_in": cell.loss.1.to_string(),
        })
    });
    let violations = row.tally.violations.iter().map(|(case, violation)| {
        json!({
            "case": case.to_string(),
            "invariant": violation.invariant.number(),
            "name": violation.invariant.name(),
            "what": violation.what,
        })
    });
    let shown = row.shown.as_ref().map(|shown| {
        json!({
            "command": shown.command,
            "invariant": shown.violation.invariant.number(),
            "schedule": shown.schedule.lines().map(str::trim).collect::<Vec<_>>(),
            "what": shown.violation.what,
            "log": shown.violation.trace.lines().collect::<Vec<_>>(),
        })
    });
    json!({
        "pair": row.pair,
        "runs": row.tally.runs(),
        "processes": row.tally.lives,
        "outcomes": cells.collect::<Vec<_>>(),
        "broken": row.tally.broken,
        "violations": violations.collect::<Vec<_>>(),
        "smallest": shown,
    })
}

/// Returns all that happened in one run, and how it ended.
pub(super) fn log(base: &Scenario, run: &Run) -> String {
    let pair = part(&base.spec, run.outcome.as_ref(), &run.watch);
    pair + &last_lines(run.lives, run.kill_points, run.digest())
}

/// As [`log`], pair by pair.
pub(super) fn full_log(base: &Scenario, run: &FullRun) -> String {
    let mut text = part(&base.spec, Some(&run.outcome), &run.watch);
    for (beside, (pair, watch)) in base.beside.iter().zip(&run.beside) {
        text.push_str(&part(&beside.spec, Some(pair), watch));
    }
    text + &last_lines(run.lives, run.kill_points, run.digest)
}

fn part(spec: &PairSpec, pair: Option<&Pair>, watch: &Watch) -> String {
    let end = pair.and_then(Pair::end);
    let (code, summary) = end.map_or((21, "stopped"), |end| (end.code, end.summary.as_str()));
    format!(
        "{}\n\npair {} ends with {code}: {summary}\nlegs apart for {} at most, loss {} USDC\n\n",
        watch.trace(),
        spec.plan.id,
        seconds(watch.worst_naked),
        usdc(-watch.result),
    )
}

fn last_lines(lives: u32, kill_points: u32, digest: [u8; 32]) -> String {
    format!("{lives} processes, {kill_points} kill points\nrun {}\n", hex::encode(digest))
}
