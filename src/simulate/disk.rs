//! The journal of a simulated machine: bytes in a file, of which a crash leaves what was synced.

use crate::engine::Entry;
use crate::rt::Mutant;

/// What happens to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// Power goes while it is written.
    TornWrite,
    /// Power goes before it is synced.
    LostTail,
    /// The write fails.
    FailedWrite,
    /// The sync fails, and the bytes are there afterwards.
    FailedSyncKept,
    /// The sync fails, and they are not.
    FailedSyncLost,
}

impl DiskFault {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::TornWrite, Self::LostTail, Self::FailedWrite, Self::FailedSyncKept, Self::FailedSyncLost];
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Durable,
    /// The process ends, by the power or because the journal is poisoned; whether the bytes are there afterwards.
    Gone(bool),
}

/// Rows end in a line break, a commit in an empty row. What follows the last whole commit does not count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    file: Vec<u8>,
    synced: usize,
}

impl Disk {
    /// Writes and syncs a commit, unless something happens to it.
    pub(crate) fn commit(&mut self, entries: &[Entry], fault: Option<DiskFault>) -> Written {
        let before = self.file.len();
        for entry in entries {
            serde_json::to_writer(&mut self.file, entry).expect("an entry is JSON");
            self.file.push(b'\n');
        }
        self.file.push(b'\n');
        let written = self.file.len() - self.synced;
        match fault {
            None => {
                self.synced = if Mutant::CommitNotSynced.is_planted() { before } else { self.file.len() };
                return Written::Durable;
            }
            Some(DiskFault::FailedSyncKept) => {
                self.synced = self.file.len();
                return Written::Gone(true);
            }
            // The part that arrived is on disk; the commit's end is not among it.
            Some(DiskFault::TornWrite) => self.synced += written * 2 / 3,
            Some(DiskFault::LostTail | DiskFault::FailedWrite | DiskFault::FailedSyncLost) => {}
        }
        self.file.truncate(self.synced);
        Written::Gone(false)
    }

    /// What a new process finds: whole commits, and what follows them cut away.
    pub(crate) fn reopen(&mut self) {
        self.file.truncate(self.synced);
        let end = self.file.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at + 2);
        self.file.truncate(end);
        self.synced = end;
    }

    /// Returns the rows of all whole commits, each an entry as JSON.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &str> {
        let text = std::str::from_utf8(&self.file).expect("JSON is text");
        text.lines().filter(|row| !row.is_empty())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.file
    }

    /// Reads the entries back.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, serde_json::Error> {
        self.rows().map(Entry::read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Step;
    use crate::model::Timestamp;

    fn entry(at: i64) -> Entry {
        Entry::Step { at: Timestamp::from_millis(at), to: Step::Place }
    }

    /// F-18, F-19: whole commits stay, and of a broken one nothing counts.
    #[test]
    fn f_18_only_whole_commits_count() {
        for (fault, rows) in [
            (DiskFault::TornWrite, 2),
            (DiskFault::LostTail, 2),
            (DiskFault::FailedWrite, 2),
            (DiskFault::FailedSyncLost, 2),
            (DiskFault::FailedSyncKept, 4),
        ] {
            let mut disk = Disk::default();
            assert_eq!(disk.commit(&[entry(1), entry(2)], None), Written::Durable);
            assert_eq!(disk.commit(&[entry(3), entry(4)], Some(fault)), Written::Gone(rows == 4));
            disk.reopen();
            assert_eq!(disk.rows().count(), rows, "{fault:?}");
            disk.commit(&[entry(5)], None);
            assert_eq!(disk.entries().expect("entries").len(), rows + 1, "{fault:?}");
        }
    }
}
