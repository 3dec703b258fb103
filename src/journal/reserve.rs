//! Room kept back on the disk, so that cancels and hedges can be journaled when nothing else can (F-20).

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::JournalError;

/// The size of the reserve: some thousands of cancel and hedge records.
pub(super) const RESERVE_BYTES: u64 = 4 << 20;

/// What must be free before something that adds exposure is journaled: the records that will follow it.
pub(super) const NORMAL_BYTES: u64 = 16 << 20;

/// Below this the reserve is given up, before a write has to fail.
pub(super) const LAST_BYTES: u64 = 1 << 20;

/// Tells how much room is left, and can make some, once.
pub(super) trait Space: Send {
    /// Returns how many bytes are free for this process; `None` when nobody knows.
    fn free(&self) -> Option<u64>;

    /// Gives up the reserve; returns whether that made room.
    fn release(&mut self) -> bool;
}

/// A store that needs no room.
#[derive(Debug)]
pub(super) struct Unlimited;

impl Space for Unlimited {
    fn free(&self) -> Option<u64> {
        None
    }

    fn release(&mut self) -> bool {
        false
    }
}

/// The reserve of a state directory: a file whose blocks are allocated.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// Makes the reserve at `path`, if there is none and room for it.
    pub(super) fn prepare(path: PathBuf) -> Result<Self, JournalError> {
        let reserve = Self { path };
        let held = std::fs::metadata(&reserve.path).map_or(0, |file| file.len());
        if held < RESERVE_BYTES && reserve.free().is_none_or(|free| free > NORMAL_BYTES) {
            reserve.allocate()?;
        }
        Ok(reserve)
    }

    fn allocate(&self) -> Result<(), JournalError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)
            .map_err(JournalError::io("create", &self.path))?;
        let flags = rustix::fs::FallocateFlags::empty();
        match rustix::fs::fallocate(&file, flags, 0, RESERVE_BYTES) {
            // Some filesystems cannot allocate ahead; written zeros take the same room.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.fill(&file),
            other => other.map_err(|errno| JournalError::io("allocate", &self.path)(errno.into())),
        }
    }

    fn fill(&self, mut file: &std::fs::File) -> Result<(), JournalError> {
        let zeros = vec![0; 64 << 10];
        for _ in 0..RESERVE_BYTES / (64 << 10) {
            std::io::Write::write_all(&mut file, &zeros).map_err(JournalError::io("write", &self.path))?;
        }
        Ok(())
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }
}

impl Space for Reserve {
    fn free(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(self.directory()).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn release(&mut self) -> bool {
        let released = std::fs::remove_file(&self.path).is_ok();
        if released {
            tracing::error!(path = %self.path.display(), "the disk is full: the journal's reserve is given up");
        }
        released
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_reserve_takes_its_room_and_gives_it_back_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reserve");
        let mut reserve = Reserve::prepare(path.clone()).unwrap();
        let file = std::fs::metadata(&path).unwrap();
        assert_eq!(file.len(), RESERVE_BYTES);
        assert!(file.blocks() * 512 >= RESERVE_BYTES, "the blocks are allocated, not a hole");
        assert_eq!(file.mode() & 0o777, 0o600);
        assert!(reserve.free().unwrap() > 0);
        assert!(reserve.release());
        assert!(!path.exists());
        assert!(!reserve.release());
    }
}
