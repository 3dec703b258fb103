//! The command line as a user meets it: one binary, one module a command.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; helpers are not inside `#[test]` functions"
)]

mod commands;
mod common;
mod validate;
