//! Delivers alerts: one task a webhook, so that one that hangs holds up no other, and one that journals what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::alert::Alert;
use super::payload::{Origin, Payload};
use super::queue::{Queue, Waiting};
use super::record::{Record, receivers};
use super::webhook::{PostError, Webhook, WebhookError};
use crate::engine::{Entry, PairEnd};
use crate::journal::{Journal, Priority};
use crate::model::{PairId, RunId, Timestamp};
use crate::plan::{NotifyPlan, NotifyTopic};
use crate::rt::{Cancel, Clock, Tasks, random_u64, real_sleep, real_timeout};

/// How long it is tried before it is said that an alert cannot be delivered. Urgent ones are tried on after that.
const BUDGET: Duration = Duration::from_secs(120);
/// The first pause after a failure; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The longest pause at the end of a run, when little time is left.
const PAUSE_ENDING: Duration = Duration::from_secs(1);
/// How long the end of a run waits before it says so.
const QUIETLY: Duration = Duration::from_secs(1);
/// How long the last records may take: a disk that stands still does not hold up the end of a run for good.
const RECORDING: Duration = Duration::from_secs(5);
/// Records that are written in one commit.
const BATCH: usize = 64;

/// Tells the operator something, on one line.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// A webhook with what it is told.
#[derive(Debug)]
pub struct Receiver {
    /// The variable that holds its URL.
    pub env: String,
    /// The webhook, or why there is none.
    pub webhook: Result<Webhook, WebhookError>,
    topics: BTreeSet<NotifyTopic>,
    /// What another process left undelivered.
    backlog: Vec<Alert>,
}

impl Receiver {
    /// Reads the webhooks of a plan from the environment, each variable once.
    pub fn all(notify: &[NotifyPlan]) -> Vec<Self> {
        let read = |(env, topics): (String, BTreeSet<NotifyTopic>)| Self {
            webhook: Webhook::from_environment(&env),
            env,
            topics,
            backlog: Vec::new(),
        };
        receivers(notify).into_iter().map(read).collect()
    }

    /// Returns whether it is told of `topic`.
    pub fn hears(&self, topic: NotifyTopic) -> bool {
        self.topics.contains(&topic)
    }

    /// Adds what another process left undelivered: see [`backlog`](super::backlog).
    #[must_use]
    pub fn with_backlog(mut self, backlog: &mut BTreeMap<String, Vec<Alert>>) -> Self {
        self.backlog = backlog.remove(&self.env).unwrap_or_default();
        self
    }
}

/// A webhook at work.
struct Line {
    env: String,
    webhook: Result<Webhook, WebhookError>,
    topics: BTreeSet<NotifyTopic>,
    queue: Mutex<Queue>,
    /// Something was queued.
    filled: Notify,
}

impl Line {
    fn new(receiver: Receiver) -> Arc<Self> {
        let mut queue = Queue::default();
        for alert in receiver.backlog {
            // Of what waited in a journal nothing gives way: an urgent copy is never dropped, an ordinary one is old news.
            drop(queue.push(Waiting::new(alert, true)));
        }
        Arc::new(Self {
            env: receiver.env,
            webhook: receiver.webhook,
            topics: receiver.topics,
            queue: Mutex::new(queue),
            filled: Notify::new(),
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Every change of the queue is whole before the next begins.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the operator reads: the URL is a secret, its host is none.
    fn name(&self) -> String {
        match &self.webhook {
            Ok(webhook) => webhook.to_string(),
            Err(_) => format!("env:{}", self.env),
        }
    }
}

/// What is common to all lines of a run.
struct Office {
    origin: Origin,
    clock: Clock,
    tell: Tell,
    ending: Cancel,
    records: mpsc::UnboundedSender<Record>,
}

/// Takes alerts in; a cheap handle that never waits.
#[derive(Clone)]
pub struct Outbox {
    lines: Vec<Arc<Line>>,
    records: mpsc::UnboundedSender<Record>,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.lines.iter().map(|line| line.name()).collect();
        write!(f, "Outbox({names:?})")
    }
}

impl Outbox {
    /// Queues what an entry says for every webhook that wants to hear of it.
    pub fn offer(&self, event: u64, pair: &PairId, at: Timestamp, entry: &Entry) {
        if let Some(alert) = Alert::of(event, pair, at, entry) {
            self.push(&alert);
        }
    }

    /// Queues that a pair broke off, which no entry says.
    pub fn broken_off(&self, pair: &PairId, at: Timestamp, end: &PairEnd) {
        self.push(&Alert::broken_off(pair, at, end));
    }

    fn push(&self, alert: &Alert) {
        for line in &self.lines {
            if !alert.topics.iter().any(|topic| line.topics.contains(topic)) {
                continue;
            }
            let dropped = line.queue().push(Waiting::new(alert.clone(), false));
            line.filled.notify_one();
            if let Some(dropped) = dropped {
                // The one who records is gone only when the run is.
                let _ = self.records.send(Record::failed(&line.env, &dropped, "too many waited".to_owned()));
            }
        }
    }
}

/// The delivery of a run's alerts. Dropping it ends it at once; what was not delivered stays in the journal as such.
pub struct Notifier {
    outbox: Outbox,
    ending: Cancel,
    tell: Tell,
    /// One task a webhook.
    lines: Tasks,
    /// The one that journals.
    recorder: Tasks,
}

impl Notifier {
    /// Starts to deliver; what a receiver has as a backlog goes first.
    pub fn start(
        origin: Origin,
        receivers: Vec<Receiver>,
        journal: Journal,
        clock: Clock,
        tell: Tell,
    ) -> Self {
        let (records, recorded) = mpsc::unbounded_channel();
        let ending = Cancel::default();
        let (mut lines, mut recorder) = (Tasks::default(), Tasks::default());
        if let Some(run) = origin.run.clone() {
            recorder.spawn("alert-records", record(recorded, run, journal, clock.clone(), Arc::clone(&tell)));
        }
        let office = Arc::new(Office {
            origin,
            clock,
            tell: Arc::clone(&tell),
            ending: ending.clone(),
            records: records.clone(),
        });
        let all: Vec<_> = receivers.into_iter().map(Line::new).collect();
        for line in &all {
            lines.spawn("alerts", deliver(Arc::clone(line), Arc::clone(&office)));
        }
        Self { outbox: Outbox { lines: all, records }, ending, tell, lines, recorder }
    }

    /// Returns where alerts are handed in.
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// Waits at most `limit` of real time for the last alerts; what is left then is journaled as not delivered.
    pub async fn finish(mut self, limit: Duration) {
        self.ending.cancel();
        if real_timeout(QUIETLY, self.lines.join()).await.is_none() {
            let left: usize = self.outbox.lines.iter().map(|line| line.queue().len()).sum();
            (self.tell)(&format!("{left} alerts are not delivered yet; waiting up to {limit:.0?}"));
            let _ = real_timeout(limit.saturating_sub(QUIETLY), self.lines.join()).await;
        }
        self.lines.shutdown().await;
        for line in &self.outbox.lines {
            for waiting in line.queue().drain() {
                if !waiting.given_up {
                    let reason = "the run ended before it was delivered".to_owned();
                    let _ = self.outbox.records.send(Record::failed(&line.env, &waiting, reason));
                }
            }
        }
        drop(self.outbox);
        let _ = real_timeout(RECORDING, self.recorder.join()).await;
    }
}

/// Posts what waits for one webhook, one after the other, until the run ends and nothing waits.
async fn deliver(line: Arc<Line>, office: Arc<Office>) {
    let mut outage = Outage::default();
    loop {
        let begun = line.queue().begin();
        match begun {
            Some(waiting) => deliver_one(&line, &office, waiting, &mut outage).await,
            None if office.ending.is_cancelled() => return,
            None => tokio::select! {
                () = line.filled.notified() => {}
                () = office.ending.cancelled() => {}
            },
        }
    }
}

/// How long a webhook has taken nothing.
#[derive(Debug, Default)]
struct Outage {
    failures: u32,
}

impl Outage {
    /// Returns how long to wait before the next try, spread so that several programs do not come back together.
    fn pause(&self, asked: Option<Duration>, longest: Duration) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = PAUSE_FIRST.saturating_mul(1 << doublings).max(asked.unwrap_or_default()).min(longest);
        let spread = u32::try_from(random_u64() % 50).unwrap_or_default();
        pause * (100 - spread) / 100
    }
}

async fn deliver_one(line: &Line, office: &Office, mut waiting: Waiting, outage: &mut Outage) {
    let webhook = match &line.webhook {
        Ok(webhook) => webhook,
        Err(error) => return give_up(line, office, &waiting, error.to_string()),
    };
    let began = office.clock.elapsed();
    loop {
        let payload =
            Payload::new(&office.origin, &waiting.alert, &waiting.events, waiting.count, waiting.late);
        let answer = webhook.post(payload.to_bytes()).await;
        waiting.attempts += 1;
        line.queue().tried();
        let error = match answer {
            Ok(status) => return delivered(line, office, &waiting, status, outage),
            Err(error) => error,
        };
        if !error.is_transient() {
            return give_up(line, office, &waiting, error.to_string());
        }
        outage.failures += 1;
        if outage.failures == 1 {
            (office.tell)(&format!("alerts do not reach {}: {error}; trying again", line.name()));
        }
        if office.clock.elapsed().saturating_sub(began) >= BUDGET {
            return leave(line, office, &waiting, &error);
        }
        pause(office, outage, &error).await;
    }
}

/// Waits before the next try; when the run ends meanwhile, not longer than there is time.
async fn pause(office: &Office, outage: &Outage, error: &PostError) {
    if !office.ending.is_cancelled() {
        tokio::select! {
            () = real_sleep(outage.pause(error.retry_after(), PAUSE_MAX)) => {}
            () = office.ending.cancelled() => {}
        }
        return;
    }
    real_sleep(outage.pause(None, PAUSE_ENDING)).await;
}

fn delivered(line: &Line, office: &Office, waiting: &Waiting, status: u16, outage: &mut Outage) {
    if std::mem::take(&mut outage.failures) > 0 {
        (office.tell)(&format!("alerts reach {} again", line.name()));
    }
    // Recorded first: whoever waits for the queue to be empty finds the record behind it.
    let _ = office.records.send(Record::delivered(&line.env, waiting, status));
    line.queue().done();
}

/// It will not be taken, however often it is sent.
fn give_up(line: &Line, office: &Office, waiting: &Waiting, reason: String) {
    not_delivered(line, office, waiting, reason);
    line.queue().done();
}

/// It was tried long enough. An urgent one gets another turn after those that wait behind it.
fn leave(line: &Line, office: &Office, waiting: &Waiting, error: &PostError) {
    if !waiting.given_up {
        not_delivered(line, office, waiting, error.to_string());
    }
    if waiting.alert.urgent {
        line.queue().put_back();
    } else {
        line.queue().done();
    }
}

fn not_delivered(line: &Line, office: &Office, waiting: &Waiting, reason: String) {
    let pair = waiting.alert.pair.as_ref().map_or("-", |pair| pair.as_str());
    (office.tell)(&format!(
        "ALERT NOT DELIVERED to {}: {reason}: {pair}: {}",
        line.name(),
        waiting.alert.text
    ));
    let _ = office.records.send(Record::failed(&line.env, waiting, reason));
}

/// Journals what became of alerts, what comes together in one commit. They are the first to be refused when the disk is
/// nearly full, so that no alert takes the room that a hedge needs.
async fn record(
    mut records: mpsc::UnboundedReceiver<Record>,
    run: RunId,
    journal: Journal,
    clock: Clock,
    tell: Tell,
) {
    let (mut batch, mut told) = (Vec::new(), false);
    while records.recv_many(&mut batch, BATCH).await > 0 {
        let at = clock.now();
        let events = batch.drain(..).map(|record: Record| record.event(at)).collect();
        let written = journal.append(&run, Priority::Normal, events, Vec::new()).await;
        if let Err(error) = written
            && !std::mem::replace(&mut told, true)
        {
            tell(&format!("what became of alerts cannot be journaled: {error}; `resume` sends them again"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{HedgeReason, Step};
    use crate::journal::NewRun;

    async fn journal(run: &RunId) -> Journal {
        let journal = Journal::in_memory();
        let new = NewRun {
            id: run.clone(),
            name: String::new(),
            network: String::new(),
            plan_source: String::new(),
            plan_json: "{}".to_owned(),
            graph_json: "{}".to_owned(),
            created_at: Timestamp::from_millis(0),
            format: 1,
        };
        journal.create_run(new).await.unwrap();
        journal
    }

    /// A webhook at a port of this machine where nobody listens.
    fn gone() -> Receiver {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Receiver {
            env: "GONE".to_owned(),
            webhook: Webhook::new("GONE", &format!("http://127.0.0.1:{port}/secret")),
            topics: BTreeSet::from([NotifyTopic::Hedge, NotifyTopic::Stuck]),
            backlog: Vec::new(),
        }
    }

    /// What cannot be delivered is journaled once; an urgent alert is tried on, an ordinary one is not, and the end of
    /// the run waits no longer than it says.
    #[tokio::test(start_paused = true)]
    async fn an_urgent_alert_is_tried_as_long_as_the_run_lives() {
        let run: RunId = "run-1".parse().unwrap();
        let (journal, clock) = (journal(&run).await, Clock::starting_at(Timestamp::from_millis(0)));
        let origin = Origin { run: Some(run.clone()), plan: String::new(), network: String::new() };
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let hear = Arc::clone(&told);
        let tell: Tell = Arc::new(move |line| hear.lock().unwrap().push(line.to_owned()));
        let notifier = Notifier::start(origin, vec![gone()], journal.clone(), clock.clone(), tell);
        let (outbox, pair, at) = (notifier.outbox(), "alpha".parse().unwrap(), clock.now());
        outbox.offer(1, &pair, at, &Entry::Step { to: Step::Hedge(HedgeReason::Wait), at });
        let text = "naked by 7 lots".to_owned();
        outbox.offer(2, &pair, at, &Entry::Alert { topic: "stuck".to_owned(), text, at });
        real_sleep(BUDGET * 20).await;
        let left: Vec<_> = outbox.lines.iter().map(|line| line.queue().len()).collect();
        assert_eq!(left, [1], "only the urgent one waits");
        drop(outbox);
        let began = clock.elapsed();
        notifier.finish(Duration::from_secs(10)).await;
        assert!(clock.elapsed().saturating_sub(began) <= Duration::from_secs(16));
        let events = journal.events(&run, 1).await.unwrap();
        let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["notify.failed", "notify.failed"], "each once");
        assert!(events[1].body.contains("naked by 7 lots"), "{}", events[1].body);
        let told = told.lock().unwrap().join("\n");
        assert_eq!(told.matches("trying again").count(), 1, "an outage is told once: {told}");
        assert_eq!(told.matches("ALERT NOT DELIVERED").count(), 2, "{told}");
        assert!(!told.contains("secret"), "{told}");
    }

    #[test]
    fn pauses_grow_to_a_limit_and_follow_the_service() {
        let pause = |failures, asked| Outage { failures }.pause(asked, PAUSE_MAX);
        for (failures, longest) in [(1, PAUSE_FIRST), (2, PAUSE_FIRST * 2), (40, PAUSE_MAX)] {
            let pause = pause(failures, None);
            assert!(
                pause > longest / 2 - Duration::from_millis(1) && pause <= longest,
                "{failures} {pause:?}"
            );
        }
        assert!(pause(1, Some(Duration::from_secs(20))) > Duration::from_secs(9));
        assert!(Outage { failures: 40 }.pause(None, PAUSE_ENDING) <= PAUSE_ENDING);
    }
}
