//! The command line as a user meets it: one binary, one module a command.

mod commands;
mod common;
mod validate;
