//! Runs a step graph.

pub mod control;
