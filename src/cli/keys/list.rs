//! `keys list`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::network::{NetworkArgs, connect, fault};
use super::{Format, answer, read_sealed};
use crate::cli::{Context, Exit, Fault};
use crate::model::{AccountIndex, ApiKeyView};
use crate::venue::{KeyLocation, SecretKind, Venue as _};

/// List the key slots of an account, and which key files here fit them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan keys list --account 1001 --network testnet
  lighter-plan keys list --account 1001 --network testnet long.sealed short.key --format json

Sealed files are matched by the public key in their header; no passphrase is asked for.")]
pub(super) struct ListArgs {
    /// Account index
    #[arg(long, value_name = "N")]
    account: i64,
    /// Key files to match, plain or sealed
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl ListArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let network = self.network.required()?;
        let keys = context.block_on(async {
            let reached = connect(&network, Vec::new()).await.map_err(fault)?;
            let keys = reached.venue.api_keys(AccountIndex::new(self.account)).await;
            keys.map_err(|error| Fault::with(Exit::FAILED, error))
        })??;
        let local: Vec<_> = self.files.iter().map(|path| (path, public_of(path))).collect();
        let files = |key: &ApiKeyView| -> Vec<String> {
            let fits = local.iter().filter(|(_, public)| public.as_deref() == Some(&key.public_key));
            fits.map(|(path, _)| path.display().to_string()).collect()
        };
        let mut human = String::new();
        for key in &keys {
            human += &format!("slot {:>3}  nonce {:>6}  {}", key.index, key.nonce, key.public_key);
            for file in files(key) {
                human += &format!("  {file}");
            }
            human.push('\n');
        }
        let rows: Vec<_> = keys
            .iter()
            .map(|key| {
                json!({
                    "slot": key.index, "nonce": key.nonce, "public_key": key.public_key, "files": files(key),
                })
            })
            .collect();
        answer(self.format, &human, &json!({ "version": 1, "account": self.account, "slots": rows }))?;
        for (path, _) in local.iter().filter(|(_, public)| public.is_none()) {
            tracing::warn!(path = %path.display(), "holds no API key");
        }
        Ok(Exit::OK)
    }
}

/// Returns the public key of a key file, plain or sealed.
fn public_of(path: &Path) -> Option<String> {
    if let Ok(sealed) = read_sealed(path) {
        return (sealed.kind() == SecretKind::Api).then(|| sealed.public().to_owned());
    }
    let (key, _) = KeyLocation::File(path.to_owned()).read().ok()?;
    Some(key.public_key().to_hex())
}
