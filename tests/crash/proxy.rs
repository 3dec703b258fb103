//! A TCP proxy between the program and the exchange that does what networks do: it delays, cuts, swallows answers, sends
//! requests twice, and closes one direction only. Seeded, byte by byte, and the same for REST and WebSocket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use lighter_plan::rt::SplitMix64;

use crate::Failure;

/// What is done to one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Harm {
    /// Nothing.
    Pass,
    /// It is closed before a byte gets through.
    Drop,
    /// Each piece waits, either way.
    Delay,
    /// The request arrives, and its answer does not.
    Swallow,
    /// It is cut in the middle of what the exchange says.
    Cut,
    /// The program hears that the exchange has closed, and the exchange goes on listening.
    HalfClose,
    /// A request arrives twice, on two connections; the program hears the second answer.
    Twice,
}

impl Harm {
    const ALL: [Self; 7] =
        [Self::Pass, Self::Drop, Self::Delay, Self::Swallow, Self::Cut, Self::HalfClose, Self::Twice];

    /// One connection in three comes to harm.
    fn draw(rng: &mut SplitMix64) -> Self {
        if rng.below(3) > 0 {
            return Self::Pass;
        }
        Self::ALL[1 + usize::try_from(rng.below(Self::ALL.len() as u64 - 1)).unwrap_or(0)]
    }
}

#[derive(Debug)]
struct Shared {
    exchange: SocketAddr,
    rng: Mutex<SplitMix64>,
    counts: Mutex<BTreeMap<Harm, u64>>,
    /// From then on everything passes.
    is_calm: AtomicBool,
    connections: AtomicU64,
}

/// The listening proxy; it ends with the process of the tests.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens in front of the exchange at `base`.
    pub(crate) fn start(base: &str, seed: u64) -> Result<Self, Failure> {
        let exchange = base.trim_start_matches("http://").parse();
        let exchange = exchange.map_err(|error| format!("`{base}` is no address: {error}"))?;
        let failed = |error: std::io::Error| format!("no proxy: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            exchange,
            rng: Mutex::new(SplitMix64::new(seed)),
            counts: Mutex::default(),
            is_calm: AtomicBool::new(false),
            connections: AtomicU64::new(0),
        });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for program in listener.incoming().flatten() {
                let shared = Arc::clone(&ours);
                thread::spawn(move || shared.carry(program));
            }
        });
        Ok(Self { address, shared })
    }

    /// Returns where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does no more harm.
    pub(crate) fn calm_down(&self) {
        self.shared.is_calm.store(true, Ordering::Relaxed);
    }

    /// Returns how often each harm was done.
    pub(crate) fn counts(&self) -> BTreeMap<Harm, u64> {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    /// Carries one connection to its end. Whatever fails ends it, as it would without a proxy.
    fn carry(&self, program: TcpStream) {
        let mut rng = {
            let mut all = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            SplitMix64::new(all.next_u64() ^ self.connections.fetch_add(1, Ordering::Relaxed))
        };
        let harm = if self.is_calm.load(Ordering::Relaxed) { Harm::Pass } else { Harm::draw(&mut rng) };
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(harm).or_default() += 1;
        if harm == Harm::Drop {
            return;
        }
        let Ok(exchange) = TcpStream::connect(self.exchange) else { return };
        let (Ok(from), Ok(to)) = (program.try_clone(), exchange.try_clone()) else { return };
        let address = self.exchange;
        let mut asking = rng.clone();
        let requests = thread::spawn(move || pump(from, to, |piece| ask(harm, address, &mut asking, piece)));
        // How many bytes of what the exchange says get through.
        let mut left = match harm {
            Harm::Swallow => 0,
            Harm::Cut | Harm::HalfClose => 64 + rng.below(20_000),
            _ => u64::MAX,
        };
        let (Ok(from), Ok(to)) = (exchange.try_clone(), program.try_clone()) else { return };
        pump(from, to, |piece| {
            if harm == Harm::Delay {
                thread::sleep(Duration::from_millis(20 + rng.below(280)));
            }
            let length = piece.len() as u64;
            let through = left.min(length);
            left -= through;
            (through == length).then_some(())
        });
        if harm == Harm::HalfClose {
            // The exchange's side stays open until the program closes its own.
            let _ = program.shutdown(Shutdown::Write);
            let _ = requests.join();
        }
        let _ = program.shutdown(Shutdown::Both);
        let _ = exchange.shutdown(Shutdown::Both);
    }
}

/// What is done to a piece of what the program says.
fn ask(harm: Harm, exchange: SocketAddr, rng: &mut SplitMix64, piece: &[u8]) -> Option<()> {
    match harm {
        Harm::Delay => thread::sleep(Duration::from_millis(20 + rng.below(280))),
        // A whole request in one piece, as all that carry a transaction are.
        Harm::Twice if piece.starts_with(b"POST ") => {
            let mut first = TcpStream::connect(exchange).ok()?;
            first.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
            first.write_all(piece).ok()?;
            // Its answer is heard by nobody; that it came means that the request was taken in first.
            let _ = first.read(&mut [0; 4_096]);
        }
        _ => {}
    }
    Some(())
}

/// Carries pieces until one side ends or `look` does.
fn pump(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8]) -> Option<()>) {
    let mut buffer = [0; 16_384];
    while let Ok(length) = from.read(&mut buffer) {
        let piece = &buffer[..length];
        if length == 0 || look(piece).is_none() || to.write_all(piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
