//! What no fix may touch.

use crate::plan::schema::field_at;

/// Keys that are no price, size, wallet or limit, nor choose where or what is traded. Whatever the plan language has
/// beside these is protected, so that a key that is added later is protected until somebody puts it here.
const FREE: [&str; 26] = [
    "name",
    "margin_mode",
    "paper",
    "paper/seed",
    "paper/world",
    "paper/prices",
    "paper/prices_end",
    "paper/time_scale",
    "place",
    "place/time_in_force",
    "place/expires_in",
    "watch",
    "watch/on_entry_timeout",
    "hedge",
    "hedge/prefer",
    "hedge/on_liquidation",
    "withdraw",
    "withdraw/when",
    "withdraw/route",
    "withdraw/verify_within",
    "retry",
    "retry/initial",
    "on_stop",
    "on_missed",
    "on_missed/place",
    "on_missed/withdraw",
];

/// Blocks in which even an unknown key is protected: it was meant to be money, a wallet or a limit. A variable may stand
/// for any of them.
const CLOSED: [&str; 7] = ["prices", "protect", "risk", "long", "short", "network", "vars"];

/// Returns whether fixes may rename a key to this place, and a block as well.
pub(super) fn is_free(pointer: &str) -> bool {
    let path = path_of(pointer);
    FREE.contains(&path.as_str()) || path.starts_with("notify/*/on")
}

/// Returns whether the value at a place stays as it is, whatever a fix does.
pub(super) fn is_protected(pointer: &str) -> bool {
    let path = path_of(pointer);
    let block = path.split('/').next().unwrap_or_default();
    !is_free(pointer) && (CLOSED.contains(&block) || field_at(pointer).is_some())
}

/// Returns the path of a pointer with `*` for list indices; a pair's own block counts as the plan's.
fn path_of(pointer: &str) -> String {
    let any = |part| if is_index(part) { "*" } else { part };
    let path = pointer.split('/').skip(1).map(any).collect::<Vec<_>>().join("/");
    path.strip_prefix("pairs/*/").map(str::to_owned).unwrap_or(path)
}

fn is_index(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::schema::fields;

    #[test]
    fn money_wallets_and_limits_are_protected() {
        for pointer in [
            "/size",
            "/notional_usdc",
            "/leverage",
            "/minimum_usdc",
            "/market",
            "/network",
            "/network/http",
            "/paper/usdc",
            "/prices/buy",
            "/prices/buy/ofset_bps",
            "/pairs/3/prices/sell/peg",
            "/pairs/0/long/key",
            "/pairs/0/short/account",
            "/pairs/0/size",
            "/risk/max_ordr_usdc",
            "/pairs/1/risk/max_order_usdc",
            "/watch/max_hold",
            "/watch/entry_deadline",
            "/hedge/wait",
            "/hedge/max_naked",
            "/hedge/attempts",
            "/withdraw/keep_usdc",
            "/retry/budget",
            "/vars/size",
            "/notify/0/webhook",
        ] {
            assert!(is_protected(pointer), "{pointer}");
        }
        for pointer in
            ["/name", "/hedge/prefer", "/pairs/0/place/expires_in", "/notify/0/on/1", "/watch/nonsense"]
        {
            assert!(!is_protected(pointer), "{pointer}");
        }
    }

    #[test]
    fn every_free_key_is_one_of_the_language_and_no_amount() {
        for path in FREE {
            assert!(fields().contains_key(path), "{path}");
            let amount = ["usdc", "bps", "max", "min", "pct", "limit", "account", "key"];
            assert!(!amount.iter().any(|word| path.contains(word)), "{path}");
        }
    }
}
