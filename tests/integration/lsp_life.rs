//! How the language server lives with clients, files and policies of all kinds.

use serde_json::{Value, json};

use crate::common::{Bench, KEY, PLAN};
use crate::lsp_client::{Client, abilities};

const URI: &str = "file:///plans/plan.yaml";

fn error(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_default()
}

#[test]
fn the_life_of_a_server_has_its_order() {
    let bench = Bench::new();
    let mut client = Client::start(&bench, &["--stdio"]);
    assert_eq!(error(&client.answer("textDocument/hover", json!({}))), -32002);
    // Nothing is remembered of what came too early.
    client.open(URI, "yaml", PLAN);
    let offer = client.ask("initialize", json!({ "capabilities": {} }));
    assert_eq!(offer["serverInfo"]["name"], "lighter-plan");
    assert_eq!(offer["capabilities"]["positionEncoding"], "utf-16");
    assert_eq!(offer["capabilities"]["textDocumentSync"]["change"], 2);
    assert_eq!(offer["capabilities"]["diagnosticProvider"], Value::Null);
    assert_eq!(error(&client.answer("initialize", json!({ "capabilities": {} }))), -32600);
    assert_eq!(client.unasked(), [] as [&str; 0]);
    client.ask("shutdown", Value::Null);
    assert_eq!(error(&client.answer("textDocument/hover", json!({}))), -32600);
    client.tell("exit", Value::Null);
    assert_eq!(client.exit_code(), 0);
}

#[test]
fn leaving_without_a_word_is_exit_code_1() {
    let bench = Bench::new();
    let mut client = Client::new(&bench);
    client.tell("exit", Value::Null);
    assert_eq!(client.exit_code(), 1);
    let mut client = Client::new(&bench);
    client.open(URI, "yaml", PLAN);
    assert_eq!(client.exit_code(), 1, "the editor died");
    assert_eq!(Client::new(&bench).leave(), 0);
}

#[test]
fn nonsense_is_answered_and_the_server_lives() {
    let bench = Bench::new();
    let mut client = Client::new(&bench);
    client.send_bytes(b"Content-Length: 9\r\n\r\n{\"id\": 1,");
    assert_eq!(error(&client.response(&Value::Null)), -32700);
    client.send_bytes(b"Content-Type: nothing\r\n\r\n");
    assert_eq!(error(&client.response(&Value::Null)), -32700);
    client.send(&json!([1, 2]));
    assert_eq!(error(&client.response(&Value::Null)), -32600);
    client.send(&json!({ "jsonrpc": "2.0", "id": 77 }));
    assert_eq!(error(&client.response(&json!(77))), -32600);
    let deep = "[".repeat(100_000);
    client.send_bytes(format!("Content-Length: {}\r\n\r\n{deep}", deep.len()).as_bytes());
    assert_eq!(error(&client.response(&Value::Null)), -32700);
    assert_eq!(error(&client.answer("textDocument/formatting", json!({}))), -32601);
    assert_eq!(error(&client.answer("textDocument/hover", json!({ "textDocument": 1 }))), -32602);
    assert_eq!(error(&client.answer("textDocument/hover", Value::Null)), -32602);
    client.tell("textDocument/didOpen", json!({ "textDocument": { "uri": 5 } }));
    client.tell("textDocument/didChange", json!({}));
    client.tell("$/setTrace", json!({ "value": "off" }));
    let at = json!({ "textDocument": { "uri": URI }, "position": { "line": 0, "character": 0 } });
    assert_eq!(client.ask("textDocument/hover", at), Value::Null, "nobody opened it");
    assert_eq!(client.leave(), 0);
}

/// A request that is cancelled while it waits is not begun.
#[test]
fn what_was_cancelled_is_not_begun() {
    let bench = Bench::new();
    let mut client = Client::new(&bench);
    // In one write, so that the cancellation is read while the plans before it are checked.
    let at = |uri: &str| json!({ "textDocument": { "uri": uri }, "position": { "line": 9, "character": 1 } });
    let ask = |id: &str, uri: &str| json!({ "jsonrpc": "2.0", "id": id, "method": "textDocument/hover", "params": at(uri) });
    let mut messages = Vec::new();
    for number in 0..20 {
        let uri = format!("file:///plans/{number}.yaml");
        let item = json!({ "uri": uri, "languageId": "yaml", "version": 1, "text": PLAN });
        let params = json!({ "textDocument": item });
        messages.push(json!({ "jsonrpc": "2.0", "method": "textDocument/didOpen", "params": params }));
        messages.push(ask(&format!("first {number}"), &uri));
    }
    messages.push(ask("second", "file:///plans/0.yaml"));
    let params = json!({ "id": "second" });
    messages.push(json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": params }));
    let framed = |message: &Value| {
        let body = message.to_string();
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    };
    client.send_bytes(messages.iter().map(framed).collect::<String>().as_bytes());
    assert!(client.response(&json!("first 19")).get("error").is_none());
    assert_eq!(error(&client.response(&json!("second"))), -32800);
    assert_eq!(client.leave(), 0);
}

/// A burst of typing ends with the findings of its last version, and nothing is said of an older one afterwards.
#[test]
fn only_the_newest_version_is_told() {
    let bench = Bench::new();
    let mut client = Client::new(&bench);
    client.open(URI, "yaml", PLAN);
    for version in 2..200 {
        let text = PLAN.replace("size: 2.5", &format!("size: {version}e999"));
        client.change(URI, version, &text);
    }
    client.change(URI, 200, PLAN);
    let mut last = 0;
    while last < 200 {
        let params = client.wait_for("textDocument/publishDiagnostics");
        let version = params["version"].as_i64().unwrap();
        assert!(version > last, "{version} after {last}");
        last = version;
        let expected = usize::from(version != 1 && version != 200);
        assert_eq!(params["diagnostics"].as_array().unwrap().len(), expected, "{version}");
    }
    assert_eq!(client.unasked(), [] as [&str; 0]);
}

#[test]
fn a_client_that_asks_for_findings_is_not_told_unasked() {
    let bench = Bench::new();
    let mut able = abilities();
    able["textDocument"]["diagnostic"] = json!({ "dynamicRegistration": false });
    able["workspace"] = json!({ "diagnostics": { "refreshSupport": true } });
    let mut client = Client::with(&bench, &[], able);
    client.open(URI, "yaml", &PLAN.replace("size: 2.5", "size: NaN"));
    let params = json!({ "textDocument": { "uri": URI } });
    let report = client.ask("textDocument/diagnostic", params.clone());
    assert_eq!((report["kind"].as_str(), report["items"][0]["code"].as_str()), (Some("full"), Some("LP105")));
    let mut again = params.clone();
    again["previousResultId"] = report["resultId"].clone();
    assert_eq!(client.ask("textDocument/diagnostic", again.clone())["kind"], "unchanged");
    client.change(URI, 2, PLAN);
    assert_eq!(client.ask("textDocument/diagnostic", again)["items"], json!([]));
    assert_eq!(client.unasked(), [] as [&str; 0]);
    client.tell("textDocument/didSave", params);
    assert_eq!(client.unasked(), ["workspace/diagnostic/refresh"]);
}

/// The policy of the plan's folder holds, and a change of it is seen when the client tells of it.
#[test]
fn the_policy_holds_and_its_own_faults_are_shown() {
    let bench = Bench::new();
    let policy = bench.path("größe 1/lighter-plan.toml");
    bench.write("größe 1/lighter-plan.toml", "[rules]\nLP203 = \"error\"\n");
    let mut able = abilities();
    able["workspace"] = json!({ "didChangeWatchedFiles": { "dynamicRegistration": true } });
    let mut client = Client::with(&bench, &[], able);
    let registered = client.wait_for("client/registerCapability");
    let watched = &registered["registrations"][0]["registerOptions"]["watchers"][0]["globPattern"];
    assert_eq!(watched, "**/lighter-plan.toml");
    let folder = format!("file://{}/gr%C3%B6%C3%9Fe%201", bench.path("").display());
    let uri = format!("{}/plan.yaml", folder.replace("//gr", "/gr"));
    client.open(&uri, "yaml", &PLAN.replace("size: 2.5", "vars: { spare: 1 }\nsize: 2.5"));
    assert_eq!(client.findings(&uri, 1)[0]["severity"], 1);
    std::fs::write(&policy, "[rules]\nLP203 = \"off\"\n# changed\n").unwrap();
    let changed = json!({ "changes": [{ "uri": folder, "type": 2 }] });
    client.tell("workspace/didChangeWatchedFiles", changed.clone());
    assert_eq!(client.findings(&uri, 1), [] as [Value; 0]);
    std::fs::write(&policy, "[rules]\nLP203 = \"off\"\nno-such-rule = \"off\"\n").unwrap();
    client.tell("workspace/didChangeWatchedFiles", changed.clone());
    assert_eq!(client.findings(&uri, 1)[0]["severity"], 2, "every rule as it is");
    let shown = client.wait_for("textDocument/publishDiagnostics");
    assert!(shown["uri"].as_str().unwrap().ends_with("/gr%C3%B6%C3%9Fe%201/lighter-plan.toml"), "{shown}");
    assert_eq!(shown["diagnostics"][0]["range"]["start"], json!({ "line": 2, "character": 0 }));
    assert!(shown["diagnostics"][0]["message"].as_str().unwrap().contains("no rule `no-such-rule`"));
    std::fs::write(&policy, "[rules]\n").unwrap();
    client.tell("workspace/didChangeWatchedFiles", changed);
    client.findings(&uri, 1);
    let cleared = client.wait_for("textDocument/publishDiagnostics");
    assert_eq!(cleared["diagnostics"], json!([]));
}

/// F-29: key material that stands in a plan by mistake is in nothing that the server says.
#[test]
fn f_29_key_material_is_not_repeated() {
    let bench = Bench::new();
    let mut client = Client::new(&bench);
    let text = PLAN.replacen("key: paper", &format!("key: {KEY}"), 1);
    client.open(URI, "yaml", &text);
    let findings = client.findings(URI, 1);
    assert!(findings.iter().any(|finding| finding["code"] == "LP501"), "{findings:?}");
    let mut said = vec![json!(findings)];
    let line = text[..text.find(KEY).unwrap()].matches('\n').count();
    for column in 0..60 {
        let at = json!({ "line": line, "character": column });
        said.push(client.at("textDocument/hover", URI, &at));
        said.push(client.at("textDocument/completion", URI, &at));
    }
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let context = json!({ "diagnostics": [] });
    let document = json!({ "uri": URI });
    said.push(client.ask("textDocument/documentSymbol", json!({ "textDocument": document })));
    said.push(client.ask(
        "textDocument/codeAction",
        json!({ "textDocument": document, "range": range, "context": context }),
    ));
    for answer in said {
        assert!(!answer.to_string().contains(&KEY[..40]), "{answer}");
    }
}

#[test]
fn a_huge_document_is_one_finding() {
    let bench = Bench::new();
    let mut client = Client::new(&bench);
    client.open(URI, "yaml", &format!("{PLAN}{}", "# filler\n".repeat(300_000)));
    let findings = client.findings(URI, 1);
    assert_eq!(findings[0]["code"], "LP003");
    client.tell(
        "textDocument/didChange",
        json!({ "textDocument": { "uri": URI, "version": 2 }, "contentChanges": [{
            "range": { "start": { "line": 30, "character": 0 }, "end": { "line": 999_999, "character": 0 } },
            "text": "",
        }] }),
    );
    assert_eq!(client.findings(URI, 2), [] as [Value; 0]);
}

/// A plan typed letter by letter: every question about every state of it has an answer.
#[test]
fn no_state_of_a_plan_breaks_a_question() {
    let bench = Bench::new();
    let mut client = Client::new(&bench);
    let text = PLAN.replace(
        "size: 2.5",
        "vars: { lots: \"2.5\" } # lighter-plan: ignore[LP203]\nsize: \"{{ vars.lots }}\" # é😀",
    );
    client.open(URI, "lighter-plan", "");
    let (mut line, mut column) = (0, 0);
    for (version, letter) in (2..).zip(text.chars()) {
        let at = json!({ "line": line, "character": column });
        client.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": URI, "version": version },
                "contentChanges": [{ "range": { "start": at, "end": at }, "text": letter.to_string() }],
            }),
        );
        (line, column) = if letter == '\n' { (line + 1, 0) } else { (line, column + letter.len_utf16()) };
        let at = json!({ "line": line, "character": column });
        client.at("textDocument/completion", URI, &at);
        // The costlier questions at every seventh letter only: they ask less of where the cursor is.
        if version % 7 == 0 {
            client.at("textDocument/hover", URI, &at);
            client.at("textDocument/prepareRename", URI, &at);
            let document = json!({ "uri": URI });
            client.ask("textDocument/documentSymbol", json!({ "textDocument": document }));
            let params = json!({
                "textDocument": document, "range": { "start": at, "end": at }, "context": { "diagnostics": [] },
            });
            client.ask("textDocument/codeAction", params);
        }
    }
    let last = i64::try_from(text.chars().count() + 1).unwrap();
    assert_eq!(
        client.findings(URI, last).iter().map(|finding| &finding["code"]).collect::<Vec<_>>(),
        ["LP010"],
        "the whole text arrived"
    );
    assert_eq!(client.leave(), 0);
}
