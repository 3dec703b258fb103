//! The client's seams over the network in memory: an HTTP client with its pool, and bare pipes for streams.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tower_service::Service;

use super::life::Life;
use super::network::{Network, Use};
use super::pipe::Pipe;
use crate::rt::real_timeout;
use crate::venue::lighter::{Connect, Timeouts, Transport, TransportError};

/// Opens the connections of one process.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    network: Network,
    life: Arc<Life>,
}

impl Dialer {
    pub(super) fn new(network: &Network, life: &Arc<Life>) -> Self {
        Self { network: network.clone(), life: Arc::clone(life) }
    }
}

impl Connect for Dialer {
    type Stream = Pipe;

    async fn connect(&self, _: &str, _: u16) -> io::Result<Pipe> {
        self.network.dial(Use::Stream, &self.life).await
    }
}

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Pipe>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Pipe>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move {
            let limit = Timeouts::default().connect;
            let opened = real_timeout(limit, dialer.network.dial(Use::Requests, &dialer.life)).await;
            opened.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())).map(TokioIo::new)
        })
    }
}

/// Requests over the same client library as over TCP, pool included.
#[derive(Clone, Debug)]
pub(super) struct PipeTransport(Client<Dialer, Full<Bytes>>);

impl PipeTransport {
    pub(super) fn new(dialer: Dialer) -> Self {
        Self(Client::builder(TokioExecutor::new()).build(dialer))
    }
}

impl Transport for PipeTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let interrupted = |error: &dyn std::error::Error| TransportError::Interrupted(error.to_string());
        let exchange = async {
            let answer = self.0.request(request.map(Full::new)).await.map_err(|error| {
                if error.is_connect() {
                    TransportError::NotSent(error.to_string())
                } else {
                    interrupted(&error)
                }
            })?;
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.map_err(|error| interrupted(&error))?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        let limit = Timeouts::default().total;
        let answered = real_timeout(limit, exchange).await;
        answered.unwrap_or_else(|| Err(TransportError::Interrupted("no answer in time".to_owned())))
    }
}
