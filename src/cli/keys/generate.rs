//! `keys generate`.

use clap::Args;
use serde_json::json;

use super::{Format, SecretError, SecretPlace, answer, secret_fault, write_new};
use crate::cli::{Context, Exit, Fault};
use crate::signing::PrivateKey;
use crate::venue::{Sealed, SecretKind};

/// Make a new API key and keep it in a new file that only you may read
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan keys generate --out sealed:long.sealed
  lighter-plan keys generate --out file:long.key --format json

An existing file is never overwritten. Register the key with `keys register` before using it.")]
pub(super) struct GenerateArgs {
    /// Where to keep it: sealed:PATH (under a passphrase) or file:PATH (plain, mode 0600)
    #[arg(long, value_name = "PLACE")]
    out: SecretPlace,
    /// Print the private key, too
    #[arg(long)]
    show_private_key: bool,
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl GenerateArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let key = PrivateKey::generate();
        let public = key.public_key().to_hex();
        keep(&self.out, &key, &public, context)?;
        let mut human = format!("public key  {public}\nkept in     {}\n", self.out);
        let mut json = json!({ "version": 1, "public_key": public, "kept_in": self.out.to_string() });
        if self.show_private_key {
            let private = hex::encode(key.to_bytes().as_slice());
            human += &format!("private key {private}\n");
            json["private_key"] = private.into();
        }
        answer(self.format, &human, &json)?;
        Ok(Exit::OK)
    }
}

fn keep(place: &SecretPlace, key: &PrivateKey, public: &str, context: &Context) -> Result<(), Fault> {
    let kept = match place {
        SecretPlace::Env(_) => {
            return Err(Fault::usage("a key cannot be kept in the environment")
                .hint("write --out sealed:PATH or --out file:PATH"));
        }
        SecretPlace::File(path) => {
            let text = zeroize::Zeroizing::new(format!("{}\n", hex::encode(key.to_bytes().as_slice())));
            write_new(path, &text)
        }
        SecretPlace::Sealed(path) => context
            .passphrases()
            .get_new()
            .map_err(SecretError::from)
            .and_then(|phrase| Ok(Sealed::seal(SecretKind::Api, public, key.to_bytes().as_slice(), phrase)?))
            .and_then(|sealed| write_new(path, &sealed.to_string())),
    };
    kept.map_err(secret_fault)
}
