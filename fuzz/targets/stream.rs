//! Frames of the venue's streams, as the client reads them.

use super::{Target, none};

pub(super) const TARGET: Target = Target {
    name: "stream",
    run: lighter_plan::fuzzing::stream,
    words: &[
        "\"type\":\"subscribed/order_book\"",
        "\"type\":\"update/order_book\"",
        "\"begin_nonce\":1",
        "\"nonce\":1",
        "\"asks\":[{\"price\":\"101.1\",\"size\":\"1\"}]",
        "\"bids\":[{\"price\":\"101.1\",\"size\":\"0.000\"}]",
        "\"orders\":{\"2\":[",
        "\"trades\":null",
        "\"positions\":{}",
        "\"stats\":{",
        "\"notifs\":[{\"id\":1}]",
        "\"content\":{\"market_index\":9223372036854775808}",
        "\"event_info\":\"{\\\"ae\\\":1}\"",
        "\"79228162514264337593543950336\"",
        "\"99999999999\"",
        "\n",
        "null",
        "[]",
    ],
    seeds: none,
    chooses: true,
};
