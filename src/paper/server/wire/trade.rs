//! Trades.

use super::{height, market_kind, price, signed_size, size, us, usdc};
use crate::model::{AccountIndex, ClientOrderIndex, Market};
use crate::paper::exchange::TradeRecord;
use crate::paper::server::json::{Json, fields};

/// Returns the Trade object (http.md §6). `viewer` is the account that asked: it sees its realised PnL.
pub(crate) fn trade(record: &TradeRecord, market: &Market, viewer: Option<AccountIndex>) -> Json {
    let trade = &record.trade;
    let client = |id: Option<ClientOrderIndex>| id.map_or(0, ClientOrderIndex::get);
    let (ask_client, bid_client) = (client(trade.ask_client), client(trade.bid_client));
    // Fees and flags that are zero or false are left out, as on the venue.
    let fee = |ticks: u32| (ticks != 0).then_some(ticks);
    let flag = |changed: bool| changed.then_some(true);
    fields! {
        "trade_id": trade.id,
        "trade_id_str": trade.id.to_string(),
        "tx_hash": trade.tx_hash,
        "type": trade.kind,
        "market_id": trade.market,
        "market_symbol": market.symbol,
        "market_kind": market_kind(market),
        "size": size(trade.size, market),
        "price": price(trade.price, market),
        "usd_amount": usdc(trade.quote),
        "ask_id": trade.ask_order,
        "ask_id_str": trade.ask_order.to_string(),
        "bid_id": trade.bid_order,
        "bid_id_str": trade.bid_order.to_string(),
        "ask_client_id": ask_client,
        "ask_client_id_str": ask_client.to_string(),
        "bid_client_id": bid_client,
        "bid_client_id_str": bid_client.to_string(),
        "ask_account_id": trade.ask_account,
        "bid_account_id": trade.bid_account,
        "is_maker_ask": trade.is_maker_ask,
        "block_height": height(trade.timestamp),
        "timestamp": trade.timestamp,
    }
    .maybe("taker_fee", fee(trade.taker_fee))
    .put("taker_position_size_before", &signed_size(record.taker_position_before, market))
    .put("taker_entry_quote_before", &usdc(record.taker_entry_quote_before))
    .put("taker_initial_margin_fraction_before", &record.taker_imf_before)
    .maybe("taker_position_sign_changed", flag(record.taker_sign_changed))
    .maybe("maker_fee", fee(trade.maker_fee))
    .put("maker_position_size_before", &signed_size(record.maker_position_before, market))
    .put("maker_entry_quote_before", &usdc(record.maker_entry_quote_before))
    .put("maker_initial_margin_fraction_before", &record.maker_imf_before)
    .maybe("maker_position_sign_changed", flag(record.maker_sign_changed))
    .maybe("integrator_taker_fee", record.taker_integrator.map(|(_, fee)| fee))
    .maybe("integrator_taker_fee_collector_index", record.taker_integrator.map(|(account, _)| account))
    .maybe("integrator_maker_fee", record.maker_integrator.map(|(_, fee)| fee))
    .maybe("integrator_maker_fee_collector_index", record.maker_integrator.map(|(account, _)| account))
    .put("transaction_time", &us(trade.timestamp))
    .put("ask_order_version", &0)
    .put("bid_order_version", &0)
    .maybe("ask_account_pnl", (viewer == Some(trade.ask_account)).then(|| usdc(record.ask_pnl)))
    .maybe("bid_account_pnl", (viewer == Some(trade.bid_account)).then(|| usdc(record.bid_pnl)))
    .json()
}
