//! Time, randomness, tasks, kill points and planted bugs: the only readers of time and randomness, the only spawner.

mod clock;
mod kill;
mod mutant;
mod random;
mod tasks;
mod virtual_time;

pub use clock::{Anchor, Clock, real_sleep, real_timeout};
pub use kill::{kill_point, page_limit};
pub use mutant::Mutant;
pub use random::{SplitMix64, random_bytes, random_u64};
pub use tasks::{Cancel, Tasks, detach, in_parallel, in_parallel_on, processors, spawn_thread};
pub use virtual_time::in_virtual_time;
