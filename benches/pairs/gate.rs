//! A relay in front of the exchange's WebSocket that counts who comes through; the process under test has one URL for
//! requests and one for streams, and only the streams go this way.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lighter_plan::rt::spawn_thread;

/// The relay; its threads end with the process.
pub(crate) struct Gate {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    open: Arc<AtomicUsize>,
}

impl Gate {
    /// Relays to `target`.
    pub(crate) fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let open = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&open);
        spawn_thread("gate", move || {
            for stream in listener.incoming().flatten() {
                // What cannot be relayed is closed, and the client comes again.
                let _ = relay(stream, target, &counter);
            }
        })?;
        Ok(Self { address, open })
    }

    /// Returns how many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

fn relay(client: TcpStream, target: SocketAddr, open: &Arc<AtomicUsize>) -> io::Result<()> {
    let server = TcpStream::connect(target)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (from_client, to_client) = (client.try_clone()?, client);
    let (from_server, to_server) = (server.try_clone()?, server);
    let open = Arc::clone(open);
    open.fetch_add(1, Ordering::Relaxed);
    spawn_thread("gate up", move || copy(from_client, to_server))?;
    spawn_thread("gate down", move || {
        copy(from_server, to_client);
        open.fetch_sub(1, Ordering::Relaxed);
    })?;
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    // Either end may break at any time; then the other end is told.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}
