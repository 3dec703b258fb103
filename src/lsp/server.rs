//! The loop: one message after the other.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use lsp_server::{ErrorCode, Message, Notification, Request, Response};
use serde_json::{Value, json};

use super::document::Document;
use super::place::Encoding;
use super::{actions, complete, hover, symbols};

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Running,
    ShutDown,
}

struct Server<W: Write> {
    output: W,
    phase: Phase,
    encoding: Encoding,
    documents: HashMap<String, Document>,
}

/// Serves one client until it says `exit` or closes the stream; returns whether it ended as the protocol asks, with
/// `shutdown` before.
///
/// # Errors
///
/// When a stream fails.
pub fn serve(mut input: impl BufRead, output: impl Write) -> io::Result<bool> {
    let mut server =
        Server { output, phase: Phase::Before, encoding: Encoding::default(), documents: HashMap::new() };
    loop {
        match Message::read(&mut input) {
            Ok(Some(Message::Request(request))) => server.request(request)?,
            Ok(Some(Message::Notification(notice))) if notice.method == "exit" => break,
            Ok(Some(Message::Notification(notice))) => server.notice(&notice)?,
            Ok(Some(Message::Response(_))) => {}
            Ok(None) => break,
            // The frame was read whole; the next one starts behind it.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => server.unreadable(&error)?,
            Err(error) => return Err(error),
        }
    }
    Ok(server.phase == Phase::ShutDown)
}

impl<W: Write> Server<W> {
    fn unreadable(&mut self, error: &io::Error) -> io::Result<()> {
        let answer = json!({ "jsonrpc": "2.0", "id": null,
            "error": { "code": ErrorCode::ParseError as i32, "message": error.to_string() } });
        let text = answer.to_string();
        write!(self.output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
        self.output.flush()
    }

    fn send(&mut self, message: impl Into<Message>) -> io::Result<()> {
        message.into().write(&mut self.output)?;
        self.output.flush()
    }

    fn request(&mut self, request: Request) -> io::Result<()> {
        let refuse =
            |code: ErrorCode, why: &str| Response::new_err(request.id.clone(), code as i32, why.to_owned());
        let response = match (self.phase, request.method.as_str()) {
            (Phase::Before, "initialize") => {
                Response::new_ok(request.id.clone(), self.initialize(&request.params))
            }
            (Phase::Before, _) => refuse(ErrorCode::ServerNotInitialized, "`initialize` comes first"),
            (Phase::ShutDown, _) => refuse(ErrorCode::InvalidRequest, "after `shutdown` only `exit` follows"),
            (Phase::Running, "initialize") => refuse(ErrorCode::InvalidRequest, "already initialized"),
            (Phase::Running, "shutdown") => {
                self.phase = Phase::ShutDown;
                Response::new_ok(request.id.clone(), Value::Null)
            }
            (Phase::Running, method) => match catch_unwind(AssertUnwindSafe(|| {
                self.answer(method, &request.params)
            })) {
                Ok(Some(result)) => Response::new_ok(request.id.clone(), result),
                Ok(None) => refuse(ErrorCode::MethodNotFound, &format!("there is no `{method}` here")),
                Err(_) => {
                    refuse(ErrorCode::InternalError, &format!("`{method}` broke down; please report this"))
                }
            },
        };
        self.send(response)
    }

    fn initialize(&mut self, params: &Value) -> Value {
        self.phase = Phase::Running;
        self.encoding = Encoding::negotiate(&params["capabilities"]["general"]["positionEncodings"]);
        json!({
            "serverInfo": { "name": "lighter-plan", "version": env!("CARGO_PKG_VERSION") },
            "capabilities": {
                "positionEncoding": self.encoding.name(),
                "textDocumentSync": { "openClose": true, "change": 2, "save": false },
                "hoverProvider": true,
                "completionProvider": { "triggerCharacters": [":", " ", ".", "{"] },
                "codeActionProvider": { "codeActionKinds": ["quickfix", "source.fixAll"] },
                "documentSymbolProvider": true,
                "definitionProvider": true,
            },
        })
    }

    /// Answers a request about a document; `None` for a method that is unknown.
    fn answer(&self, method: &str, params: &Value) -> Option<Value> {
        let work: fn(&Document, &Value, Encoding) -> Value = match method {
            "textDocument/hover" => hover::hover,
            "textDocument/completion" => complete::complete,
            "textDocument/codeAction" => actions::actions,
            "textDocument/documentSymbol" => symbols::symbols,
            "textDocument/definition" => symbols::definition,
            _ => return None,
        };
        let uri = params["textDocument"]["uri"].as_str().unwrap_or_default();
        Some(self.documents.get(uri).map_or(Value::Null, |document| work(document, params, self.encoding)))
    }

    fn notice(&mut self, notice: &Notification) -> io::Result<()> {
        if self.phase != Phase::Running {
            return Ok(());
        }
        let params = &notice.params;
        let document = &params["textDocument"];
        let uri = document["uri"].as_str().unwrap_or_default().to_owned();
        let version = document["version"].clone();
        match notice.method.as_str() {
            "textDocument/didOpen" => {
                let language = document["languageId"].as_str().unwrap_or_default();
                let text = document["text"].as_str().unwrap_or_default();
                self.documents.insert(uri.clone(), Document::open(&uri, language, version, text));
                self.publish(&uri)
            }
            "textDocument/didChange" => {
                let encoding = self.encoding;
                if let Some(document) = self.documents.get_mut(&uri) {
                    document.change(&params["contentChanges"], version, encoding);
                }
                self.publish(&uri)
            }
            "textDocument/didClose" => {
                self.documents.remove(&uri);
                self.publish(&uri)
            }
            _ => Ok(()),
        }
    }

    /// Tells what is found; of a closed document, that there is nothing any more.
    fn publish(&mut self, uri: &str) -> io::Result<()> {
        let params = match self.documents.get(uri) {
            Some(document) => json!({
                "uri": uri,
                "version": document.version,
                "diagnostics": document.diagnostics(self.encoding),
            }),
            None => json!({ "uri": uri, "diagnostics": [] }),
        };
        self.send(Notification::new("textDocument/publishDiagnostics".to_owned(), params))
    }
}
