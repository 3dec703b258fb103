//! `status`: where a run stands, from the live run itself or from its journal.

use clap::Args;
use serde_json::{Value, json};

use super::stored::fold_pairs;
use super::{Context, Exit, Fault, out, reading};
use crate::engine::control::{self, ControlError, ControlOp};
use crate::engine::{Leg, Pair, Step};
use crate::journal::{Act, RUN_ACT, RunRow, StateDir, Store};
use crate::model::RunId;

/// Show where a run stands
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan status
  lighter-plan status 20261122213000-a1b2c3 --json

Without RUN: the latest run. Takes no lock and works while the run lives.")]
pub(super) struct StatusArgs {
    /// The run; the latest one when left out
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

impl StatusArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let (state, store) = reading::open(context)?;
        let row = reading::pick(&store, self.run.as_ref())?;
        let live = reading::is_live(&state, &row.id)?;
        let events = store.events(&row.id, 1).map_err(reading::fault)?;
        let pairs = fold_pairs(&events).map_err(|error| Fault::with(Exit::JOURNAL, error))?;
        let pairs: Vec<_> = pairs.iter().map(|(id, pair)| (id.to_string(), describe(pair))).collect();
        let now = if live { ask(context, &state, &row.id)? } else { Value::Null };
        let act = events.iter().rev().find(|event| event.kind == RUN_ACT);
        let act = act.and_then(|event| serde_json::from_str::<Act>(&event.body).ok());
        out::text(&if self.json {
            document(&row, live, act.as_ref(), &pairs, &now)
        } else {
            report(&row, live, act.as_ref(), &pairs, &now)
        })?;
        Ok(Exit::OK)
    }
}

/// Asks the live run for what is not journaled, such as prices and balances; null when it has just ended.
fn ask(context: &Context, state: &StateDir, run: &RunId) -> Result<Value, Fault> {
    match context.block_on(control::ask(&state.control_socket(run), ControlOp::Status))? {
        Ok(reply) => Ok(reply.detail),
        Err(ControlError::NotLive { .. }) => Ok(Value::Null),
        Err(error) => {
            out::note(&format!("the live run does not answer, this is what it journaled: {error}"));
            Ok(Value::Null)
        }
    }
}

fn describe(pair: &Pair) -> Value {
    let summary = match &pair.step {
        Step::Done(end) => Some(end.summary.clone()),
        _ => None,
    };
    json!({
        "step": pair.step.name(),
        "since": pair.step_since.to_string(),
        "flat": pair.is_flat(),
        // Without a check there is no tolerance yet: whatever is held then is not the plan's.
        "naked": pair.is_naked() || (pair.checked.is_none() && !pair.is_flat()),
        "long": leg(&pair.long),
        "short": leg(&pair.short),
        "summary": summary,
    })
}

fn leg(leg: &Leg) -> Value {
    json!({
        "position_lots": leg.position.lots(),
        "orders": leg.live_orders().count(),
        "in_doubt": leg.unsettled.len(),
        "liquidated": leg.liquidated,
    })
}

fn document(row: &RunRow, live: bool, act: Option<&Act>, pairs: &[(String, Value)], now: &Value) -> String {
    let pairs: serde_json::Map<_, _> = pairs.iter().cloned().collect();
    let document = json!({
        "run": row.id, "name": row.name, "network": row.network, "created_at": row.created_at,
        "status": row.status, "exit_code": row.exit_code, "live": live, "events": row.head_seq,
        "last_act": act,
        "pairs": pairs, "now": now,
    });
    format!("{document:#}\n")
}

fn report(row: &RunRow, live: bool, act: Option<&Act>, pairs: &[(String, Value)], now: &Value) -> String {
    let standing = reading::standing(row, live);
    let mut text = format!(
        "run {}  {}  {} on {}  since {}  {} events\n",
        row.id, standing, row.name, row.network, row.created_at, row.head_seq
    );
    if let Some(act) = act {
        text += &format!("  last act: {act}\n");
    }
    for (id, pair) in pairs {
        let exposure = exposure(pair);
        let (step, since) = (word(&pair["step"]), word(&pair["since"]));
        text += &format!("  {id:<10}  {step:<8}  since {since}  {exposure}\n");
        for side in ["long", "short"] {
            let leg = &pair[side];
            text += &format!(
                "    {side:<5}  position {} lots, {} live orders, {} in doubt{}\n",
                leg["position_lots"],
                leg["orders"],
                leg["in_doubt"],
                if leg["liquidated"] == true { ", liquidated" } else { "" }
            );
        }
        if let Some(summary) = pair["summary"].as_str() {
            text += &format!("    {summary}\n");
        }
        let now = &now[id.as_str()];
        if now.is_object() {
            text += &format!(
                "    now    Δ {}, result {} USDC, {}\n",
                word(&now["delta"]),
                word(&now["result"]),
                word(&now["note"])
            );
        }
    }
    text
}

/// An open pair whose legs are equal is what a plan is for; only a difference beyond the tolerance is exposure.
fn exposure(pair: &Value) -> &'static str {
    if pair["naked"] == true {
        "EXPOSED"
    } else if pair["flat"] == true {
        "flat"
    } else {
        "open, neutral"
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}
