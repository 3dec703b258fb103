//! The only place that spawns: every task has a name and an owner that joins it.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument;

/// A flag that goes up once and can be awaited by many.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<watch::Sender<bool>>);

impl Default for Cancel {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Cancel {
    /// Raises the flag.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether the flag is up.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for the flag.
    pub async fn cancelled(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|raised| *raised).await;
    }
}

/// Tasks of one owner. Dropping it aborts them; [`Tasks::shutdown`] aborts and joins.
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<()>,
}

impl Tasks {
    /// Spawns `future` under `name`.
    pub fn spawn(&mut self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.set.spawn(future.instrument(tracing::debug_span!("task", name)));
    }

    /// Waits until every task has ended by itself.
    pub async fn join(&mut self) {
        while self.set.join_next().await.is_some() {}
    }

    /// Aborts what still runs and waits for it.
    pub async fn shutdown(&mut self) {
        self.set.shutdown().await;
    }
}

/// Spawns a task that ends by itself and that nobody waits for, such as one connection of a server.
#[expect(clippy::disallowed_methods, reason = "this is the spawner")]
pub fn detach(name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future.instrument(tracing::debug_span!("task", name)));
}

/// Starts a thread of the system for work that blocks, such as a file's syncs. It ends by itself when its queue closes.
///
/// # Errors
///
/// When the system gives no thread.
pub fn spawn_thread(name: &'static str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body)
}

/// Does `work` for every number below `count`, on as many threads as the machine has processors, and returns the results
/// in the order of the numbers.
///
/// # Panics
///
/// When `work` panics.
pub fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    in_parallel_on(processors(), count, work)
}

/// Returns how many processors this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// As [`in_parallel`], on as many threads as are asked for.
///
/// # Panics
///
/// When `work` panics.
pub fn in_parallel_on<T: Send>(threads: usize, count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.min(count);
    if threads < 2 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            done.push((index, work(index)));
        }
    };
    let mut all: Vec<(usize, T)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Vec<(usize, T)>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    });
    all.sort_unstable_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_their_numbers() {
        for count in [0, 1, 2, 1_000] {
            assert_eq!(in_parallel(count, |n| n * n), (0..count).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn cancel_is_seen_before_and_after() {
        let cancel = Cancel::default();
        let other = cancel.clone();
        assert!(!other.is_cancelled());
        cancel.cancel();
        other.cancelled().await;
        assert!(other.is_cancelled());
    }
}
