//! Answers of the venue's REST API, as the client reads them.

use super::{Target, chosen, fixture};

pub(super) const TARGET: Target = Target {
    name: "answer",
    run: lighter_plan::fuzzing::answer,
    words: &[
        "\"code\":200",
        "\"code\":23000",
        "\"code\":\"200\"",
        "\"message\":null",
        "\"accounts\":[",
        "\"positions\":null",
        "\"sign\":-1",
        "\"position\":\"-1\"",
        "\"size_decimals\":255",
        "\"price_decimals\":18446744073709551615",
        "\"79228162514264337593543950336\"",
        "\"1e-400\"",
        "\"0.0000000000000000000000000001\"",
        "\"\"",
        "null",
        "[]",
        "{}",
        "-9223372036854775808",
        "1e5",
    ],
    seeds,
    chooses: true,
};

/// The fixtures of the client's tests, each behind the number of its endpoint.
fn seeds() -> Vec<Vec<u8>> {
    let of = [
        (0, "markets"),
        (0, "strange_markets"),
        (1, "account"),
        (1, "strange_account"),
        (2, "orders"),
        (2, "strange_orders"),
        (3, "trades"),
        (4, "withdrawals"),
    ];
    of.map(|(kind, name)| chosen(kind, &fixture(&format!("tests/fixtures/lighter/{name}.json")))).into()
}
