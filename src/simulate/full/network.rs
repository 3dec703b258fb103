//! The network between processes and server: it opens pipes, and does to them what the weather says.

use std::fmt;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::serve::Listener;
use tokio::sync::mpsc;

use super::life::Life;
use super::pipe::{Pipe, Wire, pipe};
use crate::rt::{Clock, SplitMix64, real_sleep};

/// Where the server is reached; nothing listens there in the machine's own network.
pub(super) const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Requests,
    Stream,
}

/// Which connections a fault reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    All,
    Requests,
    Streams,
}

impl Reach {
    fn includes(self, purpose: Use) -> bool {
        match self {
            Self::All => true,
            Self::Requests => purpose == Use::Requests,
            Self::Streams => purpose == Use::Stream,
        }
    }
}

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetFault {
    /// They are cut; what was under way is lost.
    Cut(Reach),
    /// They stay open, and nothing arrives for so long. New ones do not come about.
    Stall(Reach, Duration),
    /// What comes from the server ends, as after a middlebox lost its table.
    HalfClose(Reach),
    /// No new one is taken for so long.
    Refuse(Reach, Duration),
}

impl NetFault {
    /// Returns for how long nothing can be asked.
    pub(super) fn blinds(self) -> Option<Duration> {
        match self {
            Self::Stall(reach, lasts) | Self::Refuse(reach, lasts) => {
                reach.includes(Use::Requests).then_some(lasts)
            }
            Self::Cut(_) | Self::HalfClose(_) => None,
        }
    }
}

struct Inner {
    rng: SplitMix64,
    open: Vec<(Use, Weak<Wire>)>,
    arrivals: mpsc::UnboundedSender<Pipe>,
    refused: Vec<(Reach, Duration)>,
    silent: Vec<(Reach, Duration)>,
    /// Of a thousand connections, so many are refused.
    refusals: u64,
}

/// A network with one server; clones share it.
#[derive(Clone)]
pub(super) struct Network {
    clock: Clock,
    inner: Arc<Mutex<Inner>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

fn longest(faults: &[(Reach, Duration)], purpose: Use) -> Duration {
    let reached = faults.iter().filter(|(reach, _)| reach.includes(purpose));
    reached.map(|(_, until)| *until).max().unwrap_or_default()
}

impl Network {
    /// Returns a network and the server's end of it.
    pub(super) fn new(seed: u64, clock: Clock) -> (Self, Doorway) {
        let (arrivals, queue) = mpsc::unbounded_channel();
        let rng = SplitMix64::new(seed);
        let inner =
            Inner { rng, open: Vec::new(), arrivals, refused: Vec::new(), silent: Vec::new(), refusals: 0 };
        (Self { clock, inner: Arc::new(Mutex::new(inner)) }, Doorway(queue))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses so many of a thousand connections from now on.
    pub(super) fn refuse_some(&self, per_mille: u64) {
        self.lock().refusals = per_mille;
    }

    /// Lets something happen.
    pub(super) fn strike(&self, fault: NetFault) {
        let now = self.clock.elapsed();
        let mut inner = self.lock();
        inner.open.retain(|(_, wire)| wire.strong_count() > 0);
        let reached = |reach: Reach| {
            let open = inner.open.iter().filter(move |(purpose, _)| reach.includes(*purpose));
            open.filter_map(|(_, wire)| wire.upgrade()).collect::<Vec<_>>()
        };
        match fault {
            NetFault::Cut(reach) => reached(reach).iter().for_each(|wire| wire.cut()),
            NetFault::HalfClose(reach) => reached(reach).iter().for_each(|wire| wire.close_half()),
            NetFault::Stall(reach, lasts) => {
                reached(reach).iter().for_each(|wire| wire.stall(now + lasts));
                inner.silent.push((reach, now + lasts));
            }
            NetFault::Refuse(reach, lasts) => inner.refused.push((reach, now + lasts)),
        }
    }

    /// From now on nothing goes wrong.
    pub(super) fn calm(&self) {
        let mut inner = self.lock();
        inner.refused.clear();
        inner.silent.clear();
        inner.refusals = 0;
    }

    /// Opens a connection for a process.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub(super) async fn dial(&self, purpose: Use, life: &Arc<Life>) -> io::Result<Pipe> {
        let delay = self.lock().rng.below(40) + 2;
        real_sleep(Duration::from_millis(2 * delay)).await;
        if life.is_dead() {
            return pending().await;
        }
        let now = self.clock.elapsed();
        let until = longest(&self.lock().silent, purpose);
        if until > now {
            // No answer to the first packet; whoever waits has a limit of his own.
            real_sleep(until - now).await;
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut inner = self.lock();
        let refused = inner.rng.below(1_000) < inner.refusals || longest(&inner.refused, purpose) > now;
        if refused {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (client, server, wire) = pipe(&self.clock, delay, inner.rng.next_u64(), life);
        inner.open.push((purpose, Arc::downgrade(&wire)));
        match inner.arrivals.send(server) {
            Ok(()) => Ok(client),
            Err(_) => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

/// Where connections arrive.
#[derive(Debug)]
pub(super) struct Doorway(mpsc::UnboundedReceiver<Pipe>);

impl Listener for Doorway {
    type Io = Pipe;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Pipe, SocketAddr) {
        match self.0.recv().await {
            Some(pipe) => (pipe, ADDRESS),
            // The network is gone, and nobody comes any more.
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(ADDRESS)
    }
}
