//! Tells what journal entries and outcomes mean, in words and sums. Never calls a venue.

mod describe;
mod rehearsal;
mod summary;

pub use describe::describe;
pub use rehearsal::{Verdict, rehearsal};
pub use summary::{PairSummary, REPORT, RunSummary};
