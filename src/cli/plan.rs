//! `plan`: what a plan compiles to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::fault::Fault;
use super::input::Variables;
use super::policy::{Policies, PolicyArgs};
use super::{Context, Exit, artifact, out};
use crate::graph::{self, EntryOrder, PairGraph, StepGraph, StepKind, StopOrder};
use crate::lint::formats::{FileReport, human};
use crate::lint::{Checked, check_with};
use crate::model::{TimeInForce, snapshot_markets};
use crate::plan::{Plan, Severity, SourceFile, format_duration, format_usdc, start_up};

/// Show what a plan compiles to: steps, orders in the venue's integers, exposure, margin, liquidation prices, fees
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan plan plans/sol-pair.yaml
  lighter-plan plan --graph mermaid plans/sol-pair.yaml
  lighter-plan plan --set size=0.5 --detailed-exitcode plans/sol-pair.yaml
  lighter-plan plan --out sol.lplan plans/sol-pair.yaml && lighter-plan apply sol.lplan

--out saves what was shown, variables put in, for `apply` to run just that; it holds no key. `apply` refuses it (26) when
the plan file was changed since, or when it is another plan to the program that reads it.
Exit codes: 0 compiled, 1 findings of severity error, 2 usage, 3 the file could not be read;
10 instead of 0 with --detailed-exitcode, because the plan has actions.")]
pub(super) struct PlanCommand {
    /// The plan
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the step graph instead of the overview
    #[arg(long, value_enum, value_name = "FORMAT")]
    graph: Option<GraphFormat>,
    /// Save the compiled plan to this file, for `apply`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 10 when the plan has actions
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    variables: Variables,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GraphFormat {
    /// Mermaid flowchart
    Mermaid,
    /// Graphviz
    Dot,
    /// Steps, edges, hashes and orders
    Json,
}

impl PlanCommand {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let source = SourceFile::read(&self.file)?;
        let plan = match sound_source(&source, &self.file, &self.policy, &self.variables, context)? {
            Ok(plan) => plan,
            Err(exit) => return Ok(exit),
        };
        let graph = graph::compile(&plan, snapshot_markets())?;
        let text = match self.graph {
            None => overview(&graph),
            Some(GraphFormat::Mermaid) => graph::mermaid(&graph),
            Some(GraphFormat::Dot) => graph::dot(&graph),
            Some(GraphFormat::Json) => graph::json(&graph),
        };
        if let Some(path) = &self.out {
            artifact::write(path, &plan, &source).map_err(|error| Fault::with(error.exit(), error))?;
        }
        out::text(&text)?;
        Ok(if self.detailed_exitcode { Exit::ACTIONS } else { Exit::OK })
    }
}

/// Reads and checks a plan, and shows what is wrong with it; without a plan that may be used, the exit code that says so.
pub(super) fn sound_plan(
    file: &Path,
    policy: &PolicyArgs,
    variables: &Variables,
    context: &Context,
) -> Result<Result<Plan, Exit>, Fault> {
    sound_source(&SourceFile::read(file)?, file, policy, variables, context)
}

/// Does the same with a text that was read from `file`.
fn sound_source(
    source: &SourceFile,
    file: &Path,
    policy: &PolicyArgs,
    variables: &Variables,
    context: &Context,
) -> Result<Result<Plan, Exit>, Fault> {
    let policy = policy.of(file, &Policies::default())?;
    let checked = check_with(source, &variables.options()?, snapshot_markets(), &policy);
    report(source, &checked, context);
    let unusable = if checked.faults.is_empty() { Exit::FAILED } else { Exit::FAULT };
    Ok(checked.plan.ok_or(unusable))
}

/// Shows warnings and errors on standard error, so that standard output holds the answer only.
pub(super) fn report(source: &SourceFile, checked: &Checked, context: &Context) {
    let file = FileReport { source, checked, floor: Severity::Warning };
    for fault in &checked.faults {
        out::note(&format!("error: {fault}; please report this"));
    }
    if file.findings().next().is_some() {
        out::note(human(&[file], &context.error_look()).trim_end());
    }
}

fn overview(graph: &StepGraph) -> String {
    let mut text = format!("Plan {} (graph {})\n", graph.plan, &graph.hash[..12]);
    for pair in &graph.pairs {
        pair_overview(pair, &mut text);
    }
    text.push_str(&format!(
        "\nWorst case: {} USDC in all legs of {} allowed; one leg of {} USDC naked until it is hedged.\n",
        format_usdc(graph.exposure),
        format_usdc(graph.max_exposure),
        format_usdc(graph.largest_leg)
    ));
    text.push_str(&start_line(graph.pairs.len()));
    text.push_str(
        "Liquidation prices count with wallets that hold just `minimum_usdc`; fees with a Premium taker without stake, in and\nout (a Standard account pays none). Market rules are those shipped with this program; `apply` reads them anew.\n",
    );
    text
}

/// Returns how long a large plan takes to start; nothing for one that starts at once.
fn start_line(pairs: usize) -> String {
    let start = start_up(u32::try_from(pairs).unwrap_or(u32::MAX));
    if start.standard.is_zero() {
        return String::new();
    }
    let about = |time: Duration| if time.is_zero() { "a minute".to_owned() } else { format_duration(time) };
    format!(
        "By the venue's limits the last of {pairs} pairs quotes after about {} with a Premium account, {} with a Standard one.\n",
        about(start.premium),
        about(start.standard)
    )
}

fn pair_overview(pair: &PairGraph, text: &mut String) {
    text.push_str(&format!("\nPair {} in {}\n", pair.id, pair.market));
    for step in &pair.steps {
        let what = match step.kind {
            StepKind::Place(side) => pair.orders.iter().find(|order| order.side == side).map(order_line),
            _ => None,
        };
        let after: Vec<String> = StepKind::EDGES
            .iter()
            .filter(|(from, _)| *from == step.kind)
            .map(|(_, to)| to.to_string())
            .collect();
        let after = if after.is_empty() { String::new() } else { format!("→ {}", after.join(", ")) };
        text.push_str(&format!(
            "  {:<15} {}  {}\n",
            step.kind.to_string(),
            &step.hash[..8],
            what.unwrap_or(after)
        ));
    }
    for order in &pair.orders {
        text.push_str(&money_line(order));
        text.push_str(&stop_line(order));
    }
    text.push_str(&format!(
        "  messages        worst minute {}, allowed {}\n",
        pair.messages_in_worst_minute, pair.max_messages_per_minute
    ));
}

fn order_line(order: &EntryOrder) -> String {
    let kind = match order.time_in_force {
        TimeInForce::PostOnly => "post-only",
        TimeInForce::GoodTillTime => "good till time",
        TimeInForce::ImmediateOrCancel => "immediate or cancel",
    };
    let pegged = if order.pegged { ", pegged: price at the listed mark" } else { "" };
    format!(
        "account {}: {} {} at {} ({} lots at {} ticks, market {}), {kind}, expires in {}{pegged}",
        order.account,
        order.side,
        order.size_text,
        order.price_text,
        order.size.lots(),
        order.price.ticks(),
        order.market,
        format_duration(order.expires_in),
    )
}

/// Returns what waits at the venue for the leg's position; nothing for a plan without stops.
fn stop_line(order: &EntryOrder) -> String {
    let Some(stop) = &order.stop else { return String::new() };
    let (closes, reaches) = if order.side.is_ask() { ("buys", "rises") } else { ("sells", "falls") };
    let StopOrder { trigger_text, limit_text, .. } = stop;
    format!(
        "  {:<15} {closes} what the leg holds when mark {reaches} to {trigger_text}, at {limit_text} or better\n",
        "  its stop"
    )
}

fn money_line(order: &EntryOrder) -> String {
    let liquidation = order.liquidation.map_or_else(
        || "no liquidation price".to_owned(),
        |at| {
            format!(
                "liquidated at {} ({}% away)",
                at.price.round_dp(4).normalize(),
                at.distance_pct.round_dp(1)
            )
        },
    );
    format!(
        "  {:<15} notional {} USDC, margin {}, {liquidation}, fees at most {}\n",
        if order.side.is_ask() { "short leg" } else { "long leg" },
        format_usdc(order.notional),
        format_usdc(order.initial_margin),
        format_usdc(order.fee_at_most)
    )
}
