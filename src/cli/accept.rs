//! Another plan file for a run that is under way: what may change, and the entry that says that it did.
//!
//! The plan that a run was started with stays what its chain begins with. An accepted one is an event like any other; the
//! last one of them is what `resume` goes on with.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::apply::absolute_world;
use super::plan::report;
use super::policy::{Policies, PolicyArgs};
use super::{Context, Exit, Variables};
use crate::engine::{Pair, Purpose, Step};
use crate::graph::{self, Change, ChangeError, RiskChange, StepKind};
use crate::journal::{EventRow, NewEvent};
use crate::lint::{PolicyError, check_with};
use crate::model::{PairId, Side, Timestamp, snapshot_markets};
use crate::plan::{Plan, ReadError, SourceFile};

/// The kind of the event that holds an accepted plan.
pub(super) const ACCEPTED: &str = "plan.accepted";

/// Digits of a step's hash that are shown.
const HASH: usize = 8;

/// A plan file for `resume`.
#[derive(Debug, Default, Args)]
pub(super) struct NewPlan {
    /// Compare this plan with the run's; they must be the same, unless --accept-change
    #[arg(long = "plan", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Go on with the plan of --plan: only steps that have not started may differ, with equal or tighter risk
    #[arg(long, requires = "file")]
    accept_change: bool,
    #[command(flatten)]
    variables: Variables,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// Why a plan file is not gone on with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptError {
    /// The plans have no step graph.
    #[error("the plans cannot be compared")]
    Compare(#[from] ChangeError),
    /// It differs, and that was not accepted or cannot be.
    #[error("the plan file is not the plan of the run\n{0}")]
    Differs(Differences),
    /// The file has findings of severity error.
    #[error("the plan file has errors")]
    Findings,
    /// An accepted plan is of another program.
    #[error("event {seq}, an accepted plan, cannot be read by this program")]
    Unreadable {
        /// The event.
        seq: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// A plan without a JSON form.
    #[error("the plan has no JSON form")]
    Encode(#[from] serde_json::Error),
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Values for a plan file that is not there.
    #[error("`--set` and `--vars` are for the file of `--plan`; the run has its values already")]
    NoFile,
}

impl AcceptError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Compare(_) | Self::Differs(_) | Self::Unreadable { .. } => Exit::CHANGED,
            Self::Findings => Exit::FAILED,
            Self::NoFile | Self::Policy(PolicyError::Invalid { .. }) => Exit::USAGE,
            Self::Read(_) | Self::Policy(PolicyError::Read { .. }) | Self::Encode(_) => Exit::FAULT,
        }
    }
}

/// A plan that was accepted in place of the run's.
#[derive(Debug)]
pub(super) struct NewDefinition {
    pub(super) plan: Plan,
    source: String,
    differences: Differences,
}

/// All that differs, and what may not.
#[derive(Debug)]
pub(crate) struct Differences(Vec<Judged>);

/// A change, and why it cannot be accepted.
#[derive(Debug)]
struct Judged {
    change: Change,
    refusal: Option<String>,
}

/// The body of an [`ACCEPTED`] event.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Accepted {
    /// The compiled plan; its form is the program's own.
    #[schemars(with = "serde_json::Value")]
    plan: Plan,
    /// The text as the operator wrote it.
    source: String,
    /// The hash of the step graph.
    graph: String,
    /// What differed, in words.
    changes: Vec<String>,
    /// The version of the program that accepted it.
    program: String,
}

/// Returns the plan that a run goes on with: the last accepted one, else the one that it was started with.
pub(super) fn current(first: Plan, events: &[EventRow]) -> Result<Plan, AcceptError> {
    let Some(last) = events.iter().rev().find(|event| event.kind == ACCEPTED) else { return Ok(first) };
    let accepted = serde_json::from_str::<Accepted>(&last.body);
    accepted.map(|accepted| accepted.plan).map_err(|source| AcceptError::Unreadable { seq: last.seq, source })
}

impl NewPlan {
    /// Returns whether a change is accepted.
    pub(super) const fn is_accepted(&self) -> bool {
        self.accept_change
    }

    /// Compares the file, if there is one, with the plan of the run. Nothing is returned when the run goes on with the plan
    /// that it has.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Differs`] with every difference, when that was not accepted or cannot be.
    pub(super) fn against(
        &self,
        old: &Plan,
        states: &BTreeMap<PairId, Pair>,
        context: &Context,
    ) -> Result<Option<NewDefinition>, AcceptError> {
        let Some((plan, source)) = self.read(context)? else { return Ok(None) };
        let changes = graph::changes(old, &plan, snapshot_markets())?;
        let judged = changes.into_iter().map(|change| Judged { refusal: refusal(&change, states), change });
        let differences = Differences(judged.collect());
        if differences.0.is_empty() {
            return Ok(None);
        }
        if !self.accept_change || !differences.are_acceptable() {
            return Err(AcceptError::Differs(differences));
        }
        Ok(Some(NewDefinition { plan, source, differences }))
    }

    fn read(&self, context: &Context) -> Result<Option<(Plan, String)>, AcceptError> {
        let Some(file) = &self.file else {
            return if self.variables.is_empty() { Ok(None) } else { Err(AcceptError::NoFile) };
        };
        let source = SourceFile::read(file)?;
        let policy = self.policy.read(file, &Policies::default())?;
        let checked = check_with(&source, &self.variables.options()?, snapshot_markets(), &policy);
        report(&source, &checked, context);
        let mut plan = checked.plan.ok_or(AcceptError::Findings)?;
        if let Some(paper) = &mut plan.paper {
            paper.world = absolute_world(paper);
        }
        Ok(Some((plan, source.text().to_owned())))
    }
}

impl NewDefinition {
    /// Returns the event by which the run goes on with it.
    pub(super) fn event(&self, at: Timestamp) -> Result<NewEvent, AcceptError> {
        let graph = graph::compile(&self.plan, snapshot_markets()).map_err(ChangeError::from)?;
        let body = Accepted {
            plan: self.plan.clone(),
            source: self.source.clone(),
            graph: graph.hash,
            changes: self.lines().collect(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(NewEvent { pair: None, kind: ACCEPTED.to_owned(), at, body: serde_json::to_string(&body)? })
    }

    /// Returns what differs, in words.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.differences.0.iter().map(|judged| line(&judged.change))
    }
}

impl Differences {
    /// Returns whether nothing speaks against going on with the new plan.
    fn are_acceptable(&self) -> bool {
        self.0.iter().all(|judged| judged.refusal.is_none())
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for judged in &self.0 {
            let refusal = judged.refusal.as_deref().unwrap_or("can be accepted");
            writeln!(f, "  {}: {refusal}", line(&judged.change))?;
            for step in &judged.change.steps {
                let (old, new) = (&step.old[..HASH], &step.new[..HASH]);
                writeln!(f, "    step {}/{}: {old} → {new}", step.pair, step.kind)?;
            }
        }
        f.write_str(if self.are_acceptable() {
            "  `--accept-change` goes on with it"
        } else {
            "  without `--plan`, `resume` goes on with the plan that it has"
        })
    }
}

fn line(change: &Change) -> String {
    let pair = change.pair.as_ref().map_or(String::new(), |pair| format!("{pair}: "));
    format!("{pair}{}: {} → {}", change.field, change.old, change.new)
}

/// Returns why a change cannot be accepted; nothing when it can.
fn refusal(change: &Change, states: &BTreeMap<PairId, Pair>) -> Option<String> {
    let words = match change.risk {
        RiskChange::Equal | RiskChange::Tighter => None,
        RiskChange::Looser => Some("that is more risk"),
        RiskChange::Incomparable => Some("nobody can tell whether that is more risk"),
        RiskChange::Identity => Some("that is another run"),
    };
    if let Some(words) = words {
        return Some(words.to_owned());
    }
    let started = change.steps.iter().find(|step| {
        // A pair that the journal does not name has not begun.
        states.get(&step.pair).is_some_and(|pair| has_started(pair, step.kind))
    })?;
    Some(format!("step {}/{} has started", started.pair, started.kind))
}

/// Returns whether a step has done something, or decided on what it reads. A pair that has only looked is checked anew by
/// every resume, so that its check has not started.
fn has_started(pair: &Pair, kind: StepKind) -> bool {
    let hedged = || {
        let own = pair.long.orders.values().chain(pair.short.orders.values());
        pair.naked.since.is_some()
            || pair.had_emergency
            || own.into_iter().any(|order| matches!(order.purpose, Purpose::Hedge | Purpose::Exit))
    };
    let back = |side: Side| {
        let leg = if side == Side::Buy { &pair.long } else { &pair.short };
        leg.withdrawal.is_some()
    };
    match (&pair.step, kind) {
        (Step::Done(_), _) => true,
        (_, StepKind::Done) => false,
        (Step::Check, StepKind::Check) => pair.intents > 0,
        (_, StepKind::Check) => true,
        (step, StepKind::Place(_)) => *step != Step::Check,
        (step, StepKind::Watch) => !matches!(step, Step::Check | Step::Place),
        (Step::Hedge(_) | Step::Exit(_) | Step::Withdraw, StepKind::Hedge) => true,
        (Step::Check | Step::Place | Step::Watch, StepKind::Hedge) => hedged(),
        (step, StepKind::Withdraw(side)) => *step == Step::Withdraw || back(side),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ExitReason;

    /// F-23: what has started, place by place along the graph.
    #[test]
    fn f_23_a_step_has_started_once_it_decided_something() {
        let started = |pair: &Pair| -> Vec<String> {
            let all = StepKind::ALL.into_iter().filter(|kind| has_started(pair, *kind));
            all.map(|kind| kind.to_string()).collect()
        };
        let mut pair = Pair::default();
        assert_eq!(started(&pair), [""; 0]);
        pair.intents = 1;
        assert_eq!(started(&pair), ["check"]);
        pair.step = Step::Place;
        assert_eq!(started(&pair), ["check", "place.long", "place.short"]);
        pair.step = Step::Watch;
        assert_eq!(started(&pair), ["check", "place.long", "place.short", "watch"]);
        pair.naked.since = Some(Timestamp::from_millis(1));
        assert_eq!(started(&pair).last().map(String::as_str), Some("hedge"));
        pair.naked.since = None;
        pair.step = Step::Exit(ExitReason::MaxHold);
        assert_eq!(started(&pair).len(), 5);
        pair.step = Step::Withdraw;
        assert_eq!(started(&pair).len(), 7);
    }
}
