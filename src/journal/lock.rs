//! Locks of the kernel: one a run, one a signing key. They end with the process, however it ends (U-03, F-15).
//!
//! The files stay when a lock is released: to remove one would let two processes lock two files of one name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::state_dir::StateDir;
use crate::model::{AccountIndex, ApiKeyIndex, RunId, Timestamp};
use crate::rt::Clock;

/// Who holds a lock, as written by the holder itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What is locked, in words.
    pub what: String,
    /// Its process.
    pub pid: u32,
    /// Its host.
    pub host: String,
    /// That host's boot, so that a pid of before a restart is not taken for one of today.
    pub boot_id: String,
    /// When it took the lock, in real time.
    pub started_at: Timestamp,
    /// What it was called with.
    pub command: String,
}

/// Why a lock was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it (exit code 25).
    #[error("{what} is locked{}", held_by(holder.as_deref()))]
    Held {
        /// What is locked.
        what: String,
        /// By whom; `None` while the holder has not said yet.
        holder: Option<Box<Holder>>,
    },
    /// The lock file could not be used.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: Arc<io::Error>,
    },
}

fn held_by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| {
        format!(
            " by process {} on {} since {}: {}",
            holder.pid, holder.host, holder.started_at, holder.command
        )
    })
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LockError {
    let path = path.to_owned();
    move |source| LockError::Io { action, path, source: Arc::new(source) }
}

/// A lock that this process holds until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Only for readers: the kernel's lock goes with the file, whatever the file says.
        let _ = self.file.set_len(0);
        // Said aloud, as a child that is being started may still have the file for a moment.
        let _ = self.file.unlock();
    }
}

/// A lock file and what stands in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockRow {
    /// The name of the file.
    pub file: String,
    /// Whether a process holds it now.
    pub held: bool,
    /// Who holds it, or held it when it was killed.
    pub holder: Option<Holder>,
}

/// Takes the lock of `run`.
///
/// # Errors
///
/// [`LockError::Held`], or I/O.
pub fn lock_run(state: &StateDir, run: &RunId, command: &str) -> Result<Lock, LockError> {
    take(&state.locks().join(format!("run-{run}.lock")), format!("run `{run}`"), command)
}

/// Takes the lock of one signing key of one network.
///
/// # Errors
///
/// [`LockError::Held`], or I/O.
pub fn lock_key(
    state: &StateDir,
    network: &str,
    account: AccountIndex,
    key: ApiKeyIndex,
    command: &str,
) -> Result<Lock, LockError> {
    let file = format!("key-{}-{account}-{key}.lock", file_part(network));
    take(&state.locks().join(file), format!("key {key} of account {account} on {network}"), command)
}

/// Takes the lock of one market of one network: the gate that keeps own orders apart knows the orders of one process
/// only, so two runs never trade in the same market at once.
///
/// # Errors
///
/// [`LockError::Held`], or I/O.
pub fn lock_market(state: &StateDir, network: &str, market: &str, command: &str) -> Result<Lock, LockError> {
    let file = format!("market-{}-{}.lock", file_part(network), file_part(market));
    take(&state.locks().join(file), format!("market {market} on {network}"), command)
}

/// Returns what the lock files say, without taking a lock.
///
/// # Errors
///
/// The directory cannot be read; a single unreadable file is shown without holder.
pub fn list_locks(state: &StateDir) -> Result<Vec<LockRow>, LockError> {
    let directory = state.locks();
    let entries = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(io_error("read", &directory))?,
    };
    let kernel = std::fs::read_to_string("/proc/locks").ok();
    let mut rows = Vec::new();
    for entry in entries {
        let path = entry.map_err(io_error("read", &directory))?.path();
        if path.extension().is_some_and(|extension| extension == "lock") {
            let holder = read_holder(&path);
            let held = is_held(&path, holder.as_ref(), kernel.as_deref());
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            rows.push(LockRow { file, held, holder });
        }
    }
    rows.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(rows)
}

fn take(path: &Path, what: String, command: &str) -> Result<Lock, LockError> {
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io_error("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { what, holder: read_holder(path).map(Box::new) });
            }
            Err(TryLockError::Error(error)) => return Err(io_error("lock", path)(error)),
        }
        // Somebody may have removed the file between opening and locking it: then this lock guards nothing.
        if is_same_file(&file, path) {
            let mut lock = Lock { file };
            lock.sign(what, command).map_err(io_error("write", path))?;
            return Ok(lock);
        }
    }
}

fn is_same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

impl Lock {
    fn sign(&mut self, what: String, command: &str) -> io::Result<()> {
        let holder = Holder {
            what,
            pid: std::process::id(),
            host: host(),
            boot_id: kernel_text("random/boot_id"),
            started_at: Clock::wall(),
            command: command.to_owned(),
        };
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(serde_json::to_string(&holder)?.as_bytes())?;
        self.file.flush()
    }
}

/// Returns this machine's name.
pub(super) fn host() -> String {
    kernel_text("hostname")
}

/// Returns one of the kernel's facts; empty where there are none.
fn kernel_text(name: &str) -> String {
    let text = std::fs::read_to_string(Path::new("/proc/sys/kernel").join(name)).unwrap_or_default();
    text.trim().to_owned()
}

fn read_holder(path: &Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(path).ok()?.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Asks the kernel whether somebody holds the file. To try the lock would tell as well, but could turn away a process
/// that wants it at this moment.
fn is_held(path: &Path, holder: Option<&Holder>, kernel: Option<&str>) -> bool {
    let Ok(file) = std::fs::metadata(path) else { return false };
    match kernel {
        Some(locks) => locks.lines().any(|line| is_lock_of(line, file.ino(), holder)),
        // Elsewhere the process must do; it has to be one of this boot.
        None => holder.is_some_and(|holder| {
            holder.boot_id == kernel_text("random/boot_id")
                && Path::new("/proc").join(holder.pid.to_string()).exists()
        }),
    }
}

/// Reads a line such as `7: FLOCK  ADVISORY  WRITE 4711 fe:00:262402 0 EOF`. The device is left out: some filesystems
/// show another one here than in `stat`.
fn is_lock_of(line: &str, inode: u64, holder: Option<&Holder>) -> bool {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [_, "FLOCK", _, "WRITE", pid, file, ..] = fields[..] else { return false };
    let same_file = file.rsplit(':').next().is_some_and(|number| number.parse() == Ok(inode));
    same_file && holder.is_none_or(|holder| pid == holder.pid.to_string() || pid == "0")
}

/// Makes any network's name fit for a file name, without two becoming one.
fn file_part(network: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !network.is_empty() && network.len() <= 32 && network.chars().all(is_plain) {
        return network.to_owned();
    }
    // A dot cannot be part of a plain name.
    format!("x.{}", &hex::encode(Sha256::digest(network.as_bytes()))[..32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::run_id;

    fn state() -> (tempfile::TempDir, StateDir) {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::create(directory.path()).unwrap();
        (directory, state)
    }

    /// F-15: of a hundred that race for a run, exactly one gets it.
    #[test]
    fn exactly_one_of_a_hundred_wins() {
        let (_directory, state) = state();
        for round in 0..5 {
            let run = run_id(&format!("r{round}"));
            let start = std::sync::Barrier::new(100);
            let results: Vec<_> = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..100)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            lock_run(&state, &run, "apply")
                        })
                    })
                    .collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
            assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(LockError::Held { .. }))));
        }
    }

    #[test]
    fn a_held_lock_says_who_has_it_and_a_dropped_one_is_free() {
        let (_directory, state) = state();
        let run = run_id("r1");
        let lock = lock_run(&state, &run, "lighter-plan apply x.yaml").unwrap();
        let error = lock_run(&state, &run, "resume").unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("run `r1` is locked by process "), "{text}");
        assert!(text.ends_with(": lighter-plan apply x.yaml"), "{text}");
        let rows = list_locks(&state).unwrap();
        assert_eq!(rows.len(), 1);
        assert!(rows[0].held);
        assert_eq!(rows[0].holder.as_ref().unwrap().pid, std::process::id());
        drop(lock);
        assert!(!list_locks(&state).unwrap()[0].held);
        lock_run(&state, &run, "resume").unwrap();
    }

    #[test]
    fn keys_are_told_apart_by_network_account_and_slot() {
        let (_directory, state) = state();
        let lock = |network, account, key| {
            lock_key(&state, network, AccountIndex::new(account), ApiKeyIndex::new(key), "apply")
        };
        let held = [
            lock("paper", 1, 4),
            lock("testnet", 1, 4),
            lock("paper", 2, 4),
            lock("paper", 1, 5),
            lock("http://127.0.0.1:1", 1, 4),
            lock("http://127.0.0.1:2", 1, 4),
        ];
        assert!(held.iter().all(Result::is_ok), "{held:?}");
        let error = lock("paper", 1, 4).unwrap_err();
        assert!(error.to_string().starts_with("key 4 of account 1 on paper is locked"), "{error}");
    }

    #[test]
    fn a_lock_on_a_removed_file_guards_nothing_and_is_taken_anew() {
        let (_directory, state) = state();
        let run = run_id("r1");
        let path = state.locks().join("run-r1.lock");
        let lock = lock_run(&state, &run, "apply").unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(!is_same_file(&lock.file, &path));
        let again = lock_run(&state, &run, "apply").unwrap();
        assert!(is_same_file(&again.file, &path));
    }

    #[test]
    fn the_kernels_list_is_read() {
        let line = "7: FLOCK  ADVISORY  WRITE 4711 fe:00:262402 0 EOF";
        assert!(is_lock_of(line, 262_402, None));
        assert!(!is_lock_of(line, 2, None));
        assert!(
            !is_lock_of("7: -> FLOCK  ADVISORY  WRITE 4711 fe:00:262402 0 EOF", 262_402, None),
            "only waits"
        );
        assert!(!is_lock_of("8: POSIX  ADVISORY  READ 4711 fe:00:262402 0 EOF", 262_402, None));
    }
}
