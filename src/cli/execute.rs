//! Drives a run in the foreground: signals, control socket, progress, and the end. Shared by `apply` and `resume`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::acts::Record;
use super::progress::Progress;
use super::session::Session;
use super::signals::Signals;
use super::{Exit, alerts, out};
use crate::engine::{News, Pair, PairOutcome, Run, RunInput, StartError, StopHandle, StopMode, Until};
use crate::journal::{Act, Journal, JournalError, NewEvent, Operator, Priority};
use crate::model::{AccountIndex, Market, PairId, RunId, Usdc};
use crate::notify::{Notifier, Outbox, Receiver};
use crate::plan::Plan;
use crate::report::{RunSummary, rehearsal};
use crate::rt::Tasks;
use crate::venue::{Venue, VenueError};

/// Why a run did not get to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecuteError {
    /// The venue does not fit the plan.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The record cannot be written or read.
    #[error("the journal cannot be used")]
    Journal(#[from] JournalError),
}

impl ExecuteError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Start(StartError::GridChanged { .. }) => Exit::CHANGED,
            Self::Start(_) => Exit::FAILED,
            Self::Journal(error) if error.is_corruption() => Exit::JOURNAL,
            Self::Journal(error) if error.is_contention() => Exit::LOCKED,
            Self::Journal(_) => Exit::FAULT,
        }
    }
}

/// What is run.
pub(crate) struct Execution {
    pub(crate) run: RunId,
    pub(crate) plan: Plan,
    pub(crate) journal: Journal,
    pub(crate) session: Session,
    pub(crate) states: BTreeMap<PairId, Pair>,
    pub(crate) resumed: bool,
    /// Where `--events` goes.
    pub(crate) events: Option<PathBuf>,
    /// The control socket's path, and nothing for a dry run.
    pub(crate) control: Option<PathBuf>,
    /// Whether progress goes to a terminal that can be redrawn.
    pub(crate) live: bool,
    /// What the operator called for; it is recorded.
    pub(crate) act: Act,
    pub(crate) task: Task,
    /// After which step it stops.
    pub(crate) until: Option<Until>,
    /// Who is told of alerts; nobody in a dry run.
    pub(crate) webhooks: Vec<Receiver>,
    /// Heard since before the run was taken up.
    pub(crate) signals: Signals,
}

/// What of a run is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// All of it.
    GoOn,
    /// All of it on a stand-in of the venue; then each step is told what would become of it.
    Rehearse,
    /// A stop, at once: nothing else is done.
    Stop(StopMode),
    /// Nothing: what the venue knows is written down.
    Look,
}

/// Runs to the end and prints the summary; returns the exit code.
pub(crate) async fn execute(execution: Execution) -> Result<Exit, ExecuteError> {
    let Execution {
        run,
        plan,
        journal,
        session,
        states,
        resumed,
        events,
        control,
        live,
        act,
        task,
        until,
        webhooks,
        mut signals,
    } = execution;
    let clock = session.clock.clone();
    let record = Record::new(journal.clone(), run.clone(), clock.clone());
    let notifier = alerts::start(&plan, &run, webhooks, &journal, &clock);
    open_record(&journal, &run, &act, task, &clock).await?;
    let (news, heard) = mpsc::unbounded_channel::<News>();
    let mut tasks = Tasks::default();
    let heard = tell_webhooks_too(&mut tasks, notifier.as_ref().map(Notifier::outbox), heard);
    let started = Run::new(RunInput {
        run: run.clone(),
        plan: plan.clone(),
        venue: Arc::clone(&session.venue),
        journal: journal.clone(),
        clock: clock.clone(),
        signer: Arc::clone(&session.signer),
        markets: session.markets.clone(),
        states,
        resumed,
        until,
        look_only: task == Task::Look,
        news: Some(news),
    })?;
    let progress = Progress::new(
        markets(&plan, &session.markets),
        started.status.clone(),
        clock.clone(),
        live,
        events,
        Arc::clone(&session.venue),
    );
    let (progress_done, progress_ended) = tokio::sync::oneshot::channel();
    tasks.spawn("progress", async move {
        progress.follow(heard).await;
        // Nobody waits for it when the run was left at once.
        let _ = progress_done.send(());
    });
    // Held to the end of the run: dropped, it takes the socket away.
    let _control = control.and_then(|path| {
        let status = started.status.clone();
        super::control::serve(&mut tasks, &path, started.stop_handle(), record.clone(), status)
    });
    let handle = started.stop_handle();
    if let Task::Stop(mode) = task {
        // Queued before the first event, and nothing is sent before a leg is reconciled.
        handle.stop(mode).await;
    }
    let ended = tokio::select! {
        outcomes = started.go() => Some(outcomes),
        () = leave_on_second_signal(&mut signals, handle, &record) => None,
    };
    let Some(outcomes) = ended else {
        tasks.shutdown().await;
        return leave(&run, &journal).await;
    };
    // Every sender of news is gone with the run; the printer ends by itself.
    let _ = progress_ended.await;
    tasks.shutdown().await;
    // Before the run is over by its record: one that is killed while it waits is gone on with, and sends them then.
    let standings = alerts::finish(notifier, &plan, &run, &outcomes, &journal, &clock).await;
    let venue_result = venue_result(session.venue.as_ref(), &outcomes).await;
    // A run is over when every pair is; else `resume` has something to go on with.
    let over = outcomes.iter().all(|outcome| outcome.pair.end().is_some());
    // A look changes nothing but what was learned: twice is once.
    let status = match (over, task) {
        (true, _) => Some("ended"),
        (false, Task::Look) => None,
        (false, Task::GoOn | Task::Rehearse | Task::Stop(_)) => Some("stopped"),
    };
    let unknown = session.venue.oddities().counts();
    let mut summary = RunSummary::of(run.to_string(), &outcomes, String::new(), venue_result)
        .with_unknown(unknown)
        .with_undelivered(alerts::undelivered(&standings));
    summary.head = close_record(&journal, &run, status, &summary, &clock).await;
    out::line(&summary.to_string());
    if task == Task::Rehearse {
        tell_steps(&plan, &outcomes);
    }
    if let Some(paper) = session.paper {
        paper.shutdown().await;
    }
    journal.close().await;
    Ok(Exit::of_run(summary.code))
}

/// A dry run's last words: of each step, what a real run would do with it (U-17).
fn tell_steps(plan: &Plan, outcomes: &[PairOutcome]) {
    out::line("\nWhat a real run would do, as far as this one can tell:");
    for outcome in outcomes {
        let Some(pair) = plan.pairs.iter().find(|pair| pair.id == outcome.id) else { continue };
        for (step, verdict) in rehearsal(pair, outcome) {
            out::line(&format!("  {}  {:<14}  {verdict}", outcome.id, step.to_string()));
        }
    }
}

/// Writes who does what, and that it runs, in one commit.
async fn open_record(
    journal: &Journal,
    run: &RunId,
    act: &Act,
    task: Task,
    clock: &crate::rt::Clock,
) -> Result<(), JournalError> {
    let now = clock.now();
    let mut events = vec![act.event(now)];
    if task != Task::Look {
        events.push(NewEvent::run_status("running", None, now));
    }
    journal.append(run, Priority::Reducing, events, Vec::new()).await.map(drop)
}

/// Hands alerts in on their way to the progress lines: a terminal that stands still holds up no alert.
fn tell_webhooks_too(
    tasks: &mut Tasks,
    outbox: Option<Outbox>,
    mut heard: mpsc::UnboundedReceiver<News>,
) -> mpsc::UnboundedReceiver<News> {
    let Some(outbox) = outbox else { return heard };
    let (pass_on, passed) = mpsc::unbounded_channel();
    tasks.spawn("news", async move {
        while let Some(news) = heard.recv().await {
            outbox.offer(news.event, &news.pair, news.at, &news.entry);
            // Progress that ended early takes nothing away from the alerts.
            let _ = pass_on.send(news);
        }
    });
    passed
}

/// Writes the report and the last status, in one commit. A journal that cannot be written must not hide how the pairs
/// ended (F-19).
async fn close_record(
    journal: &Journal,
    run: &RunId,
    status: Option<&str>,
    summary: &RunSummary,
    clock: &crate::rt::Clock,
) -> String {
    let wanted = run.clone();
    let written = async {
        if let Some(status) = status {
            let now = clock.now();
            let events = vec![summary.event(now), NewEvent::run_status(status, Some(summary.code), now)];
            journal.append(run, Priority::Reducing, events, Vec::new()).await?;
        }
        let row = journal.read(move |store| store.run(&wanted)).await??;
        Ok::<_, JournalError>(row.head_hash.to_string())
    };
    written.await.unwrap_or_else(|error| {
        out::error(&error);
        "not written".to_owned()
    })
}

/// The second signal leaves at once; the journal has it all. Exposed or not is told by the journal, not by hope.
async fn leave(run: &RunId, journal: &Journal) -> Result<Exit, ExecuteError> {
    let events = journal.events(run, 1).await?;
    let pairs = super::stored::fold_pairs(&events).unwrap_or_default();
    let exposed = pairs.values().any(|pair| !pair.is_flat() || pair.has_live_orders());
    out::note(&format!(
        "left at once on the second signal; {}`lighter-plan resume {run}` goes on",
        if exposed { "EXPOSURE OR ORDERS REMAIN; " } else { "" }
    ));
    Ok(if exposed { Exit::EXPOSED } else { Exit::STOPPED })
}

/// The first signal asks the run to stop; returns on the second.
async fn leave_on_second_signal(signals: &mut Signals, handle: StopHandle, record: &Record) {
    for round in 0..2 {
        let signal = signals.next().await;
        if round == 0 {
            out::note(
                "stopping: nothing new starts, what is under way is settled; once more to leave at once",
            );
            record.note(Operator::here(), signal, "sent to this process").await;
            handle.stop(StopMode::Policy).await;
        }
    }
}

fn markets(plan: &Plan, all: &[Market]) -> BTreeMap<PairId, Market> {
    let find = |symbol: &str| all.iter().find(|market| market.symbol == symbol).cloned();
    plan.pairs.iter().filter_map(|pair| Some((pair.id.clone(), find(&pair.market)?))).collect()
}

/// Returns equity at the end plus withdrawals minus equity at the check, by the venue's own figures.
async fn venue_result(venue: &impl Venue, outcomes: &[PairOutcome]) -> Option<rust_decimal::Decimal> {
    let traded = |outcome: &&PairOutcome| {
        !outcome.pair.long.trades.is_empty() || !outcome.pair.short.trades.is_empty()
    };
    outcomes.iter().find(traded)?;
    let mut sum = Usdc::ZERO;
    for outcome in outcomes.iter().filter(traded) {
        let checked = outcome.pair.checked.as_ref()?;
        for (side, leg) in crate::engine::LegSide::BOTH.into_iter().zip(&checked.legs) {
            let now = equity(venue, leg.account).await.ok()?;
            let withdrawn = match &outcome.pair.leg(side).withdrawal {
                // The bridge's fee is the price of the way, no result of the trade.
                Some(crate::engine::LegWithdrawal::Seen { amount, .. }) => {
                    amount.plus(outcome.pair.leg(side).fast_fee.unwrap_or_default())
                }
                _ => Usdc::ZERO,
            };
            sum = sum.plus(now.plus(withdrawn).minus(leg.margin.equity));
        }
    }
    Some(sum.to_decimal())
}

async fn equity(venue: &impl Venue, account: AccountIndex) -> Result<Usdc, VenueError> {
    Ok(venue.account(account).await?.margin.equity)
}
