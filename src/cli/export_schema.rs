//! The JSON Schema of `journal export`: the journal's lines, and what their bodies are by kind.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::accept::{ACCEPTED, Accepted};
use crate::engine::Entry;
use crate::journal::{Act, RUN_ACT, RUN_STATUS, StatusBody, export_schema};
use crate::notify::{DELIVERED, Delivery, FAILED};
use crate::report::{REPORT, RunSummary};

/// Returns the JSON Schema of one line of an export, as the file in `schemas/` holds it.
///
/// An event of a pair has one of the engine's entries as its body. One of the run as a whole has the body that its kind
/// says; a kind that is not listed is of another version, and its body may be anything.
pub(super) fn journal_schema_text() -> String {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let bodies = [
        (json!({ "pair": { "type": "string" } }), generator.subschema_for::<Entry>()),
        (kind(RUN_STATUS), generator.subschema_for::<StatusBody>()),
        (kind(RUN_ACT), generator.subschema_for::<Act>()),
        (kind(REPORT), generator.subschema_for::<RunSummary>()),
        (kind(ACCEPTED), generator.subschema_for::<Accepted>()),
        (kind(DELIVERED), generator.subschema_for::<Delivery>()),
        (kind(FAILED), generator.subschema_for::<Delivery>()),
    ];
    let mut schema = export_schema(generator).to_value();
    let rules: Vec<_> = bodies.map(|(when, body)| rule(&when, &body.to_value())).into();
    schema["allOf"] = rules.into();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// The properties by which an event of the run as a whole is known.
fn kind(kind: &str) -> Value {
    json!({ "pair": { "type": "null" }, "kind": { "const": kind } })
}

fn rule(when: &Value, body: &Value) -> Value {
    let mut properties = when.clone();
    properties["type"] = json!({ "const": "event" });
    let required: Vec<_> =
        properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    json!({
        "if": { "properties": properties, "required": required },
        "then": { "properties": { "body": body } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_the_repository_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/journal.v1.schema.json");
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            journal_schema_text(),
            "run `lighter-plan schema journal > schemas/journal.v1.schema.json`"
        );
    }
}
