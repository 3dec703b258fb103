//! Where a secret is kept: the environment, a plain file, a sealed file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::cli::passphrase::{PassphraseError, Passphrases};
use crate::signing::PrivateKey;
use crate::tx::l1::EthKey;
use crate::venue::{KeyLocation, KeyReadError, Sealed, SealedError, SecretKind};

/// No file with a key is larger.
const FILE_MAX: u64 = 4_096;

/// Why a secret cannot be had or kept. Never says a part of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] KeyReadError),
    /// A sealed file that is none, or that does not open.
    #[error("`sealed:{}` does not open", path.display())]
    Sealed {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: SealedError,
    },
    /// It cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealedError),
    /// The passphrase is missing.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("`{}` cannot be written", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why; an existing file is never overwritten.
        source: io::Error,
    },
    /// The sealed file holds the other kind of key.
    #[error("`{}` holds a key of kind `{}` where one of kind `{}` is needed", path.display(), found.as_str(), wanted.as_str())]
    Kind {
        /// Which file.
        path: PathBuf,
        /// What it holds.
        found: SecretKind,
        /// What is needed.
        wanted: SecretKind,
    },
    /// The content is not a key.
    #[error("`{place}` holds no key of kind `{}`", wanted.as_str())]
    Content {
        /// Where.
        place: String,
        /// What is needed.
        wanted: SecretKind,
    },
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    /// An environment variable.
    Env(String),
    /// A file with hexadecimal text.
    File(PathBuf),
    /// A file made by `keys seal`.
    Sealed(PathBuf),
}

impl FromStr for SecretPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("sealed", path)) if !path.is_empty() => Ok(Self::Sealed(path.into())),
            // The text may be a key that was typed by mistake: it is not repeated.
            _ => Err("write env:NAME, file:PATH or sealed:PATH".to_owned()),
        }
    }
}

impl std::fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Sealed(path) => write!(f, "sealed:{}", path.display()),
        }
    }
}

impl SecretPlace {
    /// Returns the file, when there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Env(_) => None,
            Self::File(path) | Self::Sealed(path) => Some(path),
        }
    }

    /// Reads an API key.
    pub(crate) fn api_key(&self, passphrases: &Passphrases) -> Result<PrivateKey, SecretError> {
        let location = match self {
            Self::Sealed(path) => return open_api_key(path, passphrases),
            Self::Env(name) => KeyLocation::Env(name.clone()),
            Self::File(path) => KeyLocation::File(path.clone()),
        };
        let (key, warning) = location.read()?;
        if let Some(warning) = warning {
            tracing::warn!("{warning}");
        }
        Ok(key)
    }

    /// Reads an Ethereum key.
    pub(crate) fn eth_key(&self, passphrases: &Passphrases) -> Result<EthKey, SecretError> {
        let text = match self {
            Self::Env(name) => Zeroizing::new(std::env::var(name).unwrap_or_default()),
            Self::File(path) => read_text(path)?,
            Self::Sealed(path) => {
                let bytes = open_sealed(path, SecretKind::Eth, passphrases)?;
                Zeroizing::new(hex::encode(bytes.as_slice()))
            }
        };
        EthKey::from_hex(text.trim())
            .map_err(|_| SecretError::Content { place: self.to_string(), wanted: SecretKind::Eth })
    }

    /// Returns the permission bits of the file that let others than its owner in; `None` without a file or with none.
    pub(crate) fn open_mode(&self) -> Option<u32> {
        let mode = fs::metadata(self.path()?).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
}

fn open_api_key(path: &Path, passphrases: &Passphrases) -> Result<PrivateKey, SecretError> {
    let bytes = open_sealed(path, SecretKind::Api, passphrases)?;
    let wanted = SecretKind::Api;
    let content = || SecretError::Content { place: path.display().to_string(), wanted };
    let bytes: &[u8; 40] = bytes.as_slice().try_into().map_err(|_| content())?;
    PrivateKey::from_bytes(bytes).map_err(|_| content())
}

fn open_sealed(
    path: &Path,
    wanted: SecretKind,
    passphrases: &Passphrases,
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let sealed = read_sealed(path)?;
    if sealed.kind() != wanted {
        return Err(SecretError::Kind { path: path.to_owned(), found: sealed.kind(), wanted });
    }
    sealed.open(passphrases.get()?).map_err(|source| SecretError::Sealed { path: path.to_owned(), source })
}

/// Reads a sealed file without opening it.
pub(crate) fn read_sealed(path: &Path) -> Result<Sealed, SecretError> {
    let text = read_text(path)?;
    Sealed::parse(&text).map_err(|source| SecretError::Sealed { path: path.to_owned(), source })
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    // Room for all at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(4_097));
    File::open(path)
        .and_then(|file| file.take(FILE_MAX).read_to_string(&mut text))
        .map_err(|source| SecretError::Unreadable { path: path.to_owned(), source })?;
    Ok(text)
}

/// Writes a new file that only its owner may read, durably. An existing one is never overwritten: it may be the only
/// copy of a key.
pub(crate) fn write_new(path: &Path, text: &str) -> Result<(), SecretError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|source| SecretError::Unwritable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_what_they_print_and_repeat_no_key() {
        for text in ["env:NAME", "file:a/b.key", "sealed:/k"] {
            assert_eq!(text.parse::<SecretPlace>().unwrap().to_string(), text);
        }
        let key = "9c".repeat(40);
        for text in [key.as_str(), "env:", "file:", "paper"] {
            assert!(!text.parse::<SecretPlace>().unwrap_err().contains(&key));
        }
    }

    #[test]
    fn a_file_is_written_once_and_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_new(&path, "one").unwrap();
        assert!(matches!(write_new(&path, "two"), Err(SecretError::Unwritable { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        let place = SecretPlace::File(path.clone());
        assert_eq!(place.open_mode(), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(place.open_mode(), Some(0o644));
    }
}
