//! `status`: where a run stands, from the live run itself or from its journal.

use clap::Args;
use serde_json::{Value, json};

use super::alerts::undelivered;
use super::stored::fold_pairs;
use super::{Context, Exit, Fault, out, reading};
use crate::engine::control::{self, ControlError, ControlOp};
use crate::engine::{Leg, Pair, RiskState, Step};
use crate::journal::{Act, EventRow, RUN_ACT, RunRow, StateDir, Store};
use crate::model::RunId;
use crate::notify::{Standing, standing};
use crate::plan::Plan;

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
        let alerts = webhooks(&store, &row.id, &events)?;
        let now = if live { ask(context, &state, &row.id)? } else { Value::Null };
        let act = events.iter().rev().find(|event| event.kind == RUN_ACT);
        let act = act.and_then(|event| serde_json::from_str::<Act>(&event.body).ok());
        out::text(&if self.json {
            document(&row, live, act.as_ref(), &pairs, &now, &alerts)
        } else {
            report(&row, live, act.as_ref(), &pairs, &now) + &told(&alerts)
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

/// Returns how the plan's webhooks stand. A plan of another program has none that this one knows.
fn webhooks(store: &dyn Store, run: &RunId, events: &[EventRow]) -> Result<Vec<Standing>, Fault> {
    let definition = store.definition(run).map_err(reading::fault)?;
    let plan: Option<Plan> = serde_json::from_str(&definition.plan_json).ok();
    Ok(plan.map(|plan| standing(&plan.notify, events)).unwrap_or_default())
}

fn told(alerts: &[Standing]) -> String {
    let mut text = String::new();
    for standing in alerts {
        let (missing, delivered) = (standing.missing.len(), standing.delivered);
        text += &format!("  {}  {delivered} alerts delivered, {missing} not\n", standing.webhook);
    }
    for line in undelivered(alerts) {
        text += &format!("    not delivered to {line}\n");
    }
    text
}

fn describe(pair: &Pair) -> Value {
    let summary = match &pair.step {
        Step::Done(end) => Some(end.summary.clone()),
        _ => None,
    };
    json!({
        "step": pair.step.name(),
        "since": pair.step_since.to_string(),
        "risk": pair.risk,
        "risk_reason": pair.risk_reason,
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

/// The run may do what the pair that may do least still does; a pair that ended cleanly counts as it ended.
fn worst_risk(pairs: &[(String, Value)]) -> RiskState {
    let state =
        |(_, pair): &(String, Value)| serde_json::from_value(pair["risk"].clone()).unwrap_or_default();
    pairs.iter().map(state).max().unwrap_or_default()
}

fn document(
    row: &RunRow,
    live: bool,
    act: Option<&Act>,
    pairs: &[(String, Value)],
    now: &Value,
    alerts: &[Standing],
) -> String {
    let alerts: Vec<_> = alerts
        .iter()
        .map(|standing| {
            json!({
                "webhook": standing.webhook,
                "delivered": standing.delivered,
                "not_delivered": undelivered(std::slice::from_ref(standing)),
            })
        })
        .collect();
    let risk = worst_risk(pairs);
    let pairs: serde_json::Map<_, _> = pairs.iter().cloned().collect();
    let document = json!({
        "run": row.id, "name": row.name, "network": row.network, "created_at": row.created_at,
        "risk": risk, "status": row.status, "exit_code": row.exit_code, "live": live, "events": row.head_seq,
        "last_act": act, "pairs": pairs, "now": now, "alerts": alerts,
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
        if pair["risk"] != "active" {
            let risk = word(&pair["risk"]).to_uppercase();
            text += &format!("    risk   {risk}: {}\n", word(&pair["risk_reason"]));
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
