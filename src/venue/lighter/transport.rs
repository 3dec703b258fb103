//! The seams to the network: one for requests, one for streams of bytes.
//!
//! The client is generic over both, so that a simulation runs it over in-memory pipes.

use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::proxy::{Proxies, Proxy, ProxyError};

/// Answers beyond this size are refused: the largest real one (all markets) is below a megabyte.
const BODY_MAX: usize = 32 << 20;

/// How often an idle connection is probed, so that one that a gateway forgot is not the one for the next hedge.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection: nothing of the request left this process.
    #[error("no connection: {0}")]
    NotSent(String),
    /// Something may have left: the connection broke, or the answer did not come or end in time.
    #[error("{0}")]
    Interrupted(String),
}

/// Sends one request and reads the whole answer.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request`; its URI is absolute. Never repeats and never follows a redirect.
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>> + Send;
}

/// How long the network may take, in real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Duration,
    /// From the first byte to the last of the answer.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        // An answer that takes longer is looked up by its hash instead; hedges live for 5 to 8 s.
        Self { connect: Duration::from_secs(3), total: Duration::from_secs(5) }
    }
}

/// [`Transport`] over TCP and TLS. Connections are kept and used again.
#[derive(Clone, Debug)]
pub struct HttpTransport(reqwest::Client);

/// Makes ring the TLS provider of this process, unless another one is already chosen.
fn choose_tls_provider() {
    // An error only says that somebody was faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl HttpTransport {
    /// Returns a transport for `base`, through the proxy that the environment names for it, if any.
    ///
    /// # Errors
    ///
    /// When the TLS roots or the proxy settings of this host cannot be read.
    pub fn new(base: &Uri, timeouts: Timeouts) -> Result<Self, TransportError> {
        Self::through(base, timeouts, &Proxies::from_environment())
    }

    /// As [`HttpTransport::new`], with proxy settings of the caller's.
    ///
    /// # Errors
    ///
    /// As [`HttpTransport::new`].
    pub fn through(base: &Uri, timeouts: Timeouts, proxies: &Proxies) -> Result<Self, TransportError> {
        choose_tls_provider();
        let unusable = |error: ProxyError| TransportError::NotSent(error.to_string());
        let builder = reqwest::Client::builder()
            // The library would read the environment by rules of its own, and streams would take another way.
            .no_proxy()
            .tcp_keepalive(KEEP_ALIVE)
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.total)
            .redirect(reqwest::redirect::Policy::none())
            // Only the engine repeats, after it has asked what became of the first.
            .retry(reqwest::retry::never())
            .user_agent(concat!("lighter-plan/", env!("CARGO_PKG_VERSION")));
        let builder = match proxies.of(base.host().unwrap_or_default()).map_err(unusable)? {
            Some(proxy) => {
                let proxy = reqwest::Proxy::all(&proxy.url);
                builder.proxy(proxy.map_err(|error| TransportError::NotSent(chain(&error)))?)
            }
            None => builder,
        };
        builder.build().map(Self).map_err(|error| TransportError::NotSent(chain(&error)))
    }
}

/// Returns an error with its causes: reqwest alone says "error sending request".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn sending(error: reqwest::Error) -> TransportError {
    // The query of a URL carries account numbers, and errors are logged.
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent(chain(&error))
    } else {
        TransportError::Interrupted(chain(&error))
    }
}

impl Transport for HttpTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let request = reqwest::Request::try_from(request.map(reqwest::Body::from)).map_err(sending)?;
        let mut answer = self.0.execute(request).await.map_err(sending)?;
        let mut body = BytesMut::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|error| TransportError::Interrupted(chain(&error.without_url())))?
        {
            if body.len() + chunk.len() > BODY_MAX {
                return Err(TransportError::Interrupted(format!(
                    "the answer is larger than {BODY_MAX} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }
}

/// A stream of bytes both ways.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for S {}

/// Opens the stream that a WebSocket runs on; TLS is laid over it afterwards when the URL says `wss`.
pub trait Connect: Send + Sync + 'static {
    /// What it opens.
    type Stream: ByteStream;

    /// Connects to `host` and `port`.
    fn connect(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// [`Connect`] over TCP, without delay for small frames, and through a proxy where one is named.
#[derive(Clone, Debug, Default)]
pub struct TcpConnect(Proxies);

impl TcpConnect {
    /// Connects through `proxies`; the default one connects directly.
    pub const fn through(proxies: Proxies) -> Self {
        Self(proxies)
    }

    async fn dial(proxy: Option<Proxy>, host: &str, port: u16) -> io::Result<TcpStream> {
        match proxy {
            Some(proxy) => proxy.connect(host, port).await,
            None => {
                let stream = TcpStream::connect((host, port)).await?;
                stream.set_nodelay(true)?;
                Ok(stream)
            }
        }
    }
}

impl Connect for TcpConnect {
    type Stream = TcpStream;

    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        choose_tls_provider();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let proxy = self.0.of(host).map_err(io::Error::other)?;
        Self::dial(proxy, host, port).await
    }
}
