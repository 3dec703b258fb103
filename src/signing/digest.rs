//! What is signed: five field elements.

use std::fmt;

use super::error::KeyError;
use super::field::Goldilocks;

/// The hash of a message: five field elements, 40 bytes little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([Goldilocks; 5]);

impl Digest {
    /// Wraps five elements.
    pub const fn new(elements: [Goldilocks; 5]) -> Self {
        Self(elements)
    }

    /// Reads 40 bytes: five little-endian words.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotCanonical`] when a word is not below the field's modulus.
    pub fn from_bytes(bytes: &[u8; 40]) -> Result<Self, KeyError> {
        elements_from_bytes(bytes).map(Self).ok_or(KeyError::NotCanonical)
    }

    /// Returns the 40 bytes.
    pub fn to_bytes(&self) -> [u8; 40] {
        bytes_of_elements(&self.0)
    }

    /// Returns the five elements.
    pub const fn elements(&self) -> &[Goldilocks; 5] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", hex::encode(self.to_bytes()))
    }
}

/// Reads five little-endian words; `None` when one is not below the modulus.
pub(super) fn elements_from_bytes(bytes: &[u8; 40]) -> Option<[Goldilocks; 5]> {
    let mut elements = [Goldilocks::ZERO; 5];
    for (element, word) in elements.iter_mut().zip(words_from_bytes(bytes)) {
        *element = Goldilocks::from_canonical(word)?;
    }
    Some(elements)
}

/// Returns five elements as little-endian words.
pub(super) fn bytes_of_elements(elements: &[Goldilocks; 5]) -> [u8; 40] {
    bytes_of_words(&elements.map(Goldilocks::value))
}

/// Reads five little-endian words.
pub(super) fn words_from_bytes(bytes: &[u8; 40]) -> [u64; 5] {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

/// Returns five words, little-endian.
pub(super) fn bytes_of_words(words: &[u64; 5]) -> [u8; 40] {
    let mut bytes = [0; 40];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}
