//! A declarative, crash-safe plan runner for the Lighter perpetuals exchange.
//!
//! Dependencies point down: `cli → engine → {graph, journal, venue}`, `{graph, lint} → plan`,
//! `{report, notify} → engine`, `{venue, paper} → tx → signing`, and everything may use `model` and `rt`. `tests/tidy.rs` checks it.

pub mod cli;
pub mod engine;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod graph;
pub mod journal;
pub mod lint;
pub mod lsp;
pub mod model;
pub mod notify;
pub mod paper;
pub mod plan;
pub mod report;
pub mod rt;
pub mod signing;
pub mod simulate;
pub mod tx;
pub mod venue;
