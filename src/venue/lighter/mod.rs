//! Lighter's real API: REST and WebSocket. The paper exchange speaks the same, so this is the only client.

mod endpoints;
mod oddities;
mod parse;
mod transport;
mod wire;

pub use endpoints::{EndpointError, NetworkEndpoints};
pub use oddities::Oddities;
pub use transport::{ByteStream, Connect, HttpTransport, TcpConnect, Timeouts, Transport, TransportError};
