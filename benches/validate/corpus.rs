//! Plans of a given size, each a little different from the others.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Pairs of each plan; they fit the message budget of a Standard account.
const PAIRS: usize = 4;

/// Writes `count` sound plans of about `bytes` bytes into `folder`, and returns their paths.
pub(crate) fn write(folder: &Path, count: usize, bytes: usize) -> Vec<PathBuf> {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    let file = |number: usize| {
        let path = folder.join(format!("plan-{number:05}.yaml"));
        std::fs::write(&path, plan(number, bytes)).expect("the plan can be written");
        path
    };
    (0..count).map(file).collect()
}

/// Returns a sound plan; what is missing to `bytes` is comments, as a desk writes them beside its numbers.
pub(crate) fn plan(number: usize, bytes: usize) -> String {
    let mut text = format!(
        "# yaml-language-server: $schema=plan.v1.schema.json\n\
         version: 1\nname: plan-{number}\nnetwork: paper\npaper: {{ usdc: 100000, seed: {number} }}\n\
         vars: {{ size: \"2.5\", keep: 0 }}\nmarket: SOL\nsize: \"{{{{ vars.size }}}}\"\nleverage: 3\n\
         minimum_usdc: 1000\nprices: {{ buy: 98.500, sell: 101.250 }}\n\
         place: {{ time_in_force: post_only, expires_in: 30m }}\n\
         watch: {{ entry_deadline: 20m, on_entry_timeout: hedge, max_hold: 24h, take_profit_usdc: 4, stop_loss_usdc: 60 }}\n\
         hedge: {{ wait: 10s, max_naked: 30s, prefer: complete, attempts: 3, max_slippage_bps: 50 }}\n\
         risk:\n  max_order_usdc: 2000\n  max_position_usdc: 4000\n  max_exposure_usdc: 20000\n  \
         max_price_deviation_bps: 400\n  max_drawdown_usdc: 150\n  min_liquidation_distance_pct: 10\n  \
         max_messages_per_minute: 40\n  max_loss_if_venue_down_usdc: 300\n\
         withdraw: {{ when: on_exit, route: secure, keep_usdc: \"{{{{ vars.keep }}}}\", verify_within: 24h }}\n\
         retry: {{ initial: 250ms, max: 5s, budget: 20s }}\non_stop: cancel_open\npairs:\n"
    );
    let room = bytes.saturating_sub(text.len()) / PAIRS;
    for pair in 0..PAIRS {
        let begun = text.len();
        let account = 1_000 + 2 * pair;
        let _ = write!(
            text,
            "  - id: pair-{pair}\n    long:\n      account: {account}\n      api_key_index: 4\n      key: paper\n    \
             short:\n      account: {}\n      api_key_index: 4\n      key: paper\n    \
             prices: {{ buy: 98.{:03}, sell: 101.{:03} }}\n    size: 2.{pair}\n",
            account + 1,
            500 + (number + pair) % 400,
            250 + (number + pair) % 400,
        );
        while text.len() - begun < room {
            let _ = writeln!(text, "    # line {}: why this pair trades at these prices", text.len());
        }
    }
    text
}
