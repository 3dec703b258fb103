//! `resume`: goes on after a crash or a stop, with the stored plan.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;

use super::accept::{self, AcceptError, NewPlan};
use super::apply::{ApplyError, lock_all, stopped_early};
use super::execute::{Execution, Task, execute};
use super::session::{self, PaperFiles};
use super::signals::Signals;
use super::stored::{StoredError, fold_pairs};
use super::takeover::{TakeOverError, take_over};
use super::until;
use super::{Context, Exit, alerts, out};
use crate::engine::{Pair, codes};
use crate::journal::{Act, Journal, JournalError, Lock, Priority, RunRow, StateDir, Store, verified_events};
use crate::model::{PairId, RunId};
use crate::notify::Receiver;
use crate::plan::Plan;
use crate::venue::lighter::OrderEntry;

const EXAMPLES: &str = "\
Examples:
  lighter-plan resume
  lighter-plan resume 20261122213000-a1b2c3
  lighter-plan resume --reconcile-only                # ask the venue, write down what it says, send nothing
  lighter-plan resume --take-over                     # on another host, with a copy of the state directory
  lighter-plan resume --plan plan.yaml --accept-change

Without RUN it takes the only run that is not ended. Resuming twice is the same as resuming once.
It goes on with the plan that the run has, whatever became of the file. With --plan the file is compared with that
plan, and a difference is told step by step and ends with 26. With --accept-change the run goes on with the file, when
only steps differ that have not started, and no difference is more risk.

With --reconcile-only: 21 nothing is open beyond policy, 23 orders or a difference stand, 24 something is
still unknown. With --take-over: 25 when the run went on elsewhere after the copy was made.";

/// Goes on with a run after a crash or a stop
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ResumeArgs {
    /// The run; without it, the only one that is not ended
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
    #[command(flatten)]
    plan: NewPlan,
    /// Ask the venue about everything in doubt, write it down, send nothing
    #[arg(long, conflicts_with_all = ["take_over", "accept_change"])]
    reconcile_only: bool,
    /// Take the run from another host: first burn the nonces that it may have signed with
    #[arg(long)]
    take_over: bool,
    /// Append every journaled entry to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Stop when this step is finished, as `stop` does, and keep what is held; the next `resume` goes on
    ///
    /// `check`, `place`, `watch`, `hedge`, `withdraw`, one leg's as `place.long`, or one pair's as `alpha/hedge`: then the
    /// other pairs stop with it. Orders are left or cancelled as `on_stop` says; nothing is closed for `on_stop: flatten`.
    #[arg(long, value_name = "STEP", conflicts_with = "reconcile_only")]
    until: Option<String>,
    /// How cancels and hedges reach the venue
    #[arg(long, value_enum, default_value_t, value_name = "WAY", env = "LIGHTER_PLAN_ORDER_ENTRY")]
    order_entry: OrderEntry,
}

/// Why a run cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResumeError {
    /// No such run, or none that is open.
    #[error("{0}")]
    NoRun(String),
    /// The stored plan is of another program.
    #[error("the stored plan of run `{run}` cannot be read by this program")]
    Plan {
        /// The run.
        run: RunId,
        /// Why.
        source: serde_json::Error,
    },
    /// The stored entries make no state.
    #[error("the journal of run `{run}` makes no state")]
    Stored {
        /// The run.
        run: RunId,
        /// Why.
        source: StoredError,
    },
    /// The plan file does not fit the run.
    #[error("run `{run}` is not gone on with")]
    Accept {
        /// The run.
        run: RunId,
        /// Why.
        source: AcceptError,
    },
    /// It was not taken over.
    #[error("the run is not taken over")]
    TakeOver(#[from] TakeOverError),
    /// Anything that can go wrong with a new run, too.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The journal.
    #[error("the state directory cannot be used")]
    Journal(#[from] JournalError),
}

impl ResumeError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::NoRun(_) => Exit::FAULT,
            Self::Plan { .. } => Exit::CHANGED,
            Self::Accept { source, .. } => source.exit(),
            Self::Stored { .. } => Exit::JOURNAL,
            Self::TakeOver(error) => error.exit(),
            Self::Apply(error) => error.exit(),
            Self::Journal(error) if error.is_corruption() => Exit::JOURNAL,
            Self::Journal(error) if error.is_contention() => Exit::LOCKED,
            Self::Journal(_) => Exit::FAULT,
        }
    }
}

impl ResumeArgs {
    pub(super) fn run(self, context: &Context) -> Exit {
        let task = if self.reconcile_only { Task::Look } else { Task::GoOn };
        let detail = match (self.reconcile_only, self.take_over, self.plan.is_accepted()) {
            (true, ..) => "--reconcile-only",
            (_, true, true) => "--take-over --accept-change",
            (_, true, false) => "--take-over",
            (_, false, true) => "--accept-change",
            (_, false, false) => "",
        };
        let wanted = Wanted {
            run: self.run,
            plan: self.plan,
            events: self.events,
            order_entry: self.order_entry,
            act: Act::here("resume", detail),
            task,
            until: self.until,
            take_over: self.take_over,
        };
        finish(context.block_on(Box::pin(resume(context, wanted))))
    }
}

/// How a run is gone on with.
pub(super) struct Wanted {
    /// Which; `None` for the only one that is open.
    pub(super) run: Option<RunId>,
    /// A plan file to compare with, or to go on with.
    pub(super) plan: NewPlan,
    /// Where `--events` goes.
    pub(super) events: Option<PathBuf>,
    pub(super) order_entry: OrderEntry,
    pub(super) act: Act,
    pub(super) task: Task,
    /// The step to stop after, as it was given.
    pub(super) until: Option<String>,
    /// Whether its nonces are burnt first.
    pub(super) take_over: bool,
}

/// Prints what went wrong, if anything, and returns the exit code.
pub(super) fn finish(result: io::Result<Result<Exit, ResumeError>>) -> Exit {
    match result.map_err(|error| ResumeError::Apply(error.into())).flatten() {
        Ok(exit) => exit,
        Err(error) => {
            out::error(&error);
            error.exit()
        }
    }
}

/// A run that this process holds: locked, its chain verified, its states folded.
pub(super) struct Claimed {
    pub(super) run: RunId,
    pub(super) plan: Plan,
    pub(super) journal: Journal,
    pub(super) states: BTreeMap<PairId, Pair>,
    /// Who is told of its alerts.
    pub(super) webhooks: Vec<Receiver>,
    /// Held until this is dropped.
    _locks: Vec<Lock>,
}

/// Takes a run's locks and reads it.
pub(super) async fn claim(state: &StateDir, run: &RunId, command: &str) -> Result<Claimed, ResumeError> {
    let plan = stored_plan(state, run)?;
    let locks = lock_all(state, run, &plan, command).map_err(ApplyError::from)?;
    let journal = state.journal()?;
    // Claimed first, read afterwards: nobody writes to it any more but us (U-13).
    let wanted = run.clone();
    let events = journal.read(move |store| verified_events(store, &wanted)).await??;
    let states = fold_pairs(&events).map_err(|source| ResumeError::Stored { run: run.clone(), source })?;
    let plan =
        accept::current(plan, &events).map_err(|source| ResumeError::Accept { run: run.clone(), source })?;
    let webhooks = alerts::webhooks_of_run(&plan, &events);
    Ok(Claimed { run: run.clone(), plan, journal, states, webhooks, _locks: locks })
}

/// Goes on with a run, or with as much of it as is wanted.
pub(super) async fn resume(context: &Context, wanted: Wanted) -> Result<Exit, ResumeError> {
    let state = StateDir::open(context.state_dir())?;
    let row = pick(&state, wanted.run.as_ref())?;
    if row.status == "ended" {
        let code = row.exit_code.unwrap_or(codes::OK);
        out::line(&format!("run {} has ended with code {code}; nothing is left to do", row.id));
        return Ok(Exit::of_run(code));
    }
    let mut signals = Signals::listen().map_err(ApplyError::Io)?;
    let Claimed { run, plan, journal, mut states, webhooks, _locks } =
        claim(&state, &row.id, &wanted.act.command).await?;
    let refused = |source| ResumeError::Accept { run: run.clone(), source };
    let change = wanted.plan.against(&plan, &states, context).map_err(refused)?;
    let plan = change.as_ref().map_or(plan, |change| change.plan.clone());
    let until = wanted.until.as_deref().map(|step| until::read(step, &plan)).transpose();
    let until = until.map_err(ApplyError::from)?;
    let files = PaperFiles::of(&state.paper(), &run);
    let opened = session::open(&plan, Some(&files), wanted.order_entry, context.passphrases());
    let Some(session) = signals.unless_asked(opened).await else { return Ok(stopped_early()) };
    let session = session.map_err(ApplyError::from)?;
    if wanted.take_over {
        let burnt = take_over(&run, &plan, &session, &journal, &mut states).await?;
        out::note(&format!("run {run} is taken over: {burnt} nonces burnt, nothing signed before can land"));
    }
    if let Some(change) = change {
        // Only now: a plan whose keys cannot be read would else be the one that the next resume goes on with.
        let event = change.event(session.clock.now()).map_err(refused)?;
        journal.append(&run, Priority::Normal, vec![event], Vec::new()).await?;
        change.lines().for_each(|line| out::note(&format!("accepted: {line}")));
    }
    out::note(&match wanted.task {
        Task::Look => format!("run {run} is looked at from event {}; nothing is sent", row.head_seq),
        Task::GoOn | Task::Rehearse | Task::Stop(_) => {
            format!("run {run} goes on from event {}", row.head_seq)
        }
    });
    let execution = Execution {
        control: Some(state.control_socket(&run)),
        run,
        plan,
        journal,
        session,
        states,
        resumed: true,
        events: wanted.events,
        live: io::stdout().is_terminal(),
        act: wanted.act,
        task: wanted.task,
        until,
        webhooks,
        signals,
    };
    Ok(Box::pin(execute(execution)).await.map_err(ApplyError::from)?)
}

/// Returns the run that is meant.
pub(crate) fn pick(state: &StateDir, wanted: Option<&RunId>) -> Result<RunRow, ResumeError> {
    let rows = state.reader()?.runs()?;
    if let Some(wanted) = wanted {
        let known = || rows.iter().map(|row| row.id.to_string()).collect::<Vec<_>>().join(", ");
        let missing = || ResumeError::NoRun(format!("there is no run `{wanted}`; known are: {}", known()));
        return rows.iter().find(|row| row.id == *wanted).cloned().ok_or_else(missing);
    }
    let open: Vec<_> = rows.iter().filter(|row| row.status != "ended").collect();
    match open.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(ResumeError::NoRun("no run is open; `lighter-plan runs` lists them".to_owned())),
        several => {
            let names: Vec<_> = several.iter().map(|row| row.id.to_string()).collect();
            Err(ResumeError::NoRun(format!("several runs are open, name one: {}", names.join(", "))))
        }
    }
}

/// Returns the plan that a run was started with.
pub(crate) fn stored_plan(state: &StateDir, run: &RunId) -> Result<Plan, ResumeError> {
    let definition = state.reader()?.definition(run)?;
    serde_json::from_str(&definition.plan_json)
        .map_err(|source| ResumeError::Plan { run: run.clone(), source })
}
