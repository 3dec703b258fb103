//! The shape of a plan against the JSON Schema, with every violation at its place in the source.

use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value};

use super::codes;
use super::finding::{Finding, did_you_mean};
use super::schema::{field_at, fields, names_at, plan_schema};
use super::tree::{Kind, Node, join};

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    jsonschema::validator_for(plan_schema()).expect("the generated schema is valid, tests use it")
});

/// Checks the tree; the pointers of what is wrong come with the findings.
pub(crate) fn check(root: &Node) -> Vec<Finding> {
    let instance = to_json(root);
    let mut findings = Vec::new();
    for error in VALIDATOR.iter_errors(&instance) {
        report(&error, root, &mut findings);
    }
    findings
}

/// Converts for the validator. Numbers only show that they are numbers: their ranges are checked exactly, elsewhere.
fn to_json(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Number(_) => Value::from(1),
        Kind::Text(text) => Value::String(text.clone()),
        Kind::Seq(items) => Value::Array(items.iter().map(to_json).collect()),
        Kind::Map(entries) => {
            let pairs = entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.value)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
    }
}

fn report(error: &ValidationError<'_>, root: &Node, findings: &mut Vec<Finding>) {
    let pointer = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            findings.extend(unexpected.iter().map(|key| unknown_key(root, pointer, key)));
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            findings.push(missing(root, pointer, key));
        }
        ValidationErrorKind::Type { kind } => findings.push(wrong_type(root, pointer, &type_names(kind))),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            choose(context, root, pointer, findings);
        }
        ValidationErrorKind::Enum { .. } | ValidationErrorKind::Constant { .. } => {
            findings.push(unknown_value(root, pointer, &allowed(error)));
        }
        ValidationErrorKind::MinItems { .. } => {
            let finding = Finding::error(codes::MISSING_FIELD, "the list is empty")
                .at(pointer, root.span_at(pointer))
                .help("a plan has at least one pair: `- { id: alpha, long: {…}, short: {…} }`");
            findings.push(finding);
        }
        // Ranges and patterns are checked exactly by the resolver, which also sees quoted numbers.
        ValidationErrorKind::Minimum { .. }
        | ValidationErrorKind::Maximum { .. }
        | ValidationErrorKind::ExclusiveMinimum { .. }
        | ValidationErrorKind::ExclusiveMaximum { .. }
        | ValidationErrorKind::Pattern { .. } => {}
        _ => {
            let finding = Finding::error(codes::WRONG_TYPE, "the value does not fit the schema")
                .at(pointer, root.span_at(pointer));
            findings.push(finding);
        }
    }
}

/// Tells the branches of a choice apart by their type, and reports only the one that was meant.
fn choose(
    context: &[Vec<ValidationError<'static>>],
    root: &Node,
    pointer: &str,
    findings: &mut Vec<Finding>,
) {
    let off = |error: &ValidationError<'_>| {
        error.instance_path().as_str() == pointer && matches!(error.kind(), ValidationErrorKind::Type { .. })
    };
    let meant: Vec<_> = context.iter().filter(|branch| !branch.iter().any(off)).collect();
    let here = |error: &&ValidationError<'_>| error.instance_path().as_str() == pointer;
    let values: Vec<String> =
        meant.iter().flat_map(|branch| branch.iter().filter(here)).flat_map(allowed).collect();
    if meant.is_empty() {
        let types =
            context.iter().flatten().filter(|error| off(error)).flat_map(|error| match error.kind() {
                ValidationErrorKind::Type { kind } => type_names(kind),
                _ => Vec::new(),
            });
        let mut types: Vec<_> = types.collect();
        types.dedup();
        findings.push(wrong_type(root, pointer, &types));
    } else if !values.is_empty() {
        findings.push(unknown_value(root, pointer, &values));
    } else if let Some(branch) = meant.first() {
        for error in *branch {
            report(error, root, findings);
        }
    }
}

/// Returns the values that an enum, a constant or a choice of them allows.
fn allowed(error: &ValidationError<'_>) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match error.kind() {
        ValidationErrorKind::Enum { options } => options.as_array().into_iter().flatten().map(text).collect(),
        ValidationErrorKind::Constant { expected_value } => vec![text(expected_value)],
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context.iter().flatten().flat_map(allowed).collect()
        }
        _ => Vec::new(),
    }
}

fn unknown_key(root: &Node, pointer: &str, key: &str) -> Finding {
    let at = join(pointer, key);
    let inside = if pointer.is_empty() { "a plan".to_owned() } else { format!("`{}`", readable(pointer)) };
    let names = names_at(pointer);
    let help = match did_you_mean(key, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => match home_of(key) {
            Some(home) => format!("`{key}` belongs in `{home}:`"),
            None => format!("known here: {}", list(&names)),
        },
    };
    Finding::error(codes::UNKNOWN_KEY, format!("`{key}` is no key of {inside}"))
        .at(&at, root.key_span_at(&at))
        .help(help)
}

/// Returns the pointer of the key that an unknown key was meant to be.
pub(crate) fn meant(finding: &Finding) -> Option<String> {
    let (parent, key) = finding.pointer.rsplit_once('/').filter(|_| finding.rule == codes::UNKNOWN_KEY)?;
    did_you_mean(key, names_at(parent)).map(|name| join(parent, name))
}

/// Returns the block whose key this is, when it stands in the wrong one.
fn home_of(key: &str) -> Option<String> {
    let homes = fields().keys().filter_map(|path| path.rsplit_once('/'));
    homes
        .filter(|(parent, name)| *name == key && !parent.contains('*'))
        .map(|(parent, _)| parent.to_owned())
        .next()
}

fn missing(root: &Node, pointer: &str, key: &str) -> Finding {
    let at = join(pointer, key);
    let inside = if pointer.is_empty() { "the plan".to_owned() } else { format!("`{}`", readable(pointer)) };
    let meaning = field_at(&at).map_or("", |field| field.description.as_str());
    Finding::error(codes::MISSING_FIELD, format!("{inside} has no `{key}`"))
        .at(&at, root.span_at(pointer))
        .help(format!("add `{key}:`: {}", lower(meaning.trim_end_matches('.'))))
}

fn wrong_type(root: &Node, pointer: &str, types: &[&'static str]) -> Finding {
    let found = root.at(pointer).map_or("nothing", Node::describe);
    let name = if pointer.is_empty() { "a plan".to_owned() } else { format!("`{}`", readable(pointer)) };
    let wanted = types.join(" or ");
    let is_duration = field_at(pointer).is_some_and(|field| field.is_duration);
    if let (true, Some(Kind::Number(text))) = (is_duration, root.at(pointer).map(|node| &node.kind)) {
        return Finding::error(codes::BAD_DURATION, format!("{name}: `{text}` has no unit"))
            .at(pointer, root.span_at(pointer))
            .help(format!("write the unit: `{text}s`"));
    }
    let finding = Finding::error(codes::WRONG_TYPE, format!("{name} is {wanted}, and this is {found}"))
        .at(pointer, root.span_at(pointer));
    match root.at(pointer).map(|node| &node.kind) {
        Some(Kind::Number(text)) if wanted == "text" => finding.help(format!("quote it: \"{text}\"")),
        Some(Kind::Null) => finding.help("give it a value, or leave the key out"),
        _ => finding,
    }
}

fn unknown_value(root: &Node, pointer: &str, values: &[String]) -> Finding {
    let found = root.at(pointer).and_then(Node::scalar).unwrap_or_default();
    let near = did_you_mean(found, values.iter().map(String::as_str));
    let choices = values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    let help = near.map_or_else(
        || format!("one of {choices}"),
        |name| format!("did you mean `{name}`? One of {choices}"),
    );
    Finding::error(codes::UNKNOWN_VALUE, format!("`{found}` is no value of `{}`", readable(pointer)))
        .at(pointer, root.span_at(pointer))
        .help(help)
}

fn type_names(kind: &TypeKind) -> Vec<&'static str> {
    let name = |name: &str| match name {
        "string" => "text",
        "number" | "integer" => "a number",
        "object" => "a mapping",
        "array" => "a list",
        "boolean" => "a boolean",
        _ => "nothing",
    };
    let mut names: Vec<_> = match kind {
        TypeKind::Single(one) => vec![name(one.as_str())],
        TypeKind::Multiple(set) => set.iter().map(|one| name(one.as_str())).collect(),
    };
    if names.contains(&"a number") {
        // Quoted and plain numbers are equal, so "a number" says it all.
        names.retain(|name| *name != "text");
    }
    names
}

/// Writes a pointer as people say it: `/pairs/0/long/key` is `pairs[0].long.key`.
pub(crate) fn readable(pointer: &str) -> String {
    let mut text = String::new();
    for segment in pointer.split('/').skip(1) {
        if segment.bytes().all(|b| b.is_ascii_digit()) {
            text.push_str(&format!("[{segment}]"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(segment);
        }
    }
    text
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let root = yaml::parse(text).root.unwrap();
        let mut all: Vec<_> = check(&root)
            .into_iter()
            .map(|f| format!("{} {} {}; {}", f.rule, f.pointer, f.message, f.help.unwrap_or_default()))
            .collect();
        all.sort();
        all.retain(|line| !line.contains("the plan has no"));
        all
    }

    #[test]
    fn an_unknown_key_offers_the_nearest_or_its_home() {
        assert_eq!(
            findings("watch: { max_hodl: 1h }"),
            ["LP101 /watch/max_hodl `max_hodl` is no key of `watch`; did you mean `max_hold`?"]
        );
        assert_eq!(
            findings("hedge: { take_profit_usdc: 1 }"),
            [
                "LP101 /hedge/take_profit_usdc `take_profit_usdc` is no key of `hedge`; `take_profit_usdc` belongs in `watch:`"
            ]
        );
    }

    /// U-23: of a choice only the branch that was meant is reported.
    #[test]
    fn only_the_chosen_branch_is_reported() {
        assert_eq!(
            findings("prices: { buy: { peg: mod, ofset_bps: 1 } }"),
            [
                "LP101 /prices/buy/ofset_bps `ofset_bps` is no key of `prices.buy`; did you mean `offset_bps`?",
                "LP104 /prices/buy/peg `mod` is no value of `prices.buy.peg`; did you mean `mid`? One of `mid`, \
                 `best_bid`, `best_ask`, `mark`, `index`, `last`"
            ]
        );
        assert_eq!(
            findings("network: papper"),
            [
                "LP104 /network `papper` is no value of `network`; did you mean `paper`? One of `paper`, `testnet`, `mainnet`, `robinhood`, `robinhood-testnet`"
            ]
        );
        assert_eq!(
            findings("prices: { buy: [1] }"),
            ["LP102 /prices/buy `prices.buy` is a number or a mapping, and this is a list; "]
        );
    }

    #[test]
    fn types_are_named_as_people_name_them() {
        assert_eq!(
            findings("name: 5"),
            ["LP102 /name `name` is text, and this is a number; quote it: \"5\""]
        );
        assert_eq!(
            findings("risk:"),
            ["LP102 /risk `risk` is a mapping, and this is nothing; give it a value, or leave the key out"]
        );
        assert_eq!(findings("leverage: \"5\""), Vec::<String>::new());
    }
}
