//! `keys message`, and the transaction that both it and `keys register` are about.

use clap::Args;
use serde_json::json;

use super::network::{NetworkArgs, connect, fault};
use super::{Format, SecretPlace, SlotArgs, answer, secret_fault};
use crate::cli::{Context, Exit, Fault};
use crate::tx::{Attributes, ChangePubKey, Envelope};
use crate::venue::Venue as _;

/// Show the message whose signature by the account's Ethereum key registers an API key
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan keys message --key sealed:long.sealed --account 1001 --slot 4 --network testnet
  lighter-plan keys message --public-key 81ab… --account 1001 --slot 4 --nonce 0

Sign it as `personal_sign` does (EIP-191). Without --nonce, the venue is asked for the slot's next one.")]
pub(super) struct MessageArgs {
    /// The key to register
    #[arg(long, value_name = "PLACE", required_unless_present = "public_key")]
    key: Option<SecretPlace>,
    /// Its public key, when the private one is elsewhere
    #[arg(long, value_name = "HEX", conflicts_with = "key")]
    public_key: Option<String>,
    #[command(flatten)]
    slot: SlotArgs,
    /// The slot's next nonce
    #[arg(long, value_name = "N")]
    nonce: Option<i64>,
    #[command(flatten)]
    network: NetworkArgs,
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// Returns the transaction that puts `pub_key` into a slot (type 8).
pub(super) fn registration(slot: SlotArgs, pub_key: [u8; 40], nonce: i64, expired_at: i64) -> Envelope {
    let body = ChangePubKey { account_index: slot.account, api_key_index: slot.slot, pub_key };
    Envelope { tx: body.into(), expired_at, nonce, attributes: Attributes::new() }
}

impl MessageArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let pub_key = self.public(context)?;
        let nonce = match self.nonce {
            Some(nonce) => nonce,
            None => self.ask_nonce(context)?,
        };
        // The chain id and the deadline are no part of this message.
        let message = registration(self.slot, pub_key, nonce, 0)
            .l1_message(self.network.chain_id)
            .expect("type 8 has a message");
        let json = json!({
            "version": 1, "account": self.slot.account, "slot": self.slot.slot, "nonce": nonce,
            "public_key": hex::encode(pub_key), "message": message,
        });
        answer(self.format, &format!("{message}\n"), &json)?;
        Ok(Exit::OK)
    }

    fn public(&self, context: &Context) -> Result<[u8; 40], Fault> {
        if let Some(text) = &self.public_key {
            return crate::signing::PublicKey::from_hex(text)
                .map(|key| key.to_bytes())
                .map_err(|_| Fault::usage("--public-key is no public key of 80 hexadecimal digits"));
        }
        let place = self.key.as_ref().ok_or_else(|| Fault::usage("no key was named"))?;
        let key = place.api_key(context.passphrases()).map_err(secret_fault)?;
        Ok(key.public_key().to_bytes())
    }

    fn ask_nonce(&self, context: &Context) -> Result<i64, Fault> {
        let network = self.network.required()?;
        let asked = context.block_on(async {
            let reached = connect(&network, Vec::new()).await.map_err(fault)?;
            let nonce = reached.venue.next_nonce(self.slot.account(), self.slot.slot()).await;
            nonce.map_err(|error| Fault::with(Exit::FAILED, error))
        })?;
        Ok(asked?.get())
    }
}
