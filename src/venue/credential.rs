//! API keys of the venue, and where they are read from. Nothing here ever shows a key.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::model::{AccountIndex, ApiKeyIndex, Timestamp};
use crate::signing::PrivateKey;
use crate::tx::auth::AuthToken;

/// Hexadecimal digits of a private key.
const DIGITS: usize = 80;

/// A key file larger than this is not read: it is something else.
const FILE_MAX: u64 = 4_096;

/// One key of one account.
#[derive(Clone)]
pub struct Credential {
    /// The account.
    pub account: AccountIndex,
    /// The slot in which the venue knows the key.
    pub api_key_index: ApiKeyIndex,
    /// The private key.
    pub key: PrivateKey,
}

impl Credential {
    /// Returns an auth token of the account that is good until `deadline`, on the venue's clock.
    pub fn token(&self, deadline: Timestamp) -> String {
        AuthToken::make(&self.key, self.account, self.api_key_index, deadline)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}:{}, key redacted)", self.account, self.api_key_index)
    }
}

/// Where a key is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    /// An environment variable.
    Env(String),
    /// A file.
    File(PathBuf),
}

impl fmt::Display for KeyLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Why no key could be read.
#[derive(Debug, thiserror::Error)]
pub enum KeyReadError {
    /// The environment variable is not set.
    #[error("`{origin}` is not set")]
    NotSet {
        /// Where it was looked for.
        origin: KeyLocation,
    },
    /// The file could not be read.
    #[error("`{origin}` cannot be read")]
    Unreadable {
        /// Where it was looked for.
        origin: KeyLocation,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("`{origin}` is empty")]
    Empty {
        /// Where it was looked for.
        origin: KeyLocation,
    },
    /// It has other characters than hexadecimal digits.
    #[error("`{origin}` is not hexadecimal")]
    NotHex {
        /// Where it was looked for.
        origin: KeyLocation,
    },
    /// It has too few or too many digits.
    #[error("`{origin}` has {digits} hexadecimal digits where a key has {DIGITS}")]
    Length {
        /// Where it was looked for.
        origin: KeyLocation,
        /// How many it has.
        digits: usize,
    },
    /// The digits are no key of the venue's group.
    #[error("`{origin}` is out of range for a key")]
    OutOfRange {
        /// Where it was looked for.
        origin: KeyLocation,
    },
}

/// What is worth a warning, though the key was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyWarning {
    /// Others than the owner may read or write the file.
    OpenFile {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl fmt::Display for KeyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenFile { path, mode } => {
                write!(f, "`{}` has mode {mode:04o}; a key file should have 0600", path.display())
            }
        }
    }
}

impl KeyLocation {
    /// Reads the key from this process' environment or from the file.
    ///
    /// # Errors
    ///
    /// Why there is no key. The text of the error never has a part of it.
    pub fn read(&self) -> Result<(PrivateKey, Option<KeyWarning>), KeyReadError> {
        self.read_with(|name| std::env::var_os(name))
    }

    /// Reads the key, with `lookup` in place of the environment.
    ///
    /// # Errors
    ///
    /// As [`KeyLocation::read`].
    pub fn read_with(
        &self,
        lookup: impl FnOnce(&str) -> Option<std::ffi::OsString>,
    ) -> Result<(PrivateKey, Option<KeyWarning>), KeyReadError> {
        let (text, warning) = match self {
            Self::Env(name) => {
                let value = lookup(name).ok_or_else(|| KeyReadError::NotSet { origin: self.clone() })?;
                let text = value.into_string().map_err(|_| KeyReadError::NotHex { origin: self.clone() })?;
                (Zeroizing::new(text), None)
            }
            Self::File(path) => {
                read_file(path).map_err(|source| KeyReadError::Unreadable { origin: self.clone(), source })?
            }
        };
        Ok((self.parse(&text)?, warning))
    }

    fn parse(&self, text: &str) -> Result<PrivateKey, KeyReadError> {
        let origin = || self.clone();
        let text = text.trim();
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.is_empty() {
            return Err(KeyReadError::Empty { origin: origin() });
        }
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(KeyReadError::NotHex { origin: origin() });
        }
        if digits.len() != DIGITS {
            return Err(KeyReadError::Length { origin: origin(), digits: digits.len() });
        }
        PrivateKey::from_hex(digits).map_err(|_| KeyReadError::OutOfRange { origin: origin() })
    }
}

/// Reads text and permissions of one open file, so that both are of the same one.
fn read_file(path: &Path) -> io::Result<(Zeroizing<String>, Option<KeyWarning>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if metadata.len() > FILE_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too large for a key"));
    }
    // Room for the whole file at once: a buffer that moves would leave a copy of the key behind.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(FILE_MAX).unwrap_or_default() + 1));
    file.take(FILE_MAX).read_to_string(&mut text)?;
    let mode = metadata.permissions().mode() & 0o777;
    let warning = (mode & 0o077 != 0).then(|| KeyWarning::OpenFile { path: path.to_owned(), mode });
    Ok((text, warning))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs::{self, Permissions};

    use super::*;

    fn env(value: Option<&str>) -> Result<(PrivateKey, Option<KeyWarning>), KeyReadError> {
        KeyLocation::Env("SOME_KEY".to_owned()).read_with(|name| {
            assert_eq!(name, "SOME_KEY");
            value.map(OsString::from)
        })
    }

    fn good() -> String {
        hex::encode(PrivateKey::from_seed("credential", 1, 1).to_bytes())
    }

    #[test]
    fn every_spelling_of_a_good_key_is_read() {
        let text = good();
        for spelled in [text.clone(), format!("0x{text}"), format!(" {text}\n"), text.to_uppercase()] {
            let (key, warning) = env(Some(&spelled)).unwrap();
            assert_eq!(hex::encode(key.to_bytes()), text);
            assert_eq!(warning, None);
        }
    }

    #[test]
    fn each_way_to_be_no_key_has_its_own_error_without_the_key() {
        let text = good();
        let long = format!("{text}{text}");
        let cases = [
            (None, "`env:SOME_KEY` is not set"),
            (Some(""), "`env:SOME_KEY` is empty"),
            (Some("0x "), "`env:SOME_KEY` is empty"),
            (Some("hunter2"), "`env:SOME_KEY` is not hexadecimal"),
            (Some(&text[1..]), "`env:SOME_KEY` has 79 hexadecimal digits where a key has 80"),
            (Some(&long), "`env:SOME_KEY` has 160 hexadecimal digits where a key has 80"),
        ];
        for (value, expected) in cases {
            assert_eq!(env(value).unwrap_err().to_string(), expected);
        }
        let beyond = env(Some(&"f".repeat(80))).unwrap_err();
        assert_eq!(beyond.to_string(), "`env:SOME_KEY` is out of range for a key");
    }

    #[test]
    fn a_file_that_others_may_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, format!("{}\n", good())).unwrap();
        let source = KeyLocation::File(path.clone());
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(source.read().unwrap().1, None);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let warning = source.read().unwrap().1.unwrap();
        assert_eq!(warning, KeyWarning::OpenFile { path: path.clone(), mode: 0o644 });
        assert!(warning.to_string().contains("has mode 0644"), "{warning}");
    }

    #[test]
    fn a_missing_or_strange_file_is_unreadable() {
        let dir = tempfile::tempdir().unwrap();
        let missing = KeyLocation::File(dir.path().join("none")).read();
        assert!(matches!(missing, Err(KeyReadError::Unreadable { .. })), "{missing:?}");
        let directory = KeyLocation::File(dir.path().to_owned()).read();
        assert!(matches!(directory, Err(KeyReadError::Unreadable { .. })), "{directory:?}");
        let large = dir.path().join("large");
        fs::write(&large, vec![b'0'; 10_000]).unwrap();
        let large = KeyLocation::File(large).read();
        assert!(matches!(large, Err(KeyReadError::Unreadable { .. })), "{large:?}");
    }

    #[test]
    fn debug_shows_no_key() {
        let credential = Credential {
            account: AccountIndex::new(1001),
            api_key_index: ApiKeyIndex::new(4),
            key: PrivateKey::from_hex(&good()).unwrap(),
        };
        let shown = format!("{credential:?}");
        assert_eq!(shown, "Credential(1001:4, key redacted)");
    }
}
