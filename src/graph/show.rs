//! A step graph for people and programs: Mermaid, Graphviz, JSON.

use serde_json::{Value, json as object};

use super::step::{PairGraph, Step, StepGraph, StepKind};

/// Writes a Mermaid flowchart, one subgraph a pair.
pub fn mermaid(graph: &StepGraph) -> String {
    let mut text = String::from("flowchart LR\n");
    for (index, pair) in graph.pairs.iter().enumerate() {
        text.push_str(&format!("  subgraph p{index}[\"{} ({})\"]\n", pair.id, pair.market));
        for step in &pair.steps {
            text.push_str(&format!("    {}[\"{}\"]\n", node(index, step.kind), label(pair, step, "<br/>")));
        }
        for (from, to) in StepKind::EDGES {
            text.push_str(&format!("    {} --> {}\n", node(index, from), node(index, to)));
        }
        text.push_str("  end\n");
    }
    text
}

/// Writes a Graphviz digraph, one cluster a pair.
pub fn dot(graph: &StepGraph) -> String {
    let mut text = String::from("digraph plan {\n  rankdir=LR;\n  node [shape=box];\n");
    for (index, pair) in graph.pairs.iter().enumerate() {
        text.push_str(&format!(
            "  subgraph cluster_{index} {{\n    label=\"{} ({})\";\n",
            pair.id, pair.market
        ));
        for step in &pair.steps {
            text.push_str(&format!(
                "    {} [label=\"{}\"];\n",
                node(index, step.kind),
                label(pair, step, "\\n")
            ));
        }
        for (from, to) in StepKind::EDGES {
            text.push_str(&format!("    {} -> {};\n", node(index, from), node(index, to)));
        }
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

/// Writes the graph with orders, edges and hashes as JSON; amounts are text, so that no reader rounds them.
pub fn json(graph: &StepGraph) -> String {
    let pairs: Vec<Value> = graph.pairs.iter().map(describe).collect();
    let document = object!({
        "version": 1,
        "plan": graph.plan,
        "hash": graph.hash,
        "exposure_usdc": graph.exposure.to_string(),
        "max_exposure_usdc": graph.max_exposure.to_string(),
        "largest_leg_usdc": graph.largest_leg.to_string(),
        "pairs": pairs,
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn describe(pair: &PairGraph) -> Value {
    let name = |kind: StepKind| format!("{}/{kind}", pair.id);
    let edges: Vec<Value> =
        StepKind::EDGES.iter().map(|(from, to)| object!([name(*from), name(*to)])).collect();
    let orders: Vec<Value> = pair
        .orders
        .iter()
        .map(|order| {
            let mut row = object!({
                "account": order.account,
                "side": order.side,
                "market_id": order.market,
                "price_ticks": order.price,
                "size_lots": order.size,
                "time_in_force": order.time_in_force,
                "expires_in_ms": u64::try_from(order.expires_in.as_millis()).unwrap_or(u64::MAX),
                "pegged": order.pegged,
                "price": order.price_text,
                "size": order.size_text,
                "notional_usdc": order.notional.to_string(),
                "initial_margin_usdc": order.initial_margin.to_string(),
                "fee_at_most_usdc": order.fee_at_most.to_string(),
                "liquidation_price": order.liquidation.map(|at| at.price.normalize().to_string()),
                "liquidation_distance_pct": order.liquidation.map(|at| at.distance_pct.round_dp(4).normalize().to_string()),
            });
            if let Some(stop) = &order.stop {
                row["stop"] = object!({
                    "trigger_ticks": stop.trigger,
                    "limit_ticks": stop.limit,
                    "trigger": stop.trigger_text,
                    "limit": stop.limit_text,
                });
            }
            row
        })
        .collect();
    object!({
        "id": pair.id,
        "market": pair.market,
        "steps": pair.steps,
        "edges": edges,
        "orders": orders,
        "messages_in_worst_minute": pair.messages_in_worst_minute,
        "max_messages_per_minute": pair.max_messages_per_minute,
    })
}

fn node(pair: usize, kind: StepKind) -> String {
    format!("p{pair}_{}", kind.to_string().replace('.', "_"))
}

/// Names and symbols hold no quotes: names are checked, symbols are the venue's.
fn label(pair: &PairGraph, step: &Step, line_break: &str) -> String {
    let order = match step.kind {
        StepKind::Place(side) => pair.orders.iter().find(|order| order.side == side),
        _ => None,
    };
    order.map_or_else(
        || step.kind.to_string(),
        |order| {
            format!("{}{line_break}{} {} at {}", step.kind, order.side, order.size_text, order.price_text)
        },
    )
}
