//! Lighter's real API: REST and WebSocket. The paper exchange speaks the same, so this is the only client.
//!
//! `http` sends requests within the budget, `parse` turns answers into the model, `client` is the port over both,
//! `streams` keeps the sockets, `orders` the one that transactions go by. All is generic over the two seams of `transport`.

mod client;
mod endpoints;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod oddities;
mod orders;
mod parse;
mod proxy;
mod streams;
mod survey;
mod tokens;
mod transport;
mod wire;

#[cfg(test)]
mod reach;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use client::{BATCH_MAX, LighterOptions, LighterVenue, SetupError, Waits};
pub(crate) use endpoints::host_is_loopback;
pub use endpoints::{EndpointError, NetworkEndpoints};
pub use oddities::Oddities;
pub use orders::OrderEntry;
pub use proxy::{Proxies, ProxyError};
pub use streams::StreamOptions;
pub use transport::{ByteStream, Connect, HttpTransport, TcpConnect, Timeouts, Transport, TransportError};
