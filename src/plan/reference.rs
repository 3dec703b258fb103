//! The reference of the plan language, written out of its schema, so that it cannot say anything else.

use serde_json::Value;

use super::schema::plan_schema;

const HEAD: &str = "\
# Plans

<!-- Generated: `lighter-plan schema --format markdown`. A test fails when this file is not current. -->

A plan is one YAML document. Anchors, aliases, merge keys, tags, duplicate keys and further documents are refused.
Numbers are read from their text, to the letter, plain or quoted. Durations have a unit: `250ms`, `30s`, `20m`, `24h`, `7d`.

`{{ vars.NAME }}`, `{{ env.NAME }}` and `{{ pair.id }}` are replaced inside values, after parsing; where a number is
meant, nothing but the plain value may stand. `key:` takes no template. Variables come from `vars:`, `--vars FILE` and
`--set NAME=VALUE`, the last one winning.

A pair may have its own value for what this page lists below `pairs[]` by name only: it replaces the plan's.
`plans/` has examples, `lighter-plan rules` what is checked, [worlds.md](worlds.md) what `paper.world` may say.
";

/// Returns the reference as Markdown.
pub fn plan_reference() -> String {
    let schema = plan_schema();
    let mut text = HEAD.to_owned();
    let mut blocks = Vec::new();
    section("The plan", schema, &mut text, &mut blocks);
    // Each block once, in the order in which the keys above name them.
    let mut done: Vec<String> = Vec::new();
    while !blocks.is_empty() {
        for (title, name) in std::mem::take(&mut blocks) {
            if done.contains(&name) {
                continue;
            }
            section(&format!("`{title}`"), definition(schema, &name), &mut text, &mut blocks);
            done.push(name);
        }
    }
    text
}

fn definition<'a>(schema: &'a Value, name: &str) -> &'a Value {
    schema.get("$defs").and_then(|all| all.get(name)).unwrap_or(&Value::Null)
}

/// Writes a block's keys; the blocks among them go to `blocks`, with the path that led there.
fn section(title: &str, block: &Value, text: &mut String, blocks: &mut Vec<(String, String)>) {
    let Some(properties) = block.get("properties").and_then(Value::as_object) else { return };
    text.push_str(&format!("\n## {title}\n\n| key | default | meaning |\n|---|---|---|\n"));
    let required: Vec<&str> = block
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let path = title.trim_matches('`');
    for (key, value) in properties {
        let default = match value.get("default") {
            Some(default) => format!("`{}`", plain(default)),
            None if required.contains(&key.as_str()) => "required".to_owned(),
            None => String::new(),
        };
        let meaning = meaning(value);
        text.push_str(&format!("| `{key}` | {default} | {meaning} |\n"));
        for (name, is_list) in references(value) {
            let key = if is_list { format!("{key}[]") } else { key.clone() };
            let here = if path == "The plan" { key } else { format!("{path}.{key}") };
            blocks.push((here, name));
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Says what a key means, its range and its choices.
fn meaning(value: &Value) -> String {
    let text = value.get("description").and_then(Value::as_str).unwrap_or_default();
    // The default has a column of its own.
    let mut text: String = text.split_inclusive(". ").filter(|part| !part.starts_with("Default: ")).collect();
    let bound = |name: &str| value.get(name).map(plain);
    match (bound("minimum"), bound("maximum"), bound("exclusiveMinimum")) {
        (Some(low), Some(high), _) if low != high => text.push_str(&format!(" From {low} to {high}.")),
        (Some(low), None, _) => text.push_str(&format!(" At least {low}.")),
        (None, Some(high), _) => text.push_str(&format!(" At most {high}.")),
        (_, _, Some(low)) => text.push_str(&format!(" More than {low}.")),
        _ => {}
    }
    let choice = |(name, why): (String, String)| match why.as_str() {
        "" => format!("`{name}`."),
        why => format!("`{name}`: {why}"),
    };
    let choices: Vec<String> = choices(value).into_iter().map(choice).collect();
    if !choices.is_empty() {
        text.push_str(&format!(" {}", choices.join(" ")));
    }
    text.replace('|', "\\|").replace('\n', " ").replace("  ", " ").trim().to_owned()
}

/// Returns the fixed texts that a key may have, each with its meaning.
fn choices(value: &Value) -> Vec<(String, String)> {
    let branches = ["oneOf", "anyOf"].into_iter().filter_map(|of| value.get(of)?.as_array()).flatten();
    let mut found: Vec<_> =
        value.get("const").map(|name| (plain(name), description(value))).into_iter().collect();
    found.extend(branches.flat_map(choices));
    let bare = value.get("enum").and_then(Value::as_array).into_iter().flatten();
    found.extend(bare.map(|name| (plain(name), String::new())));
    found.extend(value.get("items").into_iter().flat_map(choices));
    if let Some(name) = value.get("$ref").and_then(Value::as_str) {
        let target = definition(plan_schema(), name.trim_start_matches("#/$defs/"));
        found.extend(choices(target));
    }
    found
}

fn description(value: &Value) -> String {
    value.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Returns the blocks that a key may hold, and whether it holds a list of them.
fn references(value: &Value) -> Vec<(String, bool)> {
    let own = value.get("$ref").and_then(Value::as_str);
    let mut found: Vec<_> =
        own.map(|name| (name.trim_start_matches("#/$defs/").to_owned(), false)).into_iter().collect();
    if let Some(items) = value.get("items") {
        found.extend(references(items).into_iter().map(|(name, _)| (name, true)));
    }
    for branch in ["oneOf", "anyOf"].into_iter().filter_map(|of| value.get(of)?.as_array()).flatten() {
        found.extend(references(branch));
    }
    found
}
