//! Query, form and multipart body of a request.

use super::{Target, none};

pub(super) const TARGET: Target = Target {
    name: "params",
    run: lighter_plan::fuzzing::params,
    words: &[
        "&tx_type=",
        "&tx_info=%7B",
        "&tx_types=[14]&tx_infos=[\"{}\"]",
        "account_index=",
        "market_id=255",
        "limit=100",
        "cursor=eyJpbmRleCI6MTAwfQ==",
        "types=",
        "auth=",
        "price_protection=false",
        "%00",
        "%",
        "%ff",
        "+",
        "--b\r\nContent-Disposition: form-data; name=\"",
        "\r\n\r\n",
        "\r\n--b--\r\n",
        "filename=\"x\"",
        "Content-Type: text/plain; charset=utf-16\r\n",
        "-1",
        "18446744073709551616",
    ],
    seeds: none,
    chooses: true,
};
