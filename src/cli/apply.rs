//! `apply`: runs a plan.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;

use super::alerts;
use super::artifact::{self, Artifact, ArtifactError};
use super::execute::{ExecuteError, Execution, Task, execute};
use super::passphrase::Passphrases;
use super::plan::report;
use super::policy::{Policies, PolicyArgs};
use super::session::{self, PaperFiles, SessionError};
use super::signals::Signals;
use super::until::{self, UntilError};
use super::{Context, Exit, Variables, out};
use crate::engine::Until;
use crate::graph;
use crate::journal::{
    Act, Journal, JournalError, Lock, LockError, NewRun, StateDir, lock_key, lock_market, lock_run,
};
use crate::lint::{PolicyError, check_with};
use crate::model::{AtEnd, PriceSource, RunId, snapshot_markets};
use crate::notify::WebhookError;
use crate::plan::{KeySource, Network, PaperPlan, Plan, ReadError, SourceFile};
use crate::rt::{Clock, random_bytes};
use crate::venue::lighter::OrderEntry;

const EXAMPLES: &str = "\
Examples:
  lighter-plan apply plans/sol-pair.yaml
  lighter-plan apply plan.yaml --auto-approve --set size=1.5 --events run.jsonl
  lighter-plan apply plan.yaml --dry-run
  lighter-plan apply plan.yaml --until hedge           # nothing is withdrawn before `resume`
  lighter-plan plan plan.yaml --out plan.lplan && lighter-plan apply plan.lplan --auto-approve

A plan saved by `plan --out` runs as it was saved; it is refused with 26 when its plan file was changed since.
Ctrl-C stops with care: nothing new starts, what is under way is settled, differences are unwound, then `on_stop`.
Ctrl-C again leaves at once. Either way `lighter-plan resume` goes on.

Exit codes: 0 ended as the plan declares, 20 declined, 21 stopped, 22 failed and flat, 23 exposed, 24 unknown outcome,
25 locked, 26 plan changed, 27 journal, 28 a check or risk rule stopped it while flat.";

/// Runs a plan
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ApplyArgs {
    /// The plan, or what `plan --out` saved
    #[arg(value_name = "FILE")]
    plan: PathBuf,
    /// Do not ask before anything is sent; real money asks all the same, unless the plan is a saved one
    #[arg(long)]
    auto_approve: bool,
    /// Run the same engine against a copy of the market; nothing is sent and nothing is kept
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    variables: Variables,
    /// Append every journaled entry to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Stop when this step is finished, as `stop` does, and keep what is held; `resume` goes on
    ///
    /// `check`, `place`, `watch`, `hedge`, `withdraw`, one leg's as `place.long`, or one pair's as `alpha/hedge`: then the
    /// other pairs stop with it. Orders are left or cancelled as `on_stop` says; nothing is closed for `on_stop: flatten`.
    #[arg(long, value_name = "STEP")]
    until: Option<String>,
    /// How cancels and hedges reach the venue
    #[arg(long, value_enum, default_value_t, value_name = "WAY", env = "LIGHTER_PLAN_ORDER_ENTRY")]
    order_entry: OrderEntry,
}

/// Why a plan did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// The plan cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The saved plan does not hold any more.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Values for a plan that has them already.
    #[error("a saved plan has its values already; `--set` and `--vars` belong to `plan --out`")]
    SavedValues,
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The step to stop after does not exist.
    #[error(transparent)]
    Until(#[from] UntilError),
    /// The state directory or the journal cannot be used.
    #[error("the state directory cannot be used")]
    Journal(#[from] JournalError),
    /// Another process runs it, or signs with its keys.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Keys, exchange or client are missing.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The run broke off.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// Terminal or runtime.
    #[error("the terminal or the system does not answer")]
    Io(#[from] io::Error),
    /// A webhook of the plan cannot be used.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The plan does not compile.
    #[error(transparent)]
    Graph(#[from] graph::GraphError),
    /// A plan without a JSON form.
    #[error("the plan has no JSON form")]
    Encode(#[from] serde_json::Error),
}

impl ApplyError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Journal(error) if error.is_corruption() => Exit::JOURNAL,
            Self::Journal(error) if error.is_contention() => Exit::LOCKED,
            Self::Lock(LockError::Held { .. }) => Exit::LOCKED,
            Self::Session(error) => error.exit(),
            Self::Execute(error) => error.exit(),
            Self::Graph(_) | Self::Webhook(_) => Exit::FAILED,
            Self::Artifact(error) => error.exit(),
            Self::Until(error) => error.exit(),
            Self::SavedValues | Self::Policy(PolicyError::Invalid { .. }) => Exit::USAGE,
            Self::Policy(PolicyError::Read { .. }) => Exit::FAULT,
            Self::Read(_) | Self::Journal(_) | Self::Lock(_) | Self::Io(_) | Self::Encode(_) => Exit::FAULT,
        }
    }
}

impl ApplyArgs {
    pub(super) fn run(self, context: &Context) -> Exit {
        let result = context.block_on(Box::pin(self.apply(context)));
        match result.map_err(ApplyError::Io).flatten() {
            Ok(exit) => exit,
            Err(error) => {
                out::error(&error);
                error.exit()
            }
        }
    }

    async fn apply(self, context: &Context) -> Result<Exit, ApplyError> {
        let Given { mut plan, source, saved } = match self.given(context)? {
            Ok(given) => given,
            Err(exit) => return Ok(exit),
        };
        let until = self.until.as_deref().map(|step| until::read(step, &plan)).transpose()?;
        if self.dry_run {
            if !plan.notify.is_empty() {
                out::note("dry run: no alert is sent to any webhook; they are printed");
            }
            let wanted = Rehearsal { until, events: self.events, order_entry: self.order_entry };
            return dry_run(plan, &source, wanted, context.passphrases()).await;
        }
        let webhooks = alerts::webhooks(&plan)?;
        // With real money nothing answers for the operator but a plan that was saved to be looked at (DESIGN §7).
        let asks = !self.auto_approve || (plan.network.counts_as_mainnet() && !saved);
        if asks && !confirm(&plan)? {
            out::note("declined; nothing was sent");
            return Ok(Exit::DECLINED);
        }
        let mut signals = Signals::listen()?;
        let state = StateDir::create(context.state_dir())?;
        let run = new_run_id();
        let _locks = lock_all(&state, &run, &plan, "apply")?;
        let journal = state.journal()?;
        if let Some(paper) = &mut plan.paper {
            paper.world = absolute_world(paper);
        }
        let files = PaperFiles::of(&state.paper(), &run);
        let opened = session::open(&plan, Some(&files), self.order_entry, context.passphrases());
        let Some(session) = signals.unless_asked(opened).await else { return Ok(stopped_early()) };
        let session = session?;
        journal.create_run(definition(&run, &plan, &source, &session.clock)?).await?;
        out::note(&format!("run {run} started; `lighter-plan resume {run}` goes on after a crash or a stop"));
        let execution = Execution {
            control: Some(state.control_socket(&run)),
            run,
            plan,
            journal,
            session,
            states: BTreeMap::new(),
            resumed: false,
            events: self.events,
            live: io::stdout().is_terminal(),
            act: Act::here("apply", self.plan.display().to_string()),
            task: Task::GoOn,
            until,
            webhooks,
            signals,
        };
        Ok(Box::pin(execute(execution)).await?)
    }
}

/// A signal before the run was taken up.
pub(super) fn stopped_early() -> Exit {
    out::note("stopped before anything began; nothing was sent");
    Exit::STOPPED
}

/// The plan to run.
struct Given {
    plan: Plan,
    source: SourceFile,
    /// Whether it was saved by `plan --out`.
    saved: bool,
}

impl ApplyArgs {
    /// Reads the plan, or the saved one; an exit code when it has findings that were shown.
    fn given(&self, context: &Context) -> Result<Result<Given, Exit>, ApplyError> {
        if artifact::is_artifact(&self.plan) {
            if !self.variables.is_empty() {
                return Err(ApplyError::SavedValues);
            }
            let Artifact { plan, source } = artifact::read(&self.plan)?;
            return Ok(Ok(Given { plan, source, saved: true }));
        }
        let source = SourceFile::read(&self.plan)?;
        let policy = self.policy.read(&self.plan, &Policies::default())?;
        let checked = check_with(&source, &self.variables.options()?, snapshot_markets(), &policy);
        report(&source, &checked, context);
        Ok(match checked.plan {
            Some(plan) => Ok(Given { plan, source, saved: false }),
            None => Err(if checked.faults.is_empty() { Exit::FAILED } else { Exit::FAULT }),
        })
    }
}

/// How a dry run is made.
struct Rehearsal {
    until: Option<Until>,
    /// Where `--events` goes.
    events: Option<PathBuf>,
    order_entry: OrderEntry,
}

/// Runs the same engine on a fresh paper exchange and a journal in memory.
async fn dry_run(
    mut plan: Plan,
    source: &SourceFile,
    wanted: Rehearsal,
    passphrases: &Passphrases,
) -> Result<Exit, ApplyError> {
    let Rehearsal { until, events, order_entry } = wanted;
    out::line(
        "dry run: an exchange in this process stands in for the venue; nothing is sent and nothing is kept",
    );
    if plan.network != Network::Paper {
        fork(&mut plan, passphrases).await?;
    }
    let run = new_run_id();
    let mut signals = Signals::listen()?;
    let opened = session::open(&plan, None, order_entry, passphrases);
    let Some(session) = signals.unless_asked(opened).await else { return Ok(stopped_early()) };
    let session = session?;
    let journal = Journal::in_memory();
    journal.create_run(definition(&run, &plan, source, &session.clock)?).await?;
    let execution = Execution {
        control: None,
        run,
        plan,
        journal,
        session,
        states: BTreeMap::new(),
        resumed: false,
        events,
        live: io::stdout().is_terminal(),
        act: Act::here("apply", "--dry-run"),
        task: Task::Rehearse,
        until,
        webhooks: Vec::new(),
        signals,
    };
    Ok(Box::pin(execute(execution)).await?)
}

/// How fast the copy of a market runs in a dry run.
const DRY_RUN_SCALE: u32 = 20;

/// Puts the embedded exchange in the venue's place, with the balance that the poorest account really has.
async fn fork(plan: &mut Plan, passphrases: &Passphrases) -> Result<(), ApplyError> {
    let live = session::open(plan, None, OrderEntry::Rest, passphrases).await?;
    let usdc = session::smallest_balance(plan, &live).await?;
    plan.network = Network::Paper;
    plan.paper = Some(PaperPlan {
        usdc,
        seed: 7,
        world: "default".to_owned(),
        prices: PriceSource::Seeded,
        prices_end: AtEnd::Hold,
        time_scale: DRY_RUN_SCALE,
    });
    for pair in &mut plan.pairs {
        for leg in [&mut pair.long, &mut pair.short] {
            leg.key = KeySource::Paper;
            leg.l1_key = leg.l1_key.take().map(|_| KeySource::Paper);
        }
    }
    Ok(())
}

/// Returns the world of a plan with a whole path.
pub(crate) fn absolute_world(paper: &PaperPlan) -> String {
    // A resume may be started elsewhere; a name that is no file stays a name.
    std::fs::canonicalize(&paper.world)
        .map_or_else(|_| paper.world.clone(), |path| path.display().to_string())
}

/// Ids sort by time and are unique without asking anybody.
fn new_run_id() -> RunId {
    let time = Clock::wall().to_string();
    let digits: String = time.chars().filter(char::is_ascii_digit).take(14).collect();
    let id = format!("{digits}-{}", hex::encode(random_bytes::<3>()));
    id.parse().expect("digits, a dash and hexadecimal digits are a name")
}

fn definition(run: &RunId, plan: &Plan, source: &SourceFile, clock: &Clock) -> Result<NewRun, ApplyError> {
    Ok(NewRun {
        id: run.clone(),
        name: plan.name.clone(),
        network: network_name(&plan.network),
        plan_source: source.text().to_owned(),
        plan_json: serde_json::to_string(plan)?,
        graph_json: graph::json(&graph::compile(plan, snapshot_markets())?),
        created_at: clock.now(),
        format: 1,
    })
}

pub(crate) fn network_name(network: &Network) -> String {
    match network {
        Network::Paper => "paper".to_owned(),
        Network::Testnet => "testnet".to_owned(),
        Network::Mainnet => "mainnet".to_owned(),
        Network::Robinhood => "robinhood".to_owned(),
        Network::RobinhoodTestnet => "robinhood-testnet".to_owned(),
        Network::Custom { http, .. } => http.clone(),
    }
}

/// Takes the lock of the run and of every key it signs with. Embedded exchanges are one per run: their keys are free.
pub(crate) fn lock_all(
    state: &StateDir,
    run: &RunId,
    plan: &Plan,
    command: &str,
) -> Result<Vec<Lock>, LockError> {
    let mut locks = vec![lock_run(state, run, command)?];
    let network = match plan.network {
        Network::Paper => format!("paper-{run}"),
        _ => network_name(&plan.network),
    };
    let markets: std::collections::BTreeSet<_> = plan.pairs.iter().map(|pair| pair.market.as_str()).collect();
    for market in markets {
        locks.push(lock_market(state, &network, market, command)?);
    }
    for pair in &plan.pairs {
        for leg in [&pair.long, &pair.short] {
            for slot in [Some(leg.api_key_index), leg.guard_key_index].into_iter().flatten() {
                locks.push(lock_key(state, &network, leg.account, slot, command)?);
            }
        }
    }
    Ok(locks)
}

/// Asks before anything is sent. Real money asks for the plan's name (DESIGN §7).
fn confirm(plan: &Plan) -> io::Result<bool> {
    let real = plan.network.counts_as_mainnet();
    let legs: Vec<_> = plan.pairs.iter().map(|pair| format!("{} ({})", pair.id, pair.market)).collect();
    out::line(&format!("plan `{}` on {}: {}", plan.name, network_name(&plan.network), legs.join(", ")));
    out::line("`lighter-plan plan` shows orders, exposure and margin.");
    let (question, wanted) = if real {
        (format!("this is real money; type the plan's name `{}` to run it: ", plan.name), plan.name.clone())
    } else {
        ("run it? type `yes`: ".to_owned(), "yes".to_owned())
    };
    out::text(&question)?;
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == wanted)
}
