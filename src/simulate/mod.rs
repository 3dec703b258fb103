//! The simulation: the very engine against the exchange core in virtual time, without sockets and signatures, with
//! everything going wrong that a seed says, and every invariant watched on the way.

mod host;
mod link;
mod opinion;
mod scenario;
mod venue;
mod violation;
mod watch;

pub use host::Run;
pub use link::Fate;
pub use scenario::{LONG, Rates, SHORT, SYMBOL, Scenario, Streams, near};
pub use venue::Opening;
pub use violation::{Invariant, Violation};
pub use watch::Watch;
