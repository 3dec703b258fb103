//! The two seams of the client, with a watch on each: when bytes came off a WebSocket, when a request was handed over.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use lighter_plan::rt::Clock;
use lighter_plan::venue::lighter::{Connect, HttpTransport, TcpConnect, Transport, TransportError};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What was seen; times count from the start of the clock.
#[derive(Default)]
struct Seen {
    sockets: Vec<Socket>,
    /// Type number and time of every transaction.
    sent: Vec<(u8, Duration)>,
}

/// What came over one connection.
#[derive(Default)]
struct Socket {
    bytes: Vec<u8>,
    /// How many bytes had come at which time.
    marks: Vec<(usize, Duration)>,
}

/// Takes notes of one client. Only copies while the client runs; frames are read from the notes afterwards.
#[derive(Clone)]
pub(crate) struct Recorder {
    clock: Clock,
    seen: Arc<Mutex<Seen>>,
}

/// A frame, and when its last byte was read from the socket.
pub(crate) struct Frame {
    pub(crate) at: Duration,
    pub(crate) json: Value,
}

impl Recorder {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, seen: Arc::default() }
    }

    fn note(&self, write: impl FnOnce(&mut Seen, Duration)) {
        let now = self.clock.elapsed();
        write(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner), now);
    }

    /// Returns every text frame so far, in the order in which they were read.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut frames: Vec<_> = seen.sockets.iter().flat_map(split).collect();
        frames.sort_by_key(|frame| frame.at);
        frames
    }

    /// Returns when the first transaction of `tx_type` was handed to the HTTP client at or after `from`.
    pub(crate) fn sent(&self, tx_type: u8, from: Duration) -> Option<Duration> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.sent.iter().find(|(kind, at)| *kind == tx_type && *at >= from).map(|(_, at)| *at)
    }
}

/// Cuts a server's side of a WebSocket into its text frames. They are neither masked nor compressed nor fragmented.
fn split(Socket { bytes, marks }: &Socket) -> Vec<Frame> {
    let mut frames = Vec::new();
    let Some(mut at) = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4) else {
        return frames;
    };
    while let Some((first, start, end)) = header(bytes, at) {
        if let (1, Some(payload)) = (first & 0x0f, bytes.get(start..end)) {
            let read = marks.iter().find(|(known, _)| *known >= end);
            if let (Ok(json), Some((_, at))) = (serde_json::from_slice(payload), read) {
                frames.push(Frame { at: *at, json });
            }
        }
        at = end;
    }
    frames
}

/// Returns the first byte of the frame at `at`, and where its payload starts and ends.
fn header(bytes: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let number = |width: usize| {
        let digits = bytes.get(at + 2..at + 2 + width)?;
        Some(digits.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    let (start, length) = match *bytes.get(at + 1)? {
        126 => (at + 4, number(2)?),
        127 => (at + 10, number(8)?),
        short => (at + 2, usize::from(short)),
    };
    Some((*bytes.get(at)?, start, start + length))
}

/// [`TcpConnect`], watched.
pub(crate) struct WatchedConnect(pub(crate) Recorder);

impl Connect for WatchedConnect {
    type Stream = WatchedStream;

    async fn connect(&self, host: &str, port: u16) -> io::Result<WatchedStream> {
        let inner = TcpConnect::default().connect(host, port).await?;
        let mut number = 0;
        self.0.note(|seen, _| {
            number = seen.sockets.len();
            seen.sockets.push(Socket::default());
        });
        Ok(WatchedStream { inner, number, recorder: self.0.clone() })
    }
}

/// A connection that notes when its bytes were read.
pub(crate) struct WatchedStream {
    inner: TcpStream,
    number: usize,
    recorder: Recorder,
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        let number = self.number;
        self.recorder.note(|seen, now| {
            if let (Some(Socket { bytes, marks }), Some(new)) =
                (seen.sockets.get_mut(number), buffer.filled().get(before..))
            {
                bytes.extend_from_slice(new);
                marks.push((bytes.len(), now));
            }
        });
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// [`HttpTransport`] that notes when a transaction is handed to it.
pub(crate) struct WatchedTransport {
    pub(crate) inner: HttpTransport,
    pub(crate) recorder: Recorder,
}

impl Transport for WatchedTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        if request.uri().path().ends_with("/sendTx") {
            let form = std::str::from_utf8(request.body()).unwrap_or_default();
            let kind = form.split('&').find_map(|field| field.strip_prefix("tx_type=")?.parse().ok());
            self.recorder.note(|seen, now| seen.sent.extend(kind.map(|kind| (kind, now))));
        }
        self.inner.send(request).await
    }
}
