//! The language server, driven over its real standard input and output by a client of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::common::PLAN;

const URI: &str = "file:///a%20folder/gr%C3%B6%C3%9Fe.yaml";

struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next: i64,
}

impl Client {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lighter-plan"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output, next: 1 }
    }

    /// Starts and initializes; columns are counted in `encoding`.
    fn ready(encoding: &str) -> Self {
        let mut client = Self::start();
        let capabilities = json!({ "general": { "positionEncodings": [encoding] } });
        let answer = client.ask("initialize", json!({ "capabilities": capabilities }));
        assert_eq!(answer["result"]["capabilities"]["positionEncoding"], encoding);
        client.tell("initialized", json!({}));
        client
    }

    fn write(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        input.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string());
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
        let answer = self.read();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the server is gone");
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Opens a text and returns what is found in it.
    fn open(&mut self, text: &str) -> Vec<Value> {
        let document = json!({ "uri": URI, "languageId": "yaml", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
        self.published()
    }

    fn change(&mut self, changes: Value) -> Vec<Value> {
        let document = json!({ "uri": URI, "version": 2 });
        self.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
        self.published()
    }

    fn published(&mut self) -> Vec<Value> {
        let notice = self.read();
        assert_eq!(notice["method"], "textDocument/publishDiagnostics", "{notice}");
        assert_eq!(notice["params"]["uri"], URI);
        notice["params"]["diagnostics"].as_array().unwrap().clone()
    }

    /// Asks about the place where `mark` begins in `text`, plus some columns.
    fn at(&mut self, method: &str, text: &str, mark: &str, columns: usize) -> Value {
        let params = json!({ "textDocument": { "uri": URI }, "position": position(text, mark, columns) });
        self.ask(method, params)["result"].clone()
    }

    fn actions(&mut self, range: &Value, only: &[&str]) -> Vec<Value> {
        let context = json!({ "diagnostics": [], "only": only });
        let params = json!({ "textDocument": { "uri": URI }, "range": range, "context": context });
        self.ask("textDocument/codeAction", params)["result"].as_array().unwrap().clone()
    }

    fn end(mut self) -> Option<i32> {
        drop(self.input.take());
        self.child.wait().unwrap().code()
    }
}

/// In UTF-16; the texts have ASCII only.
fn position(text: &str, mark: &str, columns: usize) -> Value {
    let at = text.find(mark).unwrap_or_else(|| panic!("{mark}")) + columns;
    let line = text[..at].matches('\n').count();
    json!({ "line": line, "character": at - text[..at].rfind('\n').map_or(0, |n| n + 1) })
}

fn codes(found: &[Value]) -> Vec<&str> {
    found.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// Applies the edits of an action.
fn applied(text: &str, action: &Value) -> String {
    let offset = |at: &Value| {
        let line = at["line"].as_u64().unwrap();
        let start: usize =
            text.split_inclusive('\n').take(usize::try_from(line).unwrap()).map(str::len).sum();
        start + usize::try_from(at["character"].as_u64().unwrap()).unwrap()
    };
    let mut edits = action["edit"]["changes"][URI].as_array().unwrap().clone();
    edits.reverse();
    let mut out = text.to_owned();
    for edit in edits {
        let span = offset(&edit["range"]["start"])..offset(&edit["range"]["end"]);
        out.replace_range(span, edit["newText"].as_str().unwrap());
    }
    out
}

#[test]
fn findings_come_while_typing_and_go_with_the_file() {
    let mut client = Client::ready("utf-16");
    let bad = PLAN.replace("max_hold: 2m", "max_hodl: 2m");
    let found = client.open(&bad);
    assert_eq!(codes(&found), ["LP101"]);
    assert_eq!(found[0]["range"]["start"], position(&bad, "max_hodl", 0));
    let range = json!({ "start": position(&bad, "max_hodl", 0), "end": position(&bad, "max_hodl", 8) });
    assert_eq!(client.change(json!([{ "range": range, "text": "max_hold" }])), Vec::<Value>::new());
    assert_eq!(codes(&client.change(json!([{ "text": "pairs: [" }]))), ["LP001"]);
    client.tell("textDocument/didClose", json!({ "textDocument": { "uri": URI } }));
    assert_eq!(client.published(), Vec::<Value>::new());
    // Other YAML is left alone.
    assert_eq!(client.open("services:\n  web: {}\n"), Vec::<Value>::new());
    assert_eq!(client.ask("shutdown", Value::Null)["result"], Value::Null);
    client.tell("exit", Value::Null);
    assert_eq!(client.end(), Some(0));
}

#[test]
fn columns_follow_the_clients_encoding() {
    let bad = PLAN.replace("max_hold: 2m }", "max_hold: \"😀é\", max_hodl: 2m }");
    let mut columns = Vec::new();
    for encoding in ["utf-16", "utf-8", "utf-32"] {
        let mut client = Client::ready(encoding);
        let found = client.open(&bad);
        let unknown = found.iter().find(|finding| finding["code"] == "LP101").unwrap();
        columns.push(unknown["range"]["start"]["character"].as_i64().unwrap());
    }
    assert_eq!((columns[1] - columns[0], columns[0] - columns[2]), (3, 1), "{columns:?}");
}

#[test]
fn hover_tells_the_key_the_finding_and_the_venues_integers() {
    let mut client = Client::ready("utf-16");
    let text = PLAN.replace("on_stop", "#").replace("leverage: 5", "leverage: 50");
    client.open(&text);
    let shown = |value: &Value| value["contents"]["value"].as_str().unwrap().to_owned();
    let price = shown(&client.at("textDocument/hover", &text, "99.900", 1));
    assert!(price.contains("| long buys | 99.900 | 99900 |"), "{price}");
    let market = shown(&client.at("textDocument/hover", &text, "SOL\nsize", 1));
    assert!(market.contains("**SOL**, market 2: tick 0.001, lot 0.001"), "{market}");
    let naked = shown(&client.at("textDocument/hover", &text, "max_naked", 1));
    assert!(naked.starts_with("`max_naked`: "), "{naked}");
    let leverage = shown(&client.at("textDocument/hover", &text, "50\n", 1));
    assert!(leverage.starts_with("**LP307 leverage-too-high**"), "{leverage}");
}

#[test]
fn completion_knows_keys_words_markets_and_variables() {
    let mut client = Client::ready("utf-16");
    let text = PLAN.replace("market: SOL", "market: \nvars: { lots: 2.5 }\nname: \"{{ vars. }}\"");
    client.open(&text);
    let labels = |answer: Value| -> Vec<String> {
        let items = answer["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    };
    let markets = labels(client.at("textDocument/completion", &text, "market: ", 8));
    assert!(markets.contains(&"SOL".to_owned()) && markets.contains(&"BTC".to_owned()));
    let networks = labels(client.at("textDocument/completion", &text, "network: ", 9));
    assert_eq!(networks, ["paper", "testnet", "mainnet", "robinhood", "robinhood-testnet"]);
    let hedge = labels(client.at("textDocument/completion", &text, "max_slippage_bps", 0));
    assert!(hedge.contains(&"prefer".to_owned()) && !hedge.contains(&"wait".to_owned()), "{hedge:?}");
    assert_eq!(labels(client.at("textDocument/completion", &text, "vars. }}", 5)), ["lots"]);
    let keys = labels(client.at("textDocument/completion", &text, "key: paper", 5));
    assert_eq!(keys, ["env:", "file:", "sealed:", "paper"]);
}

#[test]
fn actions_mend_and_ignore() {
    let mut client = Client::ready("utf-16");
    let text =
        format!("{PLAN}on_stop: cancel-open\non_missed: {{ place: continue }}\nvars: {{ unused: 1 }}\n");
    let found = client.open(&text);
    assert_eq!(codes(&found), ["LP104", "LP603", "LP203"]);
    let fixes = client.actions(&found[0]["range"], &["quickfix"]);
    let mended = applied(&text, &fixes[0]);
    assert!(mended.contains("on_stop: cancel_open\n"), "{mended}");
    let found = client.change(json!([{ "text": mended }]));
    assert_eq!(codes(&found), ["LP603", "LP203"]);
    let ignored = client.actions(&found[0]["range"], &["quickfix"]);
    let commented = applied(&mended, &ignored[0]);
    assert!(commented.contains("place: continue } # lighter-plan: ignore[LP603] \n"), "{commented}");
    assert_eq!(codes(&client.change(json!([{ "text": commented }]))), ["LP603", "LP010", "LP203"]);
    let whole = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } });
    let all = client.actions(&whole, &["source.fixAll"]);
    assert!(!applied(&commented, &all[0]).contains("unused"));
}

#[test]
fn the_outline_names_pairs_and_variables_are_found() {
    let mut client = Client::ready("utf-16");
    let text = PLAN.replace("size: 2.5", "size: \"{{ vars.lots }}\"\nvars: { lots: 2.5 }");
    client.open(&text);
    let answer = client.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": URI } }));
    let symbols = answer["result"].as_array().unwrap();
    let pairs = symbols.iter().find(|symbol| symbol["name"] == "pairs").unwrap();
    assert_eq!(pairs["children"][0]["name"], "alpha");
    let legs: Vec<&Value> =
        pairs["children"][0]["children"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(legs, ["id", "long", "short"]);
    let declared = client.at("textDocument/definition", &text, "vars.lots", 6);
    assert_eq!(declared["range"]["start"], position(&text, "lots: 2.5", 0));
}

#[test]
fn a_client_that_errs_is_told_and_served_on() {
    let mut client = Client::start();
    let early = client.ask("textDocument/hover", json!({}));
    assert_eq!(early["error"]["code"], -32002);
    client.write("{ this is no JSON");
    assert_eq!(client.read()["error"]["code"], -32700);
    client.ask("initialize", json!({ "capabilities": {} }));
    assert_eq!(client.ask("textDocument/nonsense", json!({}))["error"]["code"], -32601);
    client.tell("$/cancelRequest", json!({ "id": 99 }));
    // Of a document that was never opened there is nothing to say.
    let params = json!({ "textDocument": { "uri": "file:///x" }, "position": { "line": 9, "character": 9 } });
    assert_eq!(client.ask("textDocument/hover", params)["result"], Value::Null);
    client.ask("shutdown", Value::Null);
    assert_eq!(client.ask("textDocument/hover", json!({}))["error"]["code"], -32600);
    assert_eq!(client.end(), Some(0), "shut down before the stream closed");
    assert_eq!(Client::ready("utf-16").end(), Some(1), "left without `shutdown`");
}
