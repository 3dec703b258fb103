//! One newtype per id, so that no two can be swapped.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 80 hexadecimal digits.
    #[error("`{0}` is not a transaction hash of 80 hexadecimal digits")]
    TxHash(String),
    /// Empty, too long, or with characters other than letters, digits, `-`, `_` and `.`.
    #[error("`{0}` is not a name of 1 to 64 letters, digits, `-`, `_` or `.`")]
    Name(String),
}

macro_rules! int_id {
    ($(#[$doc:meta])* $name:ident, $int:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name($int);

        impl $name {
            /// Wraps a raw value as it stands on the wire.
            pub const fn new(raw: $int) -> Self {
                Self(raw)
            }

            /// Returns the raw value as it stands on the wire.
            pub const fn get(self) -> $int {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

int_id!(
    /// An account of the venue. Master accounts count up from 0, sub-accounts down from 2^48 − 2.
    AccountIndex,
    i64
);
int_id!(
    /// A key slot of an account, 0 to 254; 255 means "all" in queries.
    ApiKeyIndex,
    u8
);
int_id!(
    /// A market of the venue; ranges mean nothing, see [`MarketKind`](super::MarketKind).
    MarketId,
    i64
);
int_id!(
    /// A transaction nonce of one (account, key) stream.
    Nonce,
    i64
);
int_id!(
    /// Our id of an order: 1 to 2^48 − 1, unique for ever; 0 means "none" on the wire.
    ClientOrderIndex,
    u64
);
int_id!(
    /// The venue's id of an order: 2^48 and above.
    OrderIndex,
    u64
);
int_id!(
    /// The venue's id of a trade; both sides of a trade see the same one.
    TradeId,
    u64
);

impl Nonce {
    /// Returns the nonce after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The hash of a transaction: 40 bytes, shown by the venue as 80 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxHash([u8; 40]);

impl TxHash {
    /// Wraps the 40 bytes of a hash.
    pub const fn new(bytes: [u8; 40]) -> Self {
        Self(bytes)
    }

    /// Returns the 40 bytes.
    pub const fn as_bytes(&self) -> &[u8; 40] {
        &self.0
    }
}

impl fmt::Display for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TxHash({self})")
    }
}

impl FromStr for TxHash {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0; 40];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError::TxHash(text.to_owned()))?;
        Ok(Self(bytes))
    }
}

impl JsonSchema for TxHash {
    fn schema_name() -> Cow<'static, str> {
        "TxHash".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{80}$", "description": "A hash of 40 bytes." })
    }
}

impl Serialize for TxHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TxHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;

        impl serde::de::Visitor<'_> for Digits {
            type Value = TxHash;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("80 hexadecimal digits")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TxHash, E> {
                text.parse().map_err(E::custom)
            }
        }
        // Read in place: a journal holds as many as transactions.
        deserializer.deserialize_str(Digits)
    }
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
                    return Err(IdError::Name(text));
                }
                Ok(Self(text))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_id!(
    /// The name of a pair in a plan.
    PairId
);
name_id!(
    /// The id of one run.
    RunId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tx_hash_reads_what_it_prints() {
        let hash = TxHash::new(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("00".parse::<TxHash>().is_err());
    }

    #[test]
    fn names_are_checked() {
        assert!("alpha-1".parse::<PairId>().is_ok());
        assert!("".parse::<PairId>().is_err());
        assert!("a/b".parse::<RunId>().is_err());
    }
}
