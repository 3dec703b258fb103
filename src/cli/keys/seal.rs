//! `keys seal` and `keys open`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use zeroize::Zeroizing;

use super::{Format, SecretError, SecretPlace, answer, read_sealed, secret_fault, write_new};
use crate::cli::{Context, Exit, Fault, out};
use crate::venue::{Sealed, SecretKind};

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// An API key of the venue
    Api,
    /// An Ethereum key
    Eth,
}

/// Put a key under a passphrase
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan keys seal file:long.key long.sealed
  lighter-plan keys seal env:ETH_KEY owner.sealed --kind eth

The file it came from stays; delete it when the sealed one has been tried with `keys check`.")]
pub(super) struct SealArgs {
    /// Where the key is: env:NAME or file:PATH
    #[arg(value_name = "PLACE")]
    from: SecretPlace,
    /// The sealed file to make
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[arg(long, value_enum, default_value = "api")]
    kind: KindArg,
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// Take a key out of a sealed file, into a new plain file that only you may read
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan keys open long.sealed --out long.key
  lighter-plan keys open long.sealed --show-private-key")]
pub(super) struct OpenArgs {
    /// The sealed file
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// The plain file to make, mode 0600
    #[arg(long, value_name = "FILE", required_unless_present = "show_private_key")]
    out: Option<PathBuf>,
    /// Print the private key
    #[arg(long)]
    show_private_key: bool,
}

impl SealArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let (kind, public, secret) = self.read(context).map_err(secret_fault)?;
        let seal = || -> Result<(), SecretError> {
            let sealed = Sealed::seal(kind, &public, &secret, context.passphrases().get_new()?)?;
            write_new(&self.to, &sealed.to_string())
        };
        seal().map_err(secret_fault)?;
        let kept = format!("sealed:{}", self.to.display());
        let human = format!("{:<11} {public}\nkept in     {kept}\n", public_name(kind));
        let json = json!({ "version": 1, "kind": kind.as_str(), "public": public, "kept_in": kept });
        answer(self.format, &human, &json)?;
        Ok(Exit::OK)
    }

    fn read(&self, context: &Context) -> Result<(SecretKind, String, Zeroizing<Vec<u8>>), SecretError> {
        let phrases = context.passphrases();
        Ok(match self.kind {
            KindArg::Api => {
                let key = self.from.api_key(phrases)?;
                (SecretKind::Api, key.public_key().to_hex(), Zeroizing::new(key.to_bytes().to_vec()))
            }
            KindArg::Eth => {
                let key = self.from.eth_key(phrases)?;
                (SecretKind::Eth, key.address().to_string(), Zeroizing::new(key.to_bytes().to_vec()))
            }
        })
    }
}

const fn public_name(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::Api => "public key",
        SecretKind::Eth => "address",
    }
}

impl OpenArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        let open = || -> Result<Zeroizing<String>, SecretError> {
            let sealed = read_sealed(&self.from)?;
            let bytes = sealed
                .open(context.passphrases().get()?)
                .map_err(|source| SecretError::Sealed { path: self.from.clone(), source })?;
            Ok(Zeroizing::new(format!("{}\n", hex::encode(bytes.as_slice()))))
        };
        let text = open().map_err(secret_fault)?;
        if let Some(path) = &self.out {
            write_new(path, &text).map_err(secret_fault)?;
            out::note(&format!("kept in file:{}", path.display()));
        }
        if self.show_private_key {
            out::text(&text)?;
        }
        Ok(Exit::OK)
    }
}
