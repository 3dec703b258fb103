//! Accounts, positions, keys, transactions, notifications and withdrawals.

use rust_decimal::Decimal;

use super::{Context, ParseError, decimal_or_zero, field, size, time, usdc, usdc_or_zero};
use crate::model::{
    AccountIndex, AccountView, ApiKeyIndex, ApiKeyView, MarginMode, MarginView, MarketId, Nonce, Position,
    PositionView, Side, Timestamp, Usdc, WithdrawStatus, Withdrawal,
};
use crate::venue::lighter::{Oddities, wire};
use crate::venue::{FastTerms, Limits, Notice, NoticeKind, TxStatus, TxView};

/// Reads the one account that was asked for; an answer about another one, or about none, is an error.
pub(in crate::venue::lighter) fn account(
    answer: &wire::Accounts,
    asked: AccountIndex,
    context: Context<'_>,
) -> Result<AccountView, ParseError> {
    let row = answer.accounts.iter().find(|row| row.index == asked.get()).ok_or_else(|| {
        let got: Vec<_> = answer.accounts.iter().map(|row| row.index.to_string()).collect();
        let got = if got.is_empty() { "no account".to_owned() } else { got.join(", ") };
        ParseError::Mismatch { asked: format!("account {asked}"), got }
    })?;
    Ok(AccountView {
        index: asked,
        l1_address: row.l1_address.clone(),
        margin: MarginView {
            collateral: usdc("collateral", &row.collateral)?,
            available: usdc_or_zero("available_balance", &row.available_balance)?,
            equity: usdc("total_asset_value", &row.total_asset_value)?,
        },
        total_order_count: row.total_order_count,
        cancel_all_at: (row.cancel_all_time > 0).then(|| Timestamp::from_millis(row.cancel_all_time)),
        positions: positions(&row.positions, context)?,
    })
}

/// Reads positions. A flat row in a market that is not listed is counted and left out; one that is not flat is an error.
pub(in crate::venue::lighter) fn positions<'a>(
    rows: impl IntoIterator<Item = &'a wire::Position>,
    context: Context<'_>,
) -> Result<Vec<PositionView>, ParseError> {
    let mut views = Vec::new();
    for row in rows {
        match position(row, context) {
            Ok(view) => views.push(view),
            Err(ParseError::UnknownMarket(id)) if is_zero(&row.position) => {
                context.oddities.note("position", &format!("a flat row in unlisted market {id}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(views)
}

fn is_zero(text: &wire::Text) -> bool {
    super::decimal("position", text).is_ok_and(|value| value.is_zero())
}

fn position(row: &wire::Position, context: Context<'_>) -> Result<PositionView, ParseError> {
    let market = context.market(row.market_id)?;
    let percent = &row.initial_margin_fraction;
    let fraction = decimal_or_zero("initial_margin_fraction", percent)? * Decimal::ONE_HUNDRED;
    let liquidation = decimal_or_zero("liquidation_price", &row.liquidation_price)?;
    Ok(PositionView {
        market: MarketId::new(row.market_id),
        position: signed(row, size("position", &row.position, market)?)?,
        avg_entry_price: decimal_or_zero("avg_entry_price", &row.avg_entry_price)?,
        position_value: usdc_or_zero("position_value", &row.position_value)?,
        unrealized_pnl: usdc_or_zero("unrealized_pnl", &row.unrealized_pnl)?,
        realized_pnl: usdc_or_zero("realized_pnl", &row.realized_pnl)?,
        liquidation_price: (liquidation > Decimal::ZERO).then_some(liquidation),
        margin_mode: margin_mode(row.margin_mode, context.oddities),
        // Rounded up: a larger fraction is a smaller leverage, the careful reading of a percent finer than 1/100.
        initial_margin_fraction: u16::try_from(fraction.ceil())
            .map_err(|error| field("initial_margin_fraction", percent, error))?,
        margin_set: row.margin_set_flag == 1,
        allocated_margin: usdc_or_zero("allocated_margin", &row.allocated_margin)?,
        funding_paid: usdc_or_zero("total_funding_paid_out", &row.total_funding_paid_out)?,
        open_order_count: row.open_order_count,
    })
}

/// The wire has an unsigned size and a sign, 1 also for flat rows.
fn signed(row: &wire::Position, size: crate::model::Size) -> Result<Position, ParseError> {
    match row.sign {
        _ if size.is_zero() => Ok(Position::FLAT),
        1 => Ok(size.signed(Side::Buy)),
        -1 => Ok(size.signed(Side::Sell)),
        sign => Err(field("sign", &wire::Text(sign.to_string()), "neither 1 nor -1")),
    }
}

fn margin_mode(raw: i64, oddities: &Oddities) -> MarginMode {
    match raw {
        0 => MarginMode::Cross,
        1 => MarginMode::Isolated,
        other => {
            oddities.note("position.margin_mode", &other.to_string());
            MarginMode::Cross
        }
    }
}

/// Reads the margin summary of `user_stats`.
pub(in crate::venue::lighter) fn user_stats(stats: &wire::UserStats) -> Result<MarginView, ParseError> {
    Ok(MarginView {
        collateral: usdc("collateral", &stats.collateral)?,
        available: usdc_or_zero("available_balance", &stats.available_balance)?,
        equity: usdc("portfolio_value", &stats.portfolio_value)?,
    })
}

/// Reads the registered keys.
pub(in crate::venue::lighter) fn api_keys(answer: &wire::ApiKeys) -> Vec<ApiKeyView> {
    let view = |row: &wire::ApiKey| ApiKeyView {
        index: ApiKeyIndex::new(row.api_key_index),
        public_key: row.public_key.trim_start_matches("0x").to_ascii_lowercase(),
        nonce: Nonce::new(row.nonce),
    };
    answer.api_keys.iter().map(view).collect()
}

/// Reads tier and fees.
pub(in crate::venue::lighter) fn limits(answer: wire::AccountLimits) -> Limits {
    Limits {
        tier: answer.user_tier,
        maker_fee: answer.current_maker_fee_tick,
        taker_fee: answer.current_taker_fee_tick,
    }
}

/// Reads what the fast route offers: the smaller of its two limits, the second of which need not be told.
pub(in crate::venue::lighter) fn fast_terms(
    info: &wire::FastWithdrawInfo,
    fee: &wire::TransferFee,
) -> Result<FastTerms, ParseError> {
    let own = usdc("max_withdrawal_amount", &info.max_withdrawal_amount)?;
    let limit = Some(&info.withdraw_limit).filter(|text| !text.0.is_empty());
    let limit = limit.map(|text| usdc("withdraw_limit", text)).transpose()?;
    Ok(FastTerms {
        bridge: AccountIndex::new(info.to_account_index),
        max: limit.map_or(own, |limit| limit.min(own)),
        fee: Usdc::from_micros(i64::from(fee.transfer_fee_usdc)),
    })
}

/// Reads transactions, in the order of the answer.
pub(in crate::venue::lighter) fn txs(rows: &[wire::Tx], oddities: &Oddities) -> Vec<TxView> {
    rows.iter().map(|row| tx(row, oddities)).collect()
}

/// Reads one transaction.
pub(in crate::venue::lighter) fn tx(row: &wire::Tx, oddities: &Oddities) -> TxView {
    TxView {
        hash: row.hash.trim_start_matches("0x").parse().ok(),
        tx_type: u8::try_from(row.tx_type).unwrap_or(u8::MAX),
        account: AccountIndex::new(row.account_index),
        // Internal transactions are signed by nobody: 255 is "all keys", which no key has.
        api_key_index: ApiKeyIndex::new(u8::try_from(row.api_key_index).unwrap_or(u8::MAX)),
        nonce: Nonce::new(row.nonce),
        status: tx_status(row, oddities),
    }
}

/// A non-empty `ae` is a failure whatever `status` says (http.md §4).
fn tx_status(row: &wire::Tx, oddities: &Oddities) -> TxStatus {
    if let Some((code, message)) = app_error(row, oddities) {
        return TxStatus::Failed { code, message };
    }
    match row.status {
        Some(0) => TxStatus::Failed { code: None, message: "the venue gave no reason".to_owned() },
        Some(2) => TxStatus::Executed,
        // "Pending, final state": some deployments answer it for executed ones, and those have a time of execution.
        Some(3) if row.executed_at > 0 => TxStatus::Executed,
        Some(1 | 3) => TxStatus::Pending,
        other => {
            // Neither done nor dead: it is looked up again until it is one of them.
            oddities.note("tx.status", &other.map_or_else(|| "null".to_owned(), |status| status.to_string()));
            TxStatus::Pending
        }
    }
}

fn app_error(row: &wire::Tx, oddities: &Oddities) -> Option<(Option<i64>, String)> {
    let text = &row.event_info.as_ref()?.0;
    if text.is_empty() {
        return None;
    }
    let Ok(info) = serde_json::from_str::<wire::EventInfo>(text) else {
        oddities.note("tx.event_info", "not a JSON object");
        return None;
    };
    let error = match info.ae? {
        serde_json::Value::Null => return None,
        serde_json::Value::String(text) if text.is_empty() => return None,
        serde_json::Value::String(text) => match serde_json::from_str::<wire::Envelope>(&text) {
            Ok(error) => error,
            Err(_) => return Some((None, text)),
        },
        other => serde_json::from_value(other.clone())
            .unwrap_or_else(|_| wire::Envelope { code: None, message: Some(other.to_string()) }),
    };
    Some((error.code, error.message.unwrap_or_default()))
}

/// Reads notifications.
pub(in crate::venue::lighter) fn notices(rows: &[wire::Notif], oddities: &Oddities) -> Vec<Notice> {
    let notice = |row: &wire::Notif| Notice {
        id: row.id.0.clone(),
        kind: match row.kind.as_str() {
            "liquidation" => NoticeKind::Liquidation,
            "deleverage" => NoticeKind::Deleverage,
            other => {
                if other != "announcement" {
                    oddities.note("notification.kind", other);
                }
                NoticeKind::Other(other.to_owned())
            }
        },
        market: row.content.as_ref().and_then(|content| content.market_index).map(MarketId::new),
    };
    rows.iter().map(notice).collect()
}

/// Reads the withdrawal history, in the order of the answer.
pub(in crate::venue::lighter) fn withdrawals(
    rows: &[wire::Withdrawal],
    oddities: &Oddities,
) -> Result<Vec<Withdrawal>, ParseError> {
    let row = |row: &wire::Withdrawal| {
        Ok(Withdrawal {
            id: row.id.0.clone(),
            amount: usdc("amount", &row.amount)?,
            at: time(row.timestamp),
            status: withdraw_status(&row.status, oddities),
            secure: row.kind != "fast",
            l1_tx_hash: row.l1_tx_hash.clone().filter(|hash| !hash.is_empty()),
        })
    };
    rows.iter().map(row).collect()
}

fn withdraw_status(text: &str, oddities: &Oddities) -> WithdrawStatus {
    match text {
        "failed" => WithdrawStatus::Failed,
        "pending" => WithdrawStatus::Pending,
        "claimable" => WithdrawStatus::Claimable,
        "refunded" => WithdrawStatus::Refunded,
        "completed" => WithdrawStatus::Completed,
        other => {
            // Nothing is concluded from it: the money is neither there nor back.
            oddities.note("withdraw.status", other);
            WithdrawStatus::Pending
        }
    }
}
