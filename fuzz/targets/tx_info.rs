//! `tx_info` of a transaction, as `sendTx` and the WebSocket take it.

use super::{Target, chosen, fixture};

pub(super) const TARGET: Target = Target {
    name: "tx_info",
    run: lighter_plan::fuzzing::tx_info,
    words: &[
        "\"L2TxAttributes\":{\"1\":6}",
        "\"Orders\":[",
        "\"GroupingType\":3",
        "\"Sig\":\"",
        "\"L1Sig\":\"0x",
        "\"PubKey\":\"",
        "\"ToAccountIndex\":",
        "\"BaseAmount\":281474976710655",
        "\"Price\":4294967295",
        "\"Nonce\":-1",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551616",
        "1e999",
        "null",
        "\\u0000",
    ],
    seeds,
    chooses: true,
};

/// What the official signer made: every third row, which has every type.
fn seeds() -> Vec<Vec<u8>> {
    let text = fixture("tests/fixtures/vectors/transactions.jsonl");
    let rows = text.lines().step_by(3).filter_map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).ok()?;
        let kind = u8::try_from(row.get("tx_type")?.as_u64()?).ok()?;
        Some(chosen(kind, row.get("tx_info")?.as_str()?))
    });
    rows.collect()
}
