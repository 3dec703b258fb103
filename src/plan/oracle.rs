//! A second opinion on YAML: where this front end and an independent library both accept a text, they must read the
//! same. For tests and fuzzing.

use serde_yaml::Value;

use super::number;
use super::tree::{Kind, Node};
use super::yaml::{is_json_number, parse};

/// What two readers make of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Opinion {
    /// At least one of them refuses it.
    Refused,
    /// Both read it, to the same.
    Same,
}

/// Reads a text twice, if it holds a mapping or a list.
///
/// # Panics
///
/// When both accept it, and differ.
pub(crate) fn second_opinion(text: &str) -> Opinion {
    // The other library takes the first three for line ends, as YAML 1.1 did, and any mark but the first for content.
    if text.contains(['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}']) {
        return Opinion::Refused;
    }
    // It reads block scalars without a line end as the suite does not (L24T).
    let text = &format!("{text}\n");
    let ours = parse(text);
    let Some(root) = ours.root.filter(|_| ours.findings.is_empty()) else { return Opinion::Refused };
    // Nor those at the root that begin like a comment (DK3J); no plan is one.
    if !matches!(root.kind, Kind::Map(_) | Kind::Seq(_)) {
        return Opinion::Refused;
    }
    let Ok(theirs) = serde_yaml::from_str::<Value>(text) else { return Opinion::Refused };
    if let Some(at) = difference(&root, &theirs, "") {
        panic!("{at} of {text:?}: {root:?} against {theirs:?}");
    }
    Opinion::Same
}

/// Returns the JSON pointer of the first place where two readings differ.
fn difference(ours: &Node, theirs: &Value, at: &str) -> Option<String> {
    match (&ours.kind, theirs) {
        (Kind::Seq(items), Value::Sequence(values)) if items.len() == values.len() => {
            let mut places = items.iter().zip(values).enumerate();
            places.find_map(|(index, (item, value))| difference(item, value, &format!("{at}/{index}")))
        }
        (Kind::Map(entries), Value::Mapping(values)) if entries.len() == values.len() => {
            entries.iter().zip(values).find_map(|(entry, (key, value))| {
                let at = format!("{at}/{}", entry.key);
                let named = scalar_is(&Kind::Text(entry.key.clone()), key);
                if named { difference(&entry.value, value, &at) } else { Some(at) }
            })
        }
        (kind, value) => (!scalar_is(kind, value)).then(|| format!("`{at}`")),
    }
}

/// A plain word that the other library reads as a number or a boolean of a form that JSON does not have is text here;
/// and a key is always text.
fn scalar_is(ours: &Kind, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Kind::Null, Value::Null) => true,
        (Kind::Bool(ours), Value::Bool(theirs)) => ours == theirs,
        (Kind::Text(ours), Value::String(theirs)) | (Kind::Number(ours), Value::String(theirs)) => {
            ours == theirs
        }
        (Kind::Text(ours), Value::Null) => {
            matches!(ours.as_str(), "" | "~") || ours.eq_ignore_ascii_case("null")
        }
        (Kind::Text(ours), Value::Bool(theirs)) => ours.eq_ignore_ascii_case(&theirs.to_string()),
        (Kind::Text(ours), Value::Number(_)) if !is_json_number(ours) => true,
        (Kind::Number(ours) | Kind::Text(ours), Value::Number(theirs)) => {
            same_number(ours, &theirs.to_string())
        }
        _ => false,
    }
}

/// The other library keeps as many digits as a float does; more are not compared.
fn same_number(ours: &str, theirs: &str) -> bool {
    let digits = ours.bytes().filter(u8::is_ascii_digit).count();
    match (number::decimal(ours), number::decimal(theirs)) {
        (Ok(ours), Ok(theirs)) => ours == theirs || digits > 15,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rt::SplitMix64;

    /// What random documents are made of: everything that has a meaning somewhere in YAML.
    const PIECES: [&str; 64] = [
        "a", "b", "key", "a: ", "b: ", "c:", "- ", "-", "? ", ": ", ":", "[", "]", "{", "}", ", ", ",", "\n",
        "\n", "\n ", "\n  ", "\n    ", "\n\n", " ", "  ", "\t", "\n\t", "'", "''", "\"", "\\\"", "\\n",
        "\\u00e9", "\\\n", "|\n", "|-\n", "|+\n", "|2\n", ">\n", ">-\n", "> # c\n", "# c", " # c\n", "#",
        "x y", "é", "😀", "0", "1.50", "-3", "0x1f", "1e3", "true", "null", "~", "no", "<<", "%", "@", "!",
        "&", "*", "\r\n", "\u{feff}",
    ];

    /// The independent YAML library reads the same values out of what the subset accepts.
    #[test]
    fn another_library_reads_the_same() {
        for text in [
            include_str!("../../plans/sol-pair.yaml"),
            "a: 'it''s'\nb: \"x\\ty\"\nc: |\n  lines\n  two\nd: >-\n  folded\n  text\ne: [1, -2, true, null, ~]\n",
        ] {
            assert_eq!(second_opinion(text), Opinion::Same);
        }
    }

    /// Random documents; `LIGHTER_PLAN_TEXTS=N` reads N of them.
    #[test]
    fn another_library_reads_the_same_in_random_texts() {
        let texts =
            std::env::var("LIGHTER_PLAN_TEXTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000_u64);
        let mut opinions = BTreeMap::new();
        for seed in 0..texts {
            let mut rng = SplitMix64::new(seed);
            let pieces = 1 + rng.below(14);
            let piece = |_| PIECES[usize::try_from(rng.below(PIECES.len() as u64)).unwrap_or(0)];
            let text: String = (0..pieces).map(piece).collect();
            // At the root, and as the value of a key.
            let text = if seed.is_multiple_of(2) { text } else { format!("k: {text}") };
            *opinions.entry(second_opinion(&text)).or_insert(0_u64) += 1;
        }
        let same = opinions.get(&Opinion::Same).copied().unwrap_or(0);
        assert!(same * 12 > texts, "too few texts that both read: {opinions:?}");
    }
}
