//! Orders and trades.

use super::{Context, ParseError, field, price, price_if_any, size, time, usdc_or_zero};
use crate::model::{
    AccountIndex, ClientOrderIndex, Market, MarketId, Order, OrderDetails, OrderIndex, OrderKind,
    OrderStatus, Price, Side, Size, TimeInForce, Timestamp, Trade, TradeId, TradeKind, Usdc,
};
use crate::venue::lighter::{Oddities, wire};

/// Reads orders, in the order of the answer.
pub(in crate::venue::lighter) fn orders<'a>(
    rows: impl IntoIterator<Item = &'a wire::Order>,
    context: Context<'_>,
) -> Result<Vec<Order>, ParseError> {
    rows.into_iter().map(|row| order(row, context)).collect()
}

fn order(row: &wire::Order, context: Context<'_>) -> Result<Order, ParseError> {
    let market = context.market(row.market_index)?;
    let initial = size("initial_base_amount", &row.initial_base_amount, market)?;
    let remaining = size("remaining_base_amount", &row.remaining_base_amount, market)?;
    let filled = if row.filled_base_amount.0.is_empty() {
        initial.saturating_sub(remaining)
    } else {
        size("filled_base_amount", &row.filled_base_amount, market)?
    };
    Ok(Order {
        market: MarketId::new(row.market_index),
        owner: AccountIndex::new(row.owner_account_index),
        order_index: OrderIndex::new(row.order_index),
        client_order_index: client(row.client_order_index),
        side: Side::from_is_ask(row.is_ask),
        kind: kind(&row.kind, context.oddities),
        time_in_force: time_in_force(&row.time_in_force, context.oddities),
        reduce_only: row.reduce_only,
        price: order_price(&row.price, market)?,
        trigger_price: price_if_any("trigger_price", &row.trigger_price, market)?,
        initial,
        remaining,
        filled,
        filled_quote: usdc_or_zero("filled_quote_amount", &row.filled_quote_amount)?,
        status: status(&row.status, context.oddities),
        expiry: Timestamp::from_millis(row.order_expiry.max(0)),
        updated_at: updated_at(row),
        details: OrderDetails::default(),
    })
}

/// Orders of the venue's own making may have no price bound; they print 0.
fn order_price(text: &wire::Text, market: &Market) -> Result<Price, ParseError> {
    match price_if_any("price", text, market)? {
        Some(_) => price("price", text, market),
        None => Ok(Price::from_ticks(0)),
    }
}

/// The microseconds of `transaction_time` tell changes of one second apart; the other two are in seconds.
fn updated_at(row: &wire::Order) -> Timestamp {
    let newest = [row.transaction_time, row.updated_at, row.timestamp];
    newest.into_iter().find(|value| *value > 0).map_or_else(Timestamp::default, time)
}

fn client(index: u64) -> Option<ClientOrderIndex> {
    (index != 0).then(|| ClientOrderIndex::new(index))
}

fn kind(text: &str, oddities: &Oddities) -> OrderKind {
    match text {
        "limit" => OrderKind::Limit,
        "market" => OrderKind::Market,
        "stop-loss" => OrderKind::StopLoss,
        "stop-loss-limit" => OrderKind::StopLossLimit,
        "take-profit" => OrderKind::TakeProfit,
        "take-profit-limit" => OrderKind::TakeProfitLimit,
        "twap" => OrderKind::Twap,
        "twap-sub" => OrderKind::TwapSub,
        "liquidation" => OrderKind::Liquidation,
        other => {
            oddities.note("order.type", other);
            if other.contains("liquidat") { OrderKind::Liquidation } else { OrderKind::Limit }
        }
    }
}

fn time_in_force(text: &str, oddities: &Oddities) -> TimeInForce {
    match text {
        "immediate-or-cancel" => TimeInForce::ImmediateOrCancel,
        "good-till-time" => TimeInForce::GoodTillTime,
        "post-only" => TimeInForce::PostOnly,
        other => {
            // The one that may rest longest and may take: nothing is concluded from it.
            oddities.note("order.time_in_force", other);
            TimeInForce::GoodTillTime
        }
    }
}

fn status(text: &str, oddities: &Oddities) -> OrderStatus {
    match text {
        "in-progress" => OrderStatus::InProgress,
        "pending" => OrderStatus::Pending,
        "open" => OrderStatus::Open,
        "filled" => OrderStatus::Filled,
        "canceled" => OrderStatus::Canceled,
        "canceled-post-only" => OrderStatus::CanceledPostOnly,
        "canceled-reduce-only" => OrderStatus::CanceledReduceOnly,
        "canceled-position-not-allowed" => OrderStatus::CanceledPositionNotAllowed,
        "canceled-margin-not-allowed" => OrderStatus::CanceledMarginNotAllowed,
        "canceled-too-much-slippage" => OrderStatus::CanceledTooMuchSlippage,
        "canceled-not-enough-liquidity" => OrderStatus::CanceledNotEnoughLiquidity,
        "canceled-self-trade" => OrderStatus::CanceledSelfTrade,
        "canceled-expired" => OrderStatus::CanceledExpired,
        "canceled-oco" => OrderStatus::CanceledOco,
        "canceled-child" => OrderStatus::CanceledChild,
        "canceled-liquidation" => OrderStatus::CanceledLiquidation,
        "canceled-invalid-balance" => OrderStatus::CanceledInvalidBalance,
        other => {
            // A new reason for a cancel is a cancel; anything else counts as live until the venue says otherwise.
            oddities.note("order.status", other);
            if other.starts_with("canceled") { OrderStatus::Canceled } else { OrderStatus::InProgress }
        }
    }
}

/// Reads trades, in the order of the answer.
pub(in crate::venue::lighter) fn trades<'a>(
    rows: impl IntoIterator<Item = &'a wire::Trade>,
    context: Context<'_>,
) -> Result<Vec<Trade>, ParseError> {
    rows.into_iter().map(|row| trade(row, context)).collect()
}

fn trade(row: &wire::Trade, context: Context<'_>) -> Result<Trade, ParseError> {
    let market = context.market(row.market_id)?;
    let (price, size) = (price("price", &row.price, market)?, size("size", &row.size, market)?);
    Ok(Trade {
        id: TradeId::new(row.trade_id),
        market: market.id,
        kind: trade_kind(&row.kind, context.oddities),
        price,
        size,
        quote: quote(row, size, price, market)?,
        ask_account: AccountIndex::new(row.ask_account_id),
        bid_account: AccountIndex::new(row.bid_account_id),
        ask_order: OrderIndex::new(row.ask_id),
        bid_order: OrderIndex::new(row.bid_id),
        ask_client: client(row.ask_client_id),
        bid_client: client(row.bid_client_id),
        is_maker_ask: row.is_maker_ask,
        taker_fee: row.taker_fee,
        maker_fee: row.maker_fee,
        timestamp: time(row.timestamp),
        tx_hash: row.tx_hash.clone(),
    })
}

fn quote(row: &wire::Trade, size: Size, price: Price, market: &Market) -> Result<Usdc, ParseError> {
    if row.usd_amount.0.is_empty() {
        return Ok(Usdc::notional(size, price, market));
    }
    let quote = usdc_or_zero("usd_amount", &row.usd_amount)?;
    if quote < Usdc::ZERO {
        return Err(field("usd_amount", &row.usd_amount, "a notional is never negative"));
    }
    Ok(quote)
}

fn trade_kind(text: &str, oddities: &Oddities) -> TradeKind {
    match text {
        "trade" => TradeKind::Trade,
        "liquidation" => TradeKind::Liquidation,
        "deleverage" => TradeKind::Deleverage,
        "market-settlement" => TradeKind::MarketSettlement,
        other => {
            oddities.note("trade.type", other);
            match other {
                other if other.contains("liquidat") => TradeKind::Liquidation,
                other if other.contains("deleverag") => TradeKind::Deleverage,
                other if other.contains("settlement") => TradeKind::MarketSettlement,
                _ => TradeKind::Trade,
            }
        }
    }
}
