//! Why a text is no transaction.

/// Why `tx_info` could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TxError {
    /// Not a type that users send, or not one that is known here.
    #[error("unsupported tx type `{0}`")]
    UnsupportedType(u8),
    /// Not a JSON object.
    #[error("tx info is no JSON object: {0}")]
    Json(String),
    /// A field is missing.
    #[error("field `{0}` is missing")]
    Missing(String),
    /// A field holds something else than it should.
    #[error("field `{field}` is not {expected}")]
    Field {
        /// Its name, with the place in the group for the orders of a group.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl TxError {
    /// Returns the venue's code for it.
    pub const fn code(&self) -> i64 {
        match self {
            Self::UnsupportedType(_) => 21505,
            Self::Json(_) | Self::Missing(_) | Self::Field { .. } => 21501,
        }
    }
}
