//! The embedded paper exchange.

pub mod exchange;
pub mod sim;
pub mod world;
