//! The venue's signatures: Goldilocks, its quintic extension, Poseidon2, the curve ECgFp5 and Schnorr. Pure.

mod constants;
mod curve;
mod digest;
mod error;
mod extension;
mod field;
mod multiply;
mod poseidon2;
mod scalar;
mod schnorr;
mod secret;
#[cfg(test)]
mod testing;

pub use digest::Digest;
pub use error::KeyError;
pub use field::Goldilocks;
pub use poseidon2::{hash_elements, hash_to_four};
pub use schnorr::{PrivateKey, PublicKey, Signature};
