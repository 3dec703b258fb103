//! `keys register`: puts a public key into a slot, by the signature of the account's Ethereum key.

use std::io::{self, BufRead as _};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::message::registration;
use super::network::{NetworkArgs, Reached, connect, fault};
use super::{Format, SecretPlace, SlotArgs, answer, secret_fault};
use crate::cli::{Context, Exit, Fault, out};
use crate::plan::Network;
use crate::rt::{Clock, real_sleep};
use crate::signing::PrivateKey;
use crate::tx::SignedTx;
use crate::tx::l1::EthKey;
use crate::venue::{Class, Retry, TxStatus, Venue as _, VenueError};

/// How long the transaction can be executed; after that it is dead, and its outcome certain.
const LIFETIME: Duration = Duration::from_secs(60);

/// What the venue's clock and its read side may lag behind.
const MARGIN: Duration = Duration::from_secs(5);

/// Between two looks: two reads of 450 weight together, so a minute of them fits the smallest budget.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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
    #[error("the outcome of transaction {hash} is unknown")]
    Unknown { hash: String, source: VenueError },
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
        let expired_at = reached.at.as_millis() + millis(LIFETIME);
        let envelope = registration(self.slot, key.public_key().to_bytes(), nonce, expired_at);
        let chain_id = reached.endpoints.chain_id;
        let message = envelope.l1_message(chain_id).expect("type 8 has a message");
        let signed = envelope.sign_with_l1(chain_id, key, Some(&owner.sign(&message)));
        self.settle(reached, key, &signed, expired_at).await?;
        Ok(Some(signed))
    }

    /// Sends the bytes, and the same ones again while no answer says that they arrived, until the slot or the deadline
    /// tells the outcome.
    async fn settle(
        &self,
        reached: &Reached,
        key: &PrivateKey,
        signed: &SignedTx,
        expired_at: i64,
    ) -> Result<(), RegisterError> {
        let ours = Clock::wall().as_millis();
        let (mut arrived, mut last) = (false, None);
        loop {
            // Its own time at the start plus what has passed: the venue's clock as well as it is known.
            let now = reached.at.as_millis() + (Clock::wall().as_millis() - ours);
            let dead = now > expired_at + millis(MARGIN);
            if !arrived && !dead {
                match reached.venue.send(signed, Class::Place).await {
                    Ok(_) => arrived = true,
                    // A repeated copy is refused for its nonce when the first one was executed: the slot tells.
                    Err(error) if last.is_none() && error.retry() == Retry::Never => return Err(error.into()),
                    Err(error) => last = Some(error),
                }
            }
            match self.look(reached, key, signed).await {
                Ok(Some(Ok(()))) => return Ok(()),
                Ok(Some(Err(message))) => return Err(RegisterError::Failed(message)),
                Ok(None) if dead => return Err(RegisterError::Dead),
                Err(source) if dead => {
                    return Err(RegisterError::Unknown { hash: signed.hash.to_string(), source });
                }
                Ok(None) | Err(_) => real_sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Returns what became of it: done, failed with this text, or nothing yet.
    async fn look(
        &self,
        reached: &Reached,
        key: &PrivateKey,
        signed: &SignedTx,
    ) -> Result<Option<Result<(), String>>, VenueError> {
        let public = key.public_key().to_hex();
        let rows = reached.venue.api_keys(self.slot.account()).await?;
        if rows.iter().any(|row| row.index == self.slot.slot() && row.public_key == public) {
            return Ok(Some(Ok(())));
        }
        let failed = reached.venue.transaction(signed.hash).await?.and_then(|tx| match tx.status {
            TxStatus::Failed { message, .. } => Some(Err(message)),
            TxStatus::Pending | TxStatus::Executed => None,
        });
        Ok(failed)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
