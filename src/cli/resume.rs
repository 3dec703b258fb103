//! `resume`: goes on after a crash or a stop, with the stored plan.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;

use super::accept::{self, AcceptError, NewPlan};
use super::apply::{ApplyError, lock_all};
use super::execute::{Execution, execute};
use super::session::{self, PaperFiles};
use super::stored::{StoredError, fold_pairs};
use super::{Context, Exit, out};
use crate::engine::{StopMode, codes};
use crate::journal::{JournalError, Priority, RunRow, StateDir, Store, verify};
use crate::model::RunId;
use crate::plan::Plan;
use crate::venue::lighter::OrderEntry;

const EXAMPLES: &str = "\
Examples:
  lighter-plan resume
  lighter-plan resume 20261122213000-a1b2c3
  lighter-plan resume --plan plan.yaml --accept-change

Without RUN it takes the only run that is not ended. Resuming twice is the same as resuming once.
It goes on with the plan that the run has, whatever became of the file. With --plan the file is compared with that
plan, and a difference is told step by step and ends with 26. With --accept-change the run goes on with the file, when
only steps differ that have not started, and no difference is more risk.";

/// Goes on with a run after a crash or a stop
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ResumeArgs {
    /// The run; without it, the only one that is not ended
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
    #[command(flatten)]
    plan: NewPlan,
    /// Append every journaled entry to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
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
            Self::Apply(error) => error.exit(),
            Self::Journal(error) if error.is_corruption() => Exit::JOURNAL,
            Self::Journal(error) if error.is_contention() => Exit::LOCKED,
            Self::Journal(_) => Exit::FAULT,
        }
    }
}

impl ResumeArgs {
    pub(super) fn run(self, context: &Context) -> Exit {
        finish(context.block_on(Box::pin(resume(
            context,
            self.run,
            self.plan,
            self.events,
            None,
            self.order_entry,
        ))))
    }
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

/// Goes on with a run; with `stop`, only to carry that out.
pub(super) async fn resume(
    context: &Context,
    run: Option<RunId>,
    new: NewPlan,
    events_file: Option<PathBuf>,
    stop: Option<StopMode>,
    order_entry: OrderEntry,
) -> Result<Exit, ResumeError> {
    let state = StateDir::open(context.state_dir())?;
    let row = pick(&state, run.as_ref())?;
    let run = row.id.clone();
    if row.status == "ended" {
        let code = row.exit_code.unwrap_or(codes::OK);
        out::line(&format!("run {run} has ended with code {code}; nothing is left to do"));
        return Ok(Exit::of_run(code));
    }
    let plan = stored_plan(&state, &run)?;
    let locks = lock_all(&state, &run, &plan, "resume").map_err(ApplyError::from)?;
    let journal = state.journal()?;
    // Claimed first, read afterwards: nobody writes to it any more but us (U-13).
    let wanted = run.clone();
    journal.read(move |store| verify(store, &wanted)).await??;
    let events = journal.events(&run, 1).await?;
    let states = fold_pairs(&events).map_err(|source| ResumeError::Stored { run: run.clone(), source })?;
    let refused = |source| ResumeError::Accept { run: run.clone(), source };
    let plan = accept::current(plan, &events).map_err(refused)?;
    let change = new.against(&plan, &states, context).map_err(refused)?;
    let plan = change.as_ref().map_or(plan, |change| change.plan.clone());
    let files = PaperFiles::of(&state.paper(), &run);
    let session = session::open(&plan, Some(&files), order_entry, context.passphrases())
        .await
        .map_err(ApplyError::from)?;
    if let Some(change) = change {
        // Only now: a plan whose keys cannot be read would else be the one that the next resume goes on with.
        let event = change.event(session.clock.now()).map_err(refused)?;
        journal.append(&run, Priority::Normal, vec![event], Vec::new()).await?;
        change.lines().for_each(|line| out::note(&format!("accepted: {line}")));
    }
    out::note(&format!("run {run} goes on from event {}", row.head_seq));
    let execution = Execution {
        control: Some(state.control_socket(&run)),
        run,
        plan,
        journal,
        session,
        states,
        resumed: true,
        events: events_file,
        live: io::stdout().is_terminal(),
        stop,
    };
    let exit = Box::pin(execute(execution)).await.map_err(ApplyError::from)?;
    drop(locks);
    Ok(exit)
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
