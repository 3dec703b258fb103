//! The life of a server: what is handled when, and by whom.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use gen_lsp_types as types;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use types::ErrorCodes;

use super::client::Client;
use super::document::{Open, Setting, View};
use super::inbox::Inbox;
use super::wire::{self, Failure, Id, Incoming};
use super::{actions, completion, diagnostics, hover, symbols, variables};
use crate::lint::POLICY_FILE;

/// Messages after which findings are published although more are waiting: a client that never pauses sees them too.
const MESSAGES_UNTOLD: usize = 64;

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client asked for it, `shutdown` first.
    Asked,
    /// `exit` came without `shutdown`, or the client is gone.
    Abandoned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before `initialize`.
    New,
    Running,
    /// After `shutdown`.
    Down,
}

/// A server for one client.
pub(super) struct Server<W> {
    out: W,
    setting: Setting,
    client: Client,
    phase: Phase,
    documents: BTreeMap<String, Open>,
    /// What the client shows to be wrong with policy files.
    bad_policies: BTreeMap<PathBuf, String>,
}

impl<W: Write> Server<W> {
    pub(super) fn new(out: W, setting: Setting) -> Self {
        Self {
            out,
            setting,
            client: Client::read(&Value::Null),
            phase: Phase::New,
            documents: BTreeMap::new(),
            bad_policies: BTreeMap::new(),
        }
    }

    /// Serves until the client leaves.
    ///
    /// # Errors
    ///
    /// When nothing can be written to the client.
    pub(super) fn run(mut self, inbox: &mut Inbox) -> io::Result<Ended> {
        let mut untold = 0;
        while let Some(message) = inbox.next() {
            match message {
                Incoming::Response => {}
                Incoming::Malformed { id, failure } => {
                    wire::respond(&mut self.out, id.as_ref(), Err(failure))?;
                }
                Incoming::Request { id, method, params } => {
                    let answer = if inbox.cancels(&id) {
                        Err(Failure::cancelled())
                    } else {
                        self.answer(&method, params)
                    };
                    self.respond(&id, answer)?;
                }
                Incoming::Notification { method, .. } if method == "exit" => {
                    return Ok(if self.phase == Phase::Down { Ended::Asked } else { Ended::Abandoned });
                }
                Incoming::Notification { method, params } => {
                    if self.phase == Phase::Running {
                        self.note(&method, params)?;
                    }
                }
            }
            untold += 1;
            if inbox.is_idle() || untold >= MESSAGES_UNTOLD {
                self.tell()?;
                untold = 0;
            }
        }
        Ok(if self.phase == Phase::Down { Ended::Asked } else { Ended::Abandoned })
    }

    fn respond(&mut self, id: &Id, answer: Result<Value, Failure>) -> io::Result<()> {
        wire::respond(&mut self.out, Some(id), answer)
    }

    /// Answers a request. A handler that panics is an error of that request; the server lives.
    fn answer(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        match (self.phase, method) {
            (Phase::New, "initialize") => {
                self.client = Client::read(&params);
                self.phase = Phase::Running;
                result(self.client.offer())
            }
            (Phase::New, _) => {
                Err(Failure::new(ErrorCodes::ServerNotInitialized, "`initialize` comes first"))
            }
            (Phase::Down, _) => Err(Failure::new(ErrorCodes::InvalidRequest, "the server was shut down")),
            (Phase::Running, "initialize") => {
                Err(Failure::new(ErrorCodes::InvalidRequest, "the server was initialized already"))
            }
            (Phase::Running, "shutdown") => {
                self.phase = Phase::Down;
                Ok(Value::Null)
            }
            (Phase::Running, _) => catch_unwind(AssertUnwindSafe(|| self.ask(method, params)))
                .unwrap_or_else(|_| {
                    let message = format!("`{method}` broke down; please report this");
                    Err(Failure::new(ErrorCodes::InternalError, message))
                }),
        }
    }

    /// Answers what is asked about a document.
    fn ask(&self, method: &str, params: Value) -> Result<Value, Failure> {
        match method {
            "textDocument/hover" => self.about(params, |view, params: types::HoverParams| {
                Ok(hover::hover(view, params.text_document_position_params.position))
            }),
            "textDocument/completion" => self.about(params, |view, params: types::CompletionParams| {
                Ok(completion::complete(view, params.text_document_position_params.position))
            }),
            "textDocument/codeAction" => {
                self.about(params, |view, params| Ok(Some(actions::actions(view, &params))))
            }
            "textDocument/documentSymbol" => {
                self.about(params, |view, _: types::DocumentSymbolParams| Ok(Some(symbols::symbols(view))))
            }
            "textDocument/definition" => self.about(params, |view, params: types::DefinitionParams| {
                Ok(variables::definition(view, params.text_document_position_params.position))
            }),
            "textDocument/references" => {
                self.about(params, |view, params| Ok(variables::references(view, &params)))
            }
            "textDocument/prepareRename" => self.about(params, |view, params: types::PrepareRenameParams| {
                Ok(variables::prepare(view, params.text_document_position_params.position))
            }),
            "textDocument/rename" => self.about(params, |view, params| variables::rename(view, &params)),
            "textDocument/diagnostic" => self.diagnose(params),
            _ => Err(Failure::new(ErrorCodes::MethodNotFound, format!("there is no method `{method}` here"))),
        }
    }

    /// Answers a question about a plan; nothing is known of any other document.
    fn about<P: DeserializeOwned, R: Serialize>(
        &self,
        params: Value,
        answer: impl FnOnce(View<'_>, P) -> Result<Option<R>, Failure>,
    ) -> Result<Value, Failure> {
        let uri = uri_of(&params);
        let params = read(params)?;
        match uri.and_then(|uri| self.documents.get(&uri)).filter(|open| open.is_plan()) {
            Some(open) => answer(self.view(open), params).and_then(result),
            None => Ok(Value::Null),
        }
    }

    /// Answers a client that asks for findings itself.
    fn diagnose(&self, params: Value) -> Result<Value, Failure> {
        let uri = uri_of(&params).unwrap_or_default();
        let params: types::DocumentDiagnosticParams = read(params)?;
        let open = self.documents.get(&uri);
        let items = open.map(|open| diagnostics::diagnostics(self.view(open))).unwrap_or_default();
        // The same findings have the same name, whatever the version: most edits change none.
        let mut hasher = DefaultHasher::new();
        result(&items)?.to_string().hash(&mut hasher);
        let name = format!("{:016x}", hasher.finish());
        if params.previous_result_id.as_deref() == Some(name.as_str()) {
            return Ok(json!({ "kind": "unchanged", "resultId": name }));
        }
        Ok(json!({ "kind": "full", "resultId": name, "items": items }))
    }

    fn view<'a>(&'a self, open: &'a Open) -> View<'a> {
        View { open, setting: &self.setting, client: &self.client }
    }

    /// Takes a notification. One that makes no sense changes nothing, as there is nobody to tell.
    fn note(&mut self, method: &str, params: Value) -> io::Result<()> {
        match method {
            "initialized" => self.watch()?,
            "textDocument/didOpen" => {
                if let Ok(params) = read::<types::DidOpenTextDocumentParams>(params) {
                    let open = Open::new(params.text_document);
                    self.documents.insert(open.uri.clone(), open);
                }
            }
            "textDocument/didChange" => self.change(params),
            "textDocument/didClose" => {
                let closed = uri_of(&params).and_then(|uri| self.documents.remove(&uri));
                if let Some(open) = closed.filter(|open| open.is_plan() && !self.client.pulls) {
                    let uri = types::Uri(open.uri);
                    self.publish(&types::PublishDiagnosticsParams {
                        uri,
                        version: None,
                        diagnostics: vec![],
                    })?;
                }
            }
            // A policy, a key file or a variable of a plan may have changed: what they say is asked again.
            "textDocument/didSave"
            | "workspace/didChangeWatchedFiles"
            | "workspace/didChangeConfiguration" => {
                self.documents.values_mut().for_each(Open::forget);
                if self.client.refreshes && self.client.pulls {
                    wire::request(&mut self.out, "workspace/diagnostic/refresh", &Value::Null)?;
                }
            }
            _ => tracing::debug!(method, "a notification that means nothing here"),
        }
        Ok(())
    }

    fn change(&mut self, params: Value) {
        let encoding = self.client.encoding;
        let uri = uri_of(&params).unwrap_or_default();
        let Ok(params) = read::<types::DidChangeTextDocumentParams>(params) else {
            // The text of the client is not known any more; nothing is said about another one.
            self.documents.remove(&uri);
            return;
        };
        if let Some(open) = self.documents.get_mut(&uri) {
            open.change(params.text_document.version, params.content_changes, encoding);
        }
    }

    /// Asks to be told when a policy changes.
    fn watch(&mut self) -> io::Result<()> {
        if !self.client.watches {
            return Ok(());
        }
        let watchers = json!([{ "globPattern": format!("**/{POLICY_FILE}") }]);
        let registration = types::Registration {
            id: "policies".to_owned(),
            method: "workspace/didChangeWatchedFiles".to_owned(),
            register_options: Some(json!({ "watchers": watchers })),
        };
        let params = types::RegistrationParams { registrations: vec![registration] };
        wire::request(&mut self.out, "client/registerCapability", &params)
    }

    /// Publishes the findings of every document that changed, of its newest version only.
    fn tell(&mut self) -> io::Result<()> {
        if self.phase != Phase::Running {
            return Ok(());
        }
        let untold: Vec<String> =
            self.documents.values().filter(|open| !open.told).map(|open| open.uri.clone()).collect();
        for uri in untold {
            self.tell_one(&uri)?;
        }
        self.tell_policies()
    }

    fn tell_one(&mut self, uri: &str) -> io::Result<()> {
        let Some(open) = self.documents.get(uri) else { return Ok(()) };
        let mut messages = Vec::new();
        if open.is_plan() && !self.client.pulls {
            // What breaks down while checking is told as a fault, by the check itself or here.
            let told = catch_unwind(AssertUnwindSafe(|| diagnostics::diagnostics(self.view(open))));
            let faults = match &told {
                Ok(_) => open.checked(&self.setting).faults.clone(),
                Err(_) => vec!["checking the plan broke down".to_owned()],
            };
            messages.extend(faults.iter().map(|fault| format!("{fault}; please report this")));
            let params = types::PublishDiagnosticsParams {
                uri: types::Uri(open.uri.clone()),
                version: Some(open.version),
                diagnostics: told.unwrap_or_default(),
            };
            self.publish(&params)?;
        }
        for message in messages {
            let params = types::LogMessageParams { kind: types::MessageType::Error, message };
            wire::notify(&mut self.out, "window/logMessage", &params)?;
        }
        self.documents.entry(uri.to_owned()).and_modify(|open| open.told = true);
        Ok(())
    }

    /// Shows what is wrong with policies at their own place, until it is mended.
    fn tell_policies(&mut self) -> io::Result<()> {
        for (file, error) in self.setting.policies.troubles() {
            let now = error.as_ref().map(ToString::to_string);
            if self.bad_policies.get(&file) == now.as_ref() {
                continue;
            }
            self.publish(&diagnostics::of_policy(&file, error.as_deref(), self.client.encoding))?;
            match now {
                Some(now) => self.bad_policies.insert(file, now),
                None => self.bad_policies.remove(&file),
            };
        }
        Ok(())
    }

    fn publish(&mut self, params: &types::PublishDiagnosticsParams) -> io::Result<()> {
        wire::notify(&mut self.out, "textDocument/publishDiagnostics", params)
    }
}

fn read<P: DeserializeOwned>(params: Value) -> Result<P, Failure> {
    serde_json::from_value(params).map_err(|error| Failure::new(ErrorCodes::InvalidParams, error.to_string()))
}

fn result(value: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::new(ErrorCodes::InternalError, error.to_string()))
}

fn uri_of(params: &Value) -> Option<String> {
    params.pointer("/textDocument/uri").and_then(Value::as_str).map(str::to_owned)
}
