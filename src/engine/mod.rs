//! Runs a step graph.
