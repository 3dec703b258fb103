//! A client of the language server: frames over the real program's standard streams.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::Bench;

/// Longer than any answer takes; only a server that hangs gets there.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an editor of today can do.
pub(crate) fn abilities() -> Value {
    json!({
        "textDocument": {
            "publishDiagnostics": { "relatedInformation": true },
            "completion": { "completionItem": {
                "snippetSupport": false,
                "insertTextModeSupport": { "valueSet": [1, 2] },
            } },
            "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
        },
    })
}

pub(crate) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Notifications and requests of the server that nobody asked for yet.
    unasked: VecDeque<Value>,
    next_id: i64,
}

impl Client {
    /// Starts the program in the bench's folder, and nothing more.
    pub(crate) fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lighter-plan"))
            .arg("lsp")
            .args(arguments)
            .env_clear()
            .current_dir(bench.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::Builder::new()
            .spawn(move || {
                while let Some(message) = frame(&mut stdout) {
                    if sender.send(message).is_err() {
                        break;
                    }
                }
            })
            .unwrap();
        Self { child, stdin, messages, unasked: VecDeque::new(), next_id: 0 }
    }

    /// Starts the program and introduces itself.
    pub(crate) fn with(bench: &Bench, arguments: &[&str], capabilities: Value) -> Self {
        let mut client = Self::start(bench, arguments);
        client.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": capabilities }));
        client.tell("initialized", json!({}));
        client
    }

    pub(crate) fn new(bench: &Bench) -> Self {
        Self::with(bench, &[], abilities())
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.send_bytes(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    pub(crate) fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a request and returns the whole answer.
    pub(crate) fn answer(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.response(&json!(id))
    }

    /// Sends a request and returns its result.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Waits for the answer to a request.
    pub(crate) fn response(&mut self, id: &Value) -> Value {
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("an answer");
            if message.get("method").is_none() && message["id"] == *id {
                return message;
            }
            self.unasked.push_back(message);
        }
    }

    /// Waits for a notification, or a request of the server.
    pub(crate) fn wait_for(&mut self, method: &str) -> Value {
        if let Some(at) = self.unasked.iter().position(|message| message["method"] == method) {
            return self.unasked.remove(at).unwrap()["params"].clone();
        }
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("a notification");
            if message["method"] == method {
                return message["params"].clone();
            }
            self.unasked.push_back(message);
        }
    }

    /// Returns the methods of what came unasked so far, an answer to a question being the end of "so far".
    pub(crate) fn unasked(&mut self) -> Vec<String> {
        self.answer("no/such/method", json!({}));
        self.unasked.iter().filter_map(|message| message["method"].as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn open(&mut self, uri: &str, language: &str, text: &str) {
        let item = json!({ "uri": uri, "languageId": language, "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": item }));
    }

    /// Replaces the whole text.
    pub(crate) fn change(&mut self, uri: &str, version: i64, text: &str) {
        let document = json!({ "uri": uri, "version": version });
        self.tell(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": [{ "text": text }] }),
        );
    }

    /// Waits for the findings of a version, and returns those of it.
    pub(crate) fn findings(&mut self, uri: &str, version: i64) -> Vec<Value> {
        loop {
            let params = self.wait_for("textDocument/publishDiagnostics");
            if params["uri"] == uri && params["version"] == version {
                return params["diagnostics"].as_array().unwrap().clone();
            }
        }
    }

    /// Asks about a position.
    pub(crate) fn at(&mut self, method: &str, uri: &str, position: &Value) -> Value {
        self.ask(method, json!({ "textDocument": { "uri": uri }, "position": position }))
    }

    /// Ends the way an editor does, and returns the exit code.
    pub(crate) fn leave(mut self) -> i32 {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        self.exit_code()
    }

    /// Closes the streams and returns the exit code.
    pub(crate) fn exit_code(mut self) -> i32 {
        self.stdin = None;
        self.child.wait().unwrap().code().expect("an exit code, no signal")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.stdin.take());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn frame(reader: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}

/// Returns the position of `needle`, `inside` characters behind its start, in UTF-16.
#[track_caller]
pub(crate) fn position(text: &str, needle: &str, inside: usize) -> Value {
    let at = text.find(needle).unwrap_or_else(|| panic!("no `{needle}`")) + inside;
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = text[..at].matches('\n').count();
    json!({ "line": line, "character": text[start..at].encode_utf16().count() })
}

/// Returns the offset of a position in UTF-16.
fn offset(text: &str, position: &Value) -> usize {
    let line = usize::try_from(position["line"].as_u64().unwrap()).unwrap();
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let mut left = usize::try_from(position["character"].as_u64().unwrap()).unwrap();
    let mut at = start;
    for c in text[start..].chars() {
        if left == 0 {
            break;
        }
        left -= c.len_utf16();
        at += c.len_utf8();
    }
    at
}

/// Returns the stretch of text that a range marks.
pub(crate) fn marked<'a>(text: &'a str, range: &Value) -> &'a str {
    &text[offset(text, &range["start"])..offset(text, &range["end"])]
}

/// Does to a text what edits say.
pub(crate) fn apply(text: &str, edits: &[Value]) -> String {
    let span = |edit: &Value| (offset(text, &edit["range"]["start"]), offset(text, &edit["range"]["end"]));
    let mut edits: Vec<_> =
        edits.iter().map(|edit| (span(edit), edit["newText"].as_str().unwrap())).collect();
    edits.sort();
    let mut result = text.to_owned();
    for ((start, end), new) in edits.into_iter().rev() {
        result.replace_range(start..end, new);
    }
    result
}
