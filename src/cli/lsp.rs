//! `lsp`: the language server on standard input and output.

use std::io;

use clap::Args;

use super::fault::Fault;
use super::{Context, Exit};
use crate::lsp::serve;

/// Serve an editor: findings while a plan is written, over standard input and output
#[derive(Debug, Args)]
#[command(after_help = "\
An editor starts this; docs/lsp.md has the lines for VS Code, Neovim, Helix, Emacs and Zed.

Exit codes: 0 after `shutdown` and `exit`, 1 when the client left without, 3 when a stream failed.")]
pub(super) struct Lsp {}

impl Lsp {
    pub(super) fn run(self, _context: &Context) -> Result<Exit, Fault> {
        let orderly = serve(io::stdin().lock(), io::BufWriter::new(io::stdout().lock()))?;
        Ok(if orderly { Exit::OK } else { Exit::FAILED })
    }
}
