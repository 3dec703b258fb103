//! Connections that can be cut from the server's side, over TCP or anything else that carries bytes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener, ListenerExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Default)]
struct Switch {
    cut: AtomicBool,
    wakers: Mutex<[Option<Waker>; 2]>,
}

impl Switch {
    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for waker in self.lock().iter_mut().filter_map(Option::take) {
            waker.wake();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, [Option<Waker>; 2]> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts one connection: the peer sees it close without an answer.
#[derive(Clone, Debug)]
pub(crate) struct Cutter {
    switch: Arc<Switch>,
    peer: IpAddr,
}

impl Cutter {
    /// Cuts the connection, also in the middle of an answer.
    pub(crate) fn cut(&self) {
        self.switch.cut();
    }

    /// Returns whether the connection was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.switch.cut.load(Ordering::SeqCst)
    }

    /// Returns the address of the peer.
    pub(crate) const fn peer(&self) -> IpAddr {
        self.peer
    }
}

/// A connection with its cutter.
#[derive(Debug)]
pub(crate) struct Line<T> {
    io: T,
    switch: Arc<Switch>,
}

impl<T> Line<T> {
    fn check(&self, context: &Context<'_>, half: usize) -> io::Result<()> {
        self.switch.lock()[half] = Some(context.waker().clone());
        if self.switch.cut.load(Ordering::SeqCst) {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Line<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context, 0)?;
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Line<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context, 1)?;
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context, 1)?;
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// All open connections of a server; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<Weak<Switch>>>>);

impl Lines {
    fn add<T>(&self, io: T) -> Line<T> {
        let switch = Arc::new(Switch::default());
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|line| line.strong_count() > 0);
        open.push(Arc::downgrade(&switch));
        Line { io, switch }
    }

    /// Cuts every open connection.
    pub(crate) fn cut_all(&self) {
        let open = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        open.iter().filter_map(Weak::upgrade).for_each(|switch| switch.cut());
    }
}

/// A listener whose connections can be cut.
#[derive(Debug)]
pub(crate) struct CutListener<L> {
    listener: L,
    lines: Lines,
}

impl<L> CutListener<L> {
    /// Wraps a listener; its connections are added to `lines`.
    pub(crate) const fn new(listener: L, lines: Lines) -> Self {
        Self { listener, lines }
    }
}

impl<L: Listener<Addr = SocketAddr>> Listener for CutListener<L> {
    type Io = Line<L::Io>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, peer) = self.listener.accept().await;
        (self.lines.add(stream), peer)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Returns a TCP listener on whose connections small frames do not wait for each other.
pub(crate) fn undelayed(listener: TcpListener) -> impl Listener<Io = TcpStream, Addr = SocketAddr> {
    listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
    })
}

impl<L: Listener<Addr = SocketAddr>> Connected<IncomingStream<'_, CutListener<L>>> for Cutter {
    fn connect_info(stream: IncomingStream<'_, CutListener<L>>) -> Self {
        Self { switch: Arc::clone(&stream.io().switch), peer: stream.remote_addr().ip() }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_cut_wakes_a_waiting_reader_and_stops_a_writer() {
        let lines = Lines::default();
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut line = lines.add(ours);
        theirs.write_all(b"x").await.unwrap();
        assert_eq!(line.read_u8().await.unwrap(), b'x');
        let (read, ()) = tokio::join!(line.read_u8(), async { lines.cut_all() });
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert!(line.write_all(b"y").await.is_err());
    }
}
