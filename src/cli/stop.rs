//! `stop` and `flatten`: from another terminal, whether the run lives or not.

use clap::Args;

use super::accept::NewPlan;
use super::execute::Task;
use super::resume::{Wanted, finish, resume};
use super::{Context, Exit, Fault, out, reading};
use crate::engine::StopMode;
use crate::engine::control::{self, ControlError, ControlOp};
use crate::journal::Act;
use crate::model::RunId;
use crate::venue::lighter::OrderEntry;

/// Stop a run: nothing new starts, what is under way is settled, then `on_stop`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan stop
  lighter-plan stop 20261122213000-a1b2c3

A live run is told over its control socket. A run whose process died is taken up, stopped by its
plan's `on_stop`, and left resumable; that needs its keys. USDC is never withdrawn by a stop.
Exit codes: 0 a live run was told; else as `resume`, 21 when stopped within policy.")]
pub(super) struct StopArgs {
    /// The run; without it, the latest one
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
}

/// Cancel all orders of a run and close all its positions, reduce-only
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan flatten
  lighter-plan flatten 20261122213000-a1b2c3

A live run is told over its control socket; a run whose process died is taken up for it, which
needs only its keys.
Exit codes: 0 a live run was told; else as `resume`, 21 when flat.")]
pub(super) struct FlattenArgs {
    /// The run; without it, the latest one
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
}

impl StopArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        tell(context, self.run.as_ref(), ControlOp::Stop, StopMode::Policy)
    }
}

impl FlattenArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        tell(context, self.run.as_ref(), ControlOp::Flatten, StopMode::Flatten)
    }
}

fn tell(context: &Context, run: Option<&RunId>, op: ControlOp, mode: StopMode) -> Result<Exit, Fault> {
    let (state, store) = reading::open(context)?;
    let row = reading::pick(&store, run)?;
    if reading::is_live(&state, &row.id)? {
        match context.block_on(control::ask(&state.control_socket(&row.id), op))? {
            Ok(reply) => {
                out::line(&format!("run {}: {}", row.id, reply.message));
                return Ok(if reply.ok { Exit::OK } else { Exit::FAILED });
            }
            // It ended between the look and the question.
            Err(ControlError::NotLive { .. }) => {}
            Err(error) => return Err(Fault::tool(error)),
        }
    }
    drop(store);
    let command = if mode == StopMode::Flatten { "flatten" } else { "stop" };
    let wanted = Wanted {
        run: Some(row.id),
        plan: NewPlan::default(),
        events: None,
        order_entry: OrderEntry::default(),
        act: Act::here(command, ""),
        task: Task::Stop(mode),
        until: None,
        take_over: false,
    };
    let taken = resume(context, wanted);
    Ok(finish(context.block_on(Box::pin(taken))))
}
