//! The connection of order entry: opened, watched, and opened again.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::answer::{self, Frame, Pending};
use super::{Job, QUEUE, Reply};
use crate::rt::{real_sleep, real_timeout};
use crate::venue::lighter::client::Shared;
use crate::venue::lighter::streams::{self, Backoff, Ended, GOOD_LIFE, Socket};
use crate::venue::lighter::transport::{Connect, Transport};

/// How often the clocks are looked at while nothing comes.
const TICK: Duration = Duration::from_millis(200);

/// Opens the line again and again.
pub(super) async fn keep_open<T: Transport, C: Connect>(shared: &Shared<T, C>) {
    let mut backoff = Backoff::new();
    loop {
        let start = shared.clock.elapsed();
        let (reason, stay_away) = match connect(shared).await {
            Err(Ended::Refused { reason, stay_away }) => (reason, stay_away),
            Err(Ended::Session(streams::End::Broken(reason))) => (reason, None),
            Err(Ended::Session(streams::End::Shutdown)) => {
                ("the venue closes this connection".to_owned(), None)
            }
            Ok(socket) => (Box::pin(Line::new(shared, socket).serve()).await, None),
        };
        tracing::debug!(reason, "order entry goes over REST");
        if shared.clock.elapsed().saturating_sub(start) >= GOOD_LIFE {
            backoff.reset();
        }
        real_sleep(backoff.wait().max(stay_away.unwrap_or_default())).await;
    }
}

async fn connect<T: Transport, C: Connect>(shared: &Shared<T, C>) -> Result<Socket<C::Stream>, Ended> {
    let refused = |reason: &str| Ended::Refused { reason: reason.to_owned(), stay_away: None };
    shared.pacer.connection().await;
    let within = shared.options.connect_within;
    let opened = real_timeout(within, streams::open(shared)).await;
    let mut socket = opened.unwrap_or_else(|| Err(refused("no connection in time")))?;
    let greeted = real_timeout(shared.options.answer_within, socket.next()).await;
    match greeted {
        // What comes first is the greeting; what is sent before it may be lost.
        Some(Some(Ok(Message::Text(text))))
            if answer::read(&text).is_ok_and(|frame| frame == Frame::Idle) =>
        {
            Ok(socket)
        }
        _ => Err(refused("the venue did not greet")),
    }
}

/// A line that stands.
struct Line<'a, T: Transport, C: Connect> {
    shared: &'a Shared<T, C>,
    socket: Socket<C::Stream>,
    jobs: mpsc::Receiver<Job>,
    pending: Pending,
    pinged: Option<Duration>,
    next_ping: Duration,
}

impl<'a, T: Transport, C: Connect> Line<'a, T, C> {
    fn new(shared: &'a Shared<T, C>, socket: Socket<C::Stream>) -> Self {
        let (sender, jobs) = mpsc::channel(QUEUE);
        shared.desk.set(Some(sender));
        let next_ping = shared.clock.elapsed() + shared.options.ping_every;
        Self { shared, socket, jobs, pending: Pending::default(), pinged: None, next_ping }
    }

    /// Serves until the connection ends; then whatever was not answered is in doubt. Returns why it ended.
    async fn serve(mut self) -> String {
        let reason = loop {
            let step = tokio::select! {
                biased;
                frame = self.socket.next() => self.heard(frame).await,
                job = self.jobs.recv() => match job {
                    Some(job) => self.write(job).await,
                    None => Err("nobody sends any more".to_owned()),
                },
                () = real_sleep(TICK) => Ok(()),
            };
            if let Err(reason) = step {
                break reason;
            }
            if let Err(reason) = self.clocks().await {
                break reason;
            }
        };
        self.close(&reason);
        reason
    }

    /// No job is left without its reply: what is still in the queue has not left.
    fn close(&mut self, reason: &str) {
        self.shared.desk.set(None);
        self.jobs.close();
        self.pending.lose(reason);
        while let Ok(job) = self.jobs.try_recv() {
            let _ = job.reply.send(Reply::NotSent);
        }
    }

    /// From the first byte on it may have left, so it waits with the others before it is written.
    async fn write(&mut self, job: Job) -> Result<(), String> {
        let text = job.text.clone();
        self.pending.push(job, self.shared.clock.elapsed());
        self.tell(Message::text(text)).await
    }

    async fn tell(&mut self, message: Message) -> Result<(), String> {
        let sent = real_timeout(self.shared.options.transaction_within, self.socket.send(message)).await;
        match sent {
            Some(result) => result.map_err(|error| error.to_string()),
            None => Err("the venue reads no more".to_owned()),
        }
    }

    async fn heard(
        &mut self,
        frame: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), String> {
        self.pinged = None;
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => return Err("the venue sent a binary frame".to_owned()),
            Some(Ok(Message::Close(_))) | None => return Err("closed by the venue".to_owned()),
            Some(Err(error)) => return Err(error.to_string()),
        };
        match answer::read(&text) {
            Ok(Frame::Idle) => Ok(()),
            Ok(Frame::Ping) => {
                self.shared.pacer.sent();
                self.tell(Message::text(json!({"type": "pong"}).to_string())).await
            }
            Ok(Frame::Shutdown) => Err("the venue closes this connection".to_owned()),
            Ok(Frame::Answer { id, answer }) => {
                if !self.pending.answer(id.as_deref(), answer) {
                    self.shared.oddities.note("orders", "an answer to no transaction under way");
                }
                Ok(())
            }
            Ok(Frame::Unknown(kind)) => {
                self.shared.oddities.note("orders.type", &kind);
                Ok(())
            }
            Err(error) => {
                self.shared.oddities.note("orders", "a frame that is no JSON object");
                Err(format!("unreadable frame: {error}"))
            }
        }
    }

    /// A venue that leaves one transaction without an answer is trusted with none: the line is opened anew.
    async fn clocks(&mut self) -> Result<(), String> {
        let (now, options) = (self.shared.clock.elapsed(), &self.shared.options);
        let late = |since: Duration, within: Duration| now.saturating_sub(since) >= within;
        if self.pending.oldest().is_some_and(|since| late(since, options.transaction_within)) {
            return Err(format!("no answer within {:?}", options.transaction_within));
        }
        if self.pinged.is_some_and(|at| late(at, options.pong_within)) {
            return Err("a ping was not answered".to_owned());
        }
        if now >= self.next_ping {
            self.next_ping = now + options.ping_every;
            self.pinged = self.pinged.or(Some(now));
            self.shared.pacer.sent();
            self.tell(Message::text(json!({"type": "ping"}).to_string())).await?;
        }
        Ok(())
    }
}
