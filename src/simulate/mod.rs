//! The simulation: the very engine against the exchange core in virtual time, without sockets and signatures, with
//! everything going wrong that a seed says, and every invariant watched on the way.

mod disk;
mod draw;
mod fault;
mod full;
mod host;
mod link;
mod opinion;
mod plan;
mod played;
mod sabotage;
mod scenario;
mod shrink;
mod sweep;
mod tally;
mod venue;
mod violation;
mod watch;

pub use disk::DiskFault;
pub use fault::{Fault, Faults, UnknownFault};
pub use full::{FullRun, play_full};
pub use host::{KillPoint, Run};
pub use link::Fate;
pub use played::{Host, Played};
pub use scenario::{Beside, Hand, LONG, Rates, SHORT, SYMBOL, Scenario, Streams, TRACE, near};
pub use shrink::{shrink, shrink_on};
pub use sweep::{Points, SECONDS_EACH, SECONDS_EVERY, STILL_EVERY, Sweep, play};
pub use tally::{Case, Cell, CrashAt, Outcome, Tally};
pub use venue::Opening;
pub use violation::{Invariant, Violation};
pub use watch::Watch;
