//! The language server: what `validate` finds, while a plan is written, over standard input and output.
//!
//! Messages are answered in their order, one at a time: a check takes less than a keystroke, and an answer can then never
//! be about an older text. Structures of the protocol are written as JSON where they are used; the crate that has them
//! as types is not maintained.

mod actions;
mod complete;
mod document;
mod hover;
mod place;
mod server;
mod symbols;

pub use server::serve;
