//! The venue's own REST and WebSocket API over the exchange core.
//!
//! One task owns the exchange ([`actor`]); handlers send it work and render what it answers. Everything that a network
//! may do to a request is injected in front of it ([`faults`]).

mod actor;
mod app;
mod auth;
mod changes;
mod channel;
mod control;
mod error;
mod faults;
mod feed;
mod frames;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod hub;
mod json;
mod keys;
mod limits;
mod line;
mod mirror;
mod reference;
mod rest;
mod start;
#[cfg(test)]
mod tests;
mod wire;
mod ws;

pub use faults::{Fault, FaultRule, Faults};
pub use keys::{PaperAccount, PaperSlots, eth_key, key};
pub use mirror::MirrorError;
pub use reference::endpoints_reference;
pub(crate) use start::{Front, serve};
pub use start::{PaperConfig, PaperError, PaperServer, Running};
