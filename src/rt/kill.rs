//! Named points at which a crash test kills the process.

/// Kills this process with SIGKILL when `LIGHTER_PLAN_KILL_AT` names this point.
///
/// The variable holds `NAME:N` (the Nth time NAME is passed, from 1) or `*:N` (the Nth point of any name). With
/// `LIGHTER_PLAN_KILL_LOG=FILE`, every point that is passed adds its name as a line to that file, so that a test can
/// enumerate the points of a run that nothing kills. Without the feature `killpoints`, which release builds never have,
/// this does nothing.
#[inline]
pub fn kill_point(name: &'static str) {
    #[cfg(feature = "killpoints")]
    armed::pass(name);
    #[cfg(not(feature = "killpoints"))]
    let _ = name;
}

/// Returns how many pages the journal's file may have, by `LIGHTER_PLAN_MAX_PAGES`: a disk that is full, as SQLite sees it.
/// Without the feature `killpoints` there is no such limit.
#[inline]
pub fn page_limit() -> Option<u32> {
    #[cfg(feature = "killpoints")]
    return std::env::var("LIGHTER_PLAN_MAX_PAGES")
        .ok()
        .map(|text| text.parse().expect("LIGHTER_PLAN_MAX_PAGES is a number"));
    #[cfg(not(feature = "killpoints"))]
    None
}

#[cfg(feature = "killpoints")]
mod armed {
    use std::fs::{File, OpenOptions};
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static TARGET: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    static LOG: OnceLock<Option<File>> = OnceLock::new();

    fn target() -> Option<(String, u64)> {
        let text = std::env::var("LIGHTER_PLAN_KILL_AT").ok()?;
        let parsed =
            text.rsplit_once(':').and_then(|(name, count)| Some((name.to_owned(), count.parse().ok()?)));
        assert!(parsed.is_some(), "`{text}` is no kill point such as `send.after:3` or `*:12`");
        parsed
    }

    fn log() -> Option<File> {
        let path = std::env::var_os("LIGHTER_PLAN_KILL_LOG")?;
        let file = OpenOptions::new().create(true).append(true).open(path);
        Some(file.expect("the log of kill points can be written"))
    }

    pub(super) fn pass(name: &'static str) {
        if let Some(mut file) = LOG.get_or_init(log).as_ref() {
            // One write with O_APPEND: lines of two threads never mix, and none is lost in a kill.
            file.write_all(format!("{name}\n").as_bytes()).expect("the log of kill points can be written");
        }
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
