//! Recorded prices, in all three forms.

use super::{Target, none};

pub(super) const TARGET: Target = Target {
    name: "recording",
    run: lighter_plan::fuzzing::recording,
    words: &[
        "at,market,price\n",
        "\n1,SOL,",
        "\n",
        ",",
        "{\"at\":1,\"market\":\"SOL\",\"price\":1}",
        "\"bids\":[[\"1\",\"2\"]]",
        "\"asks\":[]",
        "\"trades\":[{\"side\":\"buy\",\"price\":1,\"size\":1}]",
        "\"type\":\"update/order_book\"",
        "\"channel\":\"order_book:2\"",
        "\"channel\":\"ticker:2\"",
        "\"timestamp\":-9223372036854775808",
        "9223372036854775807",
        "79228162514264337593543950336",
        "1e28",
        "null",
    ],
    seeds: none,
    chooses: false,
};
