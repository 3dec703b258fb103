//! The embedded paper exchange.

pub mod exchange;
