//! The accounts of a paper exchange and their keys, all made from its seed.

use serde::Serialize;

use crate::model::{AccountIndex, ApiKeyIndex, Usdc};
use crate::paper::sim::SimAccount;
use crate::signing::PrivateKey;
use crate::tx::l1::EthKey;

/// An account to open, with the key slots to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaperSlots {
    /// Its index.
    pub account: AccountIndex,
    /// The slots; the first is the one that [`PaperAccount`] shows.
    pub slots: Vec<ApiKeyIndex>,
}

/// An open account with its keys. They guard play money and can be computed by anybody, so they are shown freely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PaperAccount {
    /// Its index.
    pub account_index: AccountIndex,
    /// Its owner.
    pub l1_address: String,
    /// The owner's key, `0x` and 64 hexadecimal digits.
    pub eth_private_key: String,
    /// The first key slot.
    pub api_key_index: ApiKeyIndex,
    /// The public key of that slot, 80 hexadecimal digits.
    pub api_public_key: String,
    /// The private key of that slot, `0x` and 80 hexadecimal digits.
    pub api_private_key: String,
    /// What it starts with, in USDC.
    pub usdc: String,
}

/// Returns the key in a slot of a paper account: a function of the exchange's seed, so that any process that knows the
/// plan can sign for it.
pub fn key(seed: u64, account: AccountIndex, slot: ApiKeyIndex) -> PrivateKey {
    PrivateKey::from_seed(&format!("paper account {account}"), seed, u64::from(slot.get()))
}

/// Returns the key of a paper account's owner. Every account has an owner of its own.
pub fn eth_key(seed: u64, account: AccountIndex) -> EthKey {
    EthKey::from_seed(&format!("paper owner of {account}"), seed, 0)
}

impl PaperSlots {
    /// Returns what the exchange is told of the account.
    pub(crate) fn registered(&self, seed: u64, usdc: Usdc) -> SimAccount {
        let public = |slot: &ApiKeyIndex| (*slot, key(seed, self.account, *slot).public_key().to_hex());
        SimAccount {
            index: self.account,
            l1: eth_key(seed, self.account).address().to_string(),
            keys: self.slots.iter().map(public).collect(),
            usdc,
        }
    }

    /// Returns what an operator is told of the account.
    pub(crate) fn shown(&self, seed: u64, usdc: Usdc) -> PaperAccount {
        let slot = self.slots.first().copied().unwrap_or(ApiKeyIndex::new(0));
        let (owner, key) = (eth_key(seed, self.account), key(seed, self.account, slot));
        PaperAccount {
            account_index: self.account,
            l1_address: owner.address().to_string(),
            eth_private_key: format!("0x{}", hex::encode(owner.to_bytes())),
            api_key_index: slot,
            api_public_key: key.public_key().to_hex(),
            api_private_key: format!("0x{}", hex::encode(key.to_bytes())),
            usdc: usdc.to_string(),
        }
    }
}
