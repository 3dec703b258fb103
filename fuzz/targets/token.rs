//! Auth tokens.

use super::{Target, fixture};

pub(super) const TARGET: Target = Target {
    name: "token",
    run: lighter_plan::fuzzing::token,
    words: &[":", "1790600500", ":1001:4:", "ro:", "-1", "9223372036854775808", "ff", "00", " ", "\u{200b}"],
    seeds,
    chooses: false,
};

/// What the official signer made.
fn seeds() -> Vec<Vec<u8>> {
    let text = fixture("tests/fixtures/vectors/auth_tokens.jsonl");
    let token = |line| Some(serde_json::from_str::<serde_json::Value>(line).ok()?["token"].as_str()?.into());
    text.lines().take(10).filter_map(token).collect()
}
