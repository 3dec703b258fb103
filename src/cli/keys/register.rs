//! `keys register`: puts a public key into a slot, by the signature of the account's Ethereum key.

use std::io::{self, BufRead as _};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::message::registration;
use super::network::{NetworkArgs, Reached, connect, fault};
use super::{Format, SecretPlace, SlotArgs, answer, secret_fault};
use crate::cli::settle::{Fate, VenueTime, settle};
use crate::cli::{Context, Exit, Fault, out};
use crate::plan::Network;
use crate::rt::Clock;
use crate::signing::PrivateKey;
use crate::tx::SignedTx;
use crate::tx::l1::EthKey;
use crate::venue::{Class, Venue as _, VenueError};

/// How long the transaction can be executed; after that its outcome is certain.
const LIFETIME: Duration = Duration::from_secs(60);

/// Register an API key, with the Ethereum key of the account's owner
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan keys register --key sealed:long.sealed --l1-key env:ETH_KEY --account 1001 --slot 4 --network testnet
  lighter-plan keys register --key file:new.key --l1-key sealed:owner.sealed --account 1001 --slot 4 --replace --yes \\
      --network mainnet

Returns when the key is seen registered. Nothing is ever signed twice: if an answer is lost, the outcome is looked up.
Exit codes: 0 registered, 1 refused or not executed, 20 declined, 24 the outcome is unknown; run `keys list`.")]
pub(super) struct RegisterArgs {
    /// The new API key: env:NAME, file:PATH or sealed:PATH
    #[arg(long, value_name = "PLACE")]
    key: SecretPlace,
    /// The Ethereum key of the account's owner: env:NAME, file:PATH or sealed:PATH
    #[arg(long, value_name = "PLACE")]
    l1_key: SecretPlace,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    network: NetworkArgs,
    /// Replace the key that the slot holds; whatever signs with it stops working
    #[arg(long)]
    replace: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// Why the key is not registered.
#[derive(Debug, thiserror::Error)]
enum RegisterError {
    #[error("account {account} belongs to {owner}, not to {ours}")]
    Owner { account: i64, owner: String, ours: String },
    #[error("slot {slot} of account {account} holds another key")]
    Occupied { account: i64, slot: u8 },
    #[error("the venue executed the transaction as a failure: {0}")]
    Failed(String),
    #[error("the transaction was not executed before its deadline; nothing changed")]
    Dead,
    #[error("the outcome of transaction {hash} is unknown: {reason}")]
    Unknown { hash: String, reason: String },
    #[error(transparent)]
    Venue(#[from] VenueError),
}

impl RegisterError {
    fn into_fault(self) -> Fault {
        match self {
            Self::Unknown { .. } => Fault::with(Exit::UNKNOWN, self)
                .hint("`lighter-plan keys list` shows what the slot holds once the venue answers"),
            Self::Occupied { .. } => Fault::with(Exit::FAILED, self)
                .hint("another --slot, or --replace when nothing signs with it any more"),
            Self::Owner { .. } | Self::Failed(_) | Self::Dead | Self::Venue(_) => {
                Fault::with(Exit::FAILED, self)
            }
        }
    }
}

impl RegisterArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let network = self.network.required()?;
        let key = self.key.api_key(context.passphrases()).map_err(secret_fault)?;
        let owner = self.l1_key.eth_key(context.passphrases()).map_err(secret_fault)?;
        if !self.yes && !self.confirm(&network)? {
            out::note("declined; nothing was sent");
            return Ok(Exit::DECLINED);
        }
        let registered = context.block_on(async {
            let reached = connect(&network, Vec::new()).await.map_err(fault)?;
            self.register(&reached, &key, &owner).await.map_err(RegisterError::into_fault)
        })??;
        let public = key.public_key().to_hex();
        let word = if registered.is_some() { "registered" } else { "was already registered" };
        let human = format!("{word}: slot {} of account {}\n", self.slot.slot, self.slot.account);
        let json = json!({
            "version": 1, "account": self.slot.account, "slot": self.slot.slot, "public_key": public,
            "tx_hash": registered.map(|tx| tx.hash.to_string()),
        });
        answer(self.format, &human, &json)?;
        Ok(Exit::OK)
    }

    fn confirm(&self, network: &Network) -> Result<bool, Fault> {
        let name = crate::cli::apply::network_name(network);
        out::note(&format!(
            "this puts `{}` into slot {} of account {} on {name}; type `yes`: ",
            self.key, self.slot.slot, self.slot.account
        ));
        let mut typed = String::new();
        io::stdin().lock().read_line(&mut typed)?;
        Ok(typed.trim() == "yes")
    }

    /// Returns the transaction; `None` when the slot held the key before.
    async fn register(
        &self,
        reached: &Reached,
        key: &PrivateKey,
        owner: &EthKey,
    ) -> Result<Option<SignedTx>, RegisterError> {
        let (account, slot) = (self.slot.account(), self.slot.slot());
        let view = reached.venue.account(account).await?;
        let ours = owner.address().to_string();
        if !view.l1_address.eq_ignore_ascii_case(&ours) {
            return Err(RegisterError::Owner { account: account.get(), owner: view.l1_address, ours });
        }
        let rows = reached.venue.api_keys(account).await?;
        match rows.iter().find(|row| row.index == slot).map(|row| row.public_key.as_str()) {
            Some(held) if held == key.public_key().to_hex() => return Ok(None),
            Some(held) if !self.replace && held.bytes().any(|digit| digit != b'0') => {
                return Err(RegisterError::Occupied { account: account.get(), slot: slot.get() });
            }
            _ => {}
        }
        let nonce = reached.venue.next_nonce(account, slot).await?.get();
        // The venue's clock counts; ours may be wrong, and this command does not refuse for it.
        let time = VenueTime::new(Clock::system(), reached.at);
        let deadline_ms = time.deadline_ms(LIFETIME);
        let envelope = registration(self.slot, key.public_key().to_bytes(), nonce, deadline_ms);
        let chain_id = reached.endpoints.chain_id;
        let message = envelope.l1_message(chain_id).expect("type 8 has a message");
        let signed = envelope.sign_with_l1(chain_id, key, Some(&owner.sign(&message)));
        match settle(&reached.venue, &signed, Class::Place, &time, deadline_ms).await {
            Fate::Executed => Ok(Some(signed)),
            Fate::Failed(message) => Err(RegisterError::Failed(message)),
            Fate::Refused(error) => Err(error.into()),
            Fate::Dead => Err(RegisterError::Dead),
            Fate::Unknown(reason) => Err(RegisterError::Unknown { hash: signed.hash.to_string(), reason }),
        }
    }
}
