//! How a command ends when it cannot do its work.

use std::error::Error;

use super::{Exit, out};

/// A failure with its exit code.
#[derive(Debug)]
pub struct Fault {
    exit: Exit,
    source: Box<dyn Error + Send + Sync>,
    hint: Option<String>,
}

impl Fault {
    /// A tool or I/O fault: exit code 3.
    pub fn tool(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit: Exit::FAULT, source: source.into(), hint: None }
    }

    /// A use of the command line that cannot be meant: exit code 2.
    pub fn usage(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit: Exit::USAGE, source: source.into(), hint: None }
    }

    /// A failure that has an exit code of its own.
    pub fn with(exit: Exit, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, source: source.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Writes the failure to standard error and returns its exit code.
    pub fn report(&self) -> Exit {
        out::error(self.source.as_ref());
        if let Some(hint) = &self.hint {
            out::note(&format!("  hint: {hint}"));
        }
        self.exit
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Fault {
    fn from(source: E) -> Self {
        Self::tool(source)
    }
}
