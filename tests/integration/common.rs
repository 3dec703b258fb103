//! Runs the program in a folder of its own, with a cleared environment.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

/// A sound plan.
pub(crate) const PLAN: &str = include_str!("../../plans/sol-pair.yaml");

/// A key as it looks; of no account.
pub(crate) const KEY: &str =
    "9c564ae7e695e08f82f1df4e320cde5f3112db5bb669ac58b099244397d7356dca271e5e7d9de498";

/// A folder, and the program run in it.
pub(crate) struct Bench {
    folder: TempDir,
}

/// What a run gave.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, "", &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &str, environment: &[(&str, &str)]) -> Run {
        let output = command(self.folder.path())
            .args(arguments)
            .envs(environment.iter().copied())
            .write_stdin(stdin)
            .output()
            .unwrap();
        Run {
            code: output.status.code().expect("an exit code, no signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// Fails unless the run ended with `code` and without a panic.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lighter-plan"));
    command.env_clear().current_dir(folder);
    command
}
