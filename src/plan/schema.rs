//! The JSON Schema of plans, generated from the raw types, and what the resolver reads out of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use rust_decimal::Decimal;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

use super::raw::RawPlan;

/// Default, range and meaning of one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Field {
    /// Default as plan text.
    pub(crate) default: Option<String>,
    pub(crate) minimum: Option<Decimal>,
    pub(crate) maximum: Option<Decimal>,
    pub(crate) exclusive_minimum: Option<Decimal>,
    /// Whether it is a number, so that no template may compute it.
    pub(crate) is_number: bool,
    /// Whether it is a duration.
    pub(crate) is_duration: bool,
    /// First paragraph of the description.
    pub(crate) description: String,
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12()
        .with_transform(RecursiveTransform(without_null))
        .with_transform(RecursiveTransform(one_line))
        .into_generator();
    generator.into_root_schema_for::<RawPlan>().to_value()
});

static FIELDS: LazyLock<BTreeMap<String, Field>> = LazyLock::new(|| {
    let mut fields = BTreeMap::new();
    collect(&SCHEMA, "", &mut fields);
    fields
});

/// The same for look-ups: every value of a plan asks for its field.
static FIELD_OF: LazyLock<HashMap<&'static str, &'static Field>> =
    LazyLock::new(|| FIELDS.iter().map(|(path, field)| (path.as_str(), field)).collect());

/// Returns the JSON Schema of plans (draft 2020-12).
pub fn plan_schema() -> &'static Value {
    &SCHEMA
}

/// Returns the JSON Schema of plans as the file in `schemas/` holds it.
pub fn plan_schema_text() -> String {
    let mut text = serde_json::to_string_pretty(plan_schema()).unwrap_or_default();
    text.push('\n');
    text
}

/// Returns all keys by their path, such as `pairs/*/long/account`.
pub(crate) fn fields() -> &'static BTreeMap<String, Field> {
    &FIELDS
}

/// Returns the key at a JSON pointer; list indices count as `*`.
pub(crate) fn field_at(pointer: &str) -> Option<&'static Field> {
    let mut path = String::with_capacity(pointer.len());
    for part in pointer.split('/').skip(1) {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(if part.bytes().all(|b| b.is_ascii_digit()) { "*" } else { part });
    }
    FIELD_OF.get(path.as_str()).copied()
}

/// Returns the names that are known below a JSON pointer.
pub(crate) fn names_at(pointer: &str) -> Vec<&'static str> {
    properties_at(pointer).into_iter().map(|(name, _)| name).collect()
}

/// Returns the keys that are known below a JSON pointer, each with the schema of its value.
pub(crate) fn properties_at(pointer: &str) -> Vec<(&'static str, &'static Value)> {
    let properties = |branch: &'static Value| branch.get("properties").and_then(Value::as_object);
    let all = schemas_at(pointer).into_iter().filter_map(properties).flatten();
    all.map(|(name, schema)| (name.as_str(), schema)).collect()
}

/// Returns the words that the value at a JSON pointer is chosen from; none when it is free.
pub(crate) fn values_at(pointer: &str) -> Vec<&'static str> {
    choices_at(pointer).into_iter().map(|(word, _)| word).collect()
}

/// Returns the words that the value at a JSON pointer is chosen from, each with its meaning.
pub(crate) fn choices_at(pointer: &str) -> Vec<(&'static str, &'static str)> {
    let mut words = Vec::new();
    for branch in schemas_at(pointer) {
        let choices = branch.get("enum").and_then(Value::as_array);
        let meaning = branch.get("description").and_then(Value::as_str);
        let bare = choices.into_iter().flatten().filter_map(|word| Some((word.as_str()?, "")));
        words.extend(bare);
        let word = branch.get("const").and_then(Value::as_str);
        words.extend(word.map(|word| (word, meaning.unwrap_or_default())));
    }
    words
}

/// Returns the schemas that a value at a JSON pointer may have, references followed.
pub(crate) fn schemas_at(pointer: &str) -> Vec<&'static Value> {
    let mut places = vec![&*SCHEMA];
    for segment in pointer.split('/').skip(1) {
        places = places.into_iter().flat_map(|place| step(place, segment)).collect();
    }
    places.into_iter().flat_map(branches).collect()
}

/// Returns whether a path such as `pairs/*/long` has keys below it.
#[cfg(test)]
pub(crate) fn names_below(path: &str) -> bool {
    let inside = format!("{path}/");
    FIELDS.keys().any(|other| other.starts_with(&inside))
        && !FIELDS.get(path).is_some_and(|field| field.exclusive_minimum.is_some() || path == "network")
}

fn step(place: &'static Value, segment: &str) -> Vec<&'static Value> {
    let below = |branch: &'static Value| {
        let property = branch.get("properties").and_then(|properties| properties.get(segment));
        property.or_else(|| branch.get("items"))
    };
    branches(place).into_iter().filter_map(below).collect()
}

/// Returns a schema with `$ref` followed, and the branches of `anyOf` and `oneOf`.
pub(crate) fn branches(schema: &'static Value) -> Vec<&'static Value> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|pointer| SCHEMA.pointer(pointer));
        return target.map(branches).unwrap_or_default();
    }
    let choices = ["anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
    let mut all: Vec<&Value> = choices.flatten().flat_map(branches).collect();
    all.push(schema);
    all
}

fn collect(schema: &Value, path: &str, fields: &mut BTreeMap<String, Field>) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        // `SCHEMA` is complete when `FIELDS` is made, so looking it up does not recurse into its own making.
        let target = reference.strip_prefix('#').and_then(|pointer| SCHEMA.pointer(pointer));
        if let Some(target) = target {
            collect(target, path, fields);
        }
    }
    for choices in ["anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()) {
        for choice in choices {
            collect(choice, path, fields);
        }
    }
    if let Some(items) = schema.get("items") {
        collect(items, &format!("{path}/*"), fields);
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        fields.insert(below.clone(), read_field(property));
        collect(property, &below, fields);
    }
}

fn read_field(property: &Value) -> Field {
    let number = |key: &str| property.get(key).and_then(|value| value.to_string().parse().ok());
    // A fixed price has its range in the branch of its own.
    let branch_minimum = || {
        let branches = property.get("anyOf")?.as_array()?;
        branches.iter().find_map(|branch| branch.get("exclusiveMinimum")?.to_string().parse().ok())
    };
    let is_number = |schema: &Value| {
        schema
            .get("type")
            .and_then(Value::as_array)
            .is_some_and(|types| types.iter().any(|name| name == "number"))
    };
    let choices = property.get("anyOf").and_then(Value::as_array);
    Field {
        is_number: is_number(property) || choices.is_some_and(|choices| choices.iter().any(is_number)),
        is_duration: property.get("pattern").is_some(),
        default: property.get("default").map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
        minimum: number("minimum"),
        maximum: number("maximum"),
        exclusive_minimum: number("exclusiveMinimum").or_else(branch_minimum),
        description: property.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
    }
}

/// An optional key is left out, never null: `key:` without a value is a slip, and a finding.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if object.get("x-nullable").is_some() {
        return;
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        if types.len() > 1 {
            types.retain(|name| name != "null");
        }
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    let is_null = |schema: &Value| {
        schema.get("type").is_some_and(|name| name == "null") && schema.get("description").is_none()
    };
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| !is_null(choice));
        if let [only] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            if let Value::Object(only) = only {
                for (key, value) in only {
                    object.entry(key).or_insert(value);
                }
            }
        }
    }
}

/// Doc comments are wrapped for the source; editors wrap for themselves.
fn one_line(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
    }
}

/// Asserts at compile time that the functions above are transforms.
const _: fn() = || {
    fn is_transform<T: Transform>(_: T) {}
    is_transform(without_null);
    is_transform(one_line);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described() {
        for (path, field) in fields() {
            assert!(!field.description.is_empty(), "`{path}` has no description");
            if let Some(default) = &field.default {
                let said = field.description.contains(&format!("Default: {default}."));
                assert!(said, "`{path}`: the description does not name its default `{default}`");
            }
        }
    }

    #[test]
    fn names_are_found_through_references_and_choices() {
        assert!(names_at("").contains(&"minimum_usdc"));
        assert!(names_at("/pairs/3/long").contains(&"guard_key_index"));
        assert!(names_at("/prices/buy").contains(&"offset_bps"));
        assert!(names_at("/network").contains(&"chain_id"));
        assert_eq!(field_at("/pairs/0/long/account").unwrap().minimum, Some(Decimal::ZERO));
        assert_eq!(field_at("/watch/entry_deadline").unwrap().default.as_deref(), Some("20m"));
    }

    #[test]
    fn nothing_optional_is_nullable() {
        let text = plan_schema_text();
        assert_eq!(text.matches("\"null\"").count(), 1, "only a variable may be empty: {text}");
    }
}
