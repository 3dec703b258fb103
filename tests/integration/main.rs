//! Tests across modules over the public interface, and the command line as a user meets it. One binary, so that it
//! links once.
#![cfg(test)]

mod bad_input;
mod client_on_paper;
mod commands;
mod common;
mod docs;
mod doctor;
mod dry_run;
mod fix;
mod journal;
mod keys;
mod lsp;
mod lsp_client;
mod lsp_life;
mod many_pairs;
mod notify;
mod online;
mod plans;
mod policy;
mod saved;
mod simulate;
mod validate;
