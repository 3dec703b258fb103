//! `keys check`, and what `doctor` looks at in each key.

use clap::Args;

use super::network::{NetworkArgs, connect, fault};
use super::{Format, SecretPlace};
use crate::cli::health::{Health, chain};
use crate::cli::{Context, Exit, Fault};
use crate::model::{AccountIndex, ApiKeyIndex};
use crate::signing::{PrivateKey, PublicKey};
use crate::tx::{Attributes, CancelAllOrders, Envelope};
use crate::venue::lighter::LighterVenue;
use crate::venue::{Credential, Tier, Venue as _};

/// Check a key: its file, its format, and that the venue knows it; sends nothing but questions
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan keys check file:long.key
  lighter-plan keys check sealed:long.sealed --account 1001 --slot 4 --network testnet --format json

Without --account and --slot, only the key itself is looked at. Exit codes: 0 sound, 1 findings.")]
pub(super) struct CheckArgs {
    /// Where the key is: env:NAME, file:PATH or sealed:PATH
    #[arg(value_name = "PLACE")]
    key: SecretPlace,
    /// Account index
    #[arg(long, value_name = "N", requires = "slot")]
    account: Option<i64>,
    /// Key slot
    #[arg(long, value_name = "N", requires = "account")]
    slot: Option<u8>,
    #[command(flatten)]
    network: NetworkArgs,
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl CheckArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let mut health = Health::default();
        let area = self.key.to_string();
        permissions(&mut health, &area, &self.key);
        let key = match self.key.api_key(context.passphrases()) {
            Ok(key) => key,
            Err(error) => {
                health.fail(&area, "readable", chain(&error), "see `lighter-plan keys generate --help`");
                return health.answer(self.format, context);
            }
        };
        health.ok(&area, "readable", format!("public key {}", key.public_key().to_hex()));
        if let (Some(account), Some(slot)) = (self.account, self.slot) {
            let (account, slot) = (AccountIndex::new(account), ApiKeyIndex::new(slot));
            let network = self.network.required()?;
            let credential = Credential { account, api_key_index: slot, key: key.clone() };
            context.block_on(async {
                let reached = connect(&network, vec![credential]).await.map_err(fault)?;
                let chain_id = reached.endpoints.chain_id;
                registered(&mut health, &reached.venue, chain_id, (account, slot), &key).await;
                Ok::<_, Fault>(())
            })??;
        }
        health.answer(self.format, context)
    }
}

/// Looks at who may read the key's file.
pub(in crate::cli) fn permissions(health: &mut Health, area: &str, place: &SecretPlace) {
    match (place.path(), place.open_mode()) {
        (None, _) => {}
        (Some(_), None) => health.ok(area, "permissions", "only the owner may read it"),
        (Some(path), Some(mode)) => {
            let detail = format!("`{}` has mode {mode:04o}", path.display());
            // Others still need the passphrase of a sealed file.
            if matches!(place, SecretPlace::Sealed(_)) {
                health.warn(area, "permissions", detail, "chmod 600");
            } else {
                health.fail(
                    area,
                    "permissions",
                    detail,
                    "chmod 600, and replace the key if others use this machine",
                );
            }
        }
    }
}

/// Looks whether the venue knows the key in this slot of this account, and takes its signatures.
pub(in crate::cli) async fn registered(
    health: &mut Health,
    venue: &LighterVenue,
    chain_id: u32,
    (account, slot): (AccountIndex, ApiKeyIndex),
    key: &PrivateKey,
) {
    let area = format!("{account}:{slot}");
    let keys = match venue.api_keys(account).await {
        Ok(keys) => keys,
        Err(error) => {
            return health.fail(
                &area,
                "registered",
                chain(&error),
                "is there such an account on this network?",
            );
        }
    };
    let public = key.public_key().to_hex();
    match keys.iter().find(|row| row.index == slot) {
        Some(row) if row.public_key == public => {
            health.ok(&area, "registered", format!("next nonce {}", row.nonce));
            signature(health, &area, chain_id, (account, slot), key, &row.public_key);
            token(health, &area, venue, account).await;
        }
        Some(_) => {
            let elsewhere = keys.iter().find(|row| row.public_key == public);
            let detail = elsewhere.map_or_else(
                || "the slot holds another key".to_owned(),
                |row| format!("the slot holds another key; this one is in slot {}", row.index),
            );
            health.fail(&area, "registered", detail, "correct account, api_key_index or key");
        }
        None => {
            let detail = match keys.iter().find(|row| row.public_key == public) {
                Some(row) => format!("the slot is empty; this key is in slot {}", row.index),
                None => "the slot is empty".to_owned(),
            };
            health.fail(&area, "registered", detail, "lighter-plan keys register");
        }
    }
}

/// Signs a transaction that is thrown away, and holds the signature against the key that the venue has.
fn signature(
    health: &mut Health,
    area: &str,
    chain_id: u32,
    (account, slot): (AccountIndex, ApiKeyIndex),
    key: &PrivateKey,
    theirs: &str,
) {
    // Already expired and with an impossible nonce: it could do nothing if it ever got out.
    let body = CancelAllOrders { account_index: account.get(), api_key_index: slot.get(), mode: 2, time: 0 };
    let envelope =
        Envelope { tx: body.into(), expired_at: 1, nonce: i64::MAX >> 16, attributes: Attributes::new() };
    let signed = key.sign(&envelope.hash(chain_id));
    let good = PublicKey::from_hex(theirs).is_ok_and(|public| envelope.verify(chain_id, &public, &signed));
    if good {
        health.ok(area, "signature", "verifies against the venue's public key; nothing was sent");
    } else {
        health.fail(area, "signature", "does not verify", "replace the key");
    }
}

async fn token(health: &mut Health, area: &str, venue: &LighterVenue, account: AccountIndex) {
    match venue.limits(account).await {
        Ok(limits) => {
            let (requests, transactions) = Tier::from_venue(&limits.tier).a_minute();
            let detail = format!(
                "{}: fees {}/{} ppm (maker/taker), {requests} requests or weight and {transactions} transactions a minute",
                limits.tier, limits.maker_fee, limits.taker_fee
            );
            health.ok(area, "tier", detail);
        }
        Err(error) => {
            health.fail(
                area,
                "tier",
                chain(&error),
                "the venue did not take the account's auth token; is the clock right?",
            );
        }
    }
}
