//! The embedded paper exchange.

pub mod exchange;
mod log;
pub mod server;
pub mod sim;
pub mod world;
