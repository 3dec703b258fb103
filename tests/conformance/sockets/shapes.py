"""Keys of the venue's frames. Public ones are those of recorded frames, the others those of its documentation."""

ORDER_BOOK_FRAME = {"channel", "last_updated_at", "offset", "order_book", "timestamp", "type"}
ORDER_BOOK = {"asks", "begin_nonce", "bids", "code", "last_updated_at", "nonce", "offset"}
LEVEL = {"price", "size"}
TICKER_FRAME = {"channel", "last_updated_at", "nonce", "ticker", "timestamp", "type"}
TICKER = {"a", "b", "last_updated_at", "s"}
TRADE_FRAME = {"channel", "liquidation_trades", "nonce", "trades", "type"}
TRADE = {
    "ask_account_id", "ask_client_id", "ask_client_id_str", "ask_id", "ask_id_str", "ask_order_version",
    "bid_account_id", "bid_client_id", "bid_client_id_str", "bid_id", "bid_id_str", "bid_order_version",
    "block_height", "is_maker_ask", "maker_entry_quote_before", "maker_initial_margin_fraction_before",
    "maker_position_size_before", "market_id", "market_kind", "price", "size", "taker_entry_quote_before",
    "taker_initial_margin_fraction_before", "taker_position_size_before", "timestamp", "trade_id",
    "trade_id_str", "transaction_time", "tx_hash", "type", "usd_amount",
}  # fmt: skip
# Left out of a trade where they are zero or false. The symbol is in later documentation, not in the recordings.
TRADE_MAYBE = {
    "maker_fee", "taker_fee", "maker_position_sign_changed", "taker_position_sign_changed",
    "maker_allocated_margin_usdc_before", "maker_allocated_margin_usdc_after",
    "taker_allocated_margin_usdc_before", "taker_allocated_margin_usdc_after",
    "integrator_maker_fee", "integrator_maker_fee_collector_index",
    "integrator_taker_fee", "integrator_taker_fee_collector_index",
    "market_symbol", "ask_account_pnl", "bid_account_pnl",
}  # fmt: skip
MARKET_STATS = {
    "symbol", "market_id", "index_price", "mark_price", "mid_price", "best_ask_price", "best_bid_price",
    "open_interest", "open_interest_limit", "open_interest_usd", "funding_clamp_small", "funding_clamp_big",
    "last_trade_price", "current_funding_rate", "funding_rate", "funding_timestamp",
    "daily_base_token_volume", "daily_quote_token_volume", "daily_price_low", "daily_price_high",
    "daily_price_change", "base_interest_rate", "premium",
}  # fmt: skip
CANDLE = {"t", "o", "h", "l", "c", "v", "V", "i"}
POSITION = {
    "market_id", "symbol", "initial_margin_fraction", "open_order_count", "pending_order_count",
    "position_tied_order_count", "sign", "position", "avg_entry_price", "position_value", "unrealized_pnl",
    "realized_pnl", "liquidation_price", "margin_mode", "allocated_margin",
}  # fmt: skip
ORDER = {
    "order_index", "client_order_index", "order_id", "client_order_id", "market_index", "owner_account_index",
    "initial_base_amount", "price", "nonce", "remaining_base_amount", "is_ask", "base_size", "base_price",
    "filled_base_amount", "filled_quote_amount", "side", "type", "time_in_force", "reduce_only",
    "trigger_price", "order_expiry", "status", "trigger_status", "trigger_time", "parent_order_index",
    "parent_order_id", "to_trigger_order_id_0", "to_trigger_order_id_1", "to_cancel_order_id_0",
    "block_height", "timestamp", "created_at", "updated_at", "transaction_time",
}  # fmt: skip
TX = {
    "hash", "type", "info", "event_info", "status", "transaction_index", "l1_address", "account_index", "nonce",
    "expire_at", "block_height", "queued_at", "executed_at", "sequence_index", "parent_hash", "api_key_index",
    "transaction_time",
}  # fmt: skip
ASSET = {"symbol", "asset_id", "balance", "locked_balance", "margin_mode", "margin_balance"}
STATS = {
    "account_trading_mode", "available_balance", "buying_power", "collateral", "leverage", "margin_usage",
    "portfolio_value", "cross_stats", "total_stats",
}  # fmt: skip
ACCOUNT_ALL = {
    "account", "assets", "bo_positions", "channel", "daily_trades_count", "daily_volume", "funding_histories",
    "monthly_trades_count", "monthly_volume", "positions", "shares", "total_trades_count", "total_volume",
    "trades", "transaction_time", "type", "weekly_trades_count", "weekly_volume",
}  # fmt: skip


def check_trade(trade):
    """A trade has every key that all recorded trades have, and no key that none has."""
    assert set(trade) >= TRADE, TRADE - set(trade)
    assert set(trade) <= TRADE | TRADE_MAYBE, set(trade) - TRADE - TRADE_MAYBE
