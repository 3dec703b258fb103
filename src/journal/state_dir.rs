//! The state directory: who may use it, and what lies where.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::handle::Journal;
use super::reserve::Reserve;
use super::sqlite::SqliteStore;
use crate::model::RunId;

/// Filesystems over a network, by the magic number that `statfs` gives: their locks or syncs lie at times.
#[cfg(target_os = "linux")]
const NETWORK: [(u32, &str); 14] = [
    (0x0000_6969, "NFS"),
    (0x0000_517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x6573_5546, "FUSE"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x7461_636f, "OCFS2"),
    (0x0116_1970, "GFS2"),
    (0x1983_0326, "BeeGFS"),
];

/// A state directory that was checked: local, and written by nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// Opens the state directory at `root`; makes it and its parts, mode 0700, where they are missing.
    ///
    /// # Errors
    ///
    /// [`JournalError::NetworkFilesystem`], [`JournalError::TooOpen`], or I/O.
    pub fn create(root: &Path) -> Result<Self, JournalError> {
        make(root, true)?;
        let state = Self { root: root.to_owned() };
        state.check()?;
        for part in [state.locks(), state.control(), state.paper()] {
            make(&part, false)?;
        }
        Ok(state)
    }

    /// Opens the state directory at `root`, which must hold a journal; makes nothing.
    ///
    /// # Errors
    ///
    /// [`JournalError::Missing`].
    pub fn open(root: &Path) -> Result<Self, JournalError> {
        let state = Self { root: root.to_owned() };
        if state.journal_file().is_file() {
            Ok(state)
        } else {
            Err(JournalError::Missing { path: root.to_owned() })
        }
    }

    fn check(&self) -> Result<(), JournalError> {
        refuse_network(&self.root)?;
        let metadata = std::fs::metadata(&self.root).map_err(JournalError::io("read", &self.root))?;
        let mode = metadata.permissions().mode() & 0o777;
        // Who may write here may replace the journal. Reading is barred by the files' own modes.
        if mode & 0o022 != 0 { Err(JournalError::TooOpen { path: self.root.clone(), mode }) } else { Ok(()) }
    }

    /// Opens the journal for writing and starts its writer.
    ///
    /// # Errors
    ///
    /// Those of [`SqliteStore::open`].
    pub fn journal(&self) -> Result<Journal, JournalError> {
        let store = self.store()?;
        let reserve = Reserve::prepare(self.root.join("reserve"))?;
        Journal::start_with(Box::new(store), Box::new(reserve))
    }

    /// Opens the journal for writing, without a writer thread.
    ///
    /// # Errors
    ///
    /// Those of [`SqliteStore::open`].
    pub fn store(&self) -> Result<SqliteStore, JournalError> {
        SqliteStore::open(&self.journal_file())
    }

    /// Opens the journal for reading.
    ///
    /// # Errors
    ///
    /// Those of [`SqliteStore::open_read_only`].
    pub fn reader(&self) -> Result<SqliteStore, JournalError> {
        SqliteStore::open_read_only(&self.journal_file())
    }

    /// Returns the directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where the journal is.
    pub fn journal_file(&self) -> PathBuf {
        self.root.join("journal.sqlite")
    }

    /// Returns the directory of lock files.
    pub fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// Returns the directory of control sockets.
    pub fn control(&self) -> PathBuf {
        self.root.join("control")
    }

    /// Returns the directory of paper exchanges.
    pub fn paper(&self) -> PathBuf {
        self.root.join("paper")
    }

    /// Returns where the control socket of a live run is.
    pub fn control_socket(&self, run: &RunId) -> PathBuf {
        self.control().join(format!("{run}.sock"))
    }
}

fn make(path: &Path, with_parents: bool) -> Result<(), JournalError> {
    match DirBuilder::new().mode(0o700).recursive(with_parents).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(JournalError::io("create", path)),
    }
}

#[cfg(target_os = "linux")]
fn refuse_network(path: &Path) -> Result<(), JournalError> {
    let stat = rustix::fs::statfs(path)
        .map_err(|errno| JournalError::io("read the filesystem of", path)(errno.into()))?;
    match network_kind(i128::from(stat.f_type)) {
        Some(kind) => Err(JournalError::NetworkFilesystem { path: path.to_owned(), kind }),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_path: &Path) -> Result<(), JournalError> {
    Ok(())
}

/// Finds a magic number, which some platforms give as a signed word.
#[cfg(target_os = "linux")]
fn network_kind(magic: i128) -> Option<&'static str> {
    NETWORK.iter().find(|(known, _)| i128::from(*known) == magic & 0xffff_ffff).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_it_is_private() {
        let outer = tempfile::tempdir().unwrap();
        let state = StateDir::create(&outer.path().join("a/b")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for part in [state.root().to_owned(), state.locks(), state.control(), state.paper()] {
            assert_eq!(mode(&part), 0o700, "{part:?}");
        }
        drop(state.store().unwrap());
        assert_eq!(mode(&state.journal_file()), 0o600);
        assert_eq!(StateDir::create(state.root()).unwrap(), state);
    }

    #[test]
    fn a_directory_that_others_write_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        std::fs::set_permissions(outer.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(StateDir::create(outer.path()), Err(JournalError::TooOpen { mode: 0o777, .. })));
    }

    #[test]
    fn opening_makes_nothing() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("none");
        assert!(matches!(StateDir::open(&path), Err(JournalError::Missing { .. })));
        assert!(!path.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn network_filesystems_are_known_by_their_magic() {
        assert_eq!(network_kind(0x6969), Some("NFS"));
        assert_eq!(network_kind(i128::from(0xff53_4d42_u32.cast_signed())), Some("CIFS"));
        assert_eq!(network_kind(0xef53), None, "ext4");
        assert_eq!(network_kind(0x0102_1994), None, "tmpfs");
    }
}
