//! The durable record of a run: events in a hash chain, signed intents, locks.
//!
//! The journal knows nothing about what an event means: bodies are JSON texts that the engine writes and folds.

mod act;
mod chain;
mod error;
mod export;
mod handle;
#[cfg(test)]
mod handle_tests;
#[cfg(test)]
mod kill_tests;
mod lock;
mod memory;
mod replay;
mod reserve;
mod sqlite;
mod state_dir;
mod store;
#[cfg(test)]
mod tests;
mod verify;

pub use act::{Act, Operator, RUN_ACT};
pub use chain::EventHash;
pub use error::JournalError;
pub use export::{event_line, export, export_schema};
pub use handle::{Journal, Priority};
pub use lock::{Holder, Lock, LockError, LockRow, list_locks, lock_key, lock_market, lock_run};
pub use memory::MemoryStore;
pub use replay::{Replayed, replay};
pub use sqlite::{FORMAT, Salvaged, SqliteStore, salvage};
pub use state_dir::StateDir;
pub use store::{Append, EventRow, IntentRow, NewEvent, NewRun, RUN_STATUS, RunRow, StatusBody, Store};
pub use verify::{Verified, verified_events, verify};
