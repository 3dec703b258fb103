//! A bad network: a TCP proxy between program and exchange that knows bytes only, and spoils connections by a seed.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use lighter_plan::rt::{SplitMix64, spawn_thread};

use crate::Failure;

/// Connections that a proxy spoils at most: a network that never gets better lets no run end.
const SPOILT_MAX: usize = 60;
/// How long a direction without bytes waits before it looks whether the connection still lives.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a connection whose answers are lost stays open.
const SILENCE: Duration = Duration::from_millis(400);
/// Most bytes that are handed on at once.
const CHUNK: usize = 16 * 1024;

/// What goes wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// It is closed as soon as it is made.
    Refused,
    /// After so many bytes of the program's, both directions end in the middle of what they carry.
    RequestCut,
    /// After so many bytes of the exchange's, both directions end.
    AnswerCut,
    /// After so many bytes of the exchange's, everything it says is lost; a while later the connection ends.
    AnswerDropped,
    /// Everything is late, in both directions.
    Delayed,
    /// All that the program sends arrives twice: at the exchange's end of this connection, and of a second one.
    Doubled,
    /// After so many bytes of the program's, the exchange hears that no more will come, and may still answer.
    HalfClosed,
}

impl Mishap {
    pub(crate) const ALL: [Self; 7] = [
        Self::Refused,
        Self::RequestCut,
        Self::AnswerCut,
        Self::AnswerDropped,
        Self::Delayed,
        Self::Doubled,
        Self::HalfClosed,
    ];
}

/// What a proxy does, shared by its threads.
#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    seed: u64,
    connections: AtomicU64,
    spoilt: [AtomicUsize; Mishap::ALL.len()],
    over: AtomicBool,
    pumps: Mutex<Vec<JoinHandle<()>>>,
}

/// A running proxy; it ends with its connections when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy before `target`, `HOST:PORT`, with the mishaps of `seed`.
    pub(crate) fn start(target: &str, seed: u64) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| format!("no proxy before {target}: {error}");
        let target = target.parse().map_err(|error| failed(&error))?;
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let shared = Arc::new(Shared {
            target,
            seed,
            connections: AtomicU64::new(0),
            spoilt: Default::default(),
            over: AtomicBool::new(false),
            pumps: Mutex::default(),
        });
        let theirs = Arc::clone(&shared);
        let accepting =
            spawn_thread("proxy", move || accept(&theirs, &listener)).map_err(|error| failed(&error))?;
        Ok(Self { shared, address, accepting: Some(accepting) })
    }

    /// Returns where it listens, `HOST:PORT`.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Returns how many connections each kind of mishap spoilt so far.
    pub(crate) fn spoilt(&self) -> [usize; Mishap::ALL.len()] {
        std::array::from_fn(|kind| self.shared.spoilt[kind].load(Ordering::SeqCst))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // A connection wakes the thread that accepts them.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        let pumps = std::mem::take(&mut *self.shared.pumps.lock().unwrap_or_else(PoisonError::into_inner));
        for pump in pumps {
            let _ = pump.join();
        }
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Draws what happens to the next connection, and after how many bytes.
    fn draw(&self) -> (Option<Mishap>, usize) {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        let mut rng = SplitMix64::new(self.seed.wrapping_add(number.wrapping_mul(0x9e37_79b9)));
        let calm = rng.below(3) == 0;
        let kind = usize::try_from(rng.below(Mishap::ALL.len() as u64)).unwrap_or(0);
        // Some end with their first request or answer, others after many.
        let most = [400, 3_000, 30_000][usize::try_from(rng.below(3)).unwrap_or(0)];
        let after = usize::try_from(rng.below(most)).unwrap_or(0);
        let so_far: usize = self.spoilt.iter().map(|count| count.load(Ordering::SeqCst)).sum();
        (if calm || so_far >= SPOILT_MAX { None } else { Some(Mishap::ALL[kind]) }, after)
    }

    fn count(&self, mishap: Mishap) {
        let place = Mishap::ALL.iter().position(|kind| *kind == mishap).unwrap_or(0);
        self.spoilt[place].fetch_add(1, Ordering::SeqCst);
    }

    fn pump(self: &Arc<Self>, pump: Pump) {
        let shared = Arc::clone(self);
        if let Ok(thread) = spawn_thread("proxy", move || pump.run(&shared)) {
            self.pumps.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for client in listener.incoming() {
        if shared.is_over() {
            return;
        }
        if let Ok(client) = client {
            // A connection that cannot be made is one more that fails.
            let _ = connect(shared, client);
        }
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream) -> std::io::Result<()> {
    let (mishap, after) = shared.draw();
    if mishap == Some(Mishap::Refused) {
        shared.count(Mishap::Refused);
        return client.shutdown(Shutdown::Both);
    }
    let server = TcpStream::connect(shared.target)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK_EVERY))?;
    }
    let second = match mishap {
        Some(Mishap::Doubled) => Some(doubled(shared)?),
        Some(Mishap::Delayed) => {
            shared.count(Mishap::Delayed);
            None
        }
        _ => None,
    };
    let upwards = std::iter::once(server.try_clone()?).chain(second).collect();
    let request =
        mishap.filter(|kind| matches!(kind, Mishap::RequestCut | Mishap::HalfClosed | Mishap::Delayed));
    let answer =
        mishap.filter(|kind| matches!(kind, Mishap::AnswerCut | Mishap::AnswerDropped | Mishap::Delayed));
    shared.pump(Pump { from: client.try_clone()?, to: upwards, mishap: request, left: after });
    shared.pump(Pump { from: server, to: vec![client], mishap: answer, left: after });
    Ok(())
}

/// Makes the second connection of a doubled one; what the exchange says on it nobody hears.
fn doubled(shared: &Arc<Shared>) -> std::io::Result<TcpStream> {
    shared.count(Mishap::Doubled);
    let second = TcpStream::connect(shared.target)?;
    second.set_nodelay(true)?;
    second.set_read_timeout(Some(LOOK_EVERY))?;
    shared.pump(Pump { from: second.try_clone()?, to: Vec::new(), mishap: None, left: 0 });
    Ok(second)
}

/// Hands on what one side says.
#[derive(Debug)]
struct Pump {
    from: TcpStream,
    /// The first is the other side, what follows gets copies.
    to: Vec<TcpStream>,
    mishap: Option<Mishap>,
    /// Bytes that pass before the mishap.
    left: usize,
}

impl Pump {
    fn run(mut self, shared: &Shared) {
        let mut bytes = [0; CHUNK];
        while !shared.is_over() {
            match self.from.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => {
                    if self.hand_on(shared, &bytes[..count]).is_none() {
                        break;
                    }
                }
                Err(error) if waits(&error) => {}
                Err(_) => break,
            }
        }
        // What one side ends, the other hears of at once: the program reads a cut connection as one.
        self.end();
    }

    /// Hands `bytes` on, or does to them what goes wrong; `None` when the connection ends with it.
    fn hand_on(&mut self, shared: &Shared, bytes: &[u8]) -> Option<()> {
        let Some(mishap) = self.mishap else { return self.write(bytes) };
        if mishap == Mishap::Delayed {
            std::thread::sleep(LOOK_EVERY);
            return self.write(bytes);
        }
        if bytes.len() <= self.left {
            self.left -= bytes.len();
            return self.write(bytes);
        }
        shared.count(mishap);
        match mishap {
            Mishap::AnswerDropped => std::thread::sleep(SILENCE),
            Mishap::HalfClosed => {
                self.write(&bytes[..self.left])?;
                self.half_close(shared);
            }
            _ => self.write(&bytes[..self.left])?,
        }
        None
    }

    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        let mut others = self.to.iter_mut();
        let Some(first) = others.next() else { return Some(()) };
        first.write_all(bytes).ok()?;
        for copy in others {
            // The exchange may end the second connection earlier; the first goes on.
            let _ = copy.write_all(bytes);
        }
        Some(())
    }

    /// Ends this direction alone, and leaves the other one time to say what it still has to say.
    fn half_close(&self, shared: &Shared) {
        for stream in &self.to {
            let _ = stream.shutdown(Shutdown::Write);
        }
        if !shared.is_over() {
            std::thread::sleep(SILENCE);
        }
    }

    fn end(&self) {
        for stream in self.to.iter().chain([&self.from]) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Returns whether a read only found nothing in time.
fn waits(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
