//! The embedded paper exchange.

pub mod exchange;
pub mod server;
pub mod sim;
pub mod world;
