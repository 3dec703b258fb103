//! Withdrawals, deposits and transfers.

use super::{Params, ok};
use crate::model::{AccountIndex, WithdrawStatus};
use crate::paper::server::actor::View;
use crate::paper::server::auth::authorize;
use crate::paper::server::error::Refusal;
use crate::paper::server::json::{Json, object};
use crate::paper::server::wire;

/// Rows of a history page; the endpoints take no limit.
const PAGE: usize = 100;

pub(super) fn withdrawals(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let account = params.account()?;
    authorize(view, params.token(), account)?;
    let mut rows = view.exchange.withdrawals(account);
    match params.text("filter").unwrap_or("all") {
        "pending" => rows.retain(|row| row.status == WithdrawStatus::Pending),
        "claimable" => rows.retain(|row| row.status == WithdrawStatus::Claimable),
        _ => {}
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.id));
    let (page, next) = params.page(rows, PAGE)?;
    let rows: Vec<Json> = page.iter().map(wire::withdrawal).collect();
    Ok(ok().put("withdraws", &rows).put("cursor", &next).json())
}

/// Accounts are born with their money here, so nothing was ever deposited.
pub(super) fn deposits(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    params.required("l1_address")?;
    authorize(view, params.token(), params.account()?)?;
    Ok(ok().put("deposits", &[(); 0]).put("cursor", "").json())
}

pub(super) fn transfers(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let account = params.account()?;
    authorize(view, params.token(), account)?;
    let mut rows = view.exchange.transfers(account);
    rows.sort_by_key(|row| std::cmp::Reverse(row.id));
    let owner = |index: AccountIndex| {
        view.exchange.account(index).map(|record| record.l1_address).unwrap_or_default()
    };
    let (page, next) = params.page(rows, PAGE)?;
    let rows: Vec<Json> =
        page.iter().map(|row| wire::transfer(row, account, &owner(row.from), &owner(row.to))).collect();
    Ok(ok().put("transfers", &rows).put("cursor", &next).json())
}

/// The one answer under `/api/v1` without a `code`.
pub(super) fn withdrawal_delay(view: &View<'_>) -> Json {
    object! { "seconds": view.exchange.withdrawal_delay().as_secs() }
}

pub(super) fn transfer_fee(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    let from = params.account()?;
    authorize(view, params.token(), from)?;
    let to = params.int("to_account_index")?.filter(|to| *to >= 0).map(AccountIndex::new);
    Ok(ok().put("transfer_fee_usdc", &view.exchange.transfer_fee(from, to)).json())
}

pub(super) fn fast_withdrawal(view: &View<'_>, params: &Params) -> Result<Json, Refusal> {
    authorize(view, params.token(), params.account()?)?;
    // There is no bridge account, so nothing can be withdrawn this way.
    Ok(ok()
        .put("to_account_index", &0)
        .put("withdraw_limit", "0.000000")
        .put("max_withdrawal_amount", "0.000000")
        .json())
}
