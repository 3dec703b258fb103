//! Plan files, from bytes to findings.

use super::{Target, fixture};

pub(super) const TARGET: Target = Target {
    name: "plan",
    run: lighter_plan::fuzzing::plan,
    words: &[
        "\n",
        "  ",
        ": ",
        "- ",
        "{{ vars.a }}",
        "{{ env.HOME }}",
        "{% for i in range(9) %}",
        "&a ",
        "*a",
        "!!int ",
        "|\n",
        "? ",
        "\"",
        "network: { http: 'http://a', ws: 'ws://a', chain_id: 1 }",
        "paper: { prices: live:testnet }",
        "pairs:\n",
        "1e309",
        "0x10",
        "99999999999999999999999999999",
        "[[[[[[[[[[[[[[[[",
        "\u{feff}",
        "\t",
        "---\n",
    ],
    seeds,
    chooses: false,
};

/// The plans of the repository.
fn seeds() -> Vec<Vec<u8>> {
    ["sol-pair", "three-pairs", "short-partial"]
        .map(|name| fixture(&format!("plans/{name}.yaml")).into())
        .into()
}
