//! Time that nobody waits for: it jumps to the next timer as soon as nothing is left to do.

use std::future::Future;
use std::io;

use super::random::SeededRandomness;

/// Runs `work` to its end on this thread, in virtual time and with randomness from `seed`; what it spawned ends with it.
///
/// The same work and seed give the same run, as long as nothing in it uses another thread, the system's clock, or a
/// `select!` that is not biased.
///
/// # Errors
///
/// The system gives no runtime.
pub fn in_virtual_time<F: Future>(seed: u64, work: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    // Held until the last task is gone: a destructor may ask for randomness as well.
    let seeded = SeededRandomness::new(seed);
    let output = runtime.block_on(work);
    drop(runtime);
    drop(seeded);
    Ok(output)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::model::Timestamp;
    use crate::rt::{Clock, random_u64};

    use super::*;

    #[test]
    fn an_hour_takes_no_time_and_randomness_repeats() {
        let wall = Clock::wall();
        let hour = || {
            in_virtual_time(7, async {
                let clock = Clock::starting_at(Timestamp::from_millis(0));
                clock.sleep(Duration::from_secs(3_600)).await;
                (clock.now(), random_u64())
            })
        };
        let (first, second) = (hour().unwrap(), hour().unwrap());
        assert_eq!(first, second);
        assert_eq!(first.0, Timestamp::from_millis(3_600_000));
        assert!(Clock::wall().since(wall) < Duration::from_secs(60));
        assert_ne!(random_u64(), random_u64(), "the system's source is back");
    }
}
