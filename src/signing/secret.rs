//! Secret scalars out of secret bytes.
//!
//! The same Poseidon2 sponge that the signature scheme trusts as its random oracle, keyed by a purpose. Ten elements
//! are squeezed and reduced together: 640 bits for a number of 319, so that no scalar is likelier than another by more
//! than 2^−300 or so. Constant time in the bytes.

use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, Zeroizing};

use super::field::Goldilocks;
use super::poseidon2::Sponge;
use super::scalar::Scalar;

/// What a scalar is for; scalars of different purposes have nothing in common.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// The nonce scalar of a signature.
    Nonce = 1,
    /// A private key from the system's randomness.
    Key = 2,
    /// A private key from a public seed.
    Seed = 3,
}

/// Bytes in an element: seven always stay below the modulus.
const CHUNK: usize = 7;

/// Returns the scalar, never zero, of `parts` for a purpose. The lengths are public and part of the input.
pub(super) fn derive_scalar(purpose: Purpose, parts: &[&[u8]]) -> Scalar {
    let elements = Zeroizing::new(encode(purpose, parts));
    let mut sponge = Zeroizing::new(Sponge::default());
    sponge.absorb(&elements);
    let mut low = sponge.first().map(Goldilocks::value);
    sponge.permute();
    let mut high = sponge.first().map(Goldilocks::value);
    let scalar = Scalar::reduce_wide(low, high);
    low.zeroize();
    high.zeroize();
    // Zero is as likely as any other number: it never happens, and is no key.
    Scalar::conditional_select(&scalar, &Scalar::ONE, Choice::from(u8::from(scalar.is_zero())))
}

/// Spells purpose, number of parts, and each part with its length; no two inputs are spelled alike.
fn encode(purpose: Purpose, parts: &[&[u8]]) -> Vec<Goldilocks> {
    // "lplan" and the purpose set these inputs apart from anything else that is hashed. The number of parts is in front,
    // since the sponge has no padding: zeros at the end would not show.
    const DOMAIN: u64 = u64::from_be_bytes(*b"\0\0lplan\0");
    // Exact capacity: a vector that moves would leave a copy of a secret behind.
    let count: usize = parts.iter().map(|part| 1 + part.len().div_ceil(CHUNK)).sum();
    let mut elements = Vec::with_capacity(1 + count);
    elements.push(Goldilocks::new((parts.len() as u64) << 48 | DOMAIN | purpose as u64));
    for part in parts {
        elements.push(Goldilocks::new(part.len() as u64));
        for chunk in part.chunks(CHUNK) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            elements.push(Goldilocks::new(u64::from_le_bytes(word)));
            word.zeroize();
        }
    }
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_that_differ_in_any_way_give_other_scalars() {
        let inputs: [(Purpose, &[&[u8]]); 8] = [
            (Purpose::Nonce, &[]),
            (Purpose::Key, &[]),
            (Purpose::Nonce, &[&[]]),
            (Purpose::Nonce, &[&[0]]),
            (Purpose::Nonce, &[&[0, 0]]),
            (Purpose::Nonce, &[&[0], &[]]),
            (Purpose::Nonce, &[&[], &[0]]),
            (Purpose::Nonce, &[&[1; 7], &[1]]),
        ];
        let scalars: Vec<_> =
            inputs.iter().map(|(purpose, parts)| derive_scalar(*purpose, parts).to_bytes()).collect();
        for (i, scalar) in scalars.iter().enumerate() {
            assert!(!scalars[..i].contains(scalar), "input {i} repeats an earlier one");
        }
    }

    #[test]
    fn no_secret_moves_in_memory_while_it_is_spelled() {
        let elements = encode(Purpose::Nonce, &[&[1; 40], &[2; 40], &[]]);
        assert_eq!(elements.len(), elements.capacity());
        assert_eq!(elements.len(), 16, "two blocks of the sponge");
    }
}
