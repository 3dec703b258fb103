//! What the client can do, and what this server offers it.

use gen_lsp_types as types;
use serde_json::Value;

use super::text::Encoding;

/// What of the client's abilities changes an answer. Read key by key: a client with one odd entry among hundreds works all
/// the same.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) encoding: Encoding,
    /// Diagnostics may name other places.
    pub(super) related: bool,
    /// The client asks for diagnostics; it is not told unasked then, or it would show them twice.
    pub(super) pulls: bool,
    /// The client can be told to ask again.
    pub(super) refreshes: bool,
    /// Completions may have places to fill in.
    pub(super) snippets: bool,
    /// Completions may bring their own indentation; else the client adds that of the line.
    pub(super) indents_as_told: bool,
    /// Symbols may be nested.
    pub(super) nested_symbols: bool,
    /// Edits may name the version that they are for.
    pub(super) versioned_edits: bool,
    /// The server may ask to be told of files that change.
    pub(super) watches: bool,
}

impl Client {
    /// Reads the parameters of `initialize`.
    pub(super) fn read(params: &Value) -> Self {
        let at = |pointer: &str| params.pointer(&format!("/capabilities/{pointer}"));
        let can = |pointer: &str| at(pointer).and_then(Value::as_bool).unwrap_or_default();
        let lists = |pointer: &str, wanted: u64| {
            let list = at(pointer).and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|value| value.as_u64() == Some(wanted)))
        };
        let item = "textDocument/completion/completionItem";
        Self {
            encoding: encoding(at("general/positionEncodings")),
            related: can("textDocument/publishDiagnostics/relatedInformation")
                || can("textDocument/diagnostic/relatedInformation"),
            pulls: at("textDocument/diagnostic").is_some_and(Value::is_object),
            refreshes: can("workspace/diagnostics/refreshSupport"),
            snippets: can(&format!("{item}/snippetSupport")),
            indents_as_told: lists(&format!("{item}/insertTextModeSupport/valueSet"), 1),
            nested_symbols: can("textDocument/documentSymbol/hierarchicalDocumentSymbolSupport"),
            versioned_edits: can("workspace/workspaceEdit/documentChanges"),
            watches: can("workspace/didChangeWatchedFiles/dynamicRegistration"),
        }
    }

    /// Returns what the server answers to `initialize`.
    pub(super) fn offer(&self) -> types::InitializeResult {
        let words = |list: &[&str]| Some(list.iter().map(|word| (*word).to_owned()).collect());
        let capabilities = types::ServerCapabilities {
            position_encoding: Some(match self.encoding {
                Encoding::Utf8 => types::PositionEncodingKind::UTF8,
                Encoding::Utf16 => types::PositionEncodingKind::UTF16,
                Encoding::Utf32 => types::PositionEncodingKind::UTF32,
            }),
            text_document_sync: Some(types::TextDocumentSync::Options(types::TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(types::TextDocumentSyncKind::Incremental),
                save: Some(types::Save::Bool(true)),
                ..Default::default()
            })),
            hover_provider: Some(true.into()),
            completion_provider: Some(types::CompletionOptions {
                trigger_characters: words(&[":", " ", ".", "{", "["]),
                ..Default::default()
            }),
            definition_provider: Some(true.into()),
            references_provider: Some(true.into()),
            rename_provider: Some(types::RenameProvider::RenameOptions(types::RenameOptions {
                prepare_provider: Some(true),
                ..Default::default()
            })),
            document_symbol_provider: Some(true.into()),
            code_action_provider: Some(types::CodeActionProvider::CodeActionOptions(
                types::CodeActionOptions {
                    code_action_kinds: Some(vec![
                        types::CodeActionKind::QuickFix,
                        types::CodeActionKind::SourceFixAll,
                    ]),
                    ..Default::default()
                },
            )),
            diagnostic_provider: self.pulls.then(|| {
                types::DiagnosticProvider::DiagnosticOptions(types::DiagnosticOptions {
                    identifier: Some("lighter-plan".to_owned()),
                    ..Default::default()
                })
            }),
            ..Default::default()
        };
        let server_info = types::ServerInfo {
            name: "lighter-plan".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        };
        types::InitializeResult { capabilities, server_info: Some(server_info) }
    }
}

/// Returns the first encoding of the client's list, which is in its order of liking.
fn encoding(offered: Option<&Value>) -> Encoding {
    let known = |name: &Value| match name.as_str()? {
        "utf-8" => Some(Encoding::Utf8),
        "utf-16" => Some(Encoding::Utf16),
        "utf-32" => Some(Encoding::Utf32),
        _ => None,
    };
    offered.and_then(Value::as_array).and_then(|list| list.iter().find_map(known)).unwrap_or(Encoding::Utf16)
}
