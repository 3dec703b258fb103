//! `keys`: makes, seals, registers, lists and checks keys. No private key is printed unless its own flag asks.

pub(super) mod check;
mod generate;
mod list;
mod message;
pub(super) mod network;
mod place;
mod register;
mod seal;

use clap::{Args, Subcommand, ValueEnum};

pub(crate) use place::{SecretError, SecretPlace, read_sealed, write_new};

use super::{Context, Exit, Fault, out};
use crate::model::{AccountIndex, ApiKeyIndex};

const EXAMPLES: &str = "\
Examples:
  lighter-plan keys generate --out sealed:long.sealed
  lighter-plan keys message --key sealed:long.sealed --account 1001 --slot 4 --network testnet
  lighter-plan keys register --key sealed:long.sealed --l1-key env:ETH_KEY --account 1001 --slot 4 --network testnet
  lighter-plan keys list --account 1001 --network testnet long.sealed short.key
  lighter-plan keys check sealed:long.sealed --account 1001 --slot 4 --network testnet

A passphrase comes from --passphrase-file, LIGHTER_PLAN_PASSPHRASE or a prompt. In a plan: `key: sealed:long.sealed`.";

/// Make, seal, register, list and check keys
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    Generate(generate::GenerateArgs),
    Message(message::MessageArgs),
    Register(register::RegisterArgs),
    Seal(seal::SealArgs),
    Open(seal::OpenArgs),
    List(list::ListArgs),
    Check(check::CheckArgs),
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object, with `version`.
    Json,
}

/// Account and key slot.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct SlotArgs {
    /// Account index
    #[arg(long, value_name = "N")]
    account: i64,
    /// Key slot, 2 to 254; the venue's own front ends use the low ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=254))]
    slot: u8,
}

impl SlotArgs {
    const fn account(self) -> AccountIndex {
        AccountIndex::new(self.account)
    }

    const fn slot(self) -> ApiKeyIndex {
        ApiKeyIndex::new(self.slot)
    }
}

impl KeysArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Fault> {
        match self.command {
            KeysCommand::Generate(args) => args.run(context),
            KeysCommand::Message(args) => args.run(context),
            KeysCommand::Register(args) => args.run(context),
            KeysCommand::Seal(args) => args.run(context),
            KeysCommand::Open(args) => args.run(context),
            KeysCommand::List(args) => args.run(context),
            KeysCommand::Check(args) => args.run(context),
        }
    }
}

/// Gives a missing or broken secret its exit code and a way out.
pub(super) fn secret_fault(error: SecretError) -> Fault {
    let hint = match &error {
        SecretError::Unwritable { .. } => Some("an existing file is never overwritten; name another"),
        SecretError::Passphrase(_) => Some("give --passphrase-file FILE or LIGHTER_PLAN_PASSPHRASE"),
        _ => None,
    };
    let fault = Fault::with(Exit::FAILED, error);
    match hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// Writes an answer as people or programs read it.
fn answer(format: Format, human: &str, json: &serde_json::Value) -> Result<(), Fault> {
    match format {
        Format::Human => out::text(human)?,
        Format::Json => out::text(&format!("{json}\n"))?,
    }
    Ok(())
}
