//! What the language server says about plans, as an editor asks it.

use serde_json::{Value, json};

use crate::common::{Bench, PLAN};
use crate::lsp_client::{Client, abilities, apply, marked, position};

const URI: &str = "file:///plans/plan.yaml";

fn edited(from: &str, to: &str) -> String {
    assert!(PLAN.contains(from), "{from}");
    PLAN.replacen(from, to, 1)
}

/// Opens a text that need not be sound, and returns a client that has its findings.
fn opened(bench: &Bench, text: &str) -> Client {
    let mut client = Client::new(bench);
    client.open(URI, "yaml", text);
    client
}

fn codes(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// The paper world of the example is a path, which nothing of these tests reads.
#[test]
fn findings_come_as_you_type_and_go_when_mended() {
    let bench = Bench::new();
    let bad = edited("sell: 100.100", "sell: 99.800").replace("wait: 20s", "wiat: 20s");
    let mut client = opened(&bench, &bad);
    let findings = client.findings(URI, 1);
    assert_eq!(codes(&findings), ["LP306", "LP101"]);
    assert_eq!(marked(&bad, &findings[0]["range"]), "99.900");
    assert_eq!(findings[0]["severity"], 1);
    assert_eq!(findings[0]["source"], "lighter-plan");
    let related = &findings[0]["relatedInformation"][0];
    assert_eq!(marked(&bad, &related["location"]["range"]), "99.800");
    assert!(findings[1]["message"].as_str().unwrap().ends_with("\nhelp: did you mean `wait`?"));
    assert_eq!(findings[1]["codeDescription"], Value::Null, "no documentation is served anywhere");
    client.change(URI, 2, PLAN);
    assert_eq!(client.findings(URI, 2), [] as [Value; 0]);
    client.change(URI, 3, &bad);
    assert_eq!(client.findings(URI, 3).len(), 2);
    client.tell("textDocument/didClose", json!({ "textDocument": { "uri": URI } }));
    let cleared = client.wait_for("textDocument/publishDiagnostics");
    assert_eq!(cleared["diagnostics"], json!([]));
    assert_eq!(client.leave(), 0);
}

/// Columns of findings are characters; the client counts code units of UTF-16, bytes or characters.
#[test]
fn columns_are_what_the_client_counts() {
    let bench = Bench::new();
    let text = "network: paper\n# é\nnotify: [{ webhook: \"env:😀é\", onn: [hedge] }]\n";
    for (encoding, column) in [(None, 31), (Some("utf-16"), 31), (Some("utf-8"), 34), (Some("utf-32"), 30)] {
        let offered = encoding.map(|name| json!({ "positionEncodings": ["utf-7", name, "utf-16"] }));
        let mut client = Client::with(&bench, &[], json!({ "general": offered }));
        client.open(URI, "yaml", text);
        let findings = client.findings(URI, 1);
        let unknown = findings.iter().find(|finding| finding["code"] == "LP101").unwrap();
        assert_eq!(unknown["range"]["start"], json!({ "line": 2, "character": column }), "{encoding:?}");
        // An edit is counted the same way: `onn` becomes `on`.
        let range = json!({
            "start": { "line": 2, "character": column },
            "end": { "line": 2, "character": column + 1 },
        });
        client.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": URI, "version": 2 },
                "contentChanges": [{ "range": range, "text": "" }, { "range": range, "text": "o" }],
            }),
        );
        assert!(!codes(&client.findings(URI, 2)).contains(&"LP101"), "{encoding:?}");
        let answer = client.at("textDocument/hover", URI, &json!({ "line": 2, "character": column + 1 }));
        assert!(
            answer["contents"]["value"].as_str().unwrap().contains("- `liquidation`"),
            "{encoding:?} {answer}"
        );
    }
}

#[test]
fn other_yaml_gets_nothing() {
    let bench = Bench::new();
    let compose = "services:\n  web: { image: x }\nservices: 1\n";
    let mut client = opened(&bench, compose);
    assert_eq!(client.at("textDocument/hover", URI, &json!({ "line": 0, "character": 1 })), Value::Null);
    assert_eq!(client.unasked(), [] as [&str; 0]);
    // The same is a plan for an editor that says so.
    client.open("untitled:one", "lighter-plan", compose);
    assert!(codes(&client.findings("untitled:one", 1)).contains(&"LP007"));
    // And once it looks like one, half of it is one as well.
    client.change(URI, 2, PLAN);
    assert!(client.findings(URI, 2).is_empty());
    client.change(URI, 3, "vers: 1\n");
    assert!(!client.findings(URI, 3).is_empty());
}

#[test]
fn hover_says_what_a_value_becomes_at_the_venue() {
    let bench = Bench::new();
    let text = edited("buy: 99.900", "buy: 99.9004")
        .replace("size: 2.5", "vars: { size: \"2.5\" }\nsize: \"{{ vars.size }}\"");
    let mut client = opened(&bench, &text);
    let mut hover = |needle: &str, inside: usize| {
        let answer = client.at("textDocument/hover", URI, &position(&text, needle, inside));
        answer["contents"]["value"].as_str().unwrap_or_default().to_owned()
    };
    let price = hover("99.9004", 2);
    assert!(price.contains("99.9004 is rounded down to 99.900, 99900 ticks of 0.001"), "{price}");
    assert!(price.contains("**prices.buy**"), "{price}");
    assert!(hover("100.100", 0).contains("100.100 is 100100 ticks of 0.001"));
    let size = hover("{{ vars.size", 5);
    for part in [
        "`vars.size`: `2.5`, used once",
        "2.500 is 2500 lots of 0.001",
        "worth 250.25 USDC",
        "(250250000 millionths)",
    ] {
        assert!(size.contains(part), "{part}: {size}");
    }
    let leverage = hover("leverage: 5", 1);
    for part in [
        "initial margin 50.05 USDC a leg (5x, fraction 2000/10000; SOL takes at most 25x)",
        "no price liquidates the long leg",
        "the short leg is liquidated at 293.066, 192.8 % from its entry",
    ] {
        assert!(leverage.contains(part), "{part}: {leverage}");
    }
    let market = hover("market: SOL", 9);
    for part in [
        "**SOL**: market 2, perpetual, active",
        "tick 0.001, lot 0.001",
        "0.055 SOL and 10 USDC",
        "up to 25x",
        "2.8 bps taker",
    ] {
        assert!(market.contains(part), "{part}: {market}");
    }
    let naked = hover("max_naked: 30s", 3);
    for part in ["**hedge.max_naked**", "Hard cap of the naked time", "Default: 30s.", "30s is 30000 ms"] {
        assert!(naked.contains(part), "{part}: {naked}");
    }
    assert!(hover("max_slippage_bps: 50", 2).contains("Range: from 1 to 500."));
    assert!(hover("network: paper", 1).contains("- `mainnet`: Real money."));
    assert_eq!(hover("# $schema", 4), "");
}

#[test]
fn hover_on_a_finding_explains_its_rule() {
    let bench = Bench::new();
    let text = edited("sell: 100.100", "sell: 99.800");
    let mut client = Client::with(&bench, &["--docs-url", "https://docs.example/x/"], abilities());
    client.open(URI, "yaml", &text);
    let findings = client.findings(URI, 1);
    let url = "https://docs.example/x/rules.md#lp306-self-cross";
    assert_eq!(findings[0]["codeDescription"]["href"], url);
    let answer = client.at("textDocument/hover", URI, &position(&text, "99.900", 1));
    let value = answer["contents"]["value"].as_str().unwrap();
    assert!(value.contains(&format!("**[LP306 self-cross]({url})** (error): ")), "{value}");
    // Where the text is no YAML, keys are explained all the same.
    client.change(URI, 2, "network: [\nhedge:\n  max_naked: 30s\n");
    let answer = client.at("textDocument/hover", URI, &json!({ "line": 2, "character": 4 }));
    assert!(answer["contents"]["value"].as_str().unwrap().contains("**hedge.max_naked**"), "{answer}");
}

fn actions(client: &mut Client, text: &str, needle: &str, only: Option<&str>) -> Vec<Value> {
    let at = position(text, needle, 1);
    let context = match only {
        Some(kind) => json!({ "diagnostics": [], "only": [kind] }),
        None => json!({ "diagnostics": [] }),
    };
    let params =
        json!({ "textDocument": { "uri": URI }, "range": { "start": at, "end": at }, "context": context });
    client.ask("textDocument/codeAction", params).as_array().unwrap().clone()
}

fn edits(action: &Value) -> Vec<Value> {
    action["edit"]["changes"][URI].as_array().unwrap().clone()
}

#[test]
fn a_fix_takes_its_finding_away_and_nothing_else() {
    let bench = Bench::new();
    let bad = edited("on_entry_timeout: hedge", "on_entry_timeout: hedg")
        .replace("when: on_exit", "when: on_exitt")
        .replace("sell: 100.100", "sell: 99.800");
    let mut client = opened(&bench, &bad);
    assert_eq!(codes(&client.findings(URI, 1)), ["LP306", "LP104", "LP104"]);
    let found = actions(&mut client, &bad, "hedg,", Some("quickfix"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["title"], "Write `hedge`");
    assert_eq!(found[0]["isPreferred"], true);
    assert_eq!(found[0]["diagnostics"][0]["code"], "LP104");
    let one = apply(&bad, &edits(&found[0]));
    client.change(URI, 2, &one);
    assert_eq!(codes(&client.findings(URI, 2)), ["LP306", "LP104"]);
    client.change(URI, 3, &bad);
    // All at once; what a fix must not touch stays.
    let all = actions(&mut client, &bad, "99.800", Some("source.fixAll"));
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["title"], "Fix all that is safe to fix (2)");
    client.change(URI, 4, &apply(&bad, &edits(&all[0])));
    assert_eq!(codes(&client.findings(URI, 4)), ["LP306"]);
    assert_eq!(actions(&mut client, &bad, "99.800", Some("refactor")), [] as [Value; 0]);
}

#[test]
fn ignoring_leaves_the_reason_to_the_author() {
    let bench = Bench::new();
    let bad = edited("size: 2.5", "vars: { spare: 1 }\nsize: 2.5");
    let mut client = opened(&bench, &bad);
    let findings = client.findings(URI, 1);
    assert_eq!(codes(&findings), ["LP203"]);
    assert_eq!(findings[0]["tags"], json!([1]), "editors fade what is unused");
    let found = actions(&mut client, &bad, "spare", Some("quickfix"));
    let ignore = found.iter().find(|action| action["title"].as_str().unwrap().starts_with("Ignore LP203"));
    let ignored = apply(&bad, &edits(ignore.expect("an offer to ignore")));
    assert!(ignored.contains("\n# lighter-plan: ignore[LP203]\nvars: { spare: 1 }\n"), "{ignored}");
    client.change(URI, 2, &ignored);
    let without_reason = client.findings(URI, 2);
    assert_eq!(codes(&without_reason), ["LP010", "LP203"], "not before a reason is given");
    client.change(URI, 3, &ignored.replace("[LP203]", "[LP203] kept for the next plan"));
    assert_eq!(client.findings(URI, 3), [] as [Value; 0]);
    // What a comment must not silence has no such offer.
    let crossed = edited("sell: 100.100", "sell: 99.800");
    client.change(URI, 4, &crossed);
    assert_eq!(actions(&mut client, &crossed, "99.900", None), [] as [Value; 0]);
}

/// Completes at `|` and returns the items.
fn complete(client: &mut Client, version: i64, text: &str) -> Vec<Value> {
    let at = position(text, "|", 0);
    client.change(URI, version, &text.replacen('|', "", 1));
    let answer = client.at("textDocument/completion", URI, &at);
    answer["items"].as_array().cloned().unwrap_or_default()
}

fn labels(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["label"].as_str().unwrap()).collect()
}

/// Takes the item with this label, and returns the text.
fn accept(text: &str, items: &[Value], label: &str) -> String {
    let item =
        items.iter().find(|item| item["label"] == label).unwrap_or_else(|| panic!("no {label}: {items:?}"));
    apply(&text.replacen('|', "", 1), std::slice::from_ref(&item["textEdit"]))
}

#[test]
fn completion_knows_keys_values_markets_and_variables() {
    let bench = Bench::new();
    let mut client = opened(&bench, PLAN);
    // Keys in brackets, without those that are there; the text is no YAML at this moment.
    let text =
        edited("hedge: { wait: 20s, max_naked: 30s, max_slippage_bps: 50 }", "hedge: { wait: 20s, ma|");
    let items = complete(&mut client, 2, &text);
    assert!(labels(&items).contains(&"max_naked") && !labels(&items).contains(&"wait"), "{items:?}");
    assert!(accept(&text, &items, "max_naked").contains("hedge: { wait: 20s, max_naked: 30s\n"));
    let naked = items.iter().find(|item| item["label"] == "max_naked").unwrap();
    assert_eq!(naked["detail"], "default 30s");
    assert!(naked["documentation"]["value"].as_str().unwrap().contains("Hard cap of the naked time"));
    // Keys of the plan, on a line of their own.
    let text = format!("{PLAN}ret|");
    let items = complete(&mut client, 3, &text);
    assert!(labels(&items).contains(&"retry") && !labels(&items).contains(&"hedge"), "{items:?}");
    assert!(accept(&text, &items, "retry").ends_with("\nretry:\n  "));
    // Keys of a pair.
    let text = edited("place: {", "    mar|\nplace: {");
    let items = complete(&mut client, 4, &text);
    assert!(accept(&text, &items, "margin_mode").contains("\n    margin_mode: \nplace"));
    assert!(!labels(&items).contains(&"id") && !labels(&items).contains(&"network"));
    // One more pair.
    let text = edited("place: {", "  |\nplace: {");
    let items = complete(&mut client, 5, &text);
    let more = accept(&text, &items, "- ");
    assert!(
        more.contains("\n  - id: \n    long: { account: , api_key_index: , key:  }\n    short: {"),
        "{more}"
    );
    // Choices, each with its meaning.
    let text = edited("network: paper", "network: |");
    let items = complete(&mut client, 6, &text);
    assert_eq!(labels(&items), ["paper", "testnet", "mainnet", "robinhood", "robinhood-testnet"]);
    assert_eq!(items[2]["documentation"]["value"], "Real money.");
    assert_eq!(accept(&text, &items, "mainnet"), PLAN.replacen("paper", "mainnet", 1));
    // Right behind the colon, a blank comes first.
    let text = edited("on_exit, route", "|, route").replace("when: |", "when:|");
    assert!(accept(&text, &complete(&mut client, 7, &text), "never").contains("when: never, route"));
    // Markets, tradable ones first.
    let text = edited("market: SOL", "market: S|");
    let items = complete(&mut client, 8, &text);
    let sol = items.iter().find(|item| item["label"] == "SOL").unwrap();
    assert_eq!(sol["detail"], "market 2, perpetual, active, tick 0.001, lot 0.001");
    assert_eq!(accept(&text, &items, "SOL"), PLAN);
    assert!(items.len() > 200);
    // Keys never come from anywhere but a source.
    let text = edited("key: paper }\n    short", "key: | }\n    short");
    assert_eq!(labels(&complete(&mut client, 9, &text)), ["env:", "file:", "sealed:", "paper"]);
    // Variables, with their values.
    let text = edited("size: 2.5", "vars: { lots: \"2.5\" }\nsize: \"{{ va|");
    let items = complete(&mut client, 10, &text);
    assert!(accept(&text, &items, "vars.lots").contains("size: \"{{ vars.lots\n"), "{items:?}");
    // Rules that a comment may ignore.
    let text = format!("{PLAN}# lighter-plan: ignore[LP2|");
    let items = complete(&mut client, 11, &text);
    assert!(labels(&items).contains(&"LP203") && !labels(&items).contains(&"LP306"), "{items:?}");
    assert!(accept(&text, &items, "LP203").ends_with("ignore[LP203"));
    assert_eq!(complete(&mut client, 12, &format!("{PLAN}# net|")), [] as [Value; 0]);
    assert_eq!(complete(&mut client, 13, &edited("size: 2.5", "size: 2.5\n  |")), [] as [Value; 0]);
}

/// A client that indents by itself gets what comes on top, and places to fill in if it knows them.
#[test]
fn completion_suits_the_client() {
    let bench = Bench::new();
    let able = json!({ "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } } });
    let mut client = Client::with(&bench, &[], able);
    client.open(URI, "yaml", PLAN);
    let text = edited("place: {", "    hed|\nplace: {");
    let items = complete(&mut client, 2, &text);
    let hedge = items.iter().find(|item| item["label"] == "hedge").unwrap();
    assert_eq!(hedge["textEdit"]["newText"], "hedge:\n  $1");
    assert_eq!(hedge["insertTextFormat"], 2);
    assert_eq!(hedge["insertTextMode"], Value::Null);
}

#[test]
fn symbols_show_blocks_pairs_and_legs() {
    let bench = Bench::new();
    let mut client = opened(&bench, PLAN);
    let params = json!({ "textDocument": { "uri": URI } });
    let symbols = client.ask("textDocument/documentSymbol", params.clone());
    let plan = &symbols[0];
    assert_eq!((plan["name"].as_str(), plan["detail"].as_str()), (Some("sol-pair"), Some("paper")));
    let blocks = plan["children"].as_array().unwrap();
    let names: Vec<&str> = blocks.iter().map(|block| block["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["paper", "prices", "pairs", "place", "watch", "hedge", "risk", "withdraw"]);
    let pair = &blocks[2]["children"][0];
    assert_eq!(pair["name"], "alpha");
    assert_eq!(pair["children"][1]["name"], "short");
    assert_eq!(pair["children"][1]["detail"], "account 1002");
    assert_eq!(marked(PLAN, &pair["children"][0]["selectionRange"]), "long");
    let mut old = Client::with(&bench, &[], json!({}));
    old.open(URI, "yaml", PLAN);
    let flat = old.ask("textDocument/documentSymbol", params);
    let short = flat.as_array().unwrap().iter().find(|symbol| symbol["name"] == "short").unwrap();
    assert_eq!(short["containerName"], "alpha");
}

#[test]
fn variables_are_found_and_renamed_everywhere() {
    let bench = Bench::new();
    let text = edited(
        "size: 2.5",
        "vars: { lots: \"2.5\", 'other': 1 } # vars.lots {{ vars.lots }}\nsize: \"{{ vars.lots }}\"",
    )
    .replace("leverage: 5", "leverage: \"{{ vars['other'] }}\"");
    let mut client = opened(&bench, &text);
    let used = position(&text, "\"{{ vars.lots", 9);
    let declared = client.at("textDocument/definition", URI, &used);
    assert_eq!(marked(&text, &declared["range"]), "lots");
    assert_eq!(declared["range"]["start"], position(&text, "lots: \"2.5", 0));
    let params = json!({
        "textDocument": { "uri": URI }, "position": declared["range"]["start"],
        "context": { "includeDeclaration": false },
    });
    let uses = client.ask("textDocument/references", params);
    assert_eq!(uses.as_array().unwrap().len(), 1, "the comment is none: {uses}");
    let prepared = client.at("textDocument/prepareRename", URI, &used);
    assert_eq!(prepared["placeholder"], "lots");
    let rename =
        |at: &Value, name: &str| json!({ "textDocument": { "uri": URI }, "position": at, "newName": name });
    let answer = client.ask("textDocument/rename", rename(&used, "amount"));
    let renamed = apply(&text, &edits(&json!({ "edit": answer })));
    assert!(
        renamed.contains("vars: { amount: \"2.5\"") && renamed.contains("size: \"{{ vars.amount }}\""),
        "{renamed}"
    );
    let other = position(&text, "vars['other']", 7);
    let answer = client.ask("textDocument/rename", rename(&other, "lev"));
    let renamed = apply(&text, &edits(&json!({ "edit": answer })));
    assert!(renamed.contains("'lev': 1") && renamed.contains("vars['lev']"), "{renamed}");
    for bad in ["1x", "a b", "", "other"] {
        let answer = client.answer("textDocument/rename", rename(&used, bad));
        assert_eq!(answer["error"]["code"], -32803, "{bad}: {answer}");
    }
}
