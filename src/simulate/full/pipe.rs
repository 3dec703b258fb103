//! A connection in memory: bytes take their time, and may stop, end on one side, or be gone.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::life::Life;
use crate::rt::{Clock, SplitMix64, real_sleep};

/// Bytes that may be under way in one direction before the writer waits: about what two kernels hold.
const WINDOW: usize = 256 << 10;
/// Spread of the delay of single packets, in ms.
const JITTER_MS: u64 = 20;

/// One direction.
#[derive(Debug, Default)]
struct Flow {
    /// Bytes with the moment they arrive, in order.
    under_way: VecDeque<(Duration, Bytes)>,
    size: usize,
    last_due: Duration,
    stalled_until: Duration,
    /// Nothing more comes after what is under way.
    ended: bool,
    /// Nobody reads any more.
    unread: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Flow {
    fn wake(&mut self) {
        [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }
}

#[derive(Debug)]
struct Inner {
    /// From the client, and to it.
    flows: [Flow; 2],
    cut: bool,
    rng: SplitMix64,
}

/// What both ends share.
#[derive(Debug)]
pub(super) struct Wire {
    clock: Clock,
    delay_ms: u64,
    inner: Mutex<Inner>,
}

impl Wire {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the connection: what is under way is lost.
    pub(super) fn cut(&self) {
        let mut inner = self.lock();
        inner.cut = true;
        inner.flows.iter_mut().for_each(Flow::wake);
    }

    /// Lets nothing arrive before `until`, in the clock's time since its start.
    pub(super) fn stall(&self, until: Duration) {
        let mut inner = self.lock();
        for flow in &mut inner.flows {
            flow.stalled_until = flow.stalled_until.max(until);
            flow.wake();
        }
    }

    /// Ends what comes to the client; what it sends still arrives.
    pub(super) fn close_half(&self) {
        let [_, to_client] = &mut self.lock().flows;
        to_client.ended = true;
        to_client.wake();
    }
}

/// Whose end it is: the number of the direction that it writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Client = 0,
    Server = 1,
}

impl End {
    const fn out(self) -> usize {
        self as usize
    }

    const fn back(self) -> usize {
        1 - self as usize
    }
}

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One end of a connection.
pub(super) struct Pipe {
    wire: Arc<Wire>,
    end: End,
    /// The process that it belongs to, on the client's side.
    life: Option<Arc<Life>>,
    timer: Option<(Duration, Timer)>,
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipe({:?})", self.end)
    }
}

/// Returns the client's end, the server's, and what both share.
pub(super) fn pipe(clock: &Clock, delay_ms: u64, seed: u64, life: &Arc<Life>) -> (Pipe, Pipe, Arc<Wire>) {
    let inner = Inner { flows: Default::default(), cut: false, rng: SplitMix64::new(seed) };
    let wire = Arc::new(Wire { clock: clock.clone(), delay_ms, inner: Mutex::new(inner) });
    let end = |end, life| Pipe { wire: Arc::clone(&wire), end, life, timer: None };
    let (client, server) = (end(End::Client, Some(Arc::clone(life))), end(End::Server, None));
    (client, server, wire)
}

impl Pipe {
    /// Waits for a moment; returns whether it has come.
    fn wait(&mut self, context: &mut Context<'_>, now: Duration, due: Duration) -> Poll<()> {
        let timer = match &mut self.timer {
            Some((at, timer)) if *at == due => timer,
            timer => &mut timer.insert((due, Box::pin(real_sleep(due.saturating_sub(now))))).1,
        };
        let waited = timer.as_mut().poll(context);
        if waited.is_ready() {
            self.timer = None;
        }
        waited
    }

    fn is_dead(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.is_dead())
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let pipe = &mut *self;
        if pipe.is_dead() {
            return Poll::Pending;
        }
        let wire = Arc::clone(&pipe.wire);
        loop {
            let now = wire.clock.elapsed();
            let mut inner = wire.lock();
            if inner.cut {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let flow = &mut inner.flows[pipe.end.back()];
            let due = match flow.under_way.front_mut() {
                Some((due, _)) if flow.stalled_until.max(*due) > now => flow.stalled_until.max(*due),
                Some((_, bytes)) => {
                    let taken = bytes.len().min(buffer.remaining());
                    buffer.put_slice(&bytes[..taken]);
                    bytes.advance(taken);
                    if bytes.is_empty() {
                        flow.under_way.pop_front();
                    }
                    flow.size -= taken;
                    flow.writer.take().into_iter().for_each(Waker::wake);
                    return Poll::Ready(Ok(()));
                }
                None if flow.ended && flow.stalled_until <= now => return Poll::Ready(Ok(())),
                None if flow.ended => flow.stalled_until,
                None => {
                    flow.reader = Some(context.waker().clone());
                    return Poll::Pending;
                }
            };
            // Whoever changes the moment wakes the reader.
            flow.reader = Some(context.waker().clone());
            drop(inner);
            if pipe.wait(context, now, due).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // The moment before bytes leave.
        if self.life.as_ref().is_some_and(|life| !life.passes()) {
            return Poll::Pending;
        }
        let now = self.wire.clock.elapsed();
        let mut inner = self.wire.lock();
        if inner.cut {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let jitter = inner.rng.below(JITTER_MS);
        let flow = &mut inner.flows[self.end.out()];
        if flow.unread {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if flow.size >= WINDOW {
            flow.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        // What follows a faked end is swallowed: nobody tells the writer.
        if !flow.ended {
            let due = flow.last_due.max(now + Duration::from_millis(self.wire.delay_ms + jitter));
            flow.last_due = due;
            flow.under_way.push_back((due, Bytes::copy_from_slice(bytes)));
            flow.size += bytes.len();
            flow.reader.take().into_iter().for_each(Waker::wake);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flow = &mut self.wire.lock().flows[self.end.out()];
        flow.ended = true;
        flow.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    /// As a kernel does it: what was written still arrives, also that of a process that died.
    fn drop(&mut self) {
        let mut inner = self.wire.lock();
        let out = &mut inner.flows[self.end.out()];
        out.ended = true;
        out.wake();
        let back = &mut inner.flows[self.end.back()];
        back.unread = true;
        back.wake();
    }
}
