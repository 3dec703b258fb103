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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use serde_json::{Value, json};

    use super::*;
    use crate::model::snapshot_markets;

    /// Serves a client that sends all at once, and returns what was written to it.
    fn answers(options: LspOptions, messages: &[Value]) -> String {
        let framed = messages.iter().map(|message| {
            let body = message.to_string();
            format!("Content-Length: {}\r\n\r\n{body}", body.len())
        });
        let mut written = Vec::new();
        serve(Cursor::new(framed.collect::<String>()), &mut written, options).unwrap();
        String::from_utf8(written).unwrap()
    }

    /// F-29: what breaks down is told as a fault, and the next question is answered.
    #[test]
    fn f_29_a_handler_that_breaks_down_is_an_error_and_no_end() {
        let load =
            LoadOptions { env: &|_| panic!("on purpose: a test of what follows"), ..LoadOptions::default() };
        let options =
            LspOptions { load, markets: snapshot_markets(), policies: PolicySource::None, docs: None };
        let document = |uri: &str, text: &str| {
            let item = json!({ "uri": uri, "languageId": "lighter-plan", "version": 1, "text": text });
            json!({ "method": "textDocument/didOpen", "params": { "textDocument": item } })
        };
        let hover = |id: u32, uri: &str| {
            let position = json!({ "line": 0, "character": 1 });
            let params = json!({ "textDocument": { "uri": uri }, "position": position });
            json!({ "id": id, "method": "textDocument/hover", "params": params })
        };
        let written = answers(
            options,
            &[
                json!({ "id": 1, "method": "initialize", "params": { "capabilities": {} } }),
                document("file:///bad", "name: \"{{ env.X }}\"\n"),
                document("file:///good", "name: a\n"),
                hover(2, "file:///bad"),
                hover(3, "file:///good"),
            ],
        );
        assert!(
            written.contains(r#""id":2,"error":{"code":-32603,"message":"`textDocument/hover` broke down"#)
        );
        assert!(written.contains(r#""id":3,"result":{"contents""#), "{written}");
        assert!(written.contains("reading the plan broke down; please report this"), "{written}");
    }
}
