//! A sequence of transactions for the exchange's core: the state that it leaves must add up.

use super::{Target, none};

pub(super) const TARGET: Target = Target {
    name: "exchange",
    run: lighter_plan::fuzzing::exchange,
    words: &[
        "\"AccountIndex\":1002",
        "\"MarketIndex\":2",
        "\"Price\":101118",
        "\"Price\":1",
        "\"Price\":4294967295",
        "\"BaseAmount\":100",
        "\"BaseAmount\":281474976710655",
        "\"IsAsk\":1",
        "\"TimeInForce\":0",
        "\"TimeInForce\":2",
        "\"ReduceOnly\":1",
        "\"Type\":1",
        "\"Type\":2",
        "\"Type\":6",
        "\"TriggerPrice\":101000",
        "\"Nonce\":1",
        "\"Nonce\":2",
        "\"Amount\":1000000",
        "\"InitialMarginFraction\":400",
        "\"MarginMode\":1",
        "unprotected",
        "\n14 ",
        "\n15 ",
        "\n20 ",
        "\n13 ",
        "9223372036854775807",
    ],
    seeds: none,
    chooses: false,
};
