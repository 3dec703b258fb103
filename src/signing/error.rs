//! Why keys and signatures are refused.

/// Why bytes are no key, signature or digest. Never says what the bytes were: they may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 80 hexadecimal digits, with or without `0x`.
    #[error("not 80 hexadecimal digits")]
    NotHex,
    /// A word is not below the field's modulus, so that there would be two spellings of one value.
    #[error("a word is not below the field's modulus")]
    NotCanonical,
    /// The bytes encode no point of the curve.
    #[error("no point of the curve")]
    NotOnCurve,
    /// The neutral point: the venue's mark of a revoked slot, for which anybody could sign.
    #[error("the zero key, which belongs to nobody")]
    ZeroKey,
    /// A private key or a part of a signature is not below the group's order.
    #[error("not below the group's order")]
    ScalarTooLarge,
}
