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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{P, element};
    use super::*;

    const ORDER: &str = "e1ff8b9496d90fe89ca024d7395c88e83906b8cfe6ffff7f16000000f1ffff7f07000080fdffff7f";

    fn digest() -> impl Strategy<Value = Digest> {
        [element(), element(), element(), element(), element()].prop_map(Digest::new)
    }

    fn key() -> impl Strategy<Value = PrivateKey> {
        any::<u64>().prop_map(|seed| PrivateKey::from_seed("schnorr", seed, 0))
    }

    #[test]
    fn the_venues_example_is_reproduced_to_the_letter() {
        let key = PrivateKey::from_hex(&"0102030405060708".repeat(5)).unwrap();
        let public = "9c564ae7e695e08f82f1df4e320cde5f3112db5bb669ac58b099244397d7356dca271e5e7d9de498";
        assert_eq!(key.public_key().to_hex(), public);

        let hash = "18c98387c3a2d1e0543a5a759f772036cb9b6bda5091032c500c12d85f949e0e8f5df8927e8f5c15";
        let digest = Digest::from_bytes(&bytes_from_hex(hash).unwrap()).unwrap();
        let signature = key.sign_with_nonce(&digest, &Scalar::reduce([123_456_789, 0, 0, 0, 0]));
        assert_eq!(
            hex::encode(signature.to_bytes()),
            "3c7ccf57160833aa637220d7801252566d47bc7fdd65bb927766c339ad6d6ec0740372d0444e4900\
             5b0c909bae4d6023e91f3dadf33d898bff542ae67608509fc35cc8de606aeee1fddbaf818a459c3f"
        );
        assert!(key.public_key().verify(&digest, &signature));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn own_signatures_verify_here_and_in_the_control(key in key(), digest in digest()) {
            let public = key.public_key();
            for signature in [key.sign(&digest), key.sign_hedged(&digest)] {
                prop_assert!(public.verify(&digest, &signature));
                let (bytes, message) = (signature.to_bytes(), digest.to_bytes());
                let verified = goldilocks_crypto::verify_signature(&bytes, &message, &public.to_bytes());
                prop_assert!(verified.unwrap());
            }
        }

        #[test]
        fn the_controls_signatures_are_ours(key in key(), digest in digest(), nonce in 1_u64..) {
            let nonce = Scalar::reduce([nonce, nonce, nonce, nonce, nonce]);
            let bytes = key.to_bytes();
            let control =
                goldilocks_crypto::sign_with_nonce(&*bytes, &digest.to_bytes(), &nonce.to_bytes()).unwrap();
            prop_assert_eq!(key.sign_with_nonce(&digest, &nonce).to_bytes().to_vec(), control);
        }

        #[test]
        fn a_changed_bit_does_not_verify(key in key(), digest in digest(), bit in 0_usize..640) {
            let mut bytes = key.sign(&digest).to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!key.public_key().verify(&digest, &Signature::from_bytes(&bytes)));
        }
    }

    #[test]
    fn the_same_digest_gets_the_same_signature_unless_hedged() {
        let key = PrivateKey::from_seed("schnorr", 1, 2);
        let digest = hash_elements(&[Goldilocks::new(1)]);
        assert_eq!(key.sign(&digest), key.sign(&digest));
        assert_ne!(key.sign_hedged(&digest), key.sign_hedged(&digest));
        let other = hash_elements(&[Goldilocks::new(2)]);
        assert!(!key.public_key().verify(&other, &key.sign(&digest)));
    }

    #[test]
    fn a_half_that_is_not_below_the_order_is_no_signature() {
        let key = PrivateKey::from_seed("schnorr", 1, 2);
        let digest = hash_elements(&[]);
        let good = key.sign(&digest);
        let (s, e) = good.halves().unwrap();
        // The same numbers modulo n, spelled with n added: 320 bits have room for that.
        for half in [0, 40] {
            let mut bytes = good.to_bytes();
            let scalar = if half == 0 { s } else { e };
            bytes[half..half + 40].copy_from_slice(&plus_order(&scalar.to_bytes()));
            assert!(!key.public_key().verify(&digest, &Signature::from_bytes(&bytes)), "half at {half}");
        }
        assert!(!key.public_key().verify(&digest, &Signature::from_bytes(&[0; 80])));
    }

    fn plus_order(bytes: &[u8; 40]) -> [u8; 40] {
        let order = bytes_from_hex(ORDER).unwrap();
        let mut carry = 0;
        std::array::from_fn(|i| {
            let sum = u16::from(bytes[i]) + u16::from(order[i]) + carry;
            carry = sum >> 8;
            sum.to_le_bytes()[0]
        })
    }

    #[test]
    fn bad_keys_are_refused() {
        let private = |text: &str| PrivateKey::from_hex(text).map(|_| ()).unwrap_err();
        assert_eq!(private(&"00".repeat(40)), KeyError::ZeroKey);
        assert_eq!(private(ORDER), KeyError::ScalarTooLarge);
        assert_eq!(private(&"ff".repeat(40)), KeyError::ScalarTooLarge);
        assert_eq!(private("0x12"), KeyError::NotHex);
        assert_eq!(private(&"zz".repeat(40)), KeyError::NotHex);
        assert_eq!(private(&format!("0x0x{}", "11".repeat(38))), KeyError::NotHex);

        assert_eq!(PublicKey::from_bytes(&[0; 40]), Err(KeyError::ZeroKey));
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&P.to_le_bytes());
        assert_eq!(PublicKey::from_bytes(&bytes), Err(KeyError::NotCanonical));
        // About every second number is the encoding of no point.
        let of = |first| PublicKey::from_bytes(&std::array::from_fn(|i| if i == 0 { first } else { 0 }));
        assert!((1..40).any(|first| of(first) == Err(KeyError::NotOnCurve)));
        assert!((1..40).any(|first| of(first).is_ok()));
    }

    #[test]
    fn keys_read_what_they_print_and_private_ones_print_nothing() {
        let key = PrivateKey::generate();
        let text = hex::encode(*key.to_bytes());
        assert_eq!(PrivateKey::from_hex(&format!("0x{text}")).unwrap().to_bytes(), key.to_bytes());
        assert_eq!(format!("{key:?}"), "PrivateKey(…)");
        let public = key.public_key();
        assert_eq!(PublicKey::from_hex(&public.to_hex()), Ok(public));
        assert_ne!(PrivateKey::generate().public_key(), public);
    }

    #[test]
    fn seeds_make_distinct_keys() {
        let of = |domain, seed, index| PrivateKey::from_seed(domain, seed, index).public_key();
        assert_eq!(of("a", 1, 2), of("a", 1, 2));
        assert_ne!(of("a", 1, 2), of("a", 2, 1));
        assert_ne!(of("a", 1, 2), of("b", 1, 2));
    }
}
