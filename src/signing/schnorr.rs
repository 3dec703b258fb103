//! Keys and Schnorr signatures.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::curve::AffinePoint;
use super::digest::Digest;
use super::error::KeyError;
use super::extension::Fp5;
use super::field::Goldilocks;
use super::multiply::{double_multiple_vartime, generator_multiple};
use super::poseidon2::hash_elements;
use super::scalar::Scalar;
use super::secret::{Purpose, derive_scalar};
use crate::rt::random_bytes;

/// A private key: an integer from 1 to n − 1. Erased when dropped; its `Debug` form shows nothing.
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<Scalar>);

impl PrivateKey {
    /// Reads 80 hexadecimal digits, little-endian, with or without `0x`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the text is no such number or the number no key.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&*bytes_from_hex(text)?)
    }

    /// Reads 40 bytes, little-endian.
    ///
    /// # Errors
    ///
    /// [`KeyError::ZeroKey`] or [`KeyError::ScalarTooLarge`] when the number is not between 1 and n − 1.
    pub fn from_bytes(bytes: &[u8; 40]) -> Result<Self, KeyError> {
        let scalar = Zeroizing::new(Scalar::from_bytes(bytes).ok_or(KeyError::ScalarTooLarge)?);
        if scalar.is_zero() {
            return Err(KeyError::ZeroKey);
        }
        Ok(Self(scalar))
    }

    /// Makes a new key from the system's randomness.
    pub fn generate() -> Self {
        let random = Zeroizing::new(random_bytes::<80>());
        Self(Zeroizing::new(derive_scalar(Purpose::Key, &[random.as_slice()])))
    }

    /// Makes the key that belongs to `domain`, `seed` and `index`: the same on every machine. No secret, for it can
    /// be guessed; for exchanges without real money.
    pub fn from_seed(domain: &str, seed: u64, index: u64) -> Self {
        let (seed, index) = (seed.to_le_bytes(), index.to_le_bytes());
        Self(Zeroizing::new(derive_scalar(Purpose::Seed, &[&seed, &index, domain.as_bytes()])))
    }

    /// Returns the 40 bytes, little-endian, erased when dropped. For writing the key to where it is kept, nothing else.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 40]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Returns the public key.
    pub fn public_key(&self) -> PublicKey {
        let mut fractions = generator_multiple(&self.0);
        let (w, point) = (fractions.encode(), fractions.to_affine());
        // The fractions would tell something of the key (Naccache, Smart, Stern: "Projective coordinates leak").
        fractions.zeroize();
        PublicKey { w, point }
    }

    /// Signs a digest. The nonce scalar is derived from the key and the digest, so the same digest gets the same
    /// signature on every machine and no randomness is needed; two digests never share a nonce scalar.
    pub fn sign(&self, digest: &Digest) -> Signature {
        self.sign_derived(digest, &[])
    }

    /// Signs a digest with a nonce scalar that also depends on fresh randomness: as safe as [`sign`](Self::sign) if
    /// the randomness is bad, and safer against somebody who can disturb the computation of the same signature twice.
    pub fn sign_hedged(&self, digest: &Digest) -> Signature {
        self.sign_derived(digest, &Zeroizing::new(random_bytes::<32>())[..])
    }

    fn sign_derived(&self, digest: &Digest, fresh: &[u8]) -> Signature {
        let key = self.to_bytes();
        let nonce =
            Zeroizing::new(derive_scalar(Purpose::Nonce, &[key.as_slice(), &digest.to_bytes(), fresh]));
        self.sign_with_nonce(digest, &nonce)
    }

    /// Signs with a given nonce scalar, which must never serve two digests.
    fn sign_with_nonce(&self, digest: &Digest, nonce: &Scalar) -> Signature {
        let mut point = generator_multiple(nonce);
        let e = challenge(&point.encode(), digest);
        point.zeroize();
        let s = nonce.minus(e.times(*self.0));
        Signature::from_halves(s, e)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// A public key: a point other than the neutral one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    w: Fp5,
    point: AffinePoint,
}

impl PublicKey {
    /// Reads 80 hexadecimal digits, with or without `0x`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the text is no such number or the number no key.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&*bytes_from_hex(text)?)
    }

    /// Reads the 40 bytes of an encoded point.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when a word is not below the modulus, there is no such point, or it is the neutral one.
    pub fn from_bytes(bytes: &[u8; 40]) -> Result<Self, KeyError> {
        let w = Fp5::from_bytes(bytes).ok_or(KeyError::NotCanonical)?;
        if w.is_zero() {
            return Err(KeyError::ZeroKey);
        }
        let point = AffinePoint::decode_vartime(w).ok_or(KeyError::NotOnCurve)?;
        Ok(Self { w, point })
    }

    /// Returns the 40 bytes of the encoded point.
    pub fn to_bytes(&self) -> [u8; 40] {
        self.w.to_bytes()
    }

    /// Returns 80 lower-case hexadecimal digits, without prefix, as the venue shows keys.
    pub fn to_hex(&self) -> String {
        hex::encode(self.to_bytes())
    }

    /// Returns whether `signature` is this key's for `digest`. Takes a time that depends on all of them; none is secret.
    pub fn verify(&self, digest: &Digest, signature: &Signature) -> bool {
        let Some((s, e)) = signature.halves() else { return false };
        let point = double_multiple_vartime(&s, &e, &self.point);
        challenge(&point.encode(), digest) == e
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_hex())
    }
}

/// A signature as it travels: 80 bytes, s then e. Whether it is one at all shows in [`PublicKey::verify`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 80]);

impl Signature {
    /// Wraps 80 bytes.
    pub const fn from_bytes(bytes: &[u8; 80]) -> Self {
        Self(*bytes)
    }

    /// Returns the 80 bytes.
    pub const fn to_bytes(&self) -> [u8; 80] {
        self.0
    }

    fn from_halves(s: Scalar, e: Scalar) -> Self {
        let mut bytes = [0; 80];
        bytes[..40].copy_from_slice(&s.to_bytes());
        bytes[40..].copy_from_slice(&e.to_bytes());
        Self(bytes)
    }

    /// Returns s and e; `None` when one is not below the group's order.
    fn halves(&self) -> Option<(Scalar, Scalar)> {
        let (s, e) = self.0.split_first_chunk::<40>()?;
        Some((Scalar::from_bytes(s)?, Scalar::from_bytes(e.first_chunk()?)?))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.0))
    }
}

/// Returns the hash of an encoded point and a digest, modulo n.
fn challenge(w: &Fp5, digest: &Digest) -> Scalar {
    let mut elements = [Goldilocks::ZERO; 10];
    elements[..5].copy_from_slice(w.coefficients());
    elements[5..].copy_from_slice(digest.elements());
    Scalar::reduce(hash_elements(&elements).elements().map(Goldilocks::value))
}

/// Reads 80 hexadecimal digits, with or without `0x`.
fn bytes_from_hex(text: &str) -> Result<Zeroizing<[u8; 40]>, KeyError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut bytes = Zeroizing::new([0; 40]);
    hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| KeyError::NotHex)?;
    Ok(bytes)
}
