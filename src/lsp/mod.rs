//! A language server for plans, over the streams that it is given.
//!
//! `wire` and `inbox` read, `server` decides what is handled when, `document` holds what is open and what was found in it.
//! Every answer comes from the same code as the command line's: `lint` for findings and fixes, `plan` for everything else.
//! `sketch` alone reads texts that are no plans, because half a line is what completion is asked about.

mod actions;
mod client;
mod completion;
mod diagnostics;
mod document;
mod hover;
mod inbox;
mod insert;
mod policies;
mod server;
mod sketch;
mod symbols;
mod text;
mod uri;
mod variables;
mod venue;
mod wire;

use std::io::{self, BufRead, Write};

pub use policies::PolicySource;
pub use server::Ended;

use crate::model::Market;
use crate::plan::LoadOptions;

/// What plans are checked with.
pub struct LspOptions {
    /// Variables and environment.
    pub load: LoadOptions<'static>,
    /// The market rules to check against.
    pub markets: &'static [Market],
    /// Where policies come from.
    pub policies: PolicySource,
    /// URL that the documentation is served below; findings link to it.
    pub docs: Option<String>,
}

/// Serves one client until it leaves. Nothing but the protocol may be written to `writer`.
///
/// # Errors
///
/// When nothing can be written to the client, or the system gives no thread.
pub fn serve(
    reader: impl BufRead + Send + 'static,
    writer: impl Write,
    options: LspOptions,
) -> io::Result<Ended> {
    let setting = document::Setting {
        options: options.load,
        markets: options.markets,
        policies: policies::Policies::new(options.policies),
        docs: options.docs.map(|url| url.trim_end_matches('/').to_owned()),
    };
    server::Server::new(writer, setting).run(&mut inbox::Inbox::start(reader)?)
}
