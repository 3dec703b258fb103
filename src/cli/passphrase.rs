//! The passphrase of sealed key files: from a file, the environment, or a terminal that does not show it.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::venue::Passphrase;

/// The environment variable that may hold it.
const VARIABLE: &str = "LIGHTER_PLAN_PASSPHRASE";

/// Longer ones are no passphrases.
const LENGTH_MAX: usize = 1_024;

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassphraseError {
    /// Its file cannot be read.
    #[error("the passphrase file `{}` cannot be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("the passphrase is empty")]
    Empty,
    /// Longer than a passphrase may be.
    #[error("the passphrase has more than {LENGTH_MAX} bytes")]
    Long,
    /// Not typed twice the same.
    #[error("the two passphrases differ")]
    Differ,
    /// Ctrl-C or Ctrl-D at the prompt.
    #[error("no passphrase was given")]
    Declined,
    /// No terminal to ask at.
    #[error("there is no terminal to ask for the passphrase")]
    NoTerminal(#[source] io::Error),
}

/// Where the passphrase of this process comes from; asked for once.
#[derive(Debug, Default)]
pub(crate) struct Passphrases {
    file: Option<PathBuf>,
    known: OnceLock<Passphrase>,
}

impl Passphrases {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file, known: OnceLock::new() }
    }

    /// Returns the passphrase that opens what is sealed.
    pub(crate) fn get(&self) -> Result<&Passphrase, PassphraseError> {
        self.known_or(|| prompt("passphrase: "))
    }

    /// Returns the passphrase that something is sealed with: a typed one is typed twice.
    pub(crate) fn get_new(&self) -> Result<&Passphrase, PassphraseError> {
        self.known_or(|| {
            let first = prompt("new passphrase: ")?;
            if first == prompt("the same again: ")? { Ok(first) } else { Err(PassphraseError::Differ) }
        })
    }

    fn known_or(
        &self,
        ask: impl FnOnce() -> Result<Passphrase, PassphraseError>,
    ) -> Result<&Passphrase, PassphraseError> {
        if let Some(known) = self.known.get() {
            return Ok(known);
        }
        let read = match (&self.file, std::env::var(VARIABLE)) {
            (Some(path), _) => from_file(path)?,
            (None, Ok(text)) => wrap(Zeroizing::new(text))?,
            (None, Err(_)) => ask()?,
        };
        Ok(self.known.get_or_init(|| read))
    }
}

fn wrap(text: Zeroizing<String>) -> Result<Passphrase, PassphraseError> {
    if text.len() > LENGTH_MAX {
        return Err(PassphraseError::Long);
    }
    Passphrase::new(text).ok_or(PassphraseError::Empty)
}

/// Reads the first line; editors end it with a line break that nobody typed at a prompt.
fn from_file(path: &Path) -> Result<Passphrase, PassphraseError> {
    let mut text = Zeroizing::new(String::with_capacity(LENGTH_MAX + 2));
    File::open(path)
        .and_then(|file| file.take(LENGTH_MAX as u64 + 1).read_to_string(&mut text))
        .map_err(|source| PassphraseError::Unreadable { path: path.to_owned(), source })?;
    wrap(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// The terminal with echo off; put back when dropped.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    /// Signals are off, too: Ctrl-C in the middle must not leave a terminal that shows nothing.
    fn open() -> io::Result<Self> {
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }

    fn read_line(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let mut line = Zeroizing::new(Vec::with_capacity(LENGTH_MAX + 1));
        let mut byte = [0];
        loop {
            if self.terminal.read(&mut byte)? == 0 {
                return Ok(None);
            }
            match byte[0] {
                b'\n' | b'\r' => return Ok(Some(line)),
                // Ctrl-C, Ctrl-D.
                3 | 4 => return Ok(None),
                // Backspace takes a whole character of UTF-8.
                8 | 127 => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
                byte if line.len() <= LENGTH_MAX => line.push(byte),
                _ => {}
            }
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing is left to tell it to when even this fails.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
        drop(self.terminal.write_all(b"\n"));
    }
}

fn prompt(question: &str) -> Result<Passphrase, PassphraseError> {
    let mut quiet = Quiet::open().map_err(PassphraseError::NoTerminal)?;
    quiet.terminal.write_all(question.as_bytes()).map_err(PassphraseError::NoTerminal)?;
    let line = quiet.read_line().map_err(PassphraseError::NoTerminal)?.ok_or(PassphraseError::Declined)?;
    let text = std::str::from_utf8(&line).map_err(|_| PassphraseError::Declined)?;
    wrap(Zeroizing::new(text.to_owned()))
}
