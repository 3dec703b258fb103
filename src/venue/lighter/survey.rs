//! Looks for fields that this program has never heard of: a new one is told once, and breaks nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::Oddities;

/// So many answers of a kind are looked at from the first on; afterwards one in [`EVERY`]. A new field shows in the
/// first of its kind, and a second reading of every frame would cost as much as the first.
const FIRST: u64 = 8;
const EVERY: u64 = 256;

/// Kinds of answers that are told apart; there are fewer.
const KINDS: usize = 128;

/// Finds unknown fields in answers and frames.
#[derive(Debug, Default)]
pub(super) struct Survey {
    looked: Mutex<BTreeMap<String, u64>>,
}

impl Survey {
    /// Looks at an answer of `kind`, unless enough of them were looked at.
    pub(super) fn look(&self, kind: &str, body: &[u8], oddities: &Oddities) {
        if !self.due(kind) {
            return;
        }
        // What is no JSON is told by those who need it.
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            walk(kind, &value, oddities);
        }
    }

    fn due(&self, kind: &str) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if !looked.contains_key(kind) && looked.len() < KINDS {
            looked.insert(kind.to_owned(), 0);
        }
        let Some(count) = looked.get_mut(kind) else { return false };
        *count += 1;
        *count <= FIRST || count.is_multiple_of(EVERY)
    }
}

fn walk(kind: &str, value: &Value, oddities: &Oddities) {
    match value {
        Value::Array(rows) => rows.iter().for_each(|row| walk(kind, row, oddities)),
        Value::Object(fields) => {
            for (name, value) in fields {
                // Maps by market, asset or account have numbers for names.
                let numbered = name.bytes().all(|byte| byte.is_ascii_digit());
                if !numbered && KNOWN.binary_search(&name.as_str()).is_err() {
                    oddities.note("unknown field", &format!("{kind}: {name}"));
                }
                walk(kind, value, oddities);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every field that the venue's documents and recorded answers name, in the order of the alphabet.
#[rustfmt::skip]
const KNOWN: &[&str] = &[
    "V", "a", "account", "account_index", "account_metadatas", "account_trading_mode", "account_type",
    "accounts", "ack", "acked_at", "active_only", "address", "agent_enabled", "allocated_margin", "amount",
    "announcements", "api_key_index", "api_key_indexes", "api_keys", "api_token", "approved_integrators",
    "ask_account_id", "ask_account_pnl", "ask_client_id", "ask_client_id_str", "ask_filter", "ask_id",
    "ask_id_str", "ask_order_version", "asks", "asset_details", "asset_id", "asset_index_prices", "assets",
    "auth", "available_balance", "avg_entry_price", "avg_price", "b", "balance", "base_asset_id",
    "base_interest_rate", "base_price", "base_size", "batch_claim_tx_hash", "begin_nonce", "best_ask_price",
    "best_bid_price", "between_timestamps", "bid_account_id", "bid_account_pnl", "bid_client_id",
    "bid_client_id_str", "bid_id", "bid_id_str", "bid_order_version", "bids", "block_height", "bo_fee_rate",
    "bo_market_stats", "bo_position", "bo_positions", "bo_tiers", "bo_user_tier_name", "buying_power", "c",
    "can_create_public_pool", "can_invite", "can_rfq", "can_rfq_market_ids", "cancel_all_time", "candles",
    "cctp_burn_tx_hash", "chainId", "chain_id", "change", "channel", "client_order_id", "client_order_index",
    "client_order_indexes", "close_in_ms", "closeout_margin_fraction", "code", "collateral", "color",
    "committed_at", "content", "contract_address", "contract_addresses", "count_back", "created_at",
    "cross_asset_value", "cross_initial_margin_requirement", "cross_maintenance_margin_requirement",
    "cross_risk_parameters", "cross_stats", "current_funding_rate", "current_maker_fee_tick",
    "current_taker_fee_tick", "cursor", "daily_base_token_volume", "daily_chart", "daily_price_change",
    "daily_price_high", "daily_price_low", "daily_quote_token_volume", "daily_trades_count",
    "daily_usd_volume", "daily_volume", "data", "decimals", "default_initial_margin_fraction", "default_price",
    "deposits", "description", "direction", "discount", "effective_lit_stakes", "end_timestamp", "error",
    "event_info", "exchange", "executed_at", "expire_at", "expired_at", "expiry", "explorer",
    "fast_bridge_tx_hash", "fee", "fee_collector_account_index", "filled_base_amount", "filled_quote_amount",
    "force_reduce_only", "from_account_index", "from_addr", "from_l1_address", "from_route",
    "funding_clamp_big", "funding_clamp_small", "funding_fee_discounts_enabled",
    "funding_fee_rebate_account_index", "funding_histories", "funding_history", "funding_id",
    "funding_premium_multiplier", "funding_rate", "funding_rates", "funding_timestamp", "fundings",
    "global_supply_cap", "h", "hash", "height", "hidden", "i", "id", "ignore_transfers", "index",
    "index_price", "inflow", "info", "initial_base_amount", "initial_margin_fraction",
    "insurance_fund_account_index", "integrator_fee_collector_index", "integrator_maker_fee",
    "integrator_maker_fee_collector_index", "integrator_taker_fee", "integrator_taker_fee_collector_index",
    "intent_address", "is_ask", "is_external_deposit", "is_frozen", "is_maker_ask", "is_maker_fee_enabled",
    "is_next_bridge_fast", "is_taker_fee_enabled", "isolated_risk_parameters", "kind", "l", "l1_address",
    "l1_decimals", "l1_providers", "l1_providers_health", "l1_tx_hash", "last_funding_discount",
    "last_funding_round", "last_trade_price", "last_updated_at", "latestBlockNumber", "latest_l1_desert_block",
    "latest_l1_generic_block", "latest_l1_governance_block", "leased_lit", "level", "leverage",
    "liquidation_factor", "liquidation_fee", "liquidation_mode", "liquidation_price", "liquidation_threshold",
    "liquidation_trades", "liquidations", "liquidity_pool_cooldown_period", "liquidity_pool_index",
    "loan_to_value", "locked_balance", "maintenance_margin_fraction", "maker_allocated_margin_usdc_after",
    "maker_allocated_margin_usdc_before", "maker_entry_quote_before", "maker_fee", "maker_fee_ticks",
    "maker_initial_margin_fraction_before", "maker_position_sign_changed", "maker_position_size_before",
    "margin_balance", "margin_mode", "margin_set_flag", "margin_usage", "mark_price", "mark_prices",
    "market_config", "market_deployer", "market_flags", "market_id", "market_index", "market_kind",
    "market_maker_incentive_account_index", "market_margin_mode", "market_stats", "market_symbol",
    "market_type", "master_account_index", "max_integrator_perps_maker_fee", "max_integrator_perps_taker_fee",
    "max_integrator_spot_maker_fee", "max_integrator_spot_taker_fee", "max_llp_amount", "max_llp_percentage",
    "max_withdrawal_amount", "message", "metadata", "metrics", "mid_price", "min_base_amount",
    "min_initial_margin_fraction", "min_quote_amount", "min_transfer_amount", "min_withdrawal_amount",
    "monthly_trades_count", "monthly_volume", "multiplier", "name", "networkId", "network_id", "networks",
    "new_tier", "next_cursor", "nonce", "notif_id", "notifs", "o", "offset", "open_interest",
    "open_interest_limit", "open_interest_usd", "open_order_count", "operator_account_index", "order_book",
    "order_book_details", "order_book_stats", "order_books", "order_expiry", "order_flags", "order_id",
    "order_index", "order_quote_limit", "order_version", "orders", "outcome", "outflow", "owner_account_index",
    "parent_hash", "parent_order_id", "parent_order_index", "pending_order_count", "pending_unlocks", "pnl",
    "pool_inflow", "pool_outflow", "pool_pnl", "pool_total_shares", "portfolio_value", "position",
    "position_fundings", "position_side", "position_size", "position_tied_order_count", "position_value",
    "positions", "predicted_execution_time_ms", "premium", "price", "price_decimals", "price_protection",
    "public_key", "queued_at", "quote_asset_id", "quote_multiplier", "r", "rate", "realized_pnl",
    "reduce_only", "referral_points_percentage", "remaining_base_amount", "required_lit_stakes",
    "required_volume", "resolution", "revoked", "rfq_enabled", "risk_info_after", "risk_info_before", "s",
    "sc", "scopes", "seconds", "sequence_index", "session_id", "set_timestamp_to_end", "settlement_cap",
    "settlement_price", "settlement_type", "shares", "side", "sign", "size", "size_decimals",
    "skip_ask_order_id", "skip_bid_order_id", "sort_by", "sort_dir", "source", "source_chain_id",
    "spot_inflow", "spot_market_stats", "spot_order_book_details", "spot_outflow", "staking_inflow",
    "staking_outflow", "staking_pnl", "staking_pool_index", "staking_pool_lockup_period", "staking_tiers",
    "start_timestamp", "stats", "status", "step", "strategy_index", "sub_account_access", "sub_accounts",
    "supported_price_decimals", "supported_quote_decimals", "supported_size_decimals", "symbol", "t",
    "taker_allocated_margin_usdc_after", "taker_allocated_margin_usdc_before", "taker_entry_quote_before",
    "taker_fee", "taker_fee_ticks", "taker_initial_margin_fraction_before", "taker_position_sign_changed",
    "taker_position_size_before", "target_account_index", "ticker", "time_in_force", "timestamp", "title",
    "to_account_index", "to_address", "to_cancel_order_id_0", "to_l1_address", "to_route",
    "to_trigger_order_id_0", "to_trigger_order_id_1", "token_id", "total", "total_asks", "total_asset_value",
    "total_bids", "total_discount", "total_funding_paid_out", "total_isolated_order_count",
    "total_order_count", "total_stats", "total_supplied", "total_trades_count", "total_volume", "trade",
    "trade_id", "trade_id_str", "trade_pnl", "trade_spot_pnl", "trade_type", "trades", "trading_hours",
    "transaction_index", "transaction_time", "transfer_fee_usdc", "transfers", "trigger_price",
    "trigger_status", "trigger_time", "tx_hash", "tx_info", "tx_infos", "tx_type", "tx_types", "txs", "type",
    "unrealized_pnl", "updated_at", "usd_amount", "usdc_amount", "user_supply_cap", "user_tier",
    "user_tier_last_update", "user_tier_name", "user_tiers", "v", "validator_info", "value", "verified_at",
    "volume", "volume_quota_remaining", "weekly_trades_count", "weekly_volume", "withdraw_limit", "withdraws",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_can_be_searched() {
        assert!(KNOWN.is_sorted());
    }

    #[test]
    fn a_new_field_is_told_once_with_its_kind() {
        let (survey, oddities) = (Survey::default(), Oddities::default());
        let body = br#"{"code":200,"orders":{"7":[{"order_index":1,"moon_phase":"full"}]}}"#;
        for _ in 0..FIRST {
            survey.look("accountActiveOrders", body, &oddities);
        }
        assert_eq!(oddities.counts(), [("unknown field: accountActiveOrders: moon_phase".to_owned(), FIRST)]);
        for _ in FIRST..EVERY {
            survey.look("accountActiveOrders", body, &oddities);
        }
        assert_eq!(oddities.counts()[0].1, FIRST + 1);
        survey.look("x", b"<html>", &oddities);
        assert_eq!(oddities.counts().len(), 1);
    }
}
