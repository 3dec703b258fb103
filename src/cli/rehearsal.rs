//! What a dry run says of every step: it would run, it would be skipped, or nobody can tell, and why.

use std::fmt;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::out;
use crate::engine::{LegSide, LegWithdrawal, Pair, PairEnd, PairOutcome, Purpose, Step, codes};
use crate::graph::StepKind;
use crate::model::{PairId, Side};
use crate::plan::{PairPlan, Plan, WithdrawWhen};

/// What becomes of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "reason", rename_all = "kebab-case")]
enum Verdict {
    /// It ran here, and would with the venue.
    WouldRun,
    /// It did not run here, and would not with the venue.
    WouldSkip(String),
    /// This dry run does not tell.
    Unknown(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldRun => f.write_str("would-run"),
            Self::WouldSkip(reason) => write!(f, "would-skip ({reason})"),
            Self::Unknown(reason) => write!(f, "unknown ({reason})"),
        }
    }
}

/// A line of the events file.
#[derive(Debug, Serialize)]
struct Line<'a> {
    pair: &'a PairId,
    step: String,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// Tells every step of every pair, and adds the same to the events file.
pub(super) fn tell(plan: &Plan, outcomes: &[PairOutcome], events: Option<&Path>) {
    out::line("dry run, step by step, with the stand-in's prices and fills:");
    let mut lines = String::new();
    for pair in &plan.pairs {
        let Some(outcome) = outcomes.iter().find(|outcome| outcome.id == pair.id) else { continue };
        for kind in StepKind::ALL {
            let verdict = verdict(pair, &outcome.pair, &outcome.end, kind);
            out::line(&format!("  {:<24} {verdict}", format!("{}/{kind}", pair.id)));
            let line = Line { pair: &pair.id, step: kind.to_string(), verdict: &verdict };
            lines.extend(serde_json::to_string(&line).map(|line| line + "\n"));
        }
    }
    let Some(path) = events else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    if let Err(error) = file.and_then(|mut file| file.write_all(lines.as_bytes())) {
        out::note(&format!("cannot write `{}`: {error}", path.display()));
    }
}

fn verdict(plan: &PairPlan, pair: &Pair, end: &PairEnd, kind: StepKind) -> Verdict {
    let doubt = LegSide::BOTH
        .into_iter()
        .any(|side| pair.leg(side).has_unsettled(|purpose| concerns(kind, side, purpose)));
    if doubt {
        return Verdict::Unknown("the outcome of its transaction is not known".to_owned());
    }
    let ran = match kind {
        // A rule that does not hold is what a check is for; a venue that cannot be asked tells nothing.
        StepKind::Check => pair.checked.is_some() || (pair.end().is_some() && !unasked(end)),
        StepKind::Place(side) => ordered(pair, leg_of(side), &[Purpose::Entry]),
        StepKind::Watch => pair.placed_at.is_some() && !matches!(pair.step, Step::Place),
        StepKind::Hedge => {
            LegSide::BOTH.into_iter().any(|side| ordered(pair, side, &[Purpose::Hedge, Purpose::Exit]))
        }
        StepKind::Withdraw(_) if plan.withdraw.when == WithdrawWhen::Never => {
            return Verdict::WouldSkip("`withdraw.when` is `never`".to_owned());
        }
        StepKind::Withdraw(side) => match &pair.leg(leg_of(side)).withdrawal {
            Some(LegWithdrawal::Skipped(reason)) => return Verdict::WouldSkip(reason.clone()),
            sent => sent.is_some(),
        },
        StepKind::Done => pair.end().is_some(),
    };
    if ran { Verdict::WouldRun } else { not_run(pair, end, kind) }
}

/// Why a step did not run.
fn not_run(pair: &Pair, end: &PairEnd, kind: StepKind) -> Verdict {
    if pair.end().is_none() {
        return Verdict::Unknown(format!("the dry run ended before it: {}", end.summary));
    }
    if unasked(end) {
        return Verdict::Unknown(end.summary.clone());
    }
    let untraded = pair.long.trades.is_empty() && pair.short.trades.is_empty();
    if kind == StepKind::Hedge && pair.placed_at.is_some() && untraded {
        return Verdict::WouldSkip("nothing filled, so nothing is to be hedged or closed".to_owned());
    }
    Verdict::WouldSkip(end.summary.clone())
}

/// Returns whether a pair ended because somebody did not answer, or nobody knows what he did.
const fn unasked(end: &PairEnd) -> bool {
    matches!(end.code, codes::FAILED_BEFORE_SENDING | codes::FAULT | codes::UNKNOWN)
}

const fn leg_of(side: Side) -> LegSide {
    if side.is_ask() { LegSide::Short } else { LegSide::Long }
}

fn ordered(pair: &Pair, side: LegSide, purposes: &[Purpose]) -> bool {
    pair.leg(side).orders.values().any(|order| purposes.contains(&order.purpose))
}

/// Returns whether a transaction of a leg belongs to a step.
fn concerns(kind: StepKind, leg: LegSide, purpose: &Purpose) -> bool {
    match kind {
        StepKind::Check => *purpose == Purpose::Leverage,
        StepKind::Place(side) => leg_of(side) == leg && *purpose == Purpose::Entry,
        StepKind::Hedge => matches!(purpose, Purpose::Hedge | Purpose::Exit),
        StepKind::Withdraw(side) => leg_of(side) == leg && purpose.is_withdrawal(),
        StepKind::Watch | StepKind::Done => false,
    }
}
