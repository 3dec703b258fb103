//! What a client says over the WebSocket.

use super::{Target, none};

pub(super) const TARGET: Target = Target {
    name: "frame",
    run: lighter_plan::fuzzing::frame,
    words: &[
        "\"type\":\"subscribe\"",
        "\"type\":\"jsonapi/sendtx\"",
        "\"type\":\"jsonapi/sendtxbatch\"",
        "\"channel\":\"order_book/2\"",
        "\"channel\":\"account_market/2/1001\"",
        "\"channel\":\"candle/2/1m\"",
        "\"auth\":\"",
        "\"data\":{",
        "\"id\":",
        "\"tx_type\":14",
        "\"tx_info\":{}",
        "\"tx_types\":\"[14,15]\"",
        "\"tx_infos\":\"[\\\"{}\\\",\\\"{}\\\"]\"",
        "\"price_protection\":false",
        "\\ud800",
        "[[[[[[[[[[[[[[[[",
        "null",
        "-0",
    ],
    seeds: none,
    chooses: false,
};
