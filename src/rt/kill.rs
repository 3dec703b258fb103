//! Named points at which a crash test kills the process.

/// Kills this process with SIGKILL when `LIGHTER_PLAN_KILL_AT` names this point.
///
/// The variable holds `NAME:N` (the Nth time NAME is passed, from 1) or `*:N` (the Nth point of any name).
/// Without the feature `killpoints`, which release builds never have, this does nothing.
#[inline]
pub fn kill_point(name: &'static str) {
    #[cfg(feature = "killpoints")]
    armed::pass(name);
    #[cfg(not(feature = "killpoints"))]
    let _ = name;
}

#[cfg(feature = "killpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static TARGET: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);

    fn target() -> Option<(String, u64)> {
        let text = std::env::var("LIGHTER_PLAN_KILL_AT").ok()?;
        let (name, count) = text.rsplit_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    }

    pub(super) fn pass(name: &'static str) {
        let Some((wanted, count)) = TARGET.get_or_init(target) else { return };
        if (wanted == "*" || wanted == name) && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count {
            eprintln!("kill point {name}");
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }
}
