//! The full host: the very client with real signatures, the server with its faults, and the engine's own run, over a
//! network in memory and in virtual time.
//!
//! What is seen is seen from outside, as an operator and the venue see it: the journal's commits, and what happens at
//! the exchange. The engine's view and its decisions are watched by the direct host, which is a thousand times faster.

mod client;
mod host;
mod life;
mod network;
mod pipe;
mod stage;
mod store;
mod weather;

pub use host::{FullRun, play_full};
