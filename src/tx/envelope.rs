//! A transaction with its nonce, deadline and attributes.

use serde_json::{Map, Value};

use super::SignedTx;
use super::attributes::Attributes;
use super::error::TxError;
use super::types::{
    ApproveIntegrator, CancelAllOrders, CancelOrder, ChangePubKey, CreateGroupedOrders, CreateOrder,
    CreateSubAccount, Layout, ModifyOrder, Transfer, UpdateAccountAssetConfig, UpdateAccountConfig,
    UpdateLeverage, UpdateMargin, Withdraw,
};
use super::wire::{Base64, Fields, ObjectWriter};
use crate::model::{AccountIndex, ApiKeyIndex, TxHash};
use crate::signing::{Digest, Goldilocks, PrivateKey, PublicKey, Signature, hash_elements};

/// Declares the enum of all types with their numbers; every list of them is made here.
macro_rules! transactions {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $account:ident;)*) => {
        /// The body of a transaction.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Tx {
            $($(#[$doc])* $name($name),)*
        }

        impl Tx {
            /// Returns the type number.
            pub const fn tx_type(&self) -> u8 {
                match self {
                    $(Self::$name(_) => $number,)*
                }
            }

            /// Returns the account that it acts for.
            pub const fn account(&self) -> AccountIndex {
                match self {
                    $(Self::$name(body) => AccountIndex::new(body.$account),)*
                }
            }

            /// Returns the key slot that signs it.
            pub const fn api_key_index(&self) -> ApiKeyIndex {
                match self {
                    $(Self::$name(body) => ApiKeyIndex::new(body.api_key_index),)*
                }
            }

            fn write(&self, out: &mut ObjectWriter<'_>) {
                match self {
                    $(Self::$name(body) => body.write(out),)*
                }
            }

            fn read(tx_type: u8, fields: &Fields<'_>) -> Result<Self, TxError> {
                match tx_type {
                    $($number => $name::read(fields).map(Self::$name),)*
                    other => Err(TxError::UnsupportedType(other)),
                }
            }

            fn absorb(&self, out: &mut Vec<Goldilocks>) {
                match self {
                    $(Self::$name(body) => body.absorb(out),)*
                }
            }
        }

        $(impl From<$name> for Tx {
            fn from(body: $name) -> Self {
                Self::$name(body)
            }
        })*
    };
}

transactions! {
    /// Type 8.
    ChangePubKey = 8, account_index;
    /// Type 9.
    CreateSubAccount = 9, account_index;
    /// Type 12.
    Transfer = 12, from_account_index;
    /// Type 13.
    Withdraw = 13, from_account_index;
    /// Type 14.
    CreateOrder = 14, account_index;
    /// Type 15.
    CancelOrder = 15, account_index;
    /// Type 16.
    CancelAllOrders = 16, account_index;
    /// Type 17.
    ModifyOrder = 17, account_index;
    /// Type 20.
    UpdateLeverage = 20, account_index;
    /// Type 28.
    CreateGroupedOrders = 28, account_index;
    /// Type 29.
    UpdateMargin = 29, account_index;
    /// Type 41.
    UpdateAccountConfig = 41, account_index;
    /// Type 42.
    UpdateAccountAssetConfig = 42, account_index;
    /// Type 45.
    ApproveIntegrator = 45, account_index;
}

/// Where the L1 signature stands among the fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum L1Place {
    Nowhere,
    BeforeTail,
    AfterSignature,
}

impl Tx {
    const fn l1_place(&self) -> L1Place {
        match self {
            Self::ChangePubKey(_) => L1Place::BeforeTail,
            Self::Transfer(_) | Self::ApproveIntegrator(_) => L1Place::AfterSignature,
            _ => L1Place::Nowhere,
        }
    }
}

/// A transaction with everything that is hashed, except the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What it does.
    pub tx: Tx,
    /// After this time, in milliseconds, it can no longer be executed.
    pub expired_at: i64,
    /// Its nonce in the stream of its key slot.
    pub nonce: i64,
    /// Its attributes.
    pub attributes: Attributes,
}

impl Envelope {
    /// Returns the type number.
    pub const fn tx_type(&self) -> u8 {
        self.tx.tx_type()
    }

    /// Returns the account that it acts for.
    pub const fn account(&self) -> AccountIndex {
        self.tx.account()
    }

    /// Returns the key slot that signs it.
    pub const fn api_key_index(&self) -> ApiKeyIndex {
        self.tx.api_key_index()
    }

    /// Returns what is signed.
    pub fn hash(&self, chain_id: u32) -> Digest {
        let mut elements = Vec::with_capacity(20);
        elements.push(Goldilocks::new(u64::from(chain_id)));
        elements.push(Goldilocks::new(u64::from(self.tx_type())));
        elements.push(Goldilocks::from_i64(self.nonce));
        elements.push(Goldilocks::from_i64(self.expired_at));
        self.tx.absorb(&mut elements);
        self.attributes.bind(hash_elements(&elements))
    }

    /// Returns the hash by which the venue knows the transaction.
    pub fn tx_hash(&self, chain_id: u32) -> TxHash {
        TxHash::new(self.hash(chain_id).to_bytes())
    }

    /// Signs the transaction, without an L1 signature.
    pub fn sign(&self, chain_id: u32, key: &PrivateKey) -> SignedTx {
        self.sign_with_l1(chain_id, key, None)
    }

    /// Signs the transaction and adds an L1 signature where the type has a place for one.
    pub fn sign_with_l1(&self, chain_id: u32, key: &PrivateKey, l1_sig: Option<&str>) -> SignedTx {
        let digest = self.hash(chain_id);
        let tx_info = self.to_json(&key.sign(&digest), l1_sig);
        SignedTx { tx_type: self.tx_type(), tx_info, hash: TxHash::new(digest.to_bytes()) }
    }

    /// Returns whether `signature` is `key`'s for this transaction on this chain.
    pub fn verify(&self, chain_id: u32, key: &PublicKey, signature: &Signature) -> bool {
        key.verify(&self.hash(chain_id), signature)
    }

    /// Returns `tx_info`: compact JSON in the official signer's field order. Types with a place for an L1 signature
    /// get an empty one when there is none; the others ignore it.
    pub fn to_json(&self, signature: &Signature, l1_sig: Option<&str>) -> String {
        let mut text = String::with_capacity(512);
        let mut out = ObjectWriter::new(&mut text);
        let l1_sig = l1_sig.unwrap_or_default().to_owned();
        self.tx.write(&mut out);
        if self.tx.l1_place() == L1Place::BeforeTail {
            out.field("L1Sig", &l1_sig);
        }
        out.field("ExpiredAt", &self.expired_at);
        out.field("Nonce", &self.nonce);
        out.field("Sig", &Base64(signature.to_bytes()));
        if self.tx.l1_place() == L1Place::AfterSignature {
            out.field("L1Sig", &l1_sig);
        }
        out.field("L2TxAttributes", &self.attributes);
        out.end();
        text
    }

    /// Reads `tx_info`: by key, in any order, with any white space; unknown keys are ignored. The last value is the
    /// L1 signature, unless it is absent or empty.
    ///
    /// # Errors
    ///
    /// [`TxError`] says which field is wrong. Ranges are left to [`check`](Self::check).
    pub fn parse(tx_type: u8, tx_info: &str) -> Result<(Self, Signature, Option<String>), TxError> {
        let map: Map<String, Value> =
            serde_json::from_str(tx_info).map_err(|error| TxError::Json(error.to_string()))?;
        let fields = Fields::new(&map);
        let envelope = Self {
            tx: Tx::read(tx_type, &fields)?,
            expired_at: fields.get("ExpiredAt")?,
            nonce: fields.get("Nonce")?,
            attributes: Attributes::parse(fields.raw("L2TxAttributes"))?,
        };
        let Base64(signature) = fields.get("Sig")?;
        let l1_sig = match fields.raw("L1Sig") {
            None => None,
            Some(_) => Some(fields.get::<String>("L1Sig")?).filter(|text| !text.is_empty()),
        };
        Ok((envelope, Signature::from_bytes(&signature), l1_sig))
    }
}
