//! Tests across modules, over the public interface. One binary, so that it links once.
#![cfg(test)]

mod client_on_paper;
