//! What every command gets.

use std::future::Future;
use std::io;
use std::path::Path;

use super::passphrase::Passphrases;
use super::{Color, Global, terminal};
use crate::lint::formats::Look;

/// The global flags, and what follows from them.
#[derive(Debug)]
pub struct Context {
    global: Global,
    passphrases: Passphrases,
}

impl Context {
    pub(super) fn new(global: Global) -> Self {
        start_tracing(global.verbose, global.color);
        let passphrases = Passphrases::new(global.passphrase_file.clone());
        Self { global, passphrases }
    }

    /// Returns the state directory, which may not exist yet.
    pub fn state_dir(&self) -> &Path {
        &self.global.state
    }

    /// Returns whether standard output gets colours.
    pub fn colors(&self) -> bool {
        terminal::colors(self.global.color, &io::stdout())
    }

    /// Returns how findings look on standard output.
    pub(crate) fn look(&self) -> Look {
        terminal::look(self.global.color, &io::stdout())
    }

    /// Returns how findings look on standard error.
    pub(crate) fn error_look(&self) -> Look {
        terminal::look(self.global.color, &io::stderr())
    }

    /// Returns where the passphrase of sealed key files comes from.
    pub(crate) const fn passphrases(&self) -> &Passphrases {
        &self.passphrases
    }

    /// Returns how often `-v` was given.
    pub fn verbosity(&self) -> u8 {
        self.global.verbose
    }

    /// Runs `future` on a new multi-thread runtime. Only commands that talk to an exchange build one: `validate` and
    /// its kind must start in milliseconds.
    ///
    /// # Errors
    ///
    /// When the system gives no threads or no event queue.
    pub fn block_on<F: Future>(&self, future: F) -> io::Result<F::Output> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(runtime.block_on(future))
    }
}

/// Sends log lines to standard error, so that standard output holds answers only. `RUST_LOG` decides over `-v`.
fn start_tracing(verbose: u8, color: Color) {
    use tracing_subscriber::EnvFilter;
    let fallback = match verbose {
        0 => "warn",
        1 => "lighter_plan=info,warn",
        2 => "lighter_plan=debug,info",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(fallback));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(terminal::colors(color, &io::stderr()))
        .try_init();
    // A second initialisation only happens in tests that call several commands; the first one stays.
    drop(started);
}
