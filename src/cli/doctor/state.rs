//! The state directory: is it there, on a disk that can be trusted, with room, private, free?

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::cli::health::{Health, chain};
use crate::journal::{JournalError, StateDir, list_locks};

const AREA: &str = "state";

/// Below this, the journal soon refuses what starts something.
const ROOM_MIN: u64 = 256 << 20;

pub(super) fn look(health: &mut Health, root: &Path) {
    if !root.exists() {
        health.ok(AREA, "directory", format!("`{}` will be made by `apply`", root.display()));
        let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
        return room(health, parent.unwrap_or(Path::new(".")));
    }
    let state = match StateDir::open(root) {
        Ok(state) => Some(state),
        // A test order makes the directory for its locks, and no run has been there yet.
        Err(JournalError::Missing { .. }) => None,
        Err(error) => return health.fail(AREA, "directory", chain(&error), "name another with --state"),
    };
    health.ok(AREA, "directory", format!("`{}`", root.display()));
    permissions(health, root);
    room(health, root);
    sync(health, root);
    if let Some(state) = state {
        locks(health, &state);
    }
}

fn locks(health: &mut Health, state: &StateDir) {
    match list_locks(state) {
        Ok(rows) => {
            let held = rows.iter().filter(|row| row.held).count();
            if held == 0 {
                health.ok(AREA, "locks", "none held");
            } else {
                health.warn(AREA, "locks", format!("{held} held"), "lighter-plan lock show");
            }
        }
        Err(error) => health.fail(AREA, "locks", chain(&error), "look at the directory's permissions"),
    }
}

fn permissions(health: &mut Health, root: &Path) {
    match fs::metadata(root).map(|metadata| metadata.permissions().mode() & 0o777) {
        Ok(mode) if mode & 0o077 == 0 => health.ok(AREA, "permissions", "only the owner may enter it"),
        Ok(mode) => health.warn(AREA, "permissions", format!("mode {mode:04o}"), "chmod 700"),
        Err(error) => health.fail(AREA, "permissions", error.to_string(), "look at who owns it"),
    }
}

fn room(health: &mut Health, folder: &Path) {
    match rustix::fs::statvfs(folder) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let detail = format!("{} MiB free", free >> 20);
            if free < ROOM_MIN {
                health.warn(AREA, "space", detail, "make room, or name another disk with --state");
            } else {
                health.ok(AREA, "space", detail);
            }
        }
        Err(error) => health.fail(AREA, "space", error.to_string(), "name another directory with --state"),
    }
}

/// Writes a file, syncs it and the directory, and removes it.
fn sync(health: &mut Health, root: &Path) {
    let path = root.join(format!(".doctor-{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = File::create(&path)?;
        file.write_all(b"doctor")?;
        file.sync_all()?;
        File::open(root)?.sync_all()
    };
    let written = write();
    let removed = fs::remove_file(&path);
    match written.and(removed) {
        Ok(()) => health.ok(AREA, "fsync", "a file was written, synced and removed"),
        Err(error) => health.fail(AREA, "fsync", error.to_string(), "name another directory with --state"),
    }
}
