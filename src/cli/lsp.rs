//! `lsp`: the language server for editors, over standard input and output.

use std::io::{self, BufReader};

use clap::Args;

use super::fault::Fault;
use super::input::Variables;
use super::policy::PolicyArgs;
use super::{Context, Exit};
use crate::lsp::{Ended, LspOptions, serve};
use crate::model::snapshot_markets;

/// Serve editors: findings while you type, hover, completion, fixes; over standard input and output
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lighter-plan lsp                               # started by the editor; docs/lsp.md says how
  lighter-plan lsp --vars production.yaml
  lighter-plan lsp --docs-url https://example.com/lighter-plan/docs

Exit codes: 0 the editor shut it down, 1 the editor left without saying so, 2 usage, 3 it could not be written to.")]
pub(super) struct Lsp {
    /// Link findings to their rules in documentation that is served below this URL
    #[arg(long, value_name = "URL")]
    docs_url: Option<String>,
    /// Speak over standard input and output, which is the only way; taken because many editors say it
    #[arg(long, hide = true)]
    stdio: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    variables: Variables,
}

impl Lsp {
    pub(super) fn run(self, _context: &Context) -> Result<Exit, Fault> {
        let options = LspOptions {
            load: self.variables.options()?,
            markets: snapshot_markets(),
            policies: self.policy.source(),
            docs: self.docs_url,
        };
        let ended = serve(BufReader::new(io::stdin()), io::stdout().lock(), options)?;
        Ok(match ended {
            Ended::Asked => Exit::OK,
            Ended::Abandoned => Exit::FAILED,
        })
    }
}
