//! The durable record of a run: events in a hash chain, signed intents, locks.
//!
//! The journal knows nothing about what an event means: bodies are JSON texts that the engine writes and folds.

mod chain;
mod error;
mod handle;
mod memory;
mod reserve;
mod sqlite;
mod state_dir;
mod store;
#[cfg(test)]
mod tests;

pub use chain::EventHash;
pub use error::JournalError;
pub use handle::{Journal, Priority};
pub use memory::MemoryStore;
pub use sqlite::{FORMAT, SqliteStore};
pub use state_dir::StateDir;
pub use store::{Append, EventRow, IntentRow, NewEvent, NewRun, RUN_STATUS, RunRow, Store};
