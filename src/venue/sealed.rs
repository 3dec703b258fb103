//! Key files under a passphrase: XChaCha20-Poly1305 with a key from Argon2id.
//!
//! A sealed file is text. Its header says kind, public part and the cost of the passphrase; all of it is associated
//! data, so that nobody can pass one key's box off as another's or make the next sealing cheaper.
//!
//! ```text
//! lighter-plan sealed key v1
//! kind: api
//! public: 80 hexadecimal digits
//! argon2id: m=65536,t=3,p=1
//! salt: 32 hexadecimal digits
//! nonce: 48 hexadecimal digits
//! box: the key and 16 bytes of tag, in hexadecimal
//! ```

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::rt::random_bytes;

/// The first line of every sealed file of this version.
const TITLE: &str = "lighter-plan sealed key v1";

/// What the first line of other versions begins with.
const TITLE_STEM: &str = "lighter-plan sealed key v";

/// Argon2id's cost: a quarter of a second on a usual machine.
const COST: Cost = Cost { memory_kib: 65_536, passes: 3, lanes: 1 };

/// The most that a file may ask for; a forged header must not take the machine's memory or an hour.
const COST_MAX: Cost = Cost { memory_kib: 1_048_576, passes: 16, lanes: 4 };

/// A passphrase. Erased when dropped; its `Debug` form shows nothing.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Wraps a passphrase; `None` when it is empty.
    pub fn new(text: Zeroizing<String>) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }
}

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// What a sealed file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// An API key of the venue; its public part is the public key.
    Api,
    /// An Ethereum key; its public part is the address.
    Eth,
}

impl SecretKind {
    /// Returns the name in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Eth => "eth",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Api => 40,
            Self::Eth => 32,
        }
    }
}

/// Why a sealed file cannot be opened or made. Never says what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// The first line is not that of a sealed file.
    #[error("not a sealed key file: its first line is not `{TITLE}`")]
    NotSealed,
    /// A later version wrote it.
    #[error("sealed in format `{version}`, which this version of the program does not know")]
    Version {
        /// What the first line says.
        version: String,
    },
    /// A line is missing, out of place or malformed.
    #[error("the line `{line}` of the sealed file is missing or malformed")]
    Line {
        /// Its name.
        line: &'static str,
    },
    /// The header asks for more memory or time than any file of ours.
    #[error("the sealed file asks for an absurd Argon2 cost")]
    Cost,
    /// The tag does not fit.
    #[error("the passphrase is wrong, or the sealed file was changed")]
    WrongOrChanged,
    /// The machine lacks the memory.
    #[error("this machine cannot compute Argon2id with {memory_kib} KiB")]
    Memory {
        /// How much it takes.
        memory_kib: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let mut number = |name: &str| parts.next()?.strip_prefix(name)?.parse().ok();
        let cost = Self { memory_kib: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
        parts.next().is_none().then_some(cost)
    }

    fn key(self, passphrase: &Passphrase, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealedError> {
        let Self { memory_kib, passes, lanes } = self;
        let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| SealedError::Cost)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.0.as_bytes(), salt, key.as_mut_slice())
            .map_err(|_| SealedError::Memory { memory_kib })?;
        Ok(key)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.memory_kib, self.passes, self.lanes)
    }
}

/// A sealed file, read but not opened. Nothing in it is secret; nothing of it is proved before [`Sealed::open`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    kind: SecretKind,
    public: String,
    cost: Cost,
    salt: [u8; 16],
    nonce: [u8; 24],
    sealed: Vec<u8>,
}

impl Sealed {
    /// Seals a key. `public` is what the header shows of it: the public key or the address.
    ///
    /// # Errors
    ///
    /// [`SealedError::Memory`].
    pub fn seal(
        kind: SecretKind,
        public: &str,
        secret: &[u8],
        passphrase: &Passphrase,
    ) -> Result<Self, SealedError> {
        let mut made = Self {
            kind,
            public: public.to_owned(),
            cost: COST,
            salt: random_bytes(),
            nonce: random_bytes(),
            sealed: Vec::new(),
        };
        let cipher = made.cipher(passphrase)?;
        let header = made.header();
        let payload = Payload { msg: secret, aad: header.as_bytes() };
        made.sealed = cipher
            .encrypt(&XNonce::from(made.nonce), payload)
            .expect("encrypting a few bytes into memory does not fail");
        Ok(made)
    }

    /// Reads the text of a sealed file.
    ///
    /// # Errors
    ///
    /// Which line is wrong.
    pub fn parse(text: &str) -> Result<Self, SealedError> {
        let mut lines = text.lines();
        match lines.next().map(str::trim_end) {
            Some(TITLE) => {}
            Some(title) if title.starts_with(TITLE_STEM) => {
                let version = title.chars().skip(TITLE_STEM.len() - 1).take(8).collect();
                return Err(SealedError::Version { version });
            }
            _ => return Err(SealedError::NotSealed),
        }
        let mut line = |name: &'static str| {
            let value = lines.next().and_then(|line| line.trim_end().strip_prefix(name)?.strip_prefix(": "));
            value.ok_or(SealedError::Line { line: name })
        };
        let kind = match line("kind")? {
            "api" => SecretKind::Api,
            "eth" => SecretKind::Eth,
            _ => return Err(SealedError::Line { line: "kind" }),
        };
        let public = line("public")?.to_owned();
        let cost = Cost::parse(line("argon2id")?).ok_or(SealedError::Line { line: "argon2id" })?;
        let salt = bytes("salt", line("salt")?)?;
        let nonce = bytes("nonce", line("nonce")?)?;
        let sealed = hex::decode(line("box")?).map_err(|_| SealedError::Line { line: "box" })?;
        let made = Self { kind, public, cost, salt, nonce, sealed };
        made.check()?;
        Ok(made)
    }

    fn check(&self) -> Result<(), SealedError> {
        let within = self.cost.memory_kib <= COST_MAX.memory_kib
            && self.cost.passes <= COST_MAX.passes
            && self.cost.lanes <= COST_MAX.lanes;
        if !within {
            return Err(SealedError::Cost);
        }
        if self.sealed.len() != self.kind.bytes() + 16 {
            return Err(SealedError::Line { line: "box" });
        }
        Ok(())
    }

    /// Opens the file: returns the key's bytes.
    ///
    /// # Errors
    ///
    /// [`SealedError::WrongOrChanged`], which cannot be told apart, and [`SealedError::Memory`].
    pub fn open(&self, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, SealedError> {
        let header = self.header();
        let payload = Payload { msg: &self.sealed, aad: header.as_bytes() };
        self.cipher(passphrase)?
            .decrypt(&XNonce::from(self.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| SealedError::WrongOrChanged)
    }

    /// Returns what it holds.
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// Returns the public key or the address that the header shows.
    pub fn public(&self) -> &str {
        &self.public
    }

    fn cipher(&self, passphrase: &Passphrase) -> Result<XChaCha20Poly1305, SealedError> {
        let key = self.cost.key(passphrase, &self.salt)?;
        Ok(XChaCha20Poly1305::new_from_slice(key.as_slice()).expect("the key has 32 bytes"))
    }

    /// Every line before the box: the associated data.
    fn header(&self) -> String {
        format!(
            "{TITLE}\nkind: {}\npublic: {}\nargon2id: {}\nsalt: {}\nnonce: {}\n",
            self.kind.as_str(),
            self.public,
            self.cost,
            hex::encode(self.salt),
            hex::encode(self.nonce)
        )
    }
}

impl fmt::Display for Sealed {
    /// The text of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}box: {}", self.header(), hex::encode(&self.sealed))
    }
}

fn bytes<const N: usize>(line: &'static str, text: &str) -> Result<[u8; N], SealedError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| SealedError::Line { line })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrase(text: &str) -> Passphrase {
        Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
    }

    fn sealed() -> String {
        let key = [7; 40];
        Sealed::seal(SecretKind::Api, &"ab".repeat(40), &key, &phrase("correct horse")).unwrap().to_string()
    }

    #[test]
    fn what_was_sealed_is_opened_by_its_passphrase_only() {
        let text = sealed();
        assert!(!text.contains(&hex::encode([7; 40])));
        let read = Sealed::parse(&text).unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!(read.open(&phrase("correct horse")).unwrap().as_slice(), [7; 40]);
        assert_eq!(read.open(&phrase("correct hors")).unwrap_err(), SealedError::WrongOrChanged);
        assert!(Passphrase::new(Zeroizing::new(String::new())).is_none());
    }

    #[test]
    fn no_line_can_be_changed() {
        let text = sealed();
        for (from, to) in [
            ("public: ab", "public: ac"),
            ("t=3", "t=2"),
            ("salt: ", "salt: 00"),
            ("nonce: ", "nonce: 11"),
            ("box: ", "box: 22"),
            ("kind: api", "kind: eth"),
        ] {
            let at = text.find(from).unwrap();
            let mut changed = text.clone();
            // The same length, so that only the tag can tell.
            changed.replace_range(at..at + to.len(), to);
            if changed == text {
                continue;
            }
            let opened = Sealed::parse(&changed).and_then(|read| read.open(&phrase("correct horse")));
            assert!(opened.is_err(), "`{from}` became `{to}`");
        }
    }

    #[test]
    fn each_way_to_be_no_sealed_file_is_told() {
        let text = sealed();
        assert_eq!(Sealed::parse(""), Err(SealedError::NotSealed));
        assert_eq!(Sealed::parse(&"ab".repeat(40)), Err(SealedError::NotSealed));
        let later = text.replace("key v1", "key v2");
        assert_eq!(Sealed::parse(&later), Err(SealedError::Version { version: "v2".to_owned() }));
        let cut: String = text.lines().take(5).map(|line| format!("{line}\n")).collect();
        assert_eq!(Sealed::parse(&cut), Err(SealedError::Line { line: "nonce" }));
        let greedy = text.replace("m=65536", "m=99999999");
        assert_eq!(Sealed::parse(&greedy), Err(SealedError::Cost));
        let short = text
            .trim_end()
            .strip_suffix("00")
            .map_or_else(|| text.trim_end()[..text.trim_end().len() - 2].to_owned(), str::to_owned);
        assert_eq!(Sealed::parse(&short), Err(SealedError::Line { line: "box" }));
    }

    #[test]
    fn debug_shows_no_passphrase() {
        assert_eq!(format!("{:?}", phrase("hunter2")), "Passphrase(…)");
    }
}
