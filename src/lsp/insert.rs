//! What a completed key writes: its name, and the form of its value.

use serde_json::Value;

use crate::plan::schema::branches;

/// Text with places to fill in.
pub(super) struct Insert {
    text: String,
    /// Places written so far; `None` for a client that knows none.
    stops: Option<u32>,
    /// Blanks before every line but the first.
    indent: usize,
}

/// Blanks that a level of nesting takes.
const STEP: usize = 2;

impl Insert {
    pub(super) fn new(snippets: bool, indent: usize) -> Self {
        Self { text: String::new(), stops: snippets.then_some(0), indent }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    /// Writes text as it is. A brace needs no escape: it closes nothing outside a place to fill in.
    fn put(&mut self, text: &str) {
        self.escaped(text, &['$', '\\']);
    }

    fn escaped(&mut self, text: &str, special: &[char]) {
        for c in text.chars() {
            if self.stops.is_some() && special.contains(&c) {
                self.text.push('\\');
            }
            self.text.push(c);
        }
    }

    /// Writes a place to fill in; `default` stands there until then.
    fn stop(&mut self, default: &str) {
        let Some(stops) = &mut self.stops else { return self.put(default) };
        *stops += 1;
        let number = *stops;
        if default.is_empty() {
            self.text.push_str(&format!("${number}"));
        } else {
            self.text.push_str(&format!("${{{number}:"));
            self.escaped(default, &['$', '\\', '}']);
            self.text.push('}');
        }
    }

    fn line(&mut self) {
        self.text.push('\n');
        self.text.push_str(&" ".repeat(self.indent));
    }

    /// Writes a key with the form of its value; `flow` inside brackets.
    pub(super) fn key(&mut self, name: &str, schema: &'static Value, flow: bool) {
        self.put(name);
        self.put(":");
        let all = branches(schema);
        let has = |kind: &str| all.iter().any(|one| one.get("type").is_some_and(|name| name == kind));
        let scalar = all.iter().any(|one| {
            let kind = one.get("type");
            one.get("enum").is_some()
                || one.get("const").is_some()
                || kind.is_some_and(|kind| kind.is_array() || kind == "string" || kind == "boolean")
        });
        let items = all.iter().find_map(|one| one.get("items"));
        if scalar {
            self.put(" ");
            // A choice is left open, so that the editor offers what there is.
            let chosen = all.iter().any(|one| one.get("enum").is_some() || one.get("const").is_some());
            let default = schema.get("default").filter(|_| !chosen);
            self.stop(&default.map(plain).unwrap_or_default());
        } else if let Some(items) = items.filter(|_| has("array")) {
            self.list(items, flow);
        } else {
            self.nested(schema, flow);
        }
    }

    fn list(&mut self, items: &'static Value, flow: bool) {
        if flow || !is_mapping(items) {
            self.put(" [");
            self.stop("");
            return self.put("]");
        }
        self.indent += STEP;
        self.line();
        self.item(items);
        self.indent -= STEP;
    }

    /// Writes an item of a list, at the column of its dash.
    pub(super) fn item(&mut self, items: &'static Value) {
        self.put("- ");
        self.indent += STEP;
        if is_mapping(items) {
            self.required(items, false);
        } else {
            self.stop("");
        }
        self.indent -= STEP;
    }

    /// Writes a mapping behind its key: what must stand in it, or a place for what may.
    fn nested(&mut self, schema: &'static Value, flow: bool) {
        let short = required(schema).iter().all(|(_, schema)| !is_mapping(schema));
        if flow || (short && !required(schema).is_empty()) {
            self.put(" { ");
            self.required(schema, true);
            return self.put(" }");
        }
        self.indent += STEP;
        self.line();
        self.required(schema, false);
        self.indent -= STEP;
    }

    fn required(&mut self, schema: &'static Value, flow: bool) {
        let keys = required(schema);
        if keys.is_empty() {
            return self.stop("");
        }
        for (index, (name, schema)) in keys.into_iter().enumerate() {
            match (index, flow) {
                (0, _) => {}
                (_, true) => self.put(", "),
                (_, false) => self.line(),
            }
            self.key(name, schema, flow);
        }
    }
}

fn is_mapping(schema: &'static Value) -> bool {
    branches(schema).iter().any(|one| one.get("properties").is_some())
}

/// Returns the keys that a mapping must have, with the schemas of their values.
fn required(schema: &'static Value) -> Vec<(&'static str, &'static Value)> {
    let mut found = Vec::new();
    for one in branches(schema) {
        let names = one.get("required").and_then(Value::as_array).into_iter().flatten();
        let names = names.filter_map(Value::as_str);
        found.extend(names.filter_map(|name| Some((name, one.get("properties")?.get(name)?))));
    }
    found
}

/// Returns a default as plan text.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::schema::properties_at;

    fn insert(pointer: &str, key: &str, snippets: bool, flow: bool) -> String {
        let properties = properties_at(pointer);
        let (name, schema) = properties.into_iter().find(|(name, _)| *name == key).unwrap();
        let mut insert = Insert::new(snippets, 0);
        insert.key(name, schema, flow);
        insert.finish()
    }

    #[test]
    fn a_key_brings_the_form_of_its_value() {
        assert_eq!(insert("/hedge", "wait", true, false), "wait: ${1:20s}");
        assert_eq!(insert("/hedge", "wait", false, false), "wait: 20s");
        assert_eq!(insert("/hedge", "prefer", true, false), "prefer: $1");
        assert_eq!(insert("", "network", true, false), "network: $1");
        assert_eq!(insert("", "size", true, false), "size: $1");
        assert_eq!(insert("", "hedge", true, false), "hedge:\n  $1");
        assert_eq!(insert("/prices", "buy", true, false), "buy: $1");
        assert_eq!(insert("/pairs/0", "hedge", true, true), "hedge: { $1 }");
        assert_eq!(
            insert("/pairs/0", "long", true, false),
            "long: { account: $1, api_key_index: $2, key: $3 }"
        );
        assert_eq!(
            insert("", "pairs", true, false),
            "pairs:\n  - id: $1\n    long: { account: $2, api_key_index: $3, key: $4 }\n    \
             short: { account: $5, api_key_index: $6, key: $7 }"
        );
        assert_eq!(insert("", "notify", true, false), "notify:\n  - webhook: $1");
        assert_eq!(insert("/notify/0", "on", true, true), "on: [$1]");
    }
}
